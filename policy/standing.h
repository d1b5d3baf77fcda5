/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * standing - the entries of one provider, tied to a policy's keys and to a census's addresses
 *
 * Entries name keys and addresses; plans have indices. Owner: whoever fills it, standing_done().
 */
#include "policy/egress.h"
#include "policy/ledger/entries.h"

struct key;
struct policy;
struct provider;

#define STANDING_NO_KEY UINT32_MAX

/* The keys of a policy by name. */
struct key_names {
        const struct policy *policy;
        uint32_t *table; /* index of a key and one, or 0 */
        size_t mask;
};

/* Returns 0 or -ENOMEM. */
MUST_CHECK int key_names_init(struct key_names *n, const struct policy *policy);
void key_names_done(struct key_names *n);

/* Index of the key that the provider has under this name, or STANDING_NO_KEY. O(1). */
uint32_t key_names_find(const struct key_names *n, const struct provider *provider,
                        const char *name);

struct stake {
        uint32_t first, n; /* in the standing's entries: those of one address */
};

struct standing {
        const struct entry *entries; /* of the provider, in the set's order */
        size_t n;
        uint32_t *keys;       /* of each: index of its key, or STANDING_NO_KEY */
        struct stake *stakes; /* of each egress address of the census, same order */
};

/* `entries` NULL: nothing stands anywhere. Returns 0, -E2BIG or -ENOMEM. */
MUST_CHECK int standing_init(struct standing *s, const struct key_names *names,
                             const struct egress_census *census, const struct entry_set *entries,
                             const struct provider *provider);
void standing_done(struct standing *s);

/* The entries of one provider: *ret_n of them, from the returned one. O(log n). */
const struct entry *entries_of_provider(const struct entry_set *entries, const char *provider,
                                        size_t *ret_n);

/* Is the host an address, or the router's that was not told? Other names belong to no address. */
bool entry_has_address(const struct entry *e);

/* The state that a leaving entry has when its address has it back. */
enum entry_state entry_state_back(const struct entry *e);
