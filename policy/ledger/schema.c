/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/ledger/schema.h"

#include "lib/base/fault.h"
#include "policy/ledger/ledger.h"

#include <errno.h>
#include <stdio.h>

/* Not by IN: SQLite would build a table of it anew for each row that is written. */
#define IS_STATE                                                                    \
        "state = 'wanted' OR state = 'propagating' OR state = 'live' OR"            \
        " state = 'suspended' OR state = 'leaving' OR state = 'foreign'"
#define IS_HELD "state <> 'leaving' AND state <> 'foreign'"

/*
 * history.state is the sum over all that stood in the ledger behind the row (see chain.h); anchor
 * is what the oldest row kept is chained to, once older ones have gone. A revision without
 * assignment has lost its files to the bound.
 */
static const char step_1[] =
        "CREATE TABLE anchor ("
        " only INTEGER PRIMARY KEY CHECK (only = 1),"
        " row INTEGER NOT NULL,"
        " hash BLOB NOT NULL CHECK (length(hash) = 32)) STRICT;"
        "CREATE TABLE revision ("
        " id INTEGER PRIMARY KEY CHECK (id > 0),"
        " at_us INTEGER NOT NULL,"
        " digest TEXT NOT NULL,"
        " router TEXT NOT NULL,"
        " assignment TEXT,"
        " content_digest BLOB NOT NULL CHECK (length(content_digest) = 32)) STRICT;"
        "CREATE TABLE revision_file ("
        " revision INTEGER NOT NULL REFERENCES revision (id) ON DELETE CASCADE,"
        " position INTEGER NOT NULL,"
        " role TEXT NOT NULL,"
        " path TEXT NOT NULL,"
        " text BLOB NOT NULL,"
        " PRIMARY KEY (revision, position)) STRICT;"
        "CREATE TABLE history ("
        " id INTEGER PRIMARY KEY CHECK (id > 0),"
        " at_us INTEGER NOT NULL,"
        " who TEXT NOT NULL,"
        " what TEXT NOT NULL,"
        " why TEXT NOT NULL,"
        " summary TEXT NOT NULL,"
        " revision INTEGER REFERENCES revision (id),"
        " state BLOB NOT NULL CHECK (length(state) = 32),"
        " hash BLOB NOT NULL CHECK (length(hash) = 32)) STRICT;"
        "CREATE INDEX history_revision ON history (revision);"
        "CREATE TABLE history_move ("
        " row INTEGER NOT NULL REFERENCES history (id) ON DELETE CASCADE,"
        " position INTEGER NOT NULL,"
        " provider TEXT NOT NULL,"
        " key TEXT NOT NULL,"
        " host TEXT NOT NULL,"
        " from_state TEXT,"
        " to_state TEXT,"
        " added_us INTEGER NOT NULL,"
        " live_us INTEGER NOT NULL,"
        " PRIMARY KEY (row, position)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE entry ("
        " provider TEXT NOT NULL,"
        " key TEXT NOT NULL,"
        " host TEXT NOT NULL,"
        " state TEXT NOT NULL CHECK (" IS_STATE "),"
        " since_us INTEGER NOT NULL,"
        " added_us INTEGER NOT NULL,"
        " live_us INTEGER NOT NULL,"
        " PRIMARY KEY (provider, key, host)) STRICT, WITHOUT ROWID;"
        "CREATE UNIQUE INDEX entry_held ON entry (provider, host) WHERE " IS_HELD ";";

static const char step_2[] = "CREATE TABLE pin ("
                             " name TEXT PRIMARY KEY NOT NULL,"
                             " addresses TEXT NOT NULL," /* ascending, a blank between two */
                             " at_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;";

static const char step_3[] =
        "CREATE TABLE switched_off ("
        " name TEXT PRIMARY KEY NOT NULL,"
        " who TEXT NOT NULL,"
        " why TEXT NOT NULL,"
        " at_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
        "CREATE TABLE pending ("
        " only INTEGER PRIMARY KEY CHECK (only = 1),"
        " revision INTEGER NOT NULL REFERENCES revision (id),"
        " previous INTEGER REFERENCES revision (id)," /* NULL: no policy at all */
        " deadline_us INTEGER NOT NULL) STRICT;";

static const char *const steps[] = { step_1, step_2, step_3 };
static_assert(N_ELEMENTS(steps) == SCHEMA_VERSION, "a step for each version");

int schema_version(struct store *s, unsigned *ret)
{
        int64_t version = 0;
        int r = store_number(s, "PRAGMA user_version", &version);

        if (r)
                return r;
        if (version < 0 || version > UINT32_MAX)
                return LEDGER_E_DAMAGED;
        *ret = (unsigned)version;
        return 0;
}

static int steps_run(struct store *s, unsigned version)
{
        unsigned now;
        char mark[128];
        int r = schema_version(s, &now);

        if (r)
                return r;
        for (; now < version; now++) {
                r = store_run(s, steps[now]);
                if (r)
                        return r;
        }
        snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %u",
                 LEDGER_APPLICATION_ID, version);
        return store_run(s, mark);
}

int schema_raise(struct store *s, unsigned version)
{
        int r;

        assert(version <= SCHEMA_VERSION);
        r = store_begin(s);
        if (r)
                return r;
        r = steps_run(s, version);
        if (r) {
                store_rollback(s);
                return r;
        }
        return store_commit(s);
}

/* The same text for the same tables. */
static int schema_text(struct store *s, char **ret, size_t *ret_length)
{
        CLEANUP(query_endp) struct query *q = NULL;
        CLEANUP(freep) char *text = NULL;
        size_t size = 0;
        FILE *out;
        int r = store_query(s,
                            "SELECT type, name, tbl_name, sql FROM main.sqlite_schema"
                            " ORDER BY type, name",
                            &q);

        if (r)
                return r;
        out = open_memstream(&text, &size);
        if (!out)
                return fault(-ENOMEM);
        while (query_next(q)) {
                for (int i = 0; i < 4; i++) {
                        struct slice part = query_bytes(q, i);

                        fprintf(out, "%zu:", part.length);
                        fwrite(part.data ? part.data : "", 1, part.length, out);
                }
        }
        if (fclose(out) != 0)
                return fault(-ENOMEM);
        r = query_end(q);
        if (r)
                return r;
        *ret = TAKE(text);
        *ret_length = size;
        return 0;
}

int schema_check(struct store *s, unsigned version)
{
        CLEANUP(store_freep) struct store *model = NULL;
        CLEANUP(freep) char *wanted = NULL, *found = NULL;
        size_t n_wanted = 0, n_found = 0;
        int r = store_open_memory(&model);

        if (r == 0)
                r = schema_raise(model, version);
        if (r == 0)
                r = schema_text(model, &wanted, &n_wanted);
        if (r == 0)
                r = schema_text(s, &found, &n_found);
        if (r)
                return r;
        return n_wanted == n_found && memcmp(wanted, found, n_found) == 0 ? 0 : LEDGER_E_DAMAGED;
}
