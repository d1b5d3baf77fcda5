/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/spill.h"

#include <errno.h>

static int spill_compare(const void *left, const void *right)
{
        const struct spill *a = left, *b = right;

        if (a->slot->provider != b->slot->provider)
                return a->slot->index < b->slot->index ? -1 : 1;
        if (a->share->group != b->share->group)
                return a->share->group->index < b->share->group->index ? -1 : 1;
        if (a->reason != b->reason)
                return strcmp(a->reason, b->reason);
        return (a->slot->index > b->slot->index) - (a->slot->index < b->slot->index);
}

static const struct backend *spill_backend(const struct policy *p, const struct group *g,
                                           const struct provider *provider)
{
        return g->overflow == OVERFLOW_BACKEND ? policy_backend(p, g, provider) : NULL;
}

int spill_list_init(struct spill_list *l, const struct plan *plan)
{
        size_t n_shares = 0;

        for (size_t i = 0; i < plan->n_slots; i++)
                n_shares += plan->slots[i].n_shares;
        *l = (struct spill_list){ calloc(n_shares + 1, sizeof(*l->spills)), 0 };
        if (!l->spills)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_slots; i++) {
                const struct slot *s = &plan->slots[i];

                for (unsigned j = 0; j < s->n_shares; j++) {
                        const struct group *g = s->shares[j].group;
                        const char *reason = slot_reason(s, g);

                        if (reason)
                                l->spills[l->n++] = (struct spill){ s, &s->shares[j], reason,
                                                                    spill_backend(plan->policy, g,
                                                                                  s->provider) };
                }
        }
        qsort(l->spills, l->n, sizeof(*l->spills), spill_compare);
        return 0;
}

void spill_list_done(struct spill_list *l)
{
        free(l->spills);
}

struct plan_totals plan_totals(const struct plan *plan, const struct spill_list *spills,
                               const struct provider *provider)
{
        struct plan_totals t = { 0 };

        for (size_t i = 0; i < plan->n_keys; i++) {
                const struct key_use *use = &plan->keys[i];

                if (provider && use->key->provider != provider)
                        continue;
                t.n_embedded += use->n_desks;
                t.n_keys_used += use->n_slots > 0;
        }
        for (size_t i = 0; i < spills->n; i++) {
                const struct spill *s = &spills->spills[i];

                if (provider && s->slot->provider != provider)
                        continue;
                *(s->backend ? &t.n_backend : &t.n_refused) += s->share->n_desks;
        }
        return t;
}
