/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * evidence - what calls have shown of slots, and the ledger does not say yet
 *
 * A slot whose key the vendor took becomes live, one that was live and was refused is suspended.
 * Calls speak of the entry as it was when the snapshot began to serve, or as evidence has made it
 * since: that is what is known of it. An entry that stands otherwise has been changed by somebody,
 * who knew better; a new snapshot, with a health that begins there, is on its way.
 */
#include "policy/ledger/ledger.h"
#include "router/health.h"

/* Of each slot of a plan: how its entry stands, and N_ENTRY_STATES where it has none on its key.
 * Owner of *ret: the caller, free(). Returns 0 or -ENOMEM. */
MUST_CHECK int known_new(const struct plan *plan, const struct entry_set *entries,
                         enum entry_state **ret);

/* An entry that calls show to be otherwise. */
struct sign {
        size_t slot, entry; /* in the plan, in the entries */
        enum entry_state to;
};

struct evidence {
        struct sign *signs;
        size_t n, n_live, n_suspended;
};

/* `plan` and its health against what is known and the entries now. Returns 0 or -ENOMEM;
 * evidence_done() in any case. */
MUST_CHECK int evidence_find(const struct plan *plan, struct health *health,
                             const enum entry_state *known, const struct entry_set *entries,
                             struct evidence *e);
void evidence_done(struct evidence *e);

/* The entries as they would be with it. */
void evidence_lay_over(const struct evidence *e, struct entry_set *entries, int64_t now_us);

/* Writes it as one row; it is known then. Returns what ledger_commit() does. */
MUST_CHECK int evidence_commit(const struct evidence *e, const struct entry_set *entries,
                               struct ledger *ledger, int64_t now_us, enum entry_state *known);
