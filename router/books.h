/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * books - the daemon's side of the ledger
 *
 * Opens it, makes snapshots of what it says, runs operations on it, and writes down what calls have
 * shown (evidence). Main thread only. A ledger that cannot be written keeps nothing from serving:
 * evidence waits until it can.
 */
#include "policy/operation/operation.h"
#include "router/config.h"
#include "router/snapshot.h"

struct crew;

/* What has failed, and has not succeeded since. */
struct setback {
        uint64_t at_ms; /* 0: there is none */
        char *error;    /* NULL: no memory for it */
};

struct books {
        const struct config *config;
        struct ledger *ledger;
        struct operation_host host;
        struct operation_hooks hooks;
        struct origins *origins;
        struct crew *crew;         /* for its counts; NULL: there are none */
        struct snapshot *snapshot; /* that serves; borrowed */
        enum entry_state *known;   /* of its slots: see evidence.h; NULL: nothing */
        struct policy *prepared;   /* of an apply that is being committed; NULL: none */
        struct vault *prepared_vault;
        struct setback take_back; /* of what waits for its confirmation; for operations to tell */
        struct setback reload;    /* of the policy in force and its credentials */
};

/*
 * Opens the ledger of the configuration, made where there is none. Returns 0, a LEDGER_E_x with
 * *why, or a negative errno. books_done() in any case.
 */
MUST_CHECK int books_open(struct books *b, const struct config *config, struct origins *origins,
                          char why[static LEDGER_WHY_MAX]);
void books_done(struct books *b);

/*
 * A snapshot of what the ledger says now, and evidence that it does not know yet. `old` gives
 * health and budgets; policy and credentials too, where it is the same policy and `fresh` is not
 * asked for. Returns 0, -EINVAL where the findings
 * say why, another negative errno or a LEDGER_E_x.
 */
MUST_CHECK int books_snapshot(struct books *b, struct snapshot *old, bool fresh, struct diag *d,
                              struct snapshot **ret);

/* `s` serves from now on: evidence is of its slots. */
void books_serve(struct books *b, struct snapshot *s);

/* Writes down what health knows and the ledger does not. Returns 0, a LEDGER_E_x or a negative
 * errno: then it is still to be written. */
MUST_CHECK int books_evidence(struct books *b);

/* The apply whose parts were kept is over, however it ended. */
void books_forget_prepared(struct books *b);

/* It has failed now: the sentence (NULL: not known), and where somebody has to look. */
void setback_note(struct setback *s, struct place at, const char *error);
void setback_forget(struct setback *s);

/* What the workers have counted so far. */
struct traffic_counts books_traffic(const struct books *b);
