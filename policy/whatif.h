/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * whatif - a policy as it would be with more desks, more keys or fewer keys
 *
 * Changes the compiled model and no text, so that nobody has to write a policy to ask. The policy
 * must be one that nobody else has seen yet, as policy_load() returned it; what was made of it
 * before (a plan, a reference) is no longer right.
 */
#include "lib/base/cleanup.h"

#include <stdint.h>

struct entry_set;
struct policy;

#define WHATIF_MAX_DESKS 100000U /* of one addition */

/*
 * Desks more in a group. Where its desks have public addresses of their own, so have these, and
 * nothing else in the policy or on a key has one of them; where its desks share the addresses of
 * the router or of a NAT, these share them too.
 */
struct whatif_desks {
        const char *group;
        unsigned n; /* 1..WHATIF_MAX_DESKS */
};

struct whatif_key {
        const char *name;
        const char *provider; /* NULL: the only one that it can be */
        int64_t capacity;     /* 0: the provider's */
        const char *const *groups;
        size_t n_groups; /* 0: all that have a key of the provider, before any is removed */
};

struct whatif {
        const struct whatif_desks *desks;
        size_t n_desks;
        const struct whatif_key *keys; /* added behind the policy's, in this order */
        size_t n_keys;
        const char *const *removed; /* names of keys; one may be added again, as it is then */
        size_t n_removed;
};

enum {
        WHATIF_E_UNKNOWN = 1, /* a group, key or provider that the policy does not have */
        WHATIF_E_WRONG,       /* what cannot be: a name twice, a capacity of nothing */
};

/* What stands against it, for a person. */
struct whatif_flaw {
        char text[256];
        char remedy[128]; /* "": none known */
};

/*
 * A provider that would be left without a key keeps the first of them with a capacity of 0, in no
 * group: it is planned still, and everybody is told that the group has no key.
 *
 * `entries`, which stand on keys and are not to be met by chance, may be NULL. Returns 0, an answer
 * above with *flaw, or -ENOMEM; the policy is good for nothing then but to be given back.
 */
MUST_CHECK int policy_whatif(struct policy *p, const struct whatif *w,
                             const struct entry_set *entries, struct whatif_flaw *flaw);
