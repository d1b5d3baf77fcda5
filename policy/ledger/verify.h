/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * verify - a reading of all that a ledger holds
 *
 * Internal to policy/ledger. A check tells its flaws and goes on; what it returns says that it
 * could not read on.
 */
#include "policy/ledger/chain.h"

struct verify {
        struct ledger *l;
        void (*tell)(void *context, const char *flaw);
        void *context;
        size_t n_flaws;

        /* found by the checks, for those behind them */
        struct entry_set *entries;
        uint8_t state[DIGEST_BYTES]; /* the sum over what stands there */
};

void flaw_tell(struct verify *v, const char *format, ...) PRINTF_LIKE(2, 3);

/* ---- verify_history.c ---- */
MUST_CHECK int verify_chain(struct verify *v);
MUST_CHECK int verify_policies(struct verify *v);
MUST_CHECK int verify_pending(struct verify *v);

/* ---- verify_entries.c ---- */
MUST_CHECK int verify_entries(struct verify *v);
MUST_CHECK int verify_pins(struct verify *v);
MUST_CHECK int verify_switches(struct verify *v);
/* Behind the three above and verify_pending(). */
MUST_CHECK int verify_state(struct verify *v);
MUST_CHECK int verify_assignment(struct verify *v);
