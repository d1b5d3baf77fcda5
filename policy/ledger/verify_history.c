/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/fault.h"
#include "policy/ledger/verify.h"

#include <errno.h>

/* ---- the chain ---- */

static int hash_read(struct query *q, int column, uint8_t ret[static DIGEST_BYTES])
{
        struct slice bytes = query_bytes(q, column);

        if (bytes.length != DIGEST_BYTES)
                return LEDGER_E_DAMAGED;
        memcpy(ret, bytes.data, DIGEST_BYTES);
        return 0;
}

/* What the oldest row is chained to: nothing, or the newest of those that have gone. */
static int anchor_read(struct ledger *l, uint8_t ret[static DIGEST_BYTES])
{
        CLEANUP(query_endp) struct query *q = NULL;
        int r = store_query(l->store, "SELECT hash FROM anchor", &q);

        if (r)
                return r;
        memset(ret, 0, DIGEST_BYTES);
        if (query_next(q)) {
                r = hash_read(q, 0, ret);
                if (r)
                        return r;
        }
        return query_end(q);
}

static int move_read(struct query *q, struct entry_move *m)
{
        int r = column_text(q, 1, &m->provider);

        if (r == 0)
                r = column_text(q, 2, &m->key);
        if (r == 0)
                r = column_text(q, 3, &m->host);
        if (r == 0)
                r = state_read(q, 4, &m->from);
        if (r == 0)
                r = state_read(q, 5, &m->to);
        m->added_us = query_number(q, 6);
        m->live_us = query_number(q, 7);
        return r;
}

static int seal_read(struct query *q, struct seal *seal)
{
        int r;

        *seal = (struct seal){ .revision = (uint64_t)query_number(q, 6) };
        if (seal->revision == 0)
                return 0;
        seal->at_us = query_number(q, 9);
        r = column_text(q, 10, &seal->digest);
        if (r == 0)
                r = column_text(q, 11, &seal->router);
        if (r == 0)
                r = hash_read(q, 12, seal->content);
        return r;
}

static int row_read(struct query *q, struct chain_row *row)
{
        int r = column_text(q, 2, &row->who);

        if (r == 0)
                r = column_text(q, 3, &row->what);
        if (r == 0)
                r = column_text(q, 4, &row->why);
        if (r == 0)
                r = column_text(q, 5, &row->summary);
        row->id = (uint64_t)query_number(q, 0);
        row->at_us = query_number(q, 1);
        return r;
}

/* The rows, and beside them their moves in the same order. */
struct chain {
        struct query *rows, *moves;
        bool has_move; /* there is one that belongs to no row so far */
        uint8_t hash[DIGEST_BYTES];
};

/* Puts the moves of the row that was begun. Those of no row are found as such elsewhere. */
static int moves_follow(struct verify *v, struct chain *c, uint64_t row)
{
        while (c->has_move && (uint64_t)query_number(c->moves, 0) <= row) {
                struct entry_move m;
                int r = move_read(c->moves, &m);

                if (r)
                        return r;
                if ((uint64_t)query_number(c->moves, 0) == row)
                        chain_move(v->l->digest, &m);
                c->has_move = query_next(c->moves);
        }
        return 0;
}

static int row_follow(struct verify *v, struct chain *c)
{
        uint8_t wanted[DIGEST_BYTES], state[DIGEST_BYTES], hash[DIGEST_BYTES];
        struct chain_row row;
        struct seal seal;
        int r = row_read(c->rows, &row);

        if (r == 0)
                r = seal_read(c->rows, &seal);
        if (r == 0)
                r = hash_read(c->rows, 7, state);
        if (r == 0)
                r = hash_read(c->rows, 8, hash);
        if (r)
                return r;
        chain_begin(v->l->digest, c->hash, &row, &seal, state);
        r = moves_follow(v, c, row.id);
        if (r)
                return r;
        r = digest_end(v->l->digest, wanted);
        if (r)
                return r;
        if (memcmp(wanted, hash, DIGEST_BYTES) != 0)
                flaw_tell(v,
                          "row %llu of the history is not as it was written, or the one before it"
                          " is gone",
                          (unsigned long long)row.id);
        memcpy(c->hash, hash, DIGEST_BYTES);
        return 0;
}

static int chain_follow(struct verify *v, struct chain *c)
{
        int r;

        c->has_move = query_next(c->moves);
        while (query_next(c->rows)) {
                r = row_follow(v, c);
                if (r)
                        return r;
        }
        r = query_end(c->rows);
        return r ? r : query_end(c->moves);
}

int verify_chain(struct verify *v)
{
        CLEANUP(query_endp) struct query *rows = NULL;
        CLEANUP(query_endp) struct query *moves = NULL;
        struct chain c;
        int r = anchor_read(v->l, c.hash);

        if (r == 0)
                r = store_query(v->l->store,
                                "SELECT h.id, h.at_us, who, what, why, summary, revision, state,"
                                " hash, v.at_us, v.digest, v.router, v.content_digest"
                                " FROM history h LEFT JOIN revision v ON v.id = h.revision"
                                " ORDER BY h.id",
                                &rows);
        if (r == 0)
                r = store_query(v->l->store,
                                "SELECT row, provider, key, host, from_state, to_state, added_us,"
                                " live_us FROM history_move ORDER BY row, position",
                                &moves);
        if (r)
                return r;
        c.rows = rows;
        c.moves = moves;
        return chain_follow(v, &c);
}

/* ---- applied policies ---- */

static int policy_verify(struct verify *v, uint64_t id, const uint8_t hash[static DIGEST_BYTES])
{
        CLEANUP(revision_freep) struct revision *p = NULL;
        uint8_t content[DIGEST_BYTES];
        char digest[DIGEST_TEXT_MAX];
        int r = revision_load(v->l, id, &p);

        if (r == 0)
                r = files_digest(v->l->digest, p->files, p->n_files, digest);
        if (r == 0)
                r = content_digest(v->l->digest, p->files, p->n_files, p->assignment, content);
        if (r)
                return r;
        if (p->n_files == 0 || strcmp(digest, p->digest) != 0)
                flaw_tell(v, "the files of policy %llu are not those that were applied",
                          (unsigned long long)id);
        else if (memcmp(content, hash, DIGEST_BYTES) != 0)
                flaw_tell(v, "the assignment or the paths of policy %llu are not as applied",
                          (unsigned long long)id);
        return 0;
}

int verify_policies(struct verify *v)
{
        CLEANUP(query_endp) struct query *q = NULL;
        uint8_t hash[DIGEST_BYTES];
        int r = store_query(v->l->store,
                            "SELECT id, content_digest FROM revision"
                            " WHERE assignment IS NOT NULL",
                            &q);

        if (r)
                return r;
        while (query_next(q)) {
                r = hash_read(q, 1, hash);
                if (r == 0)
                        r = policy_verify(v, (uint64_t)query_number(q, 0), hash);
                if (r)
                        return r;
        }
        return query_end(q);
}

/* ---- what waits ---- */

static int policy_expect(struct verify *v, uint64_t id, const char *what)
{
        CLEANUP(revision_freep) struct revision *p = NULL;
        int r = id > 0 ? revision_load(v->l, id, &p) : 0;

        if (r != -ENOENT)
                return r;
        flaw_tell(v, "the files of %s, policy %llu, are gone", what, (unsigned long long)id);
        return 0;
}

int verify_pending(struct verify *v)
{
        uint8_t digest[DIGEST_BYTES];
        struct pending p;
        int r = policy_expect(v, v->l->head.revision, "the policy in force");

        if (r == 0)
                r = ledger_pending(v->l, &p);
        if (r || p.revision == 0)
                return r;
        if (p.revision != v->l->head.revision)
                flaw_tell(v, "policy %llu waits to be confirmed, and %llu is in force",
                          (unsigned long long)p.revision, (unsigned long long)v->l->head.revision);
        if (p.previous >= p.revision)
                flaw_tell(v, "policy %llu waits to be confirmed, and the one before it is %llu",
                          (unsigned long long)p.revision, (unsigned long long)p.previous);
        r = policy_expect(v, p.revision, "what waits to be confirmed");
        if (r == 0)
                r = policy_expect(v, p.previous, "what it would go back to");
        if (r == 0)
                r = pending_digest(v->l->digest, &p, digest);
        if (r == 0)
                digest_add(v->state, digest);
        return r;
}
