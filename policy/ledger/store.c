/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file is first opened as it may turn out not to be ours: nothing is written then, not even when
 * it is closed. In locking mode EXCLUSIVE, set before the first access, SQLite keeps the index of
 * its log on the heap: there is no -shm file, and reading needs no space on the disk.
 */
#include "policy/ledger/store.h"

#include "lib/base/fault.h"
#include "policy/ledger/ledger.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>

#define MAX_QUERIES 64
#define CACHE_KEPT_BYTES (8 * 1024 * 1024) /* between two transactions */

/* How far the header of a file in a log's mode and one in a journal's differ (fileformat2, 1.3.3). */
#define HEADER_VERSIONS 18
#define HEADER_MIN 20

struct query {
        struct store *store;
        sqlite3_stmt *statement;
        const char *sql;
        int n_put;
        int result; /* of what went wrong */
        bool is_busy;
};

struct store {
        sqlite3 *db;
        struct query queries[MAX_QUERIES];
        size_t n_queries;
        bool has_transaction;
        bool is_file;
        bool is_settled; /* and has a log */
        bool is_torn;    /* a commit may lie in the log that failed */
        char complaint[256];
};

/* ---- what SQLite says ---- */

int errno_result(int error)
{
        switch (error) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
                return LEDGER_E_FULL;
        case EACCES:
        case EPERM:
        case EROFS:
                return LEDGER_E_DENIED;
        case ENOENT:
                return LEDGER_E_MISSING;
        default:
                return fault(error > 0 ? -error : -EIO);
        }
}

/*
 * The errno of a failed call to the system. sqlite3_system_errno() would tell an older one: a commit
 * that fails does not set it (3.40). What SQLite does behind the failure succeeds, or fails alike.
 */
static int code_result(int code)
{
        switch (code) {
        case SQLITE_IOERR_NOMEM:
                return fault(-ENOMEM);
        case SQLITE_IOERR_SHORT_READ:
        case SQLITE_IOERR_CORRUPTFS:
        case SQLITE_IOERR_DATA:
                return LEDGER_E_DAMAGED;
        }
        switch (code & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
                return 0;
        case SQLITE_NOMEM:
                return fault(-ENOMEM);
        case SQLITE_FULL:
                return LEDGER_E_FULL;
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
                return LEDGER_E_DENIED;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return LEDGER_E_LOCKED;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_SCHEMA:
        case SQLITE_ERROR: /* our own statements are right: the tables are not as they were made */
                return LEDGER_E_DAMAGED;
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
                return errno_result(errno);
        case SQLITE_TOOBIG:
                return fault(-E2BIG);
        case SQLITE_CONSTRAINT:
                return fault(-EEXIST);
        default:
                return fault(-EIO);
        }
}

/* Notes the words too: what happens next (a rollback) would have its own. */
static int store_result(struct store *s, int code)
{
        int r = code_result(code);

        if (r == LEDGER_E_FULL || (code & 0xff) == SQLITE_IOERR)
                s->is_torn = true;
        if (r)
                snprintf(s->complaint, sizeof(s->complaint), "%s",
                         s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(code));
        return r;
}

const char *store_complaint(const struct store *s)
{
        return s->complaint;
}

/* ---- opening ---- */

static void store_limit(struct store *s)
{
        static const struct {
                int what, most;
        } limits[] = {
                { SQLITE_LIMIT_LENGTH, 64 * 1024 * 1024 },
                { SQLITE_LIMIT_SQL_LENGTH, 64 * 1024 },
                { SQLITE_LIMIT_COLUMN, 64 },
                { SQLITE_LIMIT_EXPR_DEPTH, 64 },
                { SQLITE_LIMIT_COMPOUND_SELECT, 16 },
                { SQLITE_LIMIT_VDBE_OP, 100000 },
                { SQLITE_LIMIT_FUNCTION_ARG, 8 },
                { SQLITE_LIMIT_ATTACHED, 1 },
                { SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 64 },
                { SQLITE_LIMIT_VARIABLE_NUMBER, 32 },
                { SQLITE_LIMIT_TRIGGER_DEPTH, 8 },
                { SQLITE_LIMIT_WORKER_THREADS, 0 },
        };

        for (size_t i = 0; i < N_ELEMENTS(limits); i++)
                sqlite3_limit(s->db, limits[i].what, limits[i].most);
}

static int store_configure(struct store *s)
{
        static const struct {
                int what, value;
        } settings[] = {
                { SQLITE_DBCONFIG_DEFENSIVE, 1 },
                { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
                { SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0 },
                { SQLITE_DBCONFIG_ENABLE_FKEY, 1 },
                { SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
                { SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
                { SQLITE_DBCONFIG_DQS_DML, 0 },
                { SQLITE_DBCONFIG_DQS_DDL, 0 },
                { SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1 },
        };

        store_limit(s);
        for (size_t i = 0; i < N_ELEMENTS(settings); i++) {
                int code = sqlite3_db_config(s->db, settings[i].what, settings[i].value, NULL);

                if (code != SQLITE_OK)
                        return store_result(s, code);
        }
        return store_run(s, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY;"
                            "PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON;"
                            "PRAGMA cache_size = -2000; PRAGMA mmap_size = 0");
}

static int store_make(const char *name, int flags, struct store **ret)
{
        CLEANUP(store_freep) struct store *s = calloc(1, sizeof(*s));
        int code, r;

        if (!s)
                return fault(-ENOMEM);
        errno = 0;
        code = sqlite3_open_v2(name, &s->db,
                               flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                                       SQLITE_OPEN_EXRESCODE,
                               NULL);
        if (code != SQLITE_OK)
                return store_result(s, code);
        /* Where it may not write, SQLite opens for reading and would say so much later. */
        if (sqlite3_db_readonly(s->db, "main") == 1)
                return LEDGER_E_DENIED;
        r = store_configure(s);
        if (r)
                return r;
        *ret = TAKE(s);
        return 0;
}

int store_open(const char *path, struct store **ret)
{
        CLEANUP(store_freep) struct store *s = NULL;
        int r = store_make(path, 0, &s);

        if (r)
                return r;
        s->is_file = true;
        *ret = TAKE(s);
        return 0;
}

int store_open_memory(struct store **ret)
{
        return store_make(":memory:", SQLITE_OPEN_MEMORY, ret);
}

/* A copy in SQLite's memory. It cannot have a log there, so its header must not ask for one. */
static unsigned char *bytes_copy(const void *bytes, size_t length)
{
        unsigned char *copy = sqlite3_malloc64(length ? length : 1);

        if (!copy)
                return NULL;
        memcpy(copy, bytes, length);
        if (length >= HEADER_MIN && copy[HEADER_VERSIONS] == 2 && copy[HEADER_VERSIONS + 1] == 2)
                copy[HEADER_VERSIONS] = copy[HEADER_VERSIONS + 1] = 1;
        return copy;
}

static int store_deserialize(struct store *s, const char *schema, const void *bytes, size_t length,
                             unsigned flags)
{
        unsigned char *copy = bytes_copy(bytes, length);
        int code;

        if (!copy)
                return fault(-ENOMEM);
        /* It takes the copy, also where it fails. */
        code = sqlite3_deserialize(s->db, schema, copy, (sqlite3_int64)length,
                                   (sqlite3_int64)length, SQLITE_DESERIALIZE_FREEONCLOSE | flags);
        return store_result(s, code);
}

int store_open_bytes(const void *bytes, size_t length, struct store **ret)
{
        CLEANUP(store_freep) struct store *s = NULL;
        int r = store_open_memory(&s);

        if (r == 0)
                r = store_deserialize(s, "main", bytes, length, SQLITE_DESERIALIZE_RESIZEABLE);
        if (r == 0)
                *ret = TAKE(s);
        return r;
}

void store_free(struct store *s)
{
        store_rollback(s);
        for (size_t i = 0; i < s->n_queries; i++)
                sqlite3_finalize(s->queries[i].statement);
        sqlite3_close(s->db);
        free(s);
}

int store_settle(struct store *s)
{
        struct query *q;
        bool has_log;
        int r;

        if (!s->is_file)
                return 0;
        r = store_query(s, "PRAGMA journal_mode = WAL", &q);
        if (r)
                return r;
        has_log = query_next(q) && slice_is(query_bytes(q, 0), "wal");
        r = query_end(q);
        if (r)
                return r;
        if (!has_log)
                return fault(-EOPNOTSUPP);
        r = store_run(s, "PRAGMA journal_size_limit = 4194304");
        if (r)
                return r;
        s->is_settled = true;
        return store_result(s, sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL));
}

/* ---- statements without parameters ---- */

int store_run(struct store *s, const char *sql)
{
        errno = 0;
        return store_result(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

int store_number(struct store *s, const char *sql, int64_t *ret)
{
        CLEANUP(query_endp) struct query *q = NULL;
        int64_t number = 0;
        bool is_there;
        int r = store_query(s, sql, &q);

        if (r)
                return r;
        is_there = query_next(q);
        if (is_there)
                number = query_number(q, 0);
        r = query_end(TAKE(q));
        if (r)
                return r;
        if (!is_there)
                return -ENOENT;
        *ret = number;
        return 0;
}

/* ---- transactions ---- */

/* What a large change has brought into memory is given back. */
static void store_relax(struct store *s)
{
        int used = 0, highest = 0;

        if (sqlite3_db_status(s->db, SQLITE_DBSTATUS_CACHE_USED, &used, &highest, 0) == SQLITE_OK &&
            used > CACHE_KEPT_BYTES)
                sqlite3_db_release_memory(s->db);
}

int store_begin(struct store *s)
{
        int has_moved = 0, r;

        assert(!s->has_transaction);
        if (s->is_file)
                sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
        if (has_moved) {
                snprintf(s->complaint, sizeof(s->complaint), "the file is no longer there");
                return LEDGER_E_MISSING;
        }
        s->is_torn = false;
        r = store_run(s, "BEGIN");
        s->has_transaction = r == 0;
        return r;
}

void store_rollback(struct store *s)
{
        if (!s->has_transaction)
                return;
        s->has_transaction = false;
        for (size_t i = 0; i < s->n_queries; i++)
                (void)query_end(&s->queries[i]);
        /* After some errors SQLite has rolled back itself. */
        if (!sqlite3_get_autocommit(s->db))
                sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
        /* A commit whose sync failed lies in the log whole: whoever came next would find it. */
        if (s->is_settled && s->is_torn)
                sqlite3_wal_checkpoint_v2(s->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        store_relax(s);
}

int store_commit(struct store *s)
{
        int r;

        assert(s->has_transaction);
        r = store_run(s, "COMMIT");
        if (r) {
                store_rollback(s);
                return r;
        }
        s->has_transaction = false;
        store_relax(s);
        return 0;
}

/* ---- bytes ---- */

int store_bytes(struct store *s, void **ret, size_t *ret_length)
{
        sqlite3_int64 length = 0;
        unsigned char *bytes, *copy;

        errno = 0;
        bytes = sqlite3_serialize(s->db, "main", &length, 0);
        if (!bytes)
                return store_result(s, sqlite3_errcode(s->db) == SQLITE_OK
                                               ? SQLITE_NOMEM
                                               : sqlite3_errcode(s->db));
        copy = malloc((size_t)length);
        if (copy)
                memcpy(copy, bytes, (size_t)length);
        sqlite3_free(bytes);
        if (!copy)
                return fault(-ENOMEM);
        if (length >= HEADER_MIN)
                copy[HEADER_VERSIONS] = copy[HEADER_VERSIONS + 1] = 1; /* it has no log beside it */
        *ret = copy;
        *ret_length = (size_t)length;
        return 0;
}

int store_attach(struct store *s, void *bytes, size_t length)
{
        int r = store_run(s, "ATTACH DATABASE ':memory:' AS backup");

        if (r)
                return r;
        r = store_deserialize(s, "backup", bytes, length, SQLITE_DESERIALIZE_READONLY);
        if (r)
                store_detach(s);
        return r;
}

void store_detach(struct store *s)
{
        /* What is prepared may name it. */
        for (size_t i = 0; i < s->n_queries; i++)
                sqlite3_finalize(s->queries[i].statement);
        s->n_queries = 0;
        sqlite3_exec(s->db, "DETACH DATABASE backup", NULL, NULL, NULL);
}

/* ---- statements ---- */

int store_query(struct store *s, const char *sql, struct query **ret)
{
        struct query *q = s->queries;
        int code;

        while (q < s->queries + s->n_queries && q->sql != sql)
                q++;
        if (q == s->queries + s->n_queries) {
                assert(s->n_queries < MAX_QUERIES);
                *q = (struct query){ .store = s, .sql = sql };
                errno = 0;
                code = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &q->statement,
                                          NULL);
                if (code != SQLITE_OK)
                        return store_result(s, code);
                s->n_queries++;
        }
        assert(!q->is_busy);
        q->is_busy = true;
        q->n_put = q->result = 0;
        *ret = q;
        return 0;
}

static void query_keep(struct query *q, int code)
{
        if (code != SQLITE_OK && q->result == 0)
                q->result = store_result(q->store, code);
}

void query_put_number(struct query *q, int64_t number)
{
        query_keep(q, sqlite3_bind_int64(q->statement, ++q->n_put, number));
}

void query_put_text(struct query *q, const char *text)
{
        size_t length = text ? strlen(text) : 0;

        query_keep(q, sqlite3_bind_text64(q->statement, ++q->n_put, text, length, SQLITE_STATIC,
                                          SQLITE_UTF8));
}

void query_put_blob(struct query *q, const void *bytes, size_t length)
{
        /* A NULL pointer would be NULL. */
        query_keep(q, sqlite3_bind_blob64(q->statement, ++q->n_put, length ? bytes : "", length,
                                          SQLITE_STATIC));
}

bool query_next(struct query *q)
{
        int code;

        assert(q->is_busy);
        if (q->result)
                return false;
        errno = 0;
        code = sqlite3_step(q->statement);
        if (code == SQLITE_ROW)
                return true;
        if (code != SQLITE_DONE)
                q->result = store_result(q->store, code);
        return false;
}

int query_end(struct query *q)
{
        if (!q->is_busy)
                return 0;
        sqlite3_reset(q->statement);
        sqlite3_clear_bindings(q->statement);
        q->is_busy = false;
        return q->result;
}

int query_run(struct query *q)
{
        while (query_next(q))
                ;
        return query_end(q);
}

int64_t store_n_changed(const struct store *s)
{
        return sqlite3_changes64(s->db);
}

int64_t query_number(struct query *q, int column)
{
        return sqlite3_column_int64(q->statement, column);
}

bool query_is_null(struct query *q, int column)
{
        return sqlite3_column_type(q->statement, column) == SQLITE_NULL;
}

struct slice query_bytes(struct query *q, int column)
{
        const void *data;

        if (query_is_null(q, column))
                return (struct slice){ NULL, 0 };
        if (sqlite3_column_type(q->statement, column) == SQLITE_BLOB) {
                data = sqlite3_column_blob(q->statement, column);
                if (!data)
                        data = ""; /* of no length */
        } else {
                data = sqlite3_column_text(q->statement, column);
        }
        if (!data)
                query_keep(q, SQLITE_NOMEM);
        return (struct slice){ data ? data : "",
                               data ? (size_t)sqlite3_column_bytes(q->statement, column) : 0 };
}
