/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/fault.h"
#include "policy/ledger/ledger_internal.h"

#include <errno.h>

/* ---- applied policies ---- */

void revision_free(struct revision *r)
{
        for (size_t i = 0; i < r->n_files; i++) {
                free(r->files[i].role);
                free(r->files[i].path);
                free(r->files[i].text);
        }
        free(r->files);
        free(r->assignment);
        free(r);
}

static int revision_read(struct query *q, struct revision *v)
{
        const char *digest, *router;
        int r = column_text(q, 1, &digest);

        if (r)
                return r;
        if (strlen(digest) >= sizeof(v->digest))
                return LEDGER_E_DAMAGED;
        strcpy(v->digest, digest);
        r = column_text(q, 2, &router);
        if (r)
                return r;
        if (strlen(router) >= sizeof(v->router))
                return LEDGER_E_DAMAGED;
        strcpy(v->router, router);
        v->at_us = query_number(q, 0);
        return text_copy(q, 3, &v->assignment);
}

static int revision_row(struct ledger *l, struct revision *v)
{
        CLEANUP(query_endp) struct query *q = NULL;
        bool is_there;
        int r = store_query(l->store,
                            "SELECT at_us, digest, router, assignment FROM revision"
                            " WHERE id = ? AND assignment IS NOT NULL",
                            &q);

        if (r)
                return r;
        query_put_number(q, (int64_t)v->id);
        is_there = query_next(q);
        if (is_there) {
                r = revision_read(q, v);
                if (r)
                        return r;
        }
        r = query_end(q);
        return r == 0 && !is_there ? -ENOENT : r;
}

static int file_read(struct query *q, struct ledger_file *f)
{
        struct slice text;
        int r = text_copy(q, 0, &f->role);

        if (r == 0)
                r = text_copy(q, 1, &f->path);
        if (r)
                return r;
        text = query_bytes(q, 2);
        f->text = malloc(text.length + 1);
        if (!f->text)
                return fault(-ENOMEM);
        memcpy(f->text, text.data ? text.data : "", text.length);
        f->text[text.length] = 0;
        f->length = text.length;
        return 0;
}

static int revision_files(struct ledger *l, struct revision *v)
{
        CLEANUP(query_endp) struct query *q = NULL;
        int r = store_query(l->store,
                            "SELECT role, path, text FROM revision_file WHERE revision = ?"
                            " ORDER BY position",
                            &q);

        if (r)
                return r;
        query_put_number(q, (int64_t)v->id);
        while (query_next(q)) {
                struct ledger_file *larger =
                        reallocarray(v->files, v->n_files + 1, sizeof(*v->files));

                if (!larger)
                        return fault(-ENOMEM);
                v->files = larger;
                v->files[v->n_files] = (struct ledger_file){ NULL };
                r = file_read(q, &v->files[v->n_files++]);
                if (r)
                        return r;
        }
        return query_end(q);
}

/* The policy in force at a row. */
static int revision_at(struct ledger *l, uint64_t row, uint64_t *ret)
{
        CLEANUP(query_endp) struct query *q = NULL;
        int64_t revision = 0;
        int r;

        if (row == 0) {
                *ret = l->head.revision;
                return 0;
        }
        r = store_query(l->store, "SELECT revision FROM history WHERE id = ?", &q);
        if (r)
                return r;
        query_put_number(q, (int64_t)row);
        if (query_next(q))
                revision = query_number(q, 0);
        r = query_end(q);
        if (r == 0)
                *ret = (uint64_t)revision;
        return r;
}

int revision_load(struct ledger *l, uint64_t revision, struct revision **ret)
{
        CLEANUP(revision_freep) struct revision *v = calloc(1, sizeof(*v));
        int r;

        if (!v)
                return fault(-ENOMEM);
        v->id = revision;
        r = revision_row(l, v);
        if (r == 0)
                r = revision_files(l, v);
        if (r == 0)
                *ret = TAKE(v);
        return r;
}

int ledger_revision(struct ledger *l, uint64_t id, struct revision **ret)
{
        uint64_t revision = 0;
        int r = revision_at(l, id, &revision);

        if (r)
                return r;
        return revision > 0 ? revision_load(l, revision, ret) : -ENOENT;
}

/* ---- rows ---- */

void history_free(struct history *h)
{
        for (size_t i = 0; i < h->n; i++) {
                free(h->rows[i].who);
                free(h->rows[i].what);
                free(h->rows[i].why);
                free(h->rows[i].summary);
        }
        free(h->rows);
        free(h);
}

static int history_read(struct query *q, struct history_row *row)
{
        struct slice hash = query_bytes(q, 8);
        int r;

        if (hash.length != DIGEST_BYTES)
                return LEDGER_E_DAMAGED;
        digest_format((const uint8_t *)hash.data, row->hash);
        row->id = (uint64_t)query_number(q, 0);
        row->at_us = query_number(q, 1);
        row->revision = (uint64_t)query_number(q, 6);
        row->has_policy = query_number(q, 7) != 0;
        r = text_copy(q, 2, &row->who);
        if (r == 0)
                r = text_copy(q, 3, &row->what);
        if (r == 0)
                r = text_copy(q, 4, &row->why);
        if (r == 0)
                r = text_copy(q, 5, &row->summary);
        return r;
}

int ledger_history(struct ledger *l, uint64_t before, size_t n_max, struct history **ret)
{
        CLEANUP(history_freep) struct history *h = calloc(1, sizeof(*h));
        CLEANUP(query_endp) struct query *q = NULL;
        int r;

        if (!h)
                return fault(-ENOMEM);
        n_max = MIN(n_max, (size_t)l->head.n_rows);
        h->rows = calloc(n_max + 1, sizeof(*h->rows));
        if (!h->rows)
                return fault(-ENOMEM);
        r = store_query(l->store,
                        "SELECT id, at_us, who, what, why, summary, revision, EXISTS ("
                        " SELECT 1 FROM revision v WHERE v.id = history.id AND"
                        " v.assignment IS NOT NULL), hash"
                        " FROM history WHERE id < ? ORDER BY id DESC LIMIT ?",
                        &q);
        if (r)
                return r;
        query_put_number(q, before == 0 || before > INT64_MAX ? INT64_MAX : (int64_t)before);
        query_put_number(q, (int64_t)n_max);
        while (h->n < n_max && query_next(q)) {
                r = history_read(q, &h->rows[h->n++]);
                if (r)
                        return r;
        }
        r = query_end(q);
        if (r == 0)
                *ret = TAKE(h);
        return r;
}

/* ---- moves ---- */

void move_list_free(struct move_list *m)
{
        free(m->moves);
        free(m->texts);
        free(m);
}

static int move_read(struct query *q, struct shelf *texts, struct entry_move *m)
{
        int r = shelf_put(texts, q, 0, &m->provider);

        if (r == 0)
                r = shelf_put(texts, q, 1, &m->key);
        if (r == 0)
                r = shelf_put(texts, q, 2, &m->host);
        if (r == 0)
                r = state_read(q, 3, &m->from);
        if (r == 0)
                r = state_read(q, 4, &m->to);
        m->added_us = query_number(q, 5);
        m->live_us = query_number(q, 6);
        return r;
}

static void bounds_put(struct query *q, uint64_t after, uint64_t upto)
{
        query_put_number(q, (int64_t)MIN(after, (uint64_t)INT64_MAX));
        query_put_number(q, (int64_t)MIN(upto, (uint64_t)INT64_MAX));
}

static int moves_count(struct ledger *l, uint64_t after, uint64_t upto, struct shelf *texts)
{
        CLEANUP(query_endp) struct query *q = NULL;
        int r = store_query(l->store,
                            "SELECT count(*), coalesce(sum(length(CAST(provider AS BLOB)) +"
                            " length(CAST(key AS BLOB)) + length(CAST(host AS BLOB)) + 3), 0)"
                            " FROM history_move WHERE row > ? AND row <= ?",
                            &q);

        if (r)
                return r;
        bounds_put(q, after, upto);
        return shelf_count(q, texts);
}

int ledger_moves(struct ledger *l, uint64_t after, uint64_t upto, struct move_list **ret)
{
        CLEANUP(move_list_freep) struct move_list *m = calloc(1, sizeof(*m));
        CLEANUP(shelf_done) struct shelf texts = { NULL };
        CLEANUP(query_endp) struct query *q = NULL;
        int r;

        if (!m)
                return fault(-ENOMEM);
        r = moves_count(l, after, upto, &texts);
        if (r)
                return r;
        m->moves = calloc(texts.n_rows + 1, sizeof(*m->moves));
        if (!m->moves)
                return fault(-ENOMEM);
        r = store_query(l->store,
                        "SELECT provider, key, host, from_state, to_state, added_us, live_us"
                        " FROM history_move WHERE row > ? AND row <= ? ORDER BY row, position",
                        &q);
        if (r)
                return r;
        bounds_put(q, after, upto);
        while (query_next(q)) {
                r = m->n < texts.n_rows ? move_read(q, &texts, &m->moves[m->n++])
                                        : LEDGER_E_DAMAGED;
                if (r)
                        return r;
        }
        r = query_end(q);
        if (r)
                return r;
        m->texts = TAKE(texts.memory);
        *ret = TAKE(m);
        return 0;
}
