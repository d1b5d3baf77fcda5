/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A census notes for each workstation the pair (address the vendor sees, group), neighbours with
 * the same pair as one note, sorts the notes, and folds equal ones. Sorting is left out where the
 * notes come in order, as they do when every desk has an address of its own.
 */
#include "policy/egress.h"

#include "lib/base/fault.h"
#include "policy/address_map.h"
#include "policy/policy.h"

#include <errno.h>

/* Candidates looked at for all workstations: listed addresses, and translations at four each. */
#define CENSUS_MAX_STEPS 256000000U

struct note {
        struct addr seen;
        unsigned group; /* index */
        unsigned n_desks;
};

struct notes {
        struct note *items;
        size_t n_items, n_allocated;
        bool sorted;
};

static void notes_done(struct notes *n)
{
        free(n->items);
}

/* Bits behind the length of `to` come from the address: none where `to` is a single address. */
static struct addr addr_translate(const struct translation *t, const struct addr *a)
{
        struct addr result = t->to.base;

        for (unsigned i = t->to.bits / 8; i < sizeof(result.bytes); i++) {
                unsigned kept = t->to.bits > i * 8 ? t->to.bits - i * 8 : 0;
                uint8_t host = (uint8_t)(0xffU >> kept);

                result.bytes[i] |= a->bytes[i] & host;
        }
        return result;
}

/* The most specific translation, the first of equals, or the address itself. */
static struct addr group_translate(const struct group *g, const struct addr *a)
{
        const struct translation *best = NULL;

        for (size_t i = 0; i < g->n_translations; i++) {
                const struct translation *t = &g->translations[i];

                if ((!best || t->from.bits > best->from.bits) && prefix_contains(&t->from, a))
                        best = t;
        }
        return best ? addr_translate(best, a) : *a;
}

/* How much a workstation is drawn to a listed address. */
static uint64_t rendezvous_score(uint64_t workstation_hash, const struct addr *listed)
{
        uint64_t x = workstation_hash ^ (addr_hash(listed) * 0x9e3779b97f4a7c15U);

        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U; /* the finalizer of splitmix64 */
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
        return x ^ (x >> 31);
}

/*
 * Rendezvous hashing: each workstation goes to the listed address with the highest score, so that
 * one more address draws only the workstations it wins and one less sends away only its own.
 */
static struct addr group_choose(const struct group *g, const struct addr *workstation)
{
        uint64_t hash = addr_hash(workstation), highest = 0;
        const struct addr *best = NULL;

        for (size_t i = 0; i < g->n_egress_list; i++) {
                const struct addr *listed = &g->egress_list[i];
                uint64_t score = rendezvous_score(hash, listed);

                if (best &&
                    (score < highest || (score == highest && addr_compare(listed, best) >= 0)))
                        continue;
                best = listed;
                highest = score;
        }
        return best ? *best : (struct addr){ { 0 } };
}

void egress_of(const struct group *g, const struct addr *workstation, const struct addr *router,
               struct addr *ret_source, struct addr *ret_seen)
{
        struct addr source = { { 0 } };

        switch (g->egress) {
        case EGRESS_TRANSPARENT:
        case EGRESS_DIRECT:
                source = *workstation;
                break;
        case EGRESS_LIST:
                source = group_choose(g, workstation);
                break;
        case EGRESS_ROUTER:
                break;
        }
        if (!addr_is_unspecified(&source))
                *ret_seen = group_translate(g, &source);
        else if (!addr_is_unspecified(router))
                *ret_seen = group_translate(g, router);
        else
                *ret_seen = (struct addr){ { 0 } };
        *ret_source = source;
}

static int note_compare(const void *left, const void *right)
{
        const struct note *a = left, *b = right;
        int r = addr_compare(&a->seen, &b->seen);

        return r ? r : (a->group > b->group) - (a->group < b->group);
}

static int notes_add(struct notes *n, const struct addr *seen, unsigned group)
{
        struct note note = { *seen, group, 1 };
        struct note *end = n->n_items ? &n->items[n->n_items - 1] : NULL;
        int order = end ? note_compare(end, &note) : -1;

        if (order == 0) {
                end->n_desks++;
                return 0;
        }
        if (order > 0)
                n->sorted = false;
        if (n->n_items == n->n_allocated) {
                size_t n_wanted = n->n_allocated ? n->n_allocated * 2 : 1024;
                struct note *items = reallocarray(n->items, n_wanted, sizeof(*items));

                if (!items)
                        return fault(-ENOMEM);
                n->items = items;
                n->n_allocated = n_wanted;
        }
        n->items[n->n_items++] = note;
        return 0;
}

static int notes_take(struct notes *n, const struct policy *p, const struct addr *router)
{
        size_t n_intervals;
        const struct address_interval *intervals = address_map_intervals(p->map, &n_intervals);

        for (size_t i = 0; i < n_intervals; i++) {
                const struct group *g = intervals[i].group;
                uint64_t count = range_count(&intervals[i].range);
                struct addr desk = intervals[i].range.first;

                for (; count > 0; count--, desk = addr_next(&desk)) {
                        struct addr source, seen;
                        int r;

                        egress_of(g, &desk, router, &source, &seen);
                        r = notes_add(n, &seen, g->index);
                        if (r)
                                return r;
                }
        }
        return 0;
}

/* Folds equal notes into the first of them. */
static void notes_fold(struct notes *n)
{
        size_t kept = 0;

        if (!n->sorted)
                qsort(n->items, n->n_items, sizeof(*n->items), note_compare);
        for (size_t i = 0; i < n->n_items; i++) {
                if (kept && note_compare(&n->items[kept - 1], &n->items[i]) == 0)
                        n->items[kept - 1].n_desks += n->items[i].n_desks;
                else
                        n->items[kept++] = n->items[i];
        }
        n->n_items = kept;
}

static int census_fill(struct egress_census *c, const struct notes *n, const struct policy *p)
{
        c->shares = calloc(MAX(n->n_items, 1U), sizeof(*c->shares));
        c->egresses = calloc(MAX(n->n_items, 1U), sizeof(*c->egresses));
        if (!c->shares || !c->egresses)
                return fault(-ENOMEM);
        for (size_t i = 0; i < n->n_items; i++) {
                const struct note *note = &n->items[i];
                struct share *share = &c->shares[c->n_shares++];

                *share = (struct share){ &p->groups[note->group], note->n_desks };
                c->n_desks += note->n_desks;
                if (i == 0 || !addr_equal(&note->seen, &note[-1].seen))
                        c->egresses[c->n_egresses++] = (struct egress){ note->seen, share, 0 };
                c->egresses[c->n_egresses - 1].n_shares++;
        }
        return 0;
}

/* By the groups behind it, then by address. */
static int sharing_compare(const void *left, const void *right)
{
        const struct egress *a = *(struct egress *const *)left, *b = *(struct egress *const *)right;

        if (a->n_shares != b->n_shares)
                return a->n_shares < b->n_shares ? -1 : 1;
        for (unsigned i = 0; i < a->n_shares; i++) {
                unsigned x = a->shares[i].group->index, y = b->shares[i].group->index;

                if (x != y)
                        return x < y ? -1 : 1;
        }
        return addr_compare(&a->seen, &b->seen);
}

static bool egress_same_groups(const struct egress *a, const struct egress *b)
{
        if (a->n_shares != b->n_shares)
                return false;
        for (unsigned i = 0; i < a->n_shares; i++)
                if (a->shares[i].group != b->shares[i].group)
                        return false;
        return true;
}

static uint32_t cohort_add(struct egress_census *c, const struct egress *example)
{
        c->cohorts[c->n_cohorts] = example;
        return c->n_cohorts++;
}

/* Addresses of a single group, by far the most: a look-up by group. The others are left to sort. */
static size_t cohorts_single(struct egress_census *c, uint32_t *of_group, struct egress **shared)
{
        size_t n = 0;

        for (size_t i = 0; i < c->n_egresses; i++) {
                struct egress *e = &c->egresses[i];
                uint32_t *cohort = &of_group[e->shares[0].group->index];

                if (e->n_shares > 1) {
                        shared[n++] = e;
                        continue;
                }
                if (*cohort == UINT32_MAX)
                        *cohort = cohort_add(c, e);
                e->cohort = *cohort;
        }
        return n;
}

static int cohorts_shared(struct egress_census *c, struct egress **shared, size_t n, uint32_t n_max,
                          struct diag *d)
{
        qsort(shared, n, sizeof(struct egress *), sharing_compare);
        for (size_t i = 0; i < n; i++) {
                if (i > 0 && egress_same_groups(shared[i - 1], shared[i])) {
                        shared[i]->cohort = shared[i - 1]->cohort;
                        continue;
                }
                if (c->n_cohorts == n_max) {
                        diag_error(d, shared[i]->shares[0].group->at,
                                   "give the groups egress addresses of their own",
                                   "more than %u different sets of groups share egress addresses",
                                   EGRESS_MAX_COHORTS);
                        return -EINVAL;
                }
                shared[i]->cohort = cohort_add(c, shared[i]);
        }
        return 0;
}

static int census_group(struct egress_census *c, const struct policy *p, struct diag *d)
{
        uint32_t n_max = (uint32_t)p->n_groups + EGRESS_MAX_COHORTS;
        CLEANUP(freep) uint32_t *of_group = calloc(p->n_groups + 1, sizeof(*of_group));
        CLEANUP(freep) struct egress **shared = calloc(c->n_egresses + 1, sizeof(struct egress *));

        c->cohorts = calloc(MIN(n_max, c->n_egresses) + 1, sizeof(const struct egress *));
        if (!of_group || !shared || !c->cohorts)
                return fault(-ENOMEM);
        for (size_t i = 0; i < p->n_groups; i++)
                of_group[i] = UINT32_MAX;
        return cohorts_shared(c, shared, cohorts_single(c, of_group, shared), n_max, d);
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
        return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static int census_too_many(uint64_t n_largest, uint64_t n_all, const struct group *largest,
                           struct diag *d)
{
        static const char *const remedy = "name the ranges that hold desks, not whole networks";

        if (n_largest > EGRESS_MAX_WORKSTATIONS)
                diag_error(d, largest->at, remedy,
                           "group \"%s\" alone has more than %u workstations, which is the most "
                           "that can be planned",
                           largest->name, EGRESS_MAX_WORKSTATIONS);
        else
                diag_error(d, largest->at, remedy,
                           "the groups have %llu workstations together, most of them group \"%s\"; "
                           "at most %u can be planned",
                           (unsigned long long)n_all, largest->name, EGRESS_MAX_WORKSTATIONS);
        return -EINVAL;
}

/* Egress addresses and translations to look at for every workstation of a group. */
static int census_check_steps(const struct policy *p, const uint64_t *n_desks, struct diag *d)
{
        uint64_t n_steps = 0;

        for (size_t i = 0; i < p->n_groups; i++) {
                const struct group *g = &p->groups[i];

                n_steps += n_desks[i] * (g->n_egress_list + 4 * g->n_translations);
                if (n_steps <= CENSUS_MAX_STEPS)
                        continue;
                diag_error(d, g->at, "shorten the lists, or split the group",
                           "group \"%s\" has %llu workstations and %zu egress addresses and "
                           "translations, too many to plan",
                           g->name, (unsigned long long)n_desks[i],
                           g->n_egress_list + g->n_translations);
                return -EINVAL;
        }
        return 0;
}

/* Bounds the work before any of it is done. */
static int census_check(const struct policy *p, struct diag *d)
{
        CLEANUP(freep) uint64_t *n_desks = calloc(p->n_groups + 1, sizeof(*n_desks));
        const struct group *largest = NULL;
        const struct address_interval *intervals;
        uint64_t n_all = 0;
        size_t n;

        if (!n_desks)
                return fault(-ENOMEM);
        intervals = address_map_intervals(p->map, &n);
        for (size_t i = 0; i < n; i++) {
                uint64_t *count = &n_desks[intervals[i].group->index];

                *count = add_saturated(*count, range_count(&intervals[i].range));
                if (!largest || *count > n_desks[largest->index])
                        largest = intervals[i].group;
        }
        for (size_t i = 0; i < p->n_groups; i++)
                n_all = add_saturated(n_all, n_desks[i]);
        if (n_all > EGRESS_MAX_WORKSTATIONS)
                return census_too_many(n_desks[largest->index], n_all, largest, d);
        return census_check_steps(p, n_desks, d);
}

int egress_census_new(const struct policy *p, const struct addr *router, struct diag *d,
                      struct egress_census **ret)
{
        CLEANUP(notes_done) struct notes notes = { .sorted = true };
        CLEANUP(egress_census_freep) struct egress_census *c = NULL;
        int r = census_check(p, d);

        if (r)
                return r;
        c = calloc(1, sizeof(*c));
        if (!c)
                return fault(-ENOMEM);
        r = notes_take(&notes, p, router);
        if (r)
                return r;
        notes_fold(&notes);
        r = census_fill(c, &notes, p);
        if (r)
                return r;
        r = census_group(c, p, d);
        if (r)
                return r;
        *ret = TAKE(c);
        return 0;
}

void egress_census_free(struct egress_census *c)
{
        free(c->egresses);
        free(c->shares);
        free(c->cohorts);
        free(c);
}
