/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Providers are planned one after the other, each in four steps:
 *
 *  1. A cohort (see egress.h) may use the keys that all of its groups may, and has the highest of
 *     their priorities. Groups without any key of the provider have no say. Cohorts with the same
 *     keys are one class of the flow.
 *  2. Each address with a key to go to is a seat. Seats of the same priority, number of desks and
 *     class differ in nothing that counts and are one demand. Demands are pushed into the flow by
 *     falling priority, then by falling number of desks: that serves the most desks of the highest
 *     priority, and so on down (see assign.c for why this is exact).
 *  3. Of a demand that is served in part, the groups first in the policy and the lowest addresses
 *     win.
 *  4. The flow says how many seats of a class go to which key; the seats are dealt out in order of
 *     their groups, so that a group's seats lie together.
 *
 * What has been applied enters at the cohort: addresses that sit on a key already are a cohort of
 * their own for it, whose first choice is that key.
 */
#include "policy/plan.h"

#include "lib/base/fault.h"
#include "policy/assign.h"

#include <errno.h>

const char *const plan_reason_full = "all keys of the group are full";
const char *const plan_reason_no_key = "the group has no key of this provider";

/* Of a cohort at the provider in turn. */
struct terms {
        const struct group *group;  /* the first that may use a slot; the first of all if none */
        uint32_t first_key, n_keys; /* in the pool */
        uint32_t class;
        int64_t priority;
};

struct seat {
        int64_t priority;
        uint32_t n_desks;
        uint32_t class;
        uint32_t group;
        uint32_t egress; /* index in the census */
};

struct planner {
        const struct policy *policy;
        const struct egress_census *census;
        struct diag *d;
        struct terms *terms; /* for each cohort */
        uint32_t *rooms;     /* for each key of the policy */
        /* at the provider in turn: */
        const struct provider *provider;
        struct slot *slots; /* one for each egress address, same order */
        uint32_t *pool;     /* indices of keys */
        size_t n_pool, n_pool_allocated;
        uint32_t *tally; /* for each key of the policy: how many groups have it */
        struct assign_class *classes;
        uint32_t n_classes;
        struct seat *seats;
        size_t n_seats;
};

static void planner_done(struct planner *p)
{
        free(p->terms);
        free(p->rooms);
        free(p->pool);
        free(p->tally);
        free(p->classes);
        free(p->seats);
}

static int u32_compare(const void *left, const void *right)
{
        const uint32_t *a = left, *b = right;

        return (*a > *b) - (*a < *b);
}

static bool group_has_key_of(const struct group *g, const struct provider *provider)
{
        for (size_t i = 0; i < g->n_keys; i++)
                if (g->keys[i]->provider == provider)
                        return true;
        return false;
}

/* After the n-th group, keys that all of the first n have are tallied n. False: none is. */
static bool tally_group(struct planner *p, const struct group *g, uint32_t n)
{
        bool any = false;

        for (size_t i = 0; i < g->n_keys; i++) {
                uint32_t *tally = &p->tally[g->keys[i]->index];

                if (g->keys[i]->provider != p->provider)
                        continue;
                if (n == 1)
                        *tally = 1;
                else if (*tally == n - 1)
                        *tally = n;
                any = any || *tally == n;
        }
        return any;
}

static void cohort_disjoint(struct planner *p, const struct egress *e, const struct group *first,
                            const struct group *other)
{
        char address[ADDR_TEXT_MAX] = "of the router";

        if (!addr_is_unspecified(&e->seen))
                addr_format(&e->seen, address);
        diag_error(
                p->d, other->at, "give them a key in common, or egress addresses of their own",
                "group \"%s\" shares the egress address %s with group \"%s\" (%s:%u), but no key "
                "of provider \"%s\" is common to %s",
                other->name, address, first->name, first->at.file ? first->at.file : "policy",
                first->at.line, p->provider->name,
                e->n_shares > 2 ? "all groups behind it" : "both");
}

/* Appends the keys of the cohort's first group that are tallied n, sorted, to the pool. */
static int terms_take_keys(struct planner *p, struct terms *t, uint32_t n)
{
        const struct group *g = t->group;

        if (g->n_keys > INT32_MAX - p->n_pool)
                return fault(-E2BIG);
        if (p->n_pool_allocated - p->n_pool < g->n_keys) {
                size_t n_wanted = MAX(p->n_pool_allocated * 2, p->n_pool + g->n_keys);
                uint32_t *pool = reallocarray(p->pool, n_wanted, sizeof(*pool));

                if (!pool)
                        return fault(-ENOMEM);
                p->pool = pool;
                p->n_pool_allocated = n_wanted;
        }
        t->first_key = (uint32_t)p->n_pool;
        for (size_t i = 0; i < g->n_keys; i++) {
                uint32_t key = g->keys[i]->index;

                if (g->keys[i]->provider != p->provider || p->tally[key] != n)
                        continue;
                p->tally[key] = 0; /* once, even if the group names it twice */
                p->pool[p->n_pool++] = key;
        }
        t->n_keys = (uint32_t)p->n_pool - t->first_key;
        qsort(p->pool + t->first_key, t->n_keys, sizeof(*p->pool), u32_compare);
        return 0;
}

/* Tallies the groups behind an address one by one; *ret_n of them have keys of the provider. */
static int terms_tally(struct planner *p, const struct egress *e, struct terms *t, uint32_t *ret_n)
{
        uint32_t n = 0;

        for (unsigned i = 0; i < e->n_shares; i++) {
                const struct group *g = e->shares[i].group;

                if (!group_has_key_of(g, p->provider))
                        continue;
                if (n == 0)
                        *t = (struct terms){ .group = g, .priority = g->priority };
                t->priority = MAX(t->priority, g->priority);
                if (!tally_group(p, g, ++n)) {
                        cohort_disjoint(p, e, t->group, g);
                        return -EINVAL;
                }
        }
        *ret_n = n;
        return 0;
}

/* What the groups behind an address may use together, and how much they matter. */
static int terms_judge(struct planner *p, const struct egress *e, struct terms *t)
{
        uint32_t n = 0;
        int r;

        *t = (struct terms){ .group = e->shares[0].group };
        r = terms_tally(p, e, t, &n);
        if (r == 0 && n > 0)
                r = terms_take_keys(p, t, n);
        for (size_t i = 0; i < t->group->n_keys; i++) /* no other key is tallied */
                p->tally[t->group->keys[i]->index] = 0;
        return r;
}

static int cohorts_judge(struct planner *p)
{
        int result = 0;

        p->n_pool = 0;
        for (uint32_t i = 0; i < p->census->n_cohorts; i++) {
                int r = terms_judge(p, p->census->cohorts[i], &p->terms[i]);

                if (r && r != -EINVAL)
                        return r;
                if (r)
                        result = r;
        }
        return result;
}

/* By their keys: equal ones lie together. */
static int terms_compare(const void *left, const void *right, void *context)
{
        const struct planner *p = context;
        const uint32_t *i = left, *j = right;
        const struct terms *a = &p->terms[*i], *b = &p->terms[*j];

        for (uint32_t k = 0; k < a->n_keys && k < b->n_keys; k++) {
                uint32_t x = p->pool[a->first_key + k], y = p->pool[b->first_key + k];

                if (x != y)
                        return x < y ? -1 : 1;
        }
        if (a->n_keys != b->n_keys)
                return a->n_keys < b->n_keys ? -1 : 1;
        return 0;
}

static int classes_make(struct planner *p)
{
        uint32_t n = p->census->n_cohorts;
        CLEANUP(freep) uint32_t *order = calloc((size_t)n + 1, sizeof(*order));

        if (!order)
                return fault(-ENOMEM);
        p->n_classes = 0;
        for (uint32_t i = 0; i < n; i++)
                order[i] = i;
        qsort_r(order, n, sizeof(*order), terms_compare, p);
        for (uint32_t i = 0; i < n; i++) {
                struct terms *t = &p->terms[order[i]];

                if (i == 0 || terms_compare(&order[i - 1], &order[i], p) != 0)
                        p->classes[p->n_classes++] =
                                (struct assign_class){ p->pool + t->first_key, t->n_keys };
                t->class = p->n_classes - 1;
        }
        return 0;
}

/* Workstations behind the address that may use the slot, or all where none may. */
static unsigned egress_desks(const struct planner *p, const struct egress *e, bool keyless)
{
        unsigned n = 0;

        for (unsigned i = 0; i < e->n_shares; i++)
                if (keyless || e->n_shares == 1 ||
                    group_has_key_of(e->shares[i].group, p->provider))
                        n += e->shares[i].n_desks;
        return n;
}

/* Every address gets its slot, at first without a key; those that have a key to go to are seats. */
static void slots_start(struct planner *p)
{
        p->n_seats = 0;
        for (uint32_t i = 0; i < p->census->n_egresses; i++) {
                const struct egress *e = &p->census->egresses[i];
                const struct terms *t = &p->terms[e->cohort];
                bool keyless = t->n_keys == 0;
                unsigned n_desks = egress_desks(p, e, keyless);

                p->slots[i] = (struct slot){
                        .seen = e->seen,
                        .provider = p->provider,
                        .n_desks = n_desks,
                        .state = ENTRY_LIVE,
                        .reason = keyless ? plan_reason_no_key : plan_reason_full,
                        .group = t->group,
                        .shares = e->shares,
                        .n_shares = e->n_shares,
                };
                if (!keyless)
                        p->seats[p->n_seats++] =
                                (struct seat){ t->priority, n_desks, t->class, t->group->index, i };
        }
}

static int demand_compare(const struct seat *a, const struct seat *b)
{
        if (a->priority != b->priority)
                return a->priority > b->priority ? -1 : 1;
        if (a->n_desks != b->n_desks)
                return a->n_desks > b->n_desks ? -1 : 1;
        return (a->class > b->class) - (a->class < b->class);
}

static int seat_compare_in_class(const void *left, const void *right)
{
        const struct seat *a = left, *b = right;

        if (a->class != b->class)
                return a->class < b->class ? -1 : 1;
        if (a->group != b->group)
                return a->group < b->group ? -1 : 1;
        return (a->egress > b->egress) - (a->egress < b->egress);
}

/* Most important first; within a demand in order of group and address. */
static int seat_compare(const void *left, const void *right)
{
        int r = demand_compare(left, right);

        return r ? r : seat_compare_in_class(left, right);
}

/* Pushes one demand after the other and keeps the seats that are served. */
static void seats_serve(struct planner *p, struct assign *a)
{
        size_t n_kept = 0;

        qsort(p->seats, p->n_seats, sizeof(*p->seats), seat_compare);
        for (size_t i = 0, end; i < p->n_seats; i = end) {
                size_t n_served;

                for (end = i + 1; end < p->n_seats; end++)
                        if (demand_compare(&p->seats[i], &p->seats[end]) != 0)
                                break;
                n_served = assign_push(a, p->seats[i].class, (uint32_t)(end - i));
                memmove(&p->seats[n_kept], &p->seats[i], n_served * sizeof(*p->seats));
                n_kept += n_served;
        }
        p->n_seats = n_kept;
}

/* Deals the seats of each class out to its keys. */
static void seats_deal(struct planner *p, const struct assign *a)
{
        size_t next = 0;

        qsort(p->seats, p->n_seats, sizeof(*p->seats), seat_compare_in_class);
        for (uint32_t c = 0; c < p->n_classes; c++) {
                for (uint32_t i = 0; i < p->classes[c].n_keys; i++) {
                        const struct key *key = &p->policy->keys[p->classes[c].keys[i]];

                        for (uint32_t n = assign_flow(a, c, i); n > 0; n--) {
                                struct slot *s = &p->slots[p->seats[next++].egress];

                                s->key = key;
                                s->reason = NULL;
                        }
                }
        }
        assert(next == p->n_seats);
}

static int provider_plan(struct planner *p)
{
        CLEANUP(assign_freep) struct assign *a = NULL;
        int r = cohorts_judge(p);

        if (r)
                return r;
        r = classes_make(p);
        if (r)
                return r;
        r = assign_new(p->rooms, (uint32_t)p->policy->n_keys, p->classes, p->n_classes, &a);
        if (r)
                return r;
        slots_start(p);
        seats_serve(p, a);
        seats_deal(p, a);
        return 0;
}

static int planner_init(struct planner *p, const struct plan *plan, struct diag *d)
{
        const struct policy *policy = plan->policy;

        *p = (struct planner){ .policy = policy, .census = plan->census, .d = d };
        p->n_pool_allocated = policy->n_keys + 1;
        p->pool = calloc(p->n_pool_allocated, sizeof(*p->pool));
        p->rooms = calloc(policy->n_keys + 1, sizeof(*p->rooms));
        p->tally = calloc(policy->n_keys + 1, sizeof(*p->tally));
        p->terms = calloc((size_t)p->census->n_cohorts + 1, sizeof(*p->terms));
        p->classes = calloc((size_t)p->census->n_cohorts + 1, sizeof(*p->classes));
        p->seats = calloc(p->census->n_egresses + 1, sizeof(*p->seats));
        if (!p->pool || !p->rooms || !p->tally || !p->terms || !p->classes || !p->seats)
                return fault(-ENOMEM);
        for (size_t i = 0; i < policy->n_keys; i++) {
                const struct key *k = &policy->keys[i];
                int64_t room = k->capacity > k->reserve ? k->capacity - MAX(k->reserve, 0) : 0;

                p->rooms[i] = (uint32_t)MIN(room, (int64_t)UINT32_MAX);
        }
        return 0;
}

static bool provider_is_planned(const struct policy *policy, const struct provider *provider)
{
        if (!provider->classes[CLASS_EMBEDDED].offered)
                return false;
        for (size_t i = 0; i < policy->n_keys; i++)
                if (policy->keys[i].provider == provider)
                        return true;
        return false;
}

static int providers_plan(struct plan *plan, struct diag *d)
{
        CLEANUP(planner_done) struct planner p = { NULL };
        int r = planner_init(&p, plan, d), result = 0;

        if (r)
                return r;
        for (size_t i = 0; i < plan->policy->n_providers; i++) {
                p.provider = &plan->policy->providers[i];
                if (!provider_is_planned(plan->policy, p.provider))
                        continue;
                p.slots = plan->slots + plan->n_slots;
                r = provider_plan(&p);
                if (r && r != -EINVAL)
                        return r;
                if (r)
                        result = r;
                plan->n_slots += plan->census->n_egresses;
        }
        return result;
}

/* Numbers the slots on each key in order of address, and counts. */
static void plan_number(struct plan *plan)
{
        for (size_t i = 0; i < plan->n_keys; i++)
                plan->keys[i].key = &plan->policy->keys[i];
        for (size_t i = 0; i < plan->n_slots; i++) {
                struct slot *s = &plan->slots[i];
                unsigned n_behind = 0;

                s->index = (unsigned)i;
                for (unsigned j = 0; j < s->n_shares; j++)
                        n_behind += s->shares[j].n_desks;
                plan->n_desks += n_behind;
                if (s->key) {
                        struct key_use *use = &plan->keys[s->key->index];

                        s->number = ++use->n_slots;
                        use->n_desks += s->n_desks;
                        plan->n_desks_embedded += s->n_desks;
                }
        }
        plan->n_desks_overflow = plan->n_desks - plan->n_desks_embedded;
}

static int plan_allocate(struct plan *plan)
{
        size_t n_planned = 0;

        for (size_t i = 0; i < plan->policy->n_providers; i++)
                n_planned += provider_is_planned(plan->policy, &plan->policy->providers[i]);
        plan->slots = calloc(plan->census->n_egresses * n_planned + 1, sizeof(*plan->slots));
        plan->keys = calloc(plan->policy->n_keys + 1, sizeof(*plan->keys));
        plan->n_keys = plan->policy->n_keys;
        return plan->slots && plan->keys ? 0 : fault(-ENOMEM);
}

int plan_make(struct policy *policy, const struct entry_set *entries, const struct addr *router,
              struct diag *d, struct plan **ret)
{
        CLEANUP(plan_freep) struct plan *plan = calloc(1, sizeof(*plan));
        int r;

        if (!plan)
                return fault(-ENOMEM);
        plan->policy = policy_ref(policy);
        if (router)
                plan->router = *router;
        r = egress_census_new(policy, &plan->router, d, &plan->census);
        if (r)
                return r;
        r = plan_allocate(plan);
        if (r)
                return r;
        r = providers_plan(plan, d);
        if (r)
                return r;
        plan_number(plan);
        *ret = TAKE(plan);
        return 0;
}

void plan_free(struct plan *p)
{
        if (p->census)
                egress_census_free(p->census);
        policy_unref(p->policy);
        free(p->slots);
        free(p->keys);
        free(p);
}

const struct slot *plan_find(const struct plan *p, const struct provider *provider,
                             const struct addr *seen)
{
        size_t low = 0, high = p->n_slots;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                const struct slot *s = &p->slots[middle];
                int r = s->provider == provider  ? addr_compare(&s->seen, seen)
                        : s->provider < provider ? -1
                                                 : 1;

                if (r == 0)
                        return s;
                if (r < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

const char *slot_reason(const struct slot *s, const struct group *g)
{
        const char *reason = plan_reason_no_key;

        for (size_t i = 0; i < g->n_keys; i++) {
                if (s->key && g->keys[i] == s->key)
                        return NULL;
                if (!s->key && g->keys[i]->provider == s->provider)
                        reason = s->reason;
        }
        return reason;
}
