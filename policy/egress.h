/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * egress - the addresses that the vendor sees, and who stands behind each
 *
 * egress_of() in policy.h answers for one workstation; the census answers for all of them.
 * Workstations count in the group that policy_group_of() gives them. Immutable once made. Owner:
 * the plan, or whoever asked.
 */
#include "lib/base/addr.h"
#include "lib/settings/diag.h"

struct group;
struct policy;

/* More would make a plan that no vendor's allowlist holds and that takes seconds. */
#define EGRESS_MAX_WORKSTATIONS 4000000U
/* Different sets of groups that share an address; beyond, the policy is a mistake. */
#define EGRESS_MAX_COHORTS 10000U

/* The workstations of one group behind one egress address. */
struct share {
        const struct group *group;
        unsigned n_desks; /* never 0 */
};

struct egress {
        struct addr seen;           /* as the vendor sees it; unspecified: the router's, not told */
        const struct share *shares; /* in policy order of the groups, each group once */
        unsigned n_shares;          /* never 0 */
        uint32_t cohort; /* the same for all addresses with the same groups behind them */
};

struct egress_census {
        struct egress *egresses; /* sorted by address */
        size_t n_egresses;
        struct share *shares;
        size_t n_shares;
        const struct egress **cohorts; /* of each its lowest address */
        uint32_t n_cohorts;
        size_t n_desks;
};

/*
 * `router` is the router's default address as the vendor sees it, unspecified if not told. Returns
 * 0, -EINVAL with a finding in *d (too many workstations or cohorts), or -ENOMEM. O(n log n) in the
 * workstations.
 */
MUST_CHECK int egress_census_new(const struct policy *p, const struct addr *router, struct diag *d,
                                 struct egress_census **ret);
void egress_census_free(struct egress_census *c);
DEFINE_FREEP(struct egress_census, egress_census_free);
