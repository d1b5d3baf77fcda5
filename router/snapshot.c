/* SPDX-License-Identifier: Apache-2.0 */
#include "router/snapshot.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"

#include <errno.h>

static void origins_free(struct snapshot *s)
{
        for (size_t i = 0; s->origins && i < s->policy->n_providers; i++)
                free(s->origins[i]);
        free(s->origins);
}

static void snapshot_free(struct snapshot *s)
{
        if (s->policy)
                origins_free(s);
        if (s->vault)
                vault_unref(s->vault);
        if (s->budgets)
                budgets_free(s->budgets);
        if (s->health)
                health_free(s->health);
        if (s->plan)
                plan_free(s->plan);
        if (s->policy)
                policy_unref(s->policy);
        switches_done(&s->switches);
        free(s->alarmed_ms);
        free(s);
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
        __atomic_fetch_add(&s->n_refs, 1, __ATOMIC_RELAXED);
        return s;
}

void snapshot_unref(struct snapshot *s)
{
        if (__atomic_fetch_sub(&s->n_refs, 1, __ATOMIC_ACQ_REL) == 1)
                snapshot_free(s);
}

const struct origin *snapshot_origin(const struct snapshot *s, const struct provider *provider,
                                     const struct api *api)
{
        return s->origins[provider - s->policy->providers][api - provider->apis];
}

static int load_origins(struct snapshot *s, struct origins *origins, struct diag *d)
{
        const struct policy *policy = s->policy;

        s->origins = calloc(policy->n_providers + 1, sizeof(*s->origins));
        if (!s->origins)
                return fault(-ENOMEM);
        for (size_t i = 0; i < policy->n_providers; i++) {
                const struct provider *p = &policy->providers[i];

                s->origins[i] = calloc(p->n_apis + 1, sizeof(**s->origins));
                if (!s->origins[i])
                        return fault(-ENOMEM);
                for (size_t j = 0; j < p->n_apis; j++) {
                        s->origins[i][j] = origins_get(origins, p->apis[j].host, p->port);
                        if (!s->origins[i][j]) {
                                diag_error(d, (struct place){ NULL, 0 },
                                           "name fewer; after many changes of hosts restart "
                                           "keyrouterd",
                                           "more than %d vendor hosts, those of earlier policies "
                                           "included",
                                           ORIGINS_MAX);
                                return -EINVAL;
                        }
                }
        }
        return 0;
}

static int load_counters(struct snapshot *s, struct snapshot *old)
{
        int r;

        r = health_new(s->plan, clock_monotonic_ms(), (int64_t)clock_wall_us(), &s->health);
        if (r < 0)
                return r;
        r = budgets_new(s->policy, &s->budgets);
        if (r < 0)
                return r;
        s->alarmed_ms = calloc(s->policy->n_keys + s->policy->n_backends + 1, sizeof(uint64_t));
        if (!s->alarmed_ms)
                return fault(-ENOMEM);
        if (old) {
                health_carry(old->health, s->health);
                budgets_carry(old->budgets, s->budgets);
        }
        return 0;
}

static int snapshot_fill(struct snapshot *s, struct origins *origins, struct snapshot *old,
                         struct diag *d)
{
        int r = load_counters(s, old && old->policy ? old : NULL);

        return r < 0 ? r : load_origins(s, origins, d);
}

int snapshot_new(struct policy *policy, struct plan *plan, struct vault *vault,
                 const struct ledger_switch *switched, size_t n_switched, struct origins *origins,
                 struct snapshot *old, struct diag *d, struct snapshot **ret)
{
        CLEANUP(snapshot_unrefp) struct snapshot *s = calloc(1, sizeof(*s));
        int r = 0;

        if (!s) {
                if (plan)
                        plan_free(plan);
                return fault(-ENOMEM);
        }
        s->n_refs = 1;
        s->plan = plan;
        if (policy) {
                s->policy = policy_ref(policy);
                s->vault = vault_ref(vault);
        }
        r = switches_init(&s->switches, policy, switched, n_switched);
        if (r == 0 && policy)
                r = snapshot_fill(s, origins, old, d);
        if (r < 0)
                return r;
        *ret = TAKE(s);
        return 0;
}
