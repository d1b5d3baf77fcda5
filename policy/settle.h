/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * settle - what becomes of the entries when a plan is applied
 *
 *   entry of a slot's address on the slot's key   held: stays. Leaving: the slot's state, times
 *                                                 kept. Foreign: live. None: wanted.
 *   any other held entry (another key, no slot,   wanted: gone. Otherwise: leaving.
 *   provider or key not planned any more)
 *   any other leaving or foreign entry            stays, but for one case:
 *
 * foreign entries of an address that may use the key, but has another or none, where the key has no
 * room for them beside its slots: as many as are in the way are leaving.
 *
 * Planned again on what results, the plan is the same and nothing is to be done.
 */
#include "policy/ledger/entries.h"
#include "policy/ledger/ledger.h"

struct plan;
struct slot;

/*
 * From `before` (NULL: nothing stands anywhere), which the plan was made with, to what it asks for.
 * Sorted as entries are, each (provider, key, host) once. Owner of *ret: the caller,
 * move_list_free(). Returns 0 or -ENOMEM.
 */
MUST_CHECK int entries_settle(const struct plan *plan, const struct entry_set *before,
                              int64_t now_us, struct move_list **ret);

/*
 * The entries behind the moves, each (provider, key, host) once; `before` as above. Returns 0,
 * -ESTALE (a `from` is not what stands there) or -ENOMEM.
 */
MUST_CHECK int entries_after(const struct entry_set *before, const struct entry_move *moves,
                             size_t n, int64_t now_us, struct entry_set **ret);

/* The host that stands for a slot's address; `text` may hold it. */
const char *slot_host(const struct slot *s, char text[static ADDR_TEXT_MAX]);
