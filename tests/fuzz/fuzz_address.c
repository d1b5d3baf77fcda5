/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any set of address ranges: the map of groups answers as a scan over all ranges does.
 *
 * Each line of the input is a letter, a to h, that names a group, and a range in any notation.
 * Lines that are none are parsed and left out. Asked are the ends of each range and their
 * neighbours, and the text of each address survives formatting and parsing. The ranges of a, those
 * of b, and a without b are sets, which answer as a scan does too.
 */
#include "policy/address_map.h"
#include "policy/policy.h"
#include "policy/ranges.h"

#define MAX_RANGES 256U
#define N_GROUPS 8U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct ranges {
        struct range of_group[N_GROUPS][MAX_RANGES];
        struct group groups[N_GROUPS];
};

static void ranges_read(struct ranges *v, struct slice text)
{
        struct slice line;
        unsigned n = 0;

        for (unsigned i = 0; i < N_GROUPS; i++)
                v->groups[i] = (struct group){ .index = i, .workstations = v->of_group[i] };
        while (n < MAX_RANGES && slice_split(&text, '\n', &line)) {
                struct group *g;
                struct range r;

                if (line.length == 0 || line.data[0] < 'a' || line.data[0] >= 'a' + (int)N_GROUPS ||
                    range_parse(slice_trim(slice_from(line, 1)), &r) != 0)
                        continue;
                g = &v->groups[line.data[0] - 'a'];
                g->workstations[g->n_workstations++] = r;
                n++;
        }
}

/* a - b, for a >= b, as a number of 16 bytes, the highest first. */
static struct addr addr_distance(const struct addr *a, const struct addr *b)
{
        struct addr result;
        int borrow = 0;

        for (int i = 15; i >= 0; i--) {
                int digit = a->bytes[i] - b->bytes[i] - borrow;

                borrow = digit < 0;
                result.bytes[i] = (uint8_t)digit;
        }
        return result;
}

static const struct group *group_by_scan(const struct ranges *v, const struct addr *a)
{
        const struct group *best = NULL;
        struct addr fewest = { { 0 } };

        for (unsigned i = 0; i < N_GROUPS; i++) {
                const struct group *g = &v->groups[i];

                for (size_t j = 0; j < g->n_workstations; j++) {
                        const struct range *r = &g->workstations[j];
                        struct addr extent = addr_distance(&r->last, &r->first);

                        if (!range_contains(r, a) || (best && addr_compare(&extent, &fewest) >= 0))
                                continue;
                        best = g;
                        fewest = extent;
                }
        }
        return best;
}

static void address_ask(const struct policy *p, const struct ranges *v, struct addr a)
{
        char text[ADDR_TEXT_MAX];
        struct addr again;

        assert(policy_group_of(p, &a) == group_by_scan(v, &a));
        assert(addr_parse(slice_of(addr_format(&a, text)), &again) == 0);
        assert(addr_equal(&a, &again));
}

static void intervals_check(const struct policy *p)
{
        const struct address_interval *v;
        size_t n;

        v = address_map_intervals(p->map, &n);
        for (size_t i = 0; i < n; i++) {
                assert(addr_compare(&v[i].range.first, &v[i].range.last) <= 0);
                assert(i == 0 || addr_compare(&v[i - 1].range.last, &v[i].range.first) < 0);
        }
}

/* ---- sets ---- */

static bool group_has(const struct group *g, const struct addr *a)
{
        for (size_t i = 0; i < g->n_workstations; i++)
                if (range_contains(&g->workstations[i], a))
                        return true;
        return false;
}

static void set_make(struct range_set *s, const struct group *g)
{
        for (size_t i = 0; i < g->n_workstations; i++)
                assert(range_set_add(s, &g->workstations[i]) == 0);
        range_set_order(s);
}

static void set_check_order(const struct range_set *s)
{
        for (size_t i = 1; i < s->n; i++) {
                struct addr next = addr_next(&s->ranges[i - 1].last);

                assert(addr_compare(&s->ranges[i - 1].last, &s->ranges[i].first) < 0);
                assert(addr_compare(&next, &s->ranges[i].first) < 0);
        }
}

struct sets {
        const struct group *a, *b;
        struct range_set in_a, in_b, rest; /* rest: a without b */
};

static void sets_ask(const struct sets *v, struct addr at)
{
        bool in_a = group_has(v->a, &at), in_b = group_has(v->b, &at);
        struct range one = { at, at };

        assert(range_set_contains(&v->in_a, &at) == in_a);
        assert(range_set_contains(&v->in_b, &at) == in_b);
        assert(range_set_contains(&v->rest, &at) == (in_a && !in_b));
        assert(range_set_overlaps(&v->in_a, &one) == in_a);
        assert(range_is_covered(&one, &v->in_a, &v->in_b) == (in_a || in_b));
}

static void sets_ask_around(const struct sets *v, const struct group *g)
{
        for (size_t i = 0; i < g->n_workstations; i++) {
                const struct range *r = &g->workstations[i];

                sets_ask(v, r->first);
                sets_ask(v, r->last);
                sets_ask(v, addr_previous(&r->first));
                sets_ask(v, addr_next(&r->last));
                assert(range_is_covered(r, &v->in_a, &v->in_b));
        }
}

static void sets_check(const struct group *a, const struct group *b)
{
        struct sets v = { .a = a, .b = b };

        set_make(&v.in_a, a);
        set_make(&v.in_b, b);
        for (size_t i = 0; i < v.in_a.n; i++)
                assert(range_set_add_without(&v.rest, &v.in_a.ranges[i], &v.in_b) == 0);
        range_set_order(&v.rest);
        set_check_order(&v.in_a);
        set_check_order(&v.rest);
        sets_ask_around(&v, a);
        sets_ask_around(&v, b);
        range_set_done(&v.in_a);
        range_set_done(&v.in_b);
        range_set_done(&v.rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct ranges v;
        struct policy p = { .groups = v.groups, .n_groups = N_GROUPS };

        ranges_read(&v, (struct slice){ (const char *)data, size });
        sets_check(&v.groups[0], &v.groups[1]);
        if (address_map_new(&p, &p.map) != 0)
                return 0;
        intervals_check(&p);
        for (unsigned i = 0; i < N_GROUPS; i++) {
                for (size_t j = 0; j < v.groups[i].n_workstations; j++) {
                        const struct range *r = &v.groups[i].workstations[j];

                        address_ask(&p, &v, r->first);
                        address_ask(&p, &v, r->last);
                        address_ask(&p, &v, addr_previous(&r->first));
                        address_ask(&p, &v, addr_next(&r->last));
                }
        }
        address_map_free(p.map);
        return 0;
}
