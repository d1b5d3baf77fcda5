/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ties - what the slots of a plan have of the entries: key, state, former, move
 *
 * A provider's slots are one for each egress address, in the order of the standing's stakes; in a
 * plan they are those from `first` on.
 */
#include "policy/plan.h"
#include "policy/standing.h"

/* Gives slots the keys of their held entries. */
void ties_restore(const struct standing *s, struct plan *plan, size_t first);

/* Gives slots with a key their states. An entry that one has back stands beside it no more:
 * n_leaving or n_foreign of its key falls. */
void ties_state(const struct standing *s, struct plan *plan, size_t first);

/* Appends to plan->formers, which has room. */
void ties_former(const struct standing *s, struct plan *plan, size_t first);

/* Appends to plan->moves; each `from` is the entry's text yet. Returns 0 or -ENOMEM. */
MUST_CHECK int ties_move(const struct standing *s, struct plan *plan, size_t first);

/* Gives plan->moves texts of their own. Returns 0 or -ENOMEM. */
MUST_CHECK int ties_keep_texts(struct plan *plan);
