/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * terms - what the groups behind an address may use together, at one provider
 *
 * A cohort (see egress.h) may use the keys that all of its groups may, and has the highest of their
 * priorities. Groups without any key of the provider have no say. Cohorts with the same keys have
 * one set. Owner: the planner, terms_done().
 */
#include "policy/assign.h"
#include "policy/egress.h"

struct key;
struct provider;

struct terms {
        const struct group *group;  /* the first that may use a slot; the first of all if none */
        uint32_t first_key, n_keys; /* in the pool */
        uint32_t set;
        int64_t priority;
};

struct terms_table {
        const struct policy *policy;
        const struct egress_census *census;
        struct terms *cohorts; /* for each cohort of the census */
        struct assign_set *sets;
        uint32_t n_sets;
        uint32_t *pool; /* indices of keys */
        size_t n_pool, n_pool_allocated;
        uint32_t *tally; /* for each key of the policy: how many groups have it */
};

/* Returns 0 or -ENOMEM. */
MUST_CHECK int terms_init(struct terms_table *t, const struct policy *policy,
                          const struct egress_census *census);
void terms_done(struct terms_table *t);

/* Fills the table for a provider. Returns 0, -EINVAL with findings in *d (groups share an address
 * and no key), -E2BIG or -ENOMEM. */
MUST_CHECK int terms_judge(struct terms_table *t, const struct provider *provider, struct diag *d);

/* Is the key, by its index, in the set of these terms? O(log n). */
bool terms_allow(const struct terms_table *t, const struct terms *terms, uint32_t key);

/* Workstations behind the address that may use its slot, or all where none may. */
unsigned terms_desks(const struct terms *terms, const struct egress *e,
                     const struct provider *provider);

bool group_has_key_of(const struct group *g, const struct provider *provider);
