/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * rig - a folder for one test, with a ledger in it, and changes in few words
 *
 * Any failure stops the test at once. What is made here goes with rig_done().
 */
#include "policy/ledger/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct rig {
        char folder[96];
        char path[128]; /* of the ledger */
        char why[LEDGER_WHY_MAX];
        struct ledger *l; /* NULL: not open */
};

void rig_init(struct rig *g);
/* Closes, and removes the folder with all that is in it. */
void rig_done(struct rig *g);

/* Opens or makes the ledger of the rig. */
void rig_open(struct rig *g);
void rig_close(struct rig *g);

/* What ledger_open() says of a path; one that opens is closed again. */
int rig_try(struct rig *g, const char *path, unsigned flags);

/* "provider key host"; from and to by name, "" for nothing. */
struct entry_move move_of(const char *name, const char *from, const char *to);

/* Commits at whatever row the ledger stands, by "tester"; returns the new row's number. */
uint64_t moves_commit(struct ledger *l, const struct entry_move *moves, size_t n, int64_t at_us);
#define COMMIT(l, at_us, ...)                                         \
        moves_commit((l), (const struct entry_move[]){ __VA_ARGS__ }, \
                     N_ELEMENTS(((const struct entry_move[]){ __VA_ARGS__ })), (at_us))
/* Applies a policy of one file with that text, and an assignment; nothing waits behind it. */
uint64_t policy_commit(struct ledger *l, const char *text, const char *assignment,
                       const struct entry_move *moves, size_t n_moves, int64_t at_us);

/* A bit of everything: a policy, entries in each state, pins, switches, an apply that waits. */
void ledger_fill(struct ledger *l);

/* The same as far as a ledger of the first version can hold it. */
void ledger_fill_first(struct ledger *l);

/* Runs SQL on a closed ledger, as a person would with sqlite3, and leaves one file. */
void ledger_alter(const char *path, const char *sql);
/* Holds a closed ledger open, as such a person does. */
void *sqlite_hold(const char *path);
void sqlite_let_go(void *holder);
/* Copies the log that a later version of keyrouter, not yet closed, would have left. */
void log_of_version(const char *path, const char *log);
/* Makes a closed ledger one of an older version: what that did not know goes. */
void ledger_age(const char *path, unsigned version);

/* All that a ledger holds, as text. Owner: the caller. */
char *ledger_dump(struct ledger *l);

/* The flaws that ledger_verify() finds, a line each; "" for none. Owner: the caller. */
char *ledger_flaws(struct ledger *l);

/* Files as bytes. */
void *file_bytes_read(const char *path, size_t *ret_length);
void file_bytes_write(const char *path, const void *bytes, size_t length);

/* xorshift64*: the same numbers on every machine. */
uint64_t rig_random(uint64_t *state, uint64_t below);
