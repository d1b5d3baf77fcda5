/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies between two rows of the history: how the policy's files differ, and what has become of
 * the hosts on the keys. Between an earlier and a later row the moves are those of the ledger, taken
 * together; the other way round they are read backwards.
 */
#include "policy/operation/op.h"
#include "policy/operation/text_diff.h"

#include <errno.h>
#include <stdio.h>

#define DIFF_MAX_BYTES (OPERATION_MAX_BYTES / 3) /* of lines: JSON needs more room for them */

/* ---- moves ---- */

/* Moves of one host on one key are one: from what was first to what came last. */
static int move_compare(const void *left, const void *right)
{
        const struct entry_move *a = *(const struct entry_move *const *)left;
        const struct entry_move *b = *(const struct entry_move *const *)right;
        int r = strcmp(a->provider, b->provider);

        if (r == 0)
                r = strcmp(a->key, b->key);
        if (r == 0)
                r = strcmp(a->host, b->host);
        return r ? r : (a > b) - (a < b);
}

static struct addr host_addr(const char *host)
{
        struct addr a = { { 0 } };

        return addr_parse(slice_of(host), &a) == 0 ? a : (struct addr){ { 0 } };
}

/* By host, so that the key it left and the key it came to stand beside each other. */
static int host_compare(const void *left, const void *right)
{
        const struct entry_move *a = left, *b = right;
        struct addr x = host_addr(a->host), y = host_addr(b->host);
        int r = strcmp(a->provider, b->provider);

        if (r == 0)
                r = addr_compare(&x, &y);
        if (r == 0)
                r = strcmp(a->host, b->host);
        return r ? r : strcmp(a->key, b->key);
}

static bool is_same_entry(const struct entry_move *a, const struct entry_move *b)
{
        return strcmp(a->provider, b->provider) == 0 && strcmp(a->key, b->key) == 0 &&
               strcmp(a->host, b->host) == 0;
}

struct diffing {
        uint64_t a, b;
        struct revision *old, *new; /* NULL: none was in force, or it is no longer kept */
        bool is_lost[2];            /* no longer kept */
        struct move_list *list;     /* of the ledger */
        struct entry_move *moves;   /* taken together, by host */
        size_t n_moves;
        json_t *lines;
        size_t n_bytes;
};

static void diffing_done(struct diffing *d)
{
        if (d->old)
                revision_free(d->old);
        if (d->new)
                revision_free(d->new);
        if (d->list)
                move_list_free(d->list);
        free(d->moves);
        json_decref(d->lines);
}

static int moves_join(struct diffing *d)
{
        CLEANUP(freep) const struct entry_move **sorted = calloc(d->list->n + 1, sizeof(*sorted));
        size_t end;

        d->moves = calloc(d->list->n + 1, sizeof(*d->moves));
        if (!sorted || !d->moves)
                return -ENOMEM;
        for (size_t i = 0; i < d->list->n; i++)
                sorted[i] = &d->list->moves[i];
        qsort(sorted, d->list->n, sizeof(*sorted), move_compare);
        for (size_t i = 0; i < d->list->n; i = end) {
                struct entry_move m = *sorted[i];

                for (end = i + 1; end < d->list->n && is_same_entry(sorted[i], sorted[end]); end++)
                        m.to = sorted[end]->to;
                if (d->a > d->b) {
                        m.to = m.from;
                        m.from = sorted[end - 1]->to;
                }
                if (m.from != m.to)
                        d->moves[d->n_moves++] = m;
        }
        qsort(d->moves, d->n_moves, sizeof(*d->moves), host_compare);
        return 0;
}

static json_t *state_json(int state)
{
        return text_json(state < 0 ? NULL : entry_state_name((enum entry_state)state));
}

static json_t *entry_moves_json(const struct diffing *d)
{
        json_t *list = json_array();

        for (size_t i = 0; list && i < d->n_moves; i++) {
                const struct entry_move *m = &d->moves[i];

                if (json_array_append_new(list,
                                          json_pack("{s:o, s:o, s:o, s:o, s:o}", "key",
                                                    text_json(m->key), "provider",
                                                    text_json(m->provider), "host",
                                                    text_json(m->host), "from", state_json(m->from),
                                                    "to", state_json(m->to))) != 0) {
                        json_decref(list);
                        list = NULL;
                }
        }
        return list;
}

static bool is_held(int state)
{
        return state >= 0 && entry_state_is_held((enum entry_state)state);
}

/* Hosts that had a place on one key and have one on another: moves[i..end) are of one host. */
static int moved_add(const struct diffing *d, json_t *list, size_t i, size_t end)
{
        const struct entry_move *lost = NULL, *got = NULL;

        for (; i < end; i++) {
                const struct entry_move *m = &d->moves[i];

                if (is_held(m->from) && !is_held(m->to))
                        lost = m;
                else if (!is_held(m->from) && is_held(m->to))
                        got = m;
        }
        if (!lost || !got)
                return 0;
        return json_array_append_new(list,
                                     json_pack("{s:o, s:o, s:o, s:o}", "host",
                                               text_json(lost->host), "provider",
                                               text_json(lost->provider), "from",
                                               text_json(lost->key), "to", text_json(got->key)));
}

static json_t *moved_json(const struct diffing *d)
{
        json_t *list = json_array();
        size_t end;

        for (size_t i = 0; list && i < d->n_moves; i = end) {
                const struct entry_move *m = &d->moves[i];

                for (end = i + 1; end < d->n_moves; end++)
                        if (strcmp(m->provider, d->moves[end].provider) != 0 ||
                            strcmp(m->host, d->moves[end].host) != 0)
                                break;
                if (moved_add(d, list, i, end) != 0) {
                        json_decref(list);
                        list = NULL;
                }
        }
        return list;
}

/* ---- policies ---- */

static bool role_is_include(const char *role)
{
        static const char ending[] = " include";
        size_t length = strlen(role);

        return length >= strlen(ending) && strcmp(role + length - strlen(ending), ending) == 0;
}

/* The file of the same role, and among many of one role the one of the same path. */
static const struct ledger_file *file_like(const struct revision *r, const struct ledger_file *f)
{
        for (size_t i = 0; r && i < r->n_files; i++)
                if (strcmp(r->files[i].role, f->role) == 0 &&
                    (!role_is_include(f->role) || strcmp(r->files[i].path, f->path) == 0))
                        return &r->files[i];
        return NULL;
}

static int line_add(void *context, struct slice line)
{
        struct diffing *d = context;
        json_t *text = json_stringn(line.data, line.length);

        d->n_bytes += line.length + 8;
        if (d->n_bytes > DIFF_MAX_BYTES) {
                json_decref(text);
                return -EFBIG;
        }
        if (!text) {
                CLEANUP(freep) char *copy = strndup(line.data, line.length);

                text = copy ? text_json(copy) : NULL;
        }
        return json_array_append_new(d->lines, text) == 0 ? 0 : -ENOMEM;
}

static struct diff_side side_of(const struct ledger_file *f)
{
        if (!f)
                return (struct diff_side){ "/dev/null", { NULL, 0 } };
        return (struct diff_side){ f->path, { f->text, f->length } };
}

static int file_diff(struct diffing *d, const struct ledger_file *old,
                     const struct ledger_file *new)
{
        struct diff_side a = side_of(old), b = side_of(new);

        return text_diff(&a, &b, line_add, d);
}

static int policies_diff(struct diffing *d)
{
        int r = 0;

        if (d->is_lost[0] || d->is_lost[1]) {
                json_decref(d->lines);
                d->lines = json_null();
                return 0;
        }
        for (size_t i = 0; r == 0 && d->old && i < d->old->n_files; i++)
                r = file_diff(d, &d->old->files[i], file_like(d->new, &d->old->files[i]));
        for (size_t i = 0; r == 0 && d->new &&i < d->new->n_files; i++)
                if (!file_like(d->old, &d->new->files[i]))
                        r = file_diff(d, NULL, &d->new->files[i]);
        return r;
}

/* ---- rows ---- */

/* Row 0 is before everything. False: refused, or *ret_error. */
static bool row_look(struct op *o, uint64_t id, struct revision **ret, bool *ret_lost,
                     int *ret_error)
{
        CLEANUP(history_freep) struct history *h = NULL;

        *ret_error = 0;
        if (id == 0)
                return true;
        *ret_error = ledger_history(o->host->ledger, id + 1, 1, &h);
        if (*ret_error)
                return false;
        if (h->n == 0 || h->rows[0].id != id) {
                op_refuse(o, EX_NOINPUT, "see keyrouter history",
                          "there is no row %llu in the history, or it is no longer kept",
                          (unsigned long long)id);
                return false;
        }
        if (h->rows[0].revision == 0)
                return true;
        *ret_error = ledger_revision(o->host->ledger, id, ret);
        *ret_lost = *ret_error == -ENOENT;
        if (*ret_lost)
                *ret_error = 0;
        return *ret_error == 0;
}

static json_t *lost_json(const struct diffing *d)
{
        json_t *list = json_array();

        for (int i = 0; list && i < 2; i++)
                if (d->is_lost[i])
                        json_array_append_new(list, json_integer((json_int_t)(i ? d->b : d->a)));
        return list;
}

int op_diff(struct op *o)
{
        CLEANUP(diffing_done) struct diffing d = { .lines = json_array() };
        int64_t a = -1, b = (int64_t)ledger_head(o->host->ledger);
        int r;

        if (!op_integer(o, "a", 0, INT64_MAX - 1, &a) || !op_integer(o, "b", 0, INT64_MAX - 1, &b))
                return 0;
        if (a < 0)
                return op_refuse(o, EX_USAGE, NULL, "\"a\" is not there");
        d.a = (uint64_t)a;
        d.b = (uint64_t)b;
        if (!row_look(o, d.a, &d.old, &d.is_lost[0], &r) ||
            !row_look(o, d.b, &d.new, &d.is_lost[1], &r))
                return r;
        r = ledger_moves(o->host->ledger, MIN(d.a, d.b), MAX(d.a, d.b), &d.list);
        if (r == 0)
                r = moves_join(&d);
        if (r == 0)
                r = policies_diff(&d);
        if (r == -EFBIG)
                return op_refuse(o, EX_UNAVAILABLE,
                                 "compare them as files: keyrouter show N -o DIR",
                                 "the policies differ in too much for one answer");
        if (r)
                return r;
        return op_answer(o, json_pack("{s:s, s:I, s:I, s:O, s:o, s:o, s:o}", "schema",
                                      "keyrouter.diff/1", "a", (json_int_t)a, "b", (json_int_t)b,
                                      "policy", d.lines, "not_kept", lost_json(&d), "moves",
                                      entry_moves_json(&d), "moved", moved_json(&d)));
}
