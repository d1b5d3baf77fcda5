/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ledger_internal - the ledger from inside
 *
 * Internal to policy/ledger. Owner of all: the ledger.
 */
#include "policy/ledger/digest.h"
#include "policy/ledger/ledger.h"
#include "policy/ledger/store.h"

/* The newest row of the history, or the one being written. */
struct ledger_head {
        uint64_t id;       /* 0: there is none */
        uint64_t revision; /* in force; 0: none */
        uint8_t hash[DIGEST_BYTES];
        uint8_t state[DIGEST_BYTES]; /* the sum over all that stands in the ledger; see chain.h */
        uint64_t n_rows;             /* of the history */
};

struct ledger {
        struct store *store;
        struct digest *digest;
        char *path; /* NULL: in memory */
        int lock;   /* the descriptor that holds it; -1: in memory */
        unsigned schema;
        struct ledger_head head;
};

/* ---- ledger.c ---- */

/* For a person who asks what is wrong. */
void why_say(char why[static LEDGER_WHY_MAX], const char *format, ...) PRINTF_LIKE(2, 3);

/* Brings a store to today's schema, if it is sound and ours. */
MUST_CHECK int store_accept(struct store *s, char why[static LEDGER_WHY_MAX]);

/* A ledger of a store that was accepted; it owns the store, unless this fails. */
MUST_CHECK int ledger_new(struct store *store, struct ledger **ret);

/* Reads what is kept of the newest row. */
MUST_CHECK int ledger_head_load(struct ledger *l);

/* ---- ledger_file.c: what is done beside SQLite ---- */

#define HEADER_BYTES 100 /* of a SQLite file (fileformat2, 1.3) */

/* 0: a ledger of ours may begin so. Else LEDGER_E_FOREIGN, _DAMAGED or _NEWER. */
MUST_CHECK int header_judge(const uint8_t *header, size_t length, char why[static LEDGER_WHY_MAX]);

/* The same for a file; LEDGER_E_MISSING where it is not there or empty. */
MUST_CHECK int header_check(const char *path, char why[static LEDGER_WHY_MAX]);

/* Takes the lock beside the ledger; it goes with the descriptor. */
MUST_CHECK int lock_take(const char *path, char why[static LEDGER_WHY_MAX], int *ret_fd);

/* Puts an empty ledger there, whole at once. */
MUST_CHECK int ledger_file_new(const char *path, char why[static LEDGER_WHY_MAX]);

/* ---- ledger_read.c ---- */

/* What a column says, or LEDGER_E_DAMAGED. NULL is the state -1. */
MUST_CHECK int state_read(struct query *q, int column, int *ret);
/* Terminated, without zero bytes inside; it stays until the next query_next(). */
MUST_CHECK int column_text(struct query *q, int column, const char **ret);
/* The same, in memory of its own. */
MUST_CHECK int text_copy(struct query *q, int column, char **ret);
/* Addresses with a blank between two, into the pin. */
MUST_CHECK int addresses_read(const char *text, struct pin *p);

MUST_CHECK int switch_read(struct query *q, struct ledger_switch *s);

/* An applied policy by the row that applied it. -ENOENT: there is none, or its files are gone. */
MUST_CHECK int revision_load(struct ledger *l, uint64_t revision, struct revision **ret);

/* Texts of many rows in one block, whose size is asked for beforehand. */
struct shelf {
        char *memory, *end;
        size_t n_rows; /* rows */
        size_t n_bytes_left;
};

#define SHELF_MAX_BYTES ((int64_t)1 << 30)

/* Takes the numbers of rows and of bytes from the two columns of the only row, and ends it. */
MUST_CHECK int shelf_count(struct query *q, struct shelf *s);
/* Keeps a text. LEDGER_E_DAMAGED where there is more than was said. */
MUST_CHECK int shelf_put(struct shelf *s, struct query *q, int column, const char **ret);

static inline void shelf_done(struct shelf *s)
{
        free(s->memory);
}
