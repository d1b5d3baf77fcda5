/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/op.h"

#include <errno.h>

#define HISTORY_DEFAULT 50
#define HISTORY_MAX 1000 /* rows of one answer */

/* ---- history ---- */

static json_t *row_json(const struct history_row *row)
{
        return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:s}", "id", (json_int_t)row->id,
                         "at", time_json(row->at_us), "who", text_json(row->who), "what",
                         text_json(row->what), "why", text_json(row->why[0] ? row->why : NULL),
                         "summary", text_json(row->summary), "revision",
                         row->revision ? json_integer((json_int_t)row->revision) : json_null(),
                         "has_policy", row->has_policy, "hash", row->hash);
}

int op_history(struct op *o)
{
        CLEANUP(history_freep) struct history *h = NULL;
        CLEANUP(json_freep) json_t *rows = json_array();
        int64_t limit = HISTORY_DEFAULT, before = 0;
        size_t n;
        int r;

        if (!op_integer(o, "limit", 1, HISTORY_MAX, &limit) ||
            !op_integer(o, "before", 1, INT64_MAX, &before))
                return 0;
        r = ledger_history(o->host->ledger, (uint64_t)before, (size_t)limit + 1, &h);
        if (r)
                return r;
        n = MIN(h->n, (size_t)limit);
        for (size_t i = 0; i < n; i++)
                if (json_array_append_new(rows, row_json(&h->rows[i])) != 0)
                        return -ENOMEM;
        return op_answer(o, json_pack("{s:s, s:O, s:b}", "schema", "keyrouter.history/1", "rows",
                                      rows, "more", h->n > n));
}

/* ---- revision ---- */

static json_t *file_json(const struct ledger_file *f)
{
        json_t *text = json_stringn(f->text, f->length);

        if (!text) /* bytes that are not UTF-8, in a comment as a rule */
                text = text_json(f->text);
        return json_pack("{s:o, s:o, s:o}", "role", text_json(f->role), "path", text_json(f->path),
                         "text", text);
}

json_t *revision_files_json(const struct revision *r)
{
        json_t *list = json_array();

        for (size_t i = 0; list && i < r->n_files; i++) {
                if (json_array_append_new(list, file_json(&r->files[i])) != 0) {
                        json_decref(list);
                        list = NULL;
                }
        }
        return list;
}

int op_revision(struct op *o)
{
        CLEANUP(revision_freep) struct revision *v = NULL;
        int64_t id = 0;
        int r;

        if (!op_integer(o, "id", 1, INT64_MAX, &id))
                return 0;
        r = ledger_revision(o->host->ledger, (uint64_t)id, &v);
        if (r == -ENOENT && id == 0)
                return op_refuse(o, EX_UNAVAILABLE, "run keyrouter apply POLICY",
                                 "no policy has been applied yet");
        if (r == -ENOENT)
                return op_refuse(o, EX_NOINPUT, "see keyrouter history",
                                 "no policy was in force at row %lld, or it is no longer kept",
                                 (long long)id);
        if (r)
                return r;
        return op_answer(o, json_pack("{s:s, s:I, s:o, s:s, s:o}", "schema", "keyrouter.revision/1",
                                      "id", (json_int_t)v->id, "at", time_json(v->at_us), "digest",
                                      v->digest, "files", revision_files_json(v)));
}
