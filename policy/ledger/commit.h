/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * commit - one transaction under way
 *
 * Internal to policy/ledger. Each part writes what the change says of it, and takes it to the state
 * that the new row vouches for. Nothing of the ledger in memory changes before the end.
 */
#include "policy/ledger/chain.h"

struct commit {
        struct ledger *l;
        const struct change *c;
        struct ledger_head before; /* what the row goes on from */
        struct ledger_head next;   /* the row */

        /* the row, as it is kept */
        char who[LEDGER_WHO_MAX + 1], what[LEDGER_WHO_MAX + 1];
        char why[LEDGER_TEXT_MAX + 1], summary[LEDGER_TEXT_MAX + 1];

        /* the policy in force behind it */
        struct seal seal;
        char digest[DIGEST_TEXT_MAX];
        char router[ADDR_TEXT_MAX];
};

/* ---- commit_entries.c ---- */

/* May such an entry stand there in that state? -1: may it be named at all? */
bool entry_is_good(const char *provider, const char *key, const char *host, int state);
MUST_CHECK int commit_entries(struct commit *t);
MUST_CHECK int commit_moves(struct commit *t);

/* ---- commit_rest.c ---- */

bool pin_is_good(const struct pin *p);
bool switch_is_good(const char *name);

/* With a blank between two. */
#define PIN_ADDRESSES_MAX (PIN_MAX_ADDRESSES * ADDR_TEXT_MAX)
void addresses_format(const struct pin *p, char text[static PIN_ADDRESSES_MAX]);

MUST_CHECK int commit_policy(struct commit *t);
MUST_CHECK int commit_pins(struct commit *t);
MUST_CHECK int commit_switches(struct commit *t);
MUST_CHECK int commit_pending(struct commit *t);

/* ---- keep.c: what is beyond the bounds ---- */
MUST_CHECK int keep_history(struct commit *t);
MUST_CHECK int keep_policies(struct commit *t);

/* ---- ledger_commit.c ---- */

/* Writes the row for what has been done in the transaction, as the change words it. */
MUST_CHECK int commit_row(struct commit *t);
/* Closes the transaction. The ledger knows of it then. */
MUST_CHECK int commit_end(struct commit *t);
