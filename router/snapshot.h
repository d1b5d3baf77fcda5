/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * snapshot - one generation of everything a request is decided by
 *
 * Policy, plan, credentials, switches and the health of slots and keys, made together and swapped
 * at once. Immutable but for the counters inside; reference-counted, the counts are atomic. A
 * running exchange keeps the one it began with. Until a policy is applied there is one without any:
 * only count, switches and status are set then.
 */
#include "policy/plan.h"
#include "router/health.h"
#include "router/limits.h"
#include "router/origins.h"
#include "router/switches.h"
#include "router/vault.h"

struct snapshot {
        unsigned n_refs; /* atomic */
        struct policy *policy;
        struct plan *plan;
        struct health *health;
        struct budgets *budgets;
        struct vault *vault;
        struct switches switches;
        uint64_t revision; /* of the policy, as the ledger numbers it; 0: none */
        char status[160];  /* one line for people */
        const struct origin ***origins; /* [provider][api], as in policy->providers */
        uint64_t *
                alarmed_ms; /* atomic, keys and then backends: when each was last complained about */
};

/*
 * Made of parts; takes references to policy and vault, and the plan over (also when it fails).
 * `policy` NULL: none is applied. `switched` are those of the ledger. `old` (may be NULL) gives
 * health and budgets to start from. Returns 0, -EINVAL where the findings say why, or -ENOMEM.
 */
MUST_CHECK int snapshot_new(struct policy *policy, struct plan *plan, struct vault *vault,
                            const struct ledger_switch *switched, size_t n_switched,
                            struct origins *origins, struct snapshot *old, struct diag *d,
                            struct snapshot **ret);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s);

static inline void snapshot_unrefp(struct snapshot **s)
{
        if (*s)
                snapshot_unref(*s);
}

const struct origin *snapshot_origin(const struct snapshot *s, const struct provider *provider,
                                     const struct api *api);
