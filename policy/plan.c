/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Providers are planned one after the other:
 *
 *  1. What each address may use follows from the groups behind it (terms.c).
 *  2. The entries are tied to keys and addresses (standing.c), and each key's room is counted
 *     (rooms.c).
 *  3. Each address gets a key or none: by a flow (seats.c, assign.c), or as it was applied.
 *  4. Each slot takes over what its address's entries say (ties.c).
 */
#include "policy/plan.h"

#include "lib/base/fault.h"
#include "policy/rooms.h"
#include "policy/seats.h"
#include "policy/standing.h"
#include "policy/terms.h"
#include "policy/ties.h"

#include <errno.h>

const char *const plan_reason_full = "all keys of the group are full";
const char *const plan_reason_no_key = "the group has no key of this provider";

struct planner {
        struct plan *plan;
        const struct entry_set *entries;
        struct diag *d;
        bool restores; /* instead of assigning */
        struct key_names names;
        struct terms_table terms;
};

static void planner_done(struct planner *p)
{
        key_names_done(&p->names);
        terms_done(&p->terms);
}

/* Every address gets its slot, at first without a key. */
static void slots_start(const struct planner *p, const struct provider *provider,
                        struct slot *slots)
{
        const struct egress_census *census = p->plan->census;

        for (size_t i = 0; i < census->n_egresses; i++) {
                const struct egress *e = &census->egresses[i];
                const struct terms *t = &p->terms.cohorts[e->cohort];

                slots[i] = (struct slot){
                        .seen = e->seen,
                        .provider = provider,
                        .n_desks = terms_desks(t, e, provider),
                        .state = ENTRY_WANTED,
                        .reason = t->n_keys == 0 ? plan_reason_no_key : plan_reason_full,
                        .group = t->group,
                        .shares = e->shares,
                        .n_shares = e->n_shares,
                };
        }
}

static int slots_assign(struct planner *p, const struct standing *s, size_t first)
{
        struct plan *plan = p->plan;
        int r;

        if (p->restores) {
                ties_restore(s, plan, first);
                return 0;
        }
        r = seats_assign(&p->terms, s, plan->keys, &plan->slots[first]);
        return r ? r : ties_move(s, plan, first);
}

static int provider_plan(struct planner *p, const struct provider *provider)
{
        CLEANUP(standing_done) struct standing s = { NULL };
        struct plan *plan = p->plan;
        size_t first = plan->n_slots;
        int r = terms_judge(&p->terms, provider, p->d);

        if (r)
                return r;
        r = standing_init(&s, &p->names, plan->census, p->entries, provider);
        if (r)
                return r;
        r = rooms_count(&p->terms, &s, provider, plan->keys);
        if (r)
                return r;
        slots_start(p, provider, &plan->slots[first]);
        plan->n_slots += plan->census->n_egresses;
        r = slots_assign(p, &s, first);
        if (r)
                return r;
        ties_state(&s, plan, first);
        ties_former(&s, plan, first);
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

static int providers_plan(struct planner *p)
{
        struct plan *plan = p->plan;
        int result = 0, r = key_names_init(&p->names, plan->policy);

        if (r)
                return r;
        r = terms_init(&p->terms, plan->policy, plan->census);
        if (r)
                return r;
        for (size_t i = 0; i < plan->policy->n_providers; i++) {
                const struct provider *provider = &plan->policy->providers[i];

                if (!provider_is_planned(plan->policy, provider))
                        continue;
                r = provider_plan(p, provider);
                if (r && r != -EINVAL)
                        return r;
                if (r)
                        result = r;
        }
        return result;
}

static void key_use_count(struct key_use *use, struct slot *s)
{
        s->number = ++use->n_slots;
        use->n_desks += s->n_desks;
        use->n_wanted += s->state == ENTRY_WANTED;
        use->n_propagating += s->state == ENTRY_PROPAGATING;
        use->n_live += s->state == ENTRY_LIVE;
        use->n_suspended += s->state == ENTRY_SUSPENDED;
}

/* Numbers the slots on each key in order of address, and counts. */
static void plan_number(struct plan *plan)
{
        for (size_t i = 0; i < plan->n_slots; i++) {
                struct slot *s = &plan->slots[i];

                s->index = (unsigned)i;
                for (unsigned j = 0; j < s->n_shares; j++)
                        plan->n_desks += s->shares[j].n_desks;
                if (s->key) {
                        key_use_count(&plan->keys[s->key->index], s);
                        plan->n_desks_embedded += s->n_desks;
                }
        }
        for (size_t i = 0; i < plan->n_formers; i++)
                plan->formers[i].index = (unsigned)(plan->n_slots + i);
        plan->n_desks_overflow = plan->n_desks - plan->n_desks_embedded;
}

static int plan_allocate(struct plan *plan, const struct entry_set *entries)
{
        size_t n_planned = 0, n_leaving = 0;

        for (size_t i = 0; i < plan->policy->n_providers; i++)
                n_planned += provider_is_planned(plan->policy, &plan->policy->providers[i]);
        for (size_t i = 0; entries && i < entries->n; i++)
                n_leaving += entries->entries[i].state == ENTRY_LEAVING;
        plan->slots = calloc(plan->census->n_egresses * n_planned + 1, sizeof(*plan->slots));
        plan->formers = calloc(n_leaving + 1, sizeof(*plan->formers));
        plan->keys = calloc(plan->policy->n_keys + 1, sizeof(*plan->keys));
        if (!plan->slots || !plan->formers || !plan->keys)
                return fault(-ENOMEM);
        plan->n_keys = plan->policy->n_keys;
        for (size_t i = 0; i < plan->n_keys; i++)
                plan->keys[i].key = &plan->policy->keys[i];
        return 0;
}

/* ---- finding ---- */

/* Fewer are searched as quickly without an index. */
#define INDEX_MIN_SLOTS 32

static size_t slot_place(const struct plan *p, const struct provider *provider,
                         const struct addr *seen)
{
        return (addr_hash(seen) + (size_t)(provider - p->policy->providers)) & p->index_mask;
}

/* At least half of the places stay empty: most slots are found at the first. */
static int plan_index(struct plan *p)
{
        size_t size = 64;

        if (p->n_slots < INDEX_MIN_SLOTS)
                return 0;
        if (p->n_slots >= UINT32_MAX)
                return fault(-E2BIG);
        while (size < p->n_slots * 2)
                size *= 2;
        p->index = calloc(size, sizeof(*p->index));
        if (!p->index)
                return fault(-ENOMEM);
        p->index_mask = size - 1;
        for (size_t i = 0; i < p->n_slots; i++) {
                size_t place = slot_place(p, p->slots[i].provider, &p->slots[i].seen);

                while (p->index[place])
                        place = (place + 1) & p->index_mask;
                p->index[place] = (uint32_t)i + 1;
        }
        return 0;
}

static bool slot_is(const struct slot *s, const struct provider *provider, const struct addr *seen)
{
        return s->provider == provider && addr_equal(&s->seen, seen);
}

const struct slot *plan_find(const struct plan *p, const struct provider *provider,
                             const struct addr *seen)
{
        if (!p->index) {
                for (size_t i = 0; i < p->n_slots; i++)
                        if (slot_is(&p->slots[i], provider, seen))
                                return &p->slots[i];
                return NULL;
        }
        for (size_t place = slot_place(p, provider, seen); p->index[place];
             place = (place + 1) & p->index_mask)
                if (slot_is(&p->slots[p->index[place] - 1], provider, seen))
                        return &p->slots[p->index[place] - 1];
        return NULL;
}

/* ---- making ---- */

static int plan_new(struct policy *policy, const struct entry_set *entries, bool restores,
                    const struct addr *router, struct diag *d, struct plan **ret)
{
        CLEANUP(plan_freep) struct plan *plan = calloc(1, sizeof(*plan));
        CLEANUP(planner_done) struct planner p = { plan, entries, d, restores };
        int r;

        if (!plan)
                return fault(-ENOMEM);
        plan->policy = policy_ref(policy);
        if (router)
                plan->router = *router;
        r = egress_census_new(policy, &plan->router, d, &plan->census);
        if (r)
                return r;
        r = plan_allocate(plan, entries);
        if (r)
                return r;
        r = providers_plan(&p);
        if (r)
                return r;
        r = ties_keep_texts(plan);
        if (r)
                return r;
        plan_number(plan);
        r = plan_index(plan);
        if (r)
                return r;
        *ret = TAKE(plan);
        return 0;
}

int plan_make(struct policy *policy, const struct entry_set *entries, const struct addr *router,
              struct diag *d, struct plan **ret)
{
        return plan_new(policy, entries, false, router, d, ret);
}

int plan_restore(struct policy *policy, const struct entry_set *entries, const struct addr *router,
                 struct diag *d, struct plan **ret)
{
        return plan_new(policy, entries, true, router, d, ret);
}

void plan_free(struct plan *p)
{
        if (p->census)
                egress_census_free(p->census);
        policy_unref(p->policy);
        free(p->slots);
        free(p->formers);
        free(p->keys);
        free(p->moves);
        free(p->texts);
        free(p->index);
        free(p);
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
