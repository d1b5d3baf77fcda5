/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/ranges.h"

#include "lib/base/fault.h"

#include <errno.h>

void range_set_done(struct range_set *s)
{
        free(s->ranges);
        *s = (struct range_set){ NULL };
}

int range_set_add(struct range_set *s, const struct range *r)
{
        struct range *larger = s->ranges;

        if ((s->n & (s->n - 1)) == 0)
                larger = reallocarray(s->ranges, MAX(s->n * 2, 1U), sizeof(*larger));
        if (!larger)
                return fault(-ENOMEM);
        s->ranges = larger;
        s->ranges[s->n++] = *r;
        return 0;
}

static int range_compare(const void *left, const void *right)
{
        const struct range *a = left, *b = right;
        int r = addr_compare(&a->first, &b->first);

        return r ? r : addr_compare(&a->last, &b->last);
}

/* Does `b`, which does not begin below `a`, overlap it or begin right behind it? */
static bool range_joins(const struct range *a, const struct range *b)
{
        struct addr next = addr_next(&a->last);

        return addr_compare(&b->first, &a->last) <= 0 ||
               (addr_equal(&b->first, &next) && addr_is_v4(&a->last) == addr_is_v4(&b->first));
}

void range_set_order(struct range_set *s)
{
        size_t n = 0;

        if (s->n == 0)
                return;
        qsort(s->ranges, s->n, sizeof(*s->ranges), range_compare);
        for (size_t i = 1; i < s->n; i++) {
                struct range *end = &s->ranges[n];

                if (!range_joins(end, &s->ranges[i]))
                        s->ranges[++n] = s->ranges[i];
                else if (addr_compare(&end->last, &s->ranges[i].last) < 0)
                        end->last = s->ranges[i].last;
        }
        s->n = n + 1;
}

/* The first range that does not end below `a`; s->n if there is none. */
static size_t range_set_seek(const struct range_set *s, const struct addr *a)
{
        size_t low = 0, high = s->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (addr_compare(&s->ranges[middle].last, a) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

bool range_set_contains(const struct range_set *s, const struct addr *a)
{
        size_t i = range_set_seek(s, a);

        return i < s->n && range_contains(&s->ranges[i], a);
}

bool range_set_overlaps(const struct range_set *s, const struct range *r)
{
        size_t i = range_set_seek(s, &r->first);

        return i < s->n && range_overlaps(&s->ranges[i], r);
}

int range_set_add_without(struct range_set *s, const struct range *r,
                          const struct range_set *without)
{
        struct range rest = *r;

        for (size_t i = range_set_seek(without, &r->first);
             i < without->n && range_overlaps(&without->ranges[i], &rest); i++) {
                const struct range *hole = &without->ranges[i];

                if (addr_compare(&rest.first, &hole->first) < 0) {
                        struct range before = { rest.first, addr_previous(&hole->first) };
                        int error = range_set_add(s, &before);

                        if (error)
                                return error;
                }
                if (addr_compare(&hole->last, &rest.last) >= 0)
                        return 0;
                rest.first = addr_next(&hole->last);
        }
        return range_set_add(s, &rest);
}

bool range_is_covered(const struct range *r, const struct range_set *a, const struct range_set *b)
{
        struct addr here = r->first;

        for (;;) {
                const struct range_set *in = range_set_contains(a, &here)   ? a
                                             : range_set_contains(b, &here) ? b
                                                                            : NULL;
                const struct addr *last;

                if (!in)
                        return false;
                last = &in->ranges[range_set_seek(in, &here)].last;
                if (addr_compare(last, &r->last) >= 0)
                        return true;
                here = addr_next(last);
        }
}

/* Where private blocks begin: a range that begins outside of all holds a private address if one of
 * these lies in it. The list is that of addr_is_private(). */
static const char *const private_starts[] = {
        "10.0.0.0", "100.64.0.0", "169.254.0.0", "172.16.0.0", "192.168.0.0", "fc00::", "fe80::"
};

bool range_find_private(const struct range *r, struct addr *ret)
{
        struct addr start = r->first;

        if (addr_is_private(&start)) {
                *ret = start;
                return true;
        }
        for (size_t i = 0; i < N_ELEMENTS(private_starts); i++) {
                if (addr_parse(slice_of(private_starts[i]), &start) == 0 &&
                    range_contains(r, &start)) {
                        *ret = start;
                        return true;
                }
        }
        return false;
}

#define V4(a, b, c, d) { { [10] = 0xff, 0xff, a, b, c, d } }

/* RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.2, RFC 5771, RFC 4291 section 2.7. */
static const struct {
        struct range block;
        const char *one, *several;
} hostless[] = {
        { { V4(0, 0, 0, 0), V4(0, 0, 0, 0) }, "the unspecified address", "the unspecified address" },
        { { { { 0 } }, { { 0 } } }, "the unspecified address", "the unspecified address" },
        { { V4(224, 0, 0, 0), V4(239, 255, 255, 255) },
          "a multicast address", "multicast addresses" },
        { { { { 0xff } }, { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                       0xff, 0xff, 0xff } } },
          "a multicast address", "multicast addresses" },
        { { V4(255, 255, 255, 255), V4(255, 255, 255, 255) },
          "the broadcast address", "the broadcast address" },
};

/* IPv4 addresses are a block of IPv6 here (see addr.h); an IPv6 range does not mean them. */
const char *range_find_hostless(const struct range *r)
{
        bool is_one = addr_equal(&r->first, &r->last);

        for (size_t i = 0; i < N_ELEMENTS(hostless); i++) {
                const struct range *block = &hostless[i].block;

                if (range_overlaps(block, r) && addr_is_v4(&block->first) == addr_is_v4(&r->first))
                        return is_one ? hostless[i].one : hostless[i].several;
        }
        return NULL;
}
