/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * plan - (egress address, provider) -> key or overflow
 *
 * plan_make() is a pure function of the policy and of what stands on the keys (the entries); the
 * same input gives the same plan. plan_restore() plans nothing: it ties what was applied to the
 * policy it was applied with. Immutable once made.
 *
 * What is aimed at, the former always before the latter, and the first four exactly:
 *
 *  1. never more on a key than it has room for;
 *  2. most desks served, priority by priority;
 *  3. fewest moves: an address with a held entry (entries.h) that gets another key or none;
 *  4. most addresses on a key where their own entry is leaving or foreign, which they get back:
 *     nothing is to be done at the vendor then;
 *  5. the key order of the policy, and few keys a group: not exactly.
 *
 * Room of a key: let C be its capacity less reserve and less its foreign entries, L its leaving
 * entries, H its held ones. Leaving and foreign entries of addresses that may use the key do not
 * count: they are their address's to have back, or give way to whom the key has instead (settle.h).
 * The room is min(C, max(C - L, H)), never below 0: what is leaving for good takes room from
 * newcomers until it is confirmed gone, but drives out nobody who was planned beside it.
 */
#include "policy/egress.h"
#include "policy/ledger/entries.h"
#include "policy/policy.h"

struct slot {
        struct addr seen; /* the egress address as the vendor sees it */
        const struct provider *provider;
        const struct key *key; /* NULL: overflow */
        unsigned number;       /* 1..capacity, place on the key; 0: overflow, or a former one */
        unsigned n_desks; /* behind the address, of groups with a key of the provider, if any */
        enum entry_state state;     /* WANTED, PROPAGATING, LIVE or SUSPENDED; a former one: LEAVING */
        int64_t added_us;           /* wall clock, as in struct entry; 0: not at the vendor yet */
        const char *reason;         /* of an overflow: a static sentence */
        unsigned index;             /* in plan->slots; of a former one n_slots + its place in formers */
        const struct group *group;  /* the first of them in policy order */
        const struct share *shares; /* everybody behind the address: see slot_reason() */
        unsigned n_shares;
        const struct slot *former;  /* its leaving entry on another key, or NULL: serves until this
                                     * one is live; always, while this one is an overflow */
};

struct key_use {
        const struct key *key;
        unsigned n_slots;
        unsigned n_desks;
        unsigned n_wanted, n_propagating, n_live, n_suspended; /* of n_slots */
        unsigned n_leaving, n_foreign; /* entries beside the slots, less those had back */
        unsigned room; /* what plan_make() could give; see above */
};

/* An address with a held entry that gets another key or none. */
struct move {
        const struct slot *slot;
        const char *from; /* name of the key it held; it may be gone from the policy */
};

struct plan {
        struct slot *slots; /* sorted by provider (policy order), then address */
        size_t n_slots;
        struct slot *formers; /* same order; as slots, but state LEAVING */
        size_t n_formers;
        struct key_use *keys; /* one for each of policy->keys, same order */
        size_t n_keys;
        struct move *moves; /* sorted as their slots; of plan_make() alone */
        size_t n_moves;
        size_t n_desks, n_desks_embedded, n_desks_overflow; /* over all planned providers */
        struct policy *policy;                              /* a reference */
        struct addr router;                                 /* what egress_of() was asked with */
        struct egress_census *census;
        char *texts;     /* names of moves */
        uint32_t *index; /* by hash, for plan_find(); NULL: so few slots that there is none */
        size_t index_mask;
};

/* The reasons of an overflow. */
extern const char *const plan_reason_full;   /* "all keys of the group are full" */
extern const char *const plan_reason_no_key; /* "the group has no key of this provider" */

/*
 * Planned are the providers that have an embedded class and a key in the policy; all workstations
 * at each. `entries` NULL: nothing stands anywhere. `router` is the router's default address as the
 * vendor sees it (NULL: not told): groups with the egress "router" get one slot for it. Untold, the
 * slot's address is too (the entry's host is "router" then). Returns 0, -EINVAL with findings in
 * *d (an egress address that groups share without a common key, too many workstations), or another
 * negative errno (-ENOMEM).
 */
MUST_CHECK int plan_make(struct policy *policy, const struct entry_set *entries,
                         const struct addr *router, struct diag *d, struct plan **ret);

/*
 * What was applied: a slot has the key of its address's held entry and is an overflow where there
 * is none (or the key is gone from the policy). No assignment is made and nobody moves. Returns as
 * plan_make().
 */
MUST_CHECK int plan_restore(struct policy *policy, const struct entry_set *entries,
                            const struct addr *router, struct diag *d, struct plan **ret);
void plan_free(struct plan *p);
DEFINE_FREEP(struct plan, plan_free);

/* The slot of an egress address at a provider, or NULL: never planned. O(1). */
const struct slot *plan_find(const struct plan *p, const struct provider *provider,
                             const struct addr *seen);

/*
 * Why workstations of this group, which are behind the slot's address, do not use the slot: a
 * static sentence. NULL: they do. A group without a key of the provider may share an address with
 * groups that have one, so the slot alone does not tell.
 */
const char *slot_reason(const struct slot *s, const struct group *g);
