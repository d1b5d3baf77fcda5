/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * entries - what stands on the keys' lists at the vendor, or is to stand there
 *
 * The ledger in memory: one entry for each host on each key. Immutable once made, so that a plan
 * is a pure function of it. Owner: the caller.
 */
#include "lib/base/addr.h"

enum entry_state {
        ENTRY_WANTED,      /* to be added at the vendor */
        ENTRY_PROPAGATING, /* added there, not seen to work yet */
        ENTRY_LIVE,        /* works: confirmed and due, imported, or a call succeeded */
        ENTRY_SUSPENDED,   /* was live; the vendor refused it lately */
        ENTRY_LEAVING,     /* to be removed at the vendor; until that is confirmed it takes room, and
                            * it serves until the successor is live */
        ENTRY_FOREIGN,     /* the administrator's own, for other purposes; takes room */
        N_ENTRY_STATES,
};

/* "wanted", "propagating", "live", "suspended", "leaving", "foreign". */
const char *entry_state_name(enum entry_state s);
bool entry_state_parse(const char *name, enum entry_state *ret);

/* Does the planner own this entry's place: wanted, propagating, live or suspended? */
static inline bool entry_state_is_held(enum entry_state s)
{
        return s <= ENTRY_SUSPENDED;
}

struct entry {
        const char *provider, *key; /* names, as the policy has them */
        const char *host; /* an address in canonical text; "router": the router's, not told; foreign: any */
        struct addr addr; /* of host; unspecified where it is no address */
        enum entry_state state;
        int64_t since_us; /* wall clock: in this state since */
        int64_t added_us; /* wall clock: entered at the vendor, as far as is known; 0: it is not */
        int64_t live_us;  /* wall clock: works since; 0: never did */
};

/*
 * Sorted by provider, address, key, host (names by strcmp). One (provider, key, host) occurs once;
 * of one (provider, address) at most one entry is held.
 */
struct entry_set {
        struct entry *entries;
        size_t n;
        char *texts; /* where the names are, one block */
};

/* Copies the entries and their texts, and sorts. Returns 0 or -ENOMEM. */
MUST_CHECK int entry_set_new(const struct entry *entries, size_t n, struct entry_set **ret);
void entry_set_free(struct entry_set *s);
DEFINE_FREEP(struct entry_set, entry_set_free);

/* The entries of one address at a provider: *ret_n of them, from the returned one. O(log n). */
const struct entry *entry_set_find(const struct entry_set *s, const char *provider,
                                   const struct addr *addr, size_t *ret_n);
