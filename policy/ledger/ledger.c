/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening asks in this order, so that what is not ours is not touched: is it there, does it begin
 * as ours, is it free, does SQLite find it sound, are its tables the ones that we make. Only then
 * is anything written.
 */
#include "lib/base/fault.h"
#include "policy/ledger/ledger_internal.h"
#include "policy/ledger/schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

/* SQLite's quick check reads all of it: 0.1 s for so much. ledger_verify() has no such bound. */
#define QUICK_CHECK_MAX_BYTES ((uint64_t)64 * 1024 * 1024)

const char *ledger_explain(int answer)
{
        switch (answer) {
        case LEDGER_E_MISSING:
                return "there is no ledger";
        case LEDGER_E_LOCKED:
                return "another process holds the ledger";
        case LEDGER_E_FOREIGN:
                return "the file is not a ledger of keyrouter";
        case LEDGER_E_DAMAGED:
                return "the ledger is damaged";
        case LEDGER_E_NEWER:
                return "the ledger is of a later version of keyrouter";
        case LEDGER_E_FULL:
                return "there is no space left for the ledger";
        case LEDGER_E_DENIED:
                return "the ledger may not be written";
        case LEDGER_E_STALE:
                return "the ledger has changed meanwhile";
        default:
                return answer < 0 ? strerror(-answer) : "nothing is wrong with the ledger";
        }
}

void why_say(char why[static LEDGER_WHY_MAX], const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(why, LEDGER_WHY_MAX, format, arguments);
        va_end(arguments);
}

/* ---- the newest row ---- */

static int bytes_read(struct query *q, int column, uint8_t ret[static DIGEST_BYTES])
{
        struct slice bytes = query_bytes(q, column);

        if (bytes.length != DIGEST_BYTES)
                return LEDGER_E_DAMAGED;
        memcpy(ret, bytes.data, DIGEST_BYTES);
        return 0;
}

static int row_read(struct query *q, struct ledger_head *head)
{
        int r = bytes_read(q, 2, head->hash);

        if (r == 0)
                r = bytes_read(q, 3, head->state);
        head->id = (uint64_t)query_number(q, 0);
        head->revision = (uint64_t)query_number(q, 1);
        return r;
}

int ledger_head_load(struct ledger *l)
{
        CLEANUP(query_endp) struct query *q = NULL;
        struct ledger_head head = { .id = 0 };
        int64_t n_rows = 0;
        int r = store_query(
                l->store, "SELECT id, revision, hash, state FROM history ORDER BY id DESC LIMIT 1",
                &q);

        if (r)
                return r;
        if (query_next(q))
                r = row_read(q, &head);
        if (r == 0)
                r = query_end(q);
        if (r == 0)
                r = store_number(l->store, "SELECT count(*) FROM history", &n_rows);
        if (r)
                return r;
        head.n_rows = (uint64_t)n_rows;
        l->head = head;
        return 0;
}

uint64_t ledger_head(const struct ledger *l)
{
        return l->head.id;
}

/* ---- opening ---- */

static int store_quick_check(struct store *s, char why[static LEDGER_WHY_MAX])
{
        CLEANUP(query_endp) struct query *q = NULL;
        struct slice said;
        int r = store_query(s, "PRAGMA quick_check(1)", &q);

        if (r)
                return r;
        if (query_next(q)) {
                said = query_bytes(q, 0);
                if (!slice_is(said, "ok")) {
                        why_say(why, "%.*s", (int)MIN(said.length, (size_t)200), said.data);
                        return LEDGER_E_DAMAGED;
                }
        }
        return query_end(q);
}

static int store_size(struct store *s, uint64_t *ret)
{
        int64_t n_pages = 0, page_bytes = 0;
        int r = store_number(s, "PRAGMA page_count", &n_pages);

        if (r == 0)
                r = store_number(s, "PRAGMA page_size", &page_bytes);
        if (r == 0)
                *ret = (uint64_t)n_pages * (uint64_t)page_bytes;
        return r;
}

static int store_identify(struct store *s, unsigned *ret_version, char why[static LEDGER_WHY_MAX])
{
        int64_t id = 0;
        unsigned version = 0;
        int r = store_number(s, "PRAGMA application_id", &id);

        if (r == 0)
                r = schema_version(s, &version);
        if (r)
                return r;
        if (id != LEDGER_APPLICATION_ID || version == 0) {
                why_say(why, "its log is not its own");
                return LEDGER_E_DAMAGED;
        }
        if (version > SCHEMA_VERSION) {
                why_say(why, "its schema is version %u, and this keyrouter knows up to %u", version,
                        SCHEMA_VERSION);
                return LEDGER_E_NEWER;
        }
        *ret_version = version;
        return 0;
}

/* Reads only. */
static int store_judge(struct store *s, unsigned *ret_version, char why[static LEDGER_WHY_MAX])
{
        uint64_t n_bytes = 0;
        int r = store_identify(s, ret_version, why);

        if (r)
                return r;
        r = schema_check(s, *ret_version);
        if (r == LEDGER_E_DAMAGED)
                why_say(why, "its tables are not those of a ledger of version %u", *ret_version);
        if (r == 0)
                r = store_size(s, &n_bytes);
        if (r)
                return r;
        return n_bytes <= QUICK_CHECK_MAX_BYTES ? store_quick_check(s, why) : 0;
}

int store_accept(struct store *s, char why[static LEDGER_WHY_MAX])
{
        unsigned version = 0;
        int r = store_judge(s, &version, why);

        if (r == 0)
                r = store_settle(s);
        if (r == 0 && version < SCHEMA_VERSION)
                r = schema_raise(s, SCHEMA_VERSION);
        return r;
}

int ledger_new(struct store *store, struct ledger **ret)
{
        CLEANUP(ledger_closep) struct ledger *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return fault(-ENOMEM);
        l->lock = -1;
        l->schema = SCHEMA_VERSION;
        l->store = store;
        r = digest_new(&l->digest);
        if (r == 0)
                r = ledger_head_load(l);
        if (r) {
                l->store = NULL;
                return r;
        }
        *ret = TAKE(l);
        return 0;
}

/* Makes it where it is asked for and none is there. */
static int file_prepare(const char *path, unsigned flags, char why[static LEDGER_WHY_MAX])
{
        int r = header_check(path, why);

        if (r != LEDGER_E_MISSING || !(flags & LEDGER_CREATE))
                return r;
        return ledger_file_new(path, why);
}

static int file_open(const char *path, unsigned flags, char why[static LEDGER_WHY_MAX],
                     struct ledger **ret)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        CLEANUP(closep) int lock = -1;
        CLEANUP(store_freep) struct store *s = NULL; /* goes before the lock */
        int r;

        if (!(flags & LEDGER_CREATE) && access(path, F_OK) < 0 && errno == ENOENT)
                return LEDGER_E_MISSING;
        r = lock_take(path, why, &lock);
        if (r == 0)
                r = file_prepare(path, flags, why);
        if (r == 0)
                r = store_open(path, &s);
        if (r)
                return r;
        r = store_accept(s, why);
        if (r && !why[0])
                why_say(why, "%s", store_complaint(s));
        if (r == 0)
                r = ledger_new(s, &l);
        if (r)
                return r;
        (void)TAKE(s);
        l->lock = TAKE_FD(lock);
        l->path = strdup(path);
        if (!l->path)
                return fault(-ENOMEM);
        *ret = TAKE(l);
        return 0;
}

int ledger_open(const char *path, unsigned flags, char why[static LEDGER_WHY_MAX],
                struct ledger **ret)
{
        int r;

        why[0] = 0;
        r = file_open(path, flags, why, ret);
        if (r && !why[0])
                why_say(why, "%s", ledger_explain(r));
        return r;
}

int ledger_open_memory(struct ledger **ret)
{
        CLEANUP(store_freep) struct store *s = NULL;
        int r = store_open_memory(&s);

        if (r == 0)
                r = schema_raise(s, SCHEMA_VERSION);
        if (r == 0)
                r = ledger_new(s, ret);
        if (r == 0)
                (void)TAKE(s);
        return r;
}

/* The lock goes last. */
void ledger_close(struct ledger *l)
{
        if (l->store)
                store_free(l->store);
        if (l->digest)
                digest_free(l->digest);
        if (l->lock >= 0)
                close(l->lock);
        free(l->path);
        free(l);
}

unsigned ledger_schema(const struct ledger *l)
{
        return l->schema;
}

/* ---- its size ---- */

static uint64_t file_bytes(const char *path)
{
        struct stat st;

        return stat(path, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

uint64_t ledger_bytes(const struct ledger *l)
{
        CLEANUP(freep) char *log = NULL;
        uint64_t n_bytes = 0;

        if (!l->path)
                return store_size(l->store, &n_bytes) == 0 ? n_bytes : 0;
        if (asprintf(&log, "%s-wal", l->path) < 0)
                log = NULL;
        return file_bytes(l->path) + (log ? file_bytes(log) : 0);
}
