/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * wish - entries as if every address had the key that it had under an earlier assignment
 *
 * What a rollback plans from. An assignment is that of plan_assignment().
 */
#include "policy/plan.h"

/*
 * The entries, but: of each address of the assignment the entry on its key is held, made as wanted
 * where there is none; what is held otherwise is leaving, or gone if it was only wanted. Returns 0
 * or -ENOMEM.
 */
MUST_CHECK int wish_make(const struct entry_set *entries, const char *assignment,
                         struct entry_set **ret);

/* How many lines of the assignment the plan does not have: 0 or -ENOMEM. */
MUST_CHECK int wish_differing(const struct plan *plan, const char *assignment, size_t *ret);

/* Addresses of the plan whose held entry is on another key than the plan's: what a person calls a
 * move, whatever it was planned from. */
size_t plan_count_moves(const struct plan *plan, const struct entry_set *entries);

/* The key that an address holds, or NULL. */
const char *entry_held_key(const struct entry_set *entries, const char *provider,
                           const struct addr *addr);
