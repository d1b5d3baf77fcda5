/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * plan - (egress address, provider) -> key or overflow
 *
 * A pure function of the policy and the ledger; the same input gives the same plan. Never over a
 * key's capacity less its reserve; as many desks as possible served, priority by priority; then the
 * key order of the policy and few keys a group. Immutable once made.
 */
#include "policy/egress.h"
#include "policy/policy.h"

enum slot_state { SLOT_WANTED, SLOT_PROPAGATING, SLOT_LIVE, SLOT_LEAVING };

struct slot {
        struct addr seen; /* the egress address as the vendor sees it */
        const struct provider *provider;
        const struct key *key; /* NULL: overflow */
        unsigned number;       /* 1..capacity, place on the key; 0 for overflow */
        unsigned n_desks; /* behind the address, of groups with a key of the provider, if any */
        enum slot_state state;      /* until there is a ledger, every planned slot counts as live */
        const char *reason;         /* of an overflow: a static sentence */
        unsigned index;             /* in plan->slots */
        const struct group *group;  /* the first of them in policy order */
        const struct share *shares; /* everybody behind the address: see slot_reason() */
        unsigned n_shares;
};

struct key_use {
        const struct key *key;
        unsigned n_slots;
        unsigned n_desks;
};

struct plan {
        struct slot *slots; /* sorted by provider (policy order), then address */
        size_t n_slots;
        struct key_use *keys; /* one for each of policy->keys, same order */
        size_t n_keys;
        size_t n_desks, n_desks_embedded, n_desks_overflow; /* over all planned providers */
        struct policy *policy;                              /* a reference */
        struct addr router;                                 /* what egress_of() was asked with */
        struct egress_census *census;
};

struct ledger; /* what has been applied: planned slots keep their keys. NULL until it exists. */

/* The reasons of an overflow. */
extern const char *const plan_reason_full;   /* "all keys of the group are full" */
extern const char *const plan_reason_no_key; /* "the group has no key of this provider" */

/*
 * Planned are the providers that have an embedded class and a key in the policy; all workstations
 * at each. `router` is the router's default address as the vendor sees it: groups with the egress
 * "router" get one slot for it. Where it is unspecified, the slot's address is too. Returns 0,
 * -EINVAL with findings in *d (an egress address that groups share without a common key, too many
 * workstations), or another negative errno (-ENOMEM).
 */
MUST_CHECK int plan_make_at(struct policy *policy, const struct ledger *ledger,
                            const struct addr *router, struct diag *d, struct plan **ret);

/* The same with a router whose address is not told. */
MUST_CHECK int plan_make(struct policy *policy, const struct ledger *ledger, struct diag *d,
                         struct plan **ret);
void plan_free(struct plan *p);
DEFINE_FREEP(struct plan, plan_free);

/* The slot of an egress address at a provider, or NULL: never planned. O(log n) or better. */
const struct slot *plan_find(const struct plan *p, const struct provider *provider,
                             const struct addr *seen);

/*
 * Why workstations of this group, which are behind the slot's address, do not use the slot: a
 * static sentence. NULL: they do. A group without a key of the provider may share an address with
 * groups that have one, so the slot alone does not tell.
 */
const char *slot_reason(const struct slot *s, const struct group *g);
