/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * store - one SQLite database, and statements over it
 *
 * Internal to policy/ledger, and its only part that knows SQLite. What a function returns is 0, an
 * answer of ledger.h, or a negative errno.
 *
 * A statement is asked as a file is read: query_next() until it is false, then query_end() says
 * whether that was the end or a failure. An error while parameters are put is kept until then.
 */
#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct store;
struct query;

/* What an errno of the system means for a ledger: an answer, or itself as a negative errno. */
int errno_result(int error);

/* The file, which must be there; it is held alone from the first access on, and left as it is until
 * store_settle(). */
MUST_CHECK int store_open(const char *path, struct store **ret);
/* An empty one in memory. */
MUST_CHECK int store_open_memory(struct store **ret);
/* A copy of the bytes of a file, in memory. */
MUST_CHECK int store_open_bytes(const void *bytes, size_t length, struct store **ret);
void store_free(struct store *s);
DEFINE_FREEP(struct store, store_free);

/* It is ours and sound: from here on a file has a log (WAL), which goes into it in time. */
MUST_CHECK int store_settle(struct store *s);

/* Runs statements that need no parameters and whose rows are of no interest. */
MUST_CHECK int store_run(struct store *s, const char *sql);
/* The first column of the first row; no row: -ENOENT. */
MUST_CHECK int store_number(struct store *s, const char *sql, int64_t *ret);

/*
 * One transaction at a time; LEDGER_E_MISSING where the file has been removed or replaced, so that
 * what is written would be lost. A commit that fails is taken back, and so is what it may have left in
 * the log, as far as the disk lets us: the store is then as it was before.
 */
MUST_CHECK int store_begin(struct store *s);
MUST_CHECK int store_commit(struct store *s);
void store_rollback(struct store *s);

/* The words of SQLite for what failed last. */
const char *store_complaint(const struct store *s);

/* The whole as bytes of a file that stands alone. Owner of *ret: the caller. */
MUST_CHECK int store_bytes(struct store *s, void **ret, size_t *ret_length);
/* Shows such bytes as a second schema, "backup", read-only; outside of transactions. */
MUST_CHECK int store_attach(struct store *s, void *bytes, size_t length);
void store_detach(struct store *s);

/*
 * A statement, kept prepared under the address of `sql`: that must be a literal. The same must not
 * be in use already.
 */
MUST_CHECK int store_query(struct store *s, const char *sql, struct query **ret);

/* Parameters, in their order. Texts and blobs must stay until query_end(). */
void query_put_number(struct query *q, int64_t number);
void query_put_text(struct query *q, const char *text); /* NULL: NULL */
void query_put_blob(struct query *q, const void *bytes, size_t length);

bool query_next(struct query *q);
/* Ready for use again. Returns what went wrong, or 0. */
int query_end(struct query *q);
/* Runs a statement without rows to its end. */
MUST_CHECK int query_run(struct query *q);

/* Rows that the last query_run() has touched. */
int64_t store_n_changed(const struct store *s);

static inline void query_endp(struct query **q)
{
        if (*q)
                (void)query_end(*q);
}

/* Columns of the row that query_next() has found; the bytes stay until the next call. */
int64_t query_number(struct query *q, int column);
bool query_is_null(struct query *q, int column);
/* Data is NULL for NULL. A text is terminated behind its length. */
struct slice query_bytes(struct query *q, int column);
