/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * snapshot - one generation of everything a request is decided by
 *
 * Policy, plan, credentials and the health of slots and keys, made together and swapped at once.
 * Immutable but for the counters inside; reference-counted, the counts are atomic. A running
 * exchange keeps the one it began with.
 */
#include "policy/plan.h"
#include "router/health.h"
#include "router/limits.h"
#include "router/origins.h"
#include "router/vault.h"

struct snapshot {
        unsigned n_refs; /* atomic */
        struct policy *policy;
        struct plan *plan;
        struct health *health;
        struct budgets *budgets;
        struct vault *vault;
        const struct origin ***origins; /* [provider][api], as in policy->providers */
        uint64_t *alarmed_ms; /* atomic, keys and then backends: when each was last complained about */
};

struct snapshot_settings {
        const char *policy;       /* path */
        const char *provider_dir; /* NULL: the installed one */
        const char *credentials;  /* directory, where the service manager hands over none */
        struct addr router;       /* the router's address as vendors see it; unspecified: not told */
};

/*
 * Loads all of it. Findings go to *d. `old` (may be NULL) gives health and budgets to start from.
 * Returns 0, -EINVAL where the findings say why, or another negative errno.
 */
MUST_CHECK int snapshot_load(const struct snapshot_settings *settings, struct origins *origins,
                             struct snapshot *old, struct diag *d, struct snapshot **ret);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s);

static inline void snapshot_unrefp(struct snapshot **s)
{
        if (*s)
                snapshot_unref(*s);
}

const struct origin *snapshot_origin(const struct snapshot *s, const struct provider *provider,
                                     const struct api *api);
