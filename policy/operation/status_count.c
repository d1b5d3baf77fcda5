/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/status_count.h"

struct counting {
        const struct policy *policy;
        const struct switched *switched;
        struct desk_counts *groups;
        bool all_off;
};

static bool is_off(const struct counting *c, const char *kind, const char *name)
{
        return c->all_off || switched_find(c->switched, kind, name);
}

static bool backend_serves(const struct counting *c, const struct group *g,
                           const struct provider *provider)
{
        const struct backend *b = policy_backend(c->policy, g, provider);

        return b && !is_off(c, "backend:", b->name);
}

/* `slot` NULL: the desks have none. */
static void share_count(struct counting *c, const struct share *s, const struct provider *provider,
                        const struct slot *slot)
{
        struct desk_counts *g = &c->groups[s->group->index];

        g->n_desks += s->n_desks;
        if (slot && !is_off(c, "key:", slot->key->name)) {
                g->n_on_keys += s->n_desks;
                g->n_not_live += slot->state == ENTRY_LIVE ? 0 : s->n_desks;
        } else if (s->group->overflow == OVERFLOW_BACKEND && backend_serves(c, s->group, provider))
                g->n_by_backend += s->n_desks;
        else
                g->n_refused += s->n_desks;
}

/* Where no provider is planned all desks are without a key, at the first one. */
static void census_count(struct counting *c, const struct egress_census *census)
{
        for (size_t i = 0; i < census->n_egresses; i++)
                for (unsigned j = 0; j < census->egresses[i].n_shares; j++)
                        share_count(c, &census->egresses[i].shares[j], &c->policy->providers[0],
                                    NULL);
}

struct desk_counts *status_count(const struct plan *plan, const struct switched *switched)
{
        struct counting c = { .policy = plan->policy,
                              .switched = switched,
                              .groups = calloc(plan->policy->n_groups + 1, sizeof(*c.groups)),
                              .all_off = switched_find(switched, "all", "") };

        if (!c.groups)
                return NULL;
        for (size_t i = 0; i < plan->n_slots; i++) {
                const struct slot *s = &plan->slots[i];

                for (unsigned j = 0; j < s->n_shares; j++)
                        share_count(&c, &s->shares[j], s->provider,
                                    slot_reason(s, s->shares[j].group) ? NULL : s);
        }
        if (plan->n_slots == 0 && plan->policy->n_providers > 0)
                census_count(&c, plan->census);
        return c.groups;
}
