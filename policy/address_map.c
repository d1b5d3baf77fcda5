/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ranges of all groups are swept from the lowest address to the highest. A heap holds the
 * ranges that have begun, the smallest on top: it owns the addresses up to its end or to where the
 * next range begins. A range that is over stays in the heap until it comes to the top. Every turn
 * takes in or drops at least one range, so there are at most two intervals a range.
 */
#include "policy/address_map.h"

#include "lib/base/fault.h"
#include "policy/policy.h"

#include <endian.h>
#include <errno.h>

struct claim {
        struct range range;
        unsigned __int128 extent; /* last - first */
        const struct group *group;
};

struct address_map {
        unsigned __int128
                *firsts; /* of the intervals: what a search goes through, close together */
        size_t n_intervals;
        struct address_interval intervals[];
};

struct sweep {
        struct claim *claims; /* sorted by first address */
        size_t n_claims;
        const struct claim **heap;
        size_t n_heap;
        struct address_map *map;
};

static void sweep_done(struct sweep *s)
{
        free(s->claims);
        free(s->heap);
        if (s->map)
                address_map_free(s->map);
}

static unsigned __int128 addr_value(const struct addr *a)
{
        uint64_t high, low;

        memcpy(&high, a->bytes, 8);
        memcpy(&low, a->bytes + 8, 8);
        return (unsigned __int128)be64toh(high) << 64 | be64toh(low);
}

static bool claim_is_stronger(const struct claim *a, const struct claim *b)
{
        if (a->extent != b->extent)
                return a->extent < b->extent;
        return a->group->index < b->group->index;
}

static int claim_compare(const void *left, const void *right)
{
        const struct claim *a = left, *b = right;
        int r = addr_compare(&a->range.first, &b->range.first);

        if (r)
                return r;
        return claim_is_stronger(b, a) - claim_is_stronger(a, b);
}

static void heap_push(struct sweep *s, const struct claim *c)
{
        size_t i = s->n_heap++;

        for (size_t up; i > 0; i = up) {
                up = (i - 1) / 2;
                if (!claim_is_stronger(c, s->heap[up]))
                        break;
                s->heap[i] = s->heap[up];
        }
        s->heap[i] = c;
}

static void heap_pop(struct sweep *s)
{
        const struct claim *c = s->heap[--s->n_heap];
        size_t i = 0;

        for (size_t down; (down = 2 * i + 1) < s->n_heap; i = down) {
                if (down + 1 < s->n_heap && claim_is_stronger(s->heap[down + 1], s->heap[down]))
                        down++;
                if (!claim_is_stronger(s->heap[down], c))
                        break;
                s->heap[i] = s->heap[down];
        }
        s->heap[i] = c;
}

static void map_append(struct address_map *m, const struct addr *first, const struct addr *last,
                       const struct group *group)
{
        struct address_interval *end = m->n_intervals ? &m->intervals[m->n_intervals - 1] : NULL;

        if (end && end->group == group) {
                struct addr next = addr_next(&end->range.last);

                if (addr_equal(&next, first)) {
                        end->range.last = *last;
                        return;
                }
        }
        m->intervals[m->n_intervals++] = (struct address_interval){ { *first, *last }, group };
}

/* The end of what the strongest claim owns from here: its last address, or where another begins. */
static struct addr sweep_end(const struct sweep *s, size_t next)
{
        const struct addr *last = &s->heap[0]->range.last;

        if (next < s->n_claims && addr_compare(&s->claims[next].range.first, last) <= 0)
                return addr_previous(&s->claims[next].range.first);
        return *last;
}

static void sweep_run(struct sweep *s)
{
        static const struct addr lowest;
        struct addr here = lowest;
        size_t next = 0;

        while (next < s->n_claims || s->n_heap) {
                struct addr end;

                if (!s->n_heap)
                        here = s->claims[next].range.first;
                while (next < s->n_claims && addr_equal(&s->claims[next].range.first, &here))
                        heap_push(s, &s->claims[next++]);
                if (addr_compare(&s->heap[0]->range.last, &here) < 0) {
                        heap_pop(s);
                        continue;
                }
                end = sweep_end(s, next);
                map_append(s->map, &here, &end, s->heap[0]->group);
                here = addr_next(&end);
                if (addr_equal(&here, &lowest))
                        return; /* wrapped: the highest address of all belongs to a group */
        }
}

static int sweep_init(struct sweep *s, const struct policy *p)
{
        size_t n = 0;

        for (size_t i = 0; i < p->n_groups; i++)
                n += p->groups[i].n_workstations;
        s->claims = calloc(MAX(n, 1U), sizeof(*s->claims));
        s->heap = calloc(MAX(n, 1U), sizeof(const struct claim *));
        s->map = calloc(1, sizeof(*s->map) + 2 * n * sizeof(s->map->intervals[0]));
        if (!s->claims || !s->heap || !s->map)
                return fault(-ENOMEM);
        for (size_t i = 0; i < p->n_groups; i++) {
                const struct group *g = &p->groups[i];

                for (size_t j = 0; j < g->n_workstations; j++) {
                        const struct range *r = &g->workstations[j];

                        s->claims[s->n_claims++] =
                                (struct claim){ *r, addr_value(&r->last) - addr_value(&r->first),
                                                g };
                }
        }
        return 0;
}

static int map_seal(struct address_map *m)
{
        m->firsts = calloc(m->n_intervals + 1, sizeof(*m->firsts));
        if (!m->firsts)
                return fault(-ENOMEM);
        for (size_t i = 0; i < m->n_intervals; i++)
                m->firsts[i] = addr_value(&m->intervals[i].range.first);
        return 0;
}

int address_map_new(const struct policy *p, struct address_map **ret)
{
        CLEANUP(sweep_done) struct sweep s = { NULL };
        int r = sweep_init(&s, p);

        if (r)
                return r;
        qsort(s.claims, s.n_claims, sizeof(*s.claims), claim_compare);
        sweep_run(&s);
        r = map_seal(s.map);
        if (r)
                return r;
        *ret = TAKE(s.map);
        return 0;
}

void address_map_free(struct address_map *m)
{
        free(m->firsts);
        free(m);
}

const struct address_interval *address_map_intervals(const struct address_map *m, size_t *ret_n)
{
        *ret_n = m->n_intervals;
        return m->intervals;
}

/* The last interval that begins at or below the address is found without a branch to mispredict. */
const struct group *address_map_find(const struct address_map *m, const struct addr *a)
{
        unsigned __int128 value = addr_value(a);
        size_t at = 0;

        if (m->n_intervals == 0)
                return NULL;
        for (size_t n = m->n_intervals, half; n > 1; n -= half) {
                half = n / 2;
                at += m->firsts[at + half] <= value ? half : 0;
        }
        return range_contains(&m->intervals[at].range, a) ? m->intervals[at].group : NULL;
}

const struct group *policy_group_of(const struct policy *p, const struct addr *workstation)
{
        return address_map_find(p->map, workstation);
}
