/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/base64.h"
#include "policy/operation/op.h"

#include <errno.h>

#define FLAWS_MAX 1000
#define PAGE_ROWS 1000

/* ---- ledger-backup ---- */

int op_ledger_backup(struct op *o)
{
        CLEANUP(freep) void *bytes = NULL;
        CLEANUP(freep) char *text = NULL;
        size_t length = 0;
        int r = ledger_backup(o->host->ledger, &bytes, &length);

        if (r)
                return r;
        if (length > OPERATION_MAX_BYTES / 4 * 3 - 1024)
                return op_refuse(o, EX_UNAVAILABLE,
                                 "stop keyrouterd and copy its ledger's file, with the one that "
                                 "ends in -wal",
                                 "the ledger is larger than one answer may be");
        text = base64_encode(bytes, length);
        if (!text)
                return -ENOMEM;
        return op_answer(o, json_pack("{s:s, s:I, s:s}", "schema", "keyrouter.backup/1", "bytes",
                                      (json_int_t)length, "data", text));
}

/* ---- ledger-restore ---- */

static int restore_run(struct op *o, const void *bytes, size_t length, const char *why_told)
{
        CLEANUP(revision_freep) struct revision *v = NULL;
        char why[LEDGER_WHY_MAX] = "";
        uint64_t row = 0;
        int r = ledger_inspect(bytes, length, why);

        if (r == LEDGER_E_FOREIGN || r == LEDGER_E_DAMAGED || r == LEDGER_E_NEWER)
                return op_refuse(o, EX_DATAERR, NULL, "this is no ledger to restore: %s",
                                 why[0] ? why : ledger_explain(r));
        if (r == 0)
                r = ledger_restore(o->host->ledger, bytes, length, o->who, why_told, o->now_us, why,
                                   &row);
        if (r)
                return r;
        o->reply->changed = CHANGED_POLICY | CHANGED_ENTRIES | CHANGED_SWITCHES | CHANGED_PENDING;
        r = ledger_revision(o->host->ledger, 0, &v);
        if (r && r != -ENOENT)
                return r;
        return op_answer(o, json_pack("{s:s, s:o, s:I}", "schema", "keyrouter.restore/1",
                                      "revision", v ? json_integer((json_int_t)v->id) : json_null(),
                                      "row", (json_int_t)row));
}

int op_ledger_restore(struct op *o)
{
        CLEANUP(freep) void *bytes = NULL;
        const char *data, *why;
        size_t length = 0;
        int r;

        if (!op_text(o, "data", true, &data) || !op_text(o, "why", false, &why))
                return 0;
        r = base64_decode(data, &bytes, &length);
        if (r == -EINVAL)
                return op_refuse(o, EX_USAGE, NULL, "\"data\" is no base64");
        return r ? r : restore_run(o, bytes, length, why);
}

/* ---- ledger-verify ---- */

struct flaws {
        json_t *list;
        bool failed;
};

static void on_flaw(void *context, const char *flaw)
{
        struct flaws *f = context;

        if (json_array_size(f->list) < FLAWS_MAX &&
            json_array_append_new(f->list, text_json(flaw)) != 0)
                f->failed = true;
}

static int rows_count(struct op *o, size_t *ret)
{
        uint64_t before = 0;
        size_t n;

        *ret = 0;
        do {
                CLEANUP(history_freep) struct history *h = NULL;
                int r = ledger_history(o->host->ledger, before, PAGE_ROWS, &h);

                if (r)
                        return r;
                n = h->n;
                *ret += n;
                before = n ? h->rows[n - 1].id : 0;
        } while (n == PAGE_ROWS && before > 1);
        return 0;
}

/* Counts of a ledger that may be torn: as far as it can be read. */
int op_ledger_verify(struct op *o)
{
        CLEANUP(json_freep) json_t *list = json_array();
        CLEANUP(entry_set_freep) struct entry_set *entries = NULL;
        struct flaws flaws = { list, list == NULL };
        size_t n_flaws = 0, n_rows = 0;
        int r = ledger_verify(o->host->ledger, on_flaw, &flaws, &n_flaws);

        if (r)
                return r;
        r = rows_count(o, &n_rows);
        if (r == 0)
                r = ledger_entries(o->host->ledger, &entries);
        if (r < 0 || flaws.failed)
                return r < 0 ? r : -ENOMEM;
        return op_answer(o,
                         json_pack("{s:s, s:b, s:O, s:I, s:I}", "schema", "keyrouter.verify/1",
                                   "sound", n_flaws == 0, "flaws", list, "rows", (json_int_t)n_rows,
                                   "entries", (json_int_t)(entries ? entries->n : 0)));
}
