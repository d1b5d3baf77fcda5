/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/fault.h"
#include "policy/ledger/clean.h"
#include "policy/ledger/commit.h"

#include <errno.h>

static int hash_row(struct commit *t)
{
        struct digest *d = t->l->digest;
        struct chain_row row = { t->next.id, t->c->at_us, t->who, t->what, t->why, t->summary };

        chain_begin(d, t->before.hash, &row, &t->seal, t->next.state);
        for (size_t i = 0; i < t->c->n_moves; i++)
                chain_move(d, &t->c->moves[i]);
        return digest_end(d, t->next.hash);
}

int commit_row(struct commit *t)
{
        struct query *q;
        int r;

        text_clean(t->who, sizeof(t->who), t->c->who);
        text_clean(t->what, sizeof(t->what), t->c->what);
        text_clean(t->why, sizeof(t->why), t->c->why);
        text_clean(t->summary, sizeof(t->summary), t->c->summary);
        r = hash_row(t);
        if (r)
                return r;
        r = store_query(t->l->store,
                        "INSERT INTO history (id, at_us, who, what, why, summary, revision, state,"
                        " hash) VALUES (?, ?, ?, ?, ?, ?, nullif(?, 0), ?, ?)",
                        &q);
        if (r)
                return r;
        query_put_number(q, (int64_t)t->next.id);
        query_put_number(q, t->c->at_us);
        query_put_text(q, t->who);
        query_put_text(q, t->what);
        query_put_text(q, t->why);
        query_put_text(q, t->summary);
        query_put_number(q, (int64_t)t->seal.revision);
        query_put_blob(q, t->next.state, DIGEST_BYTES);
        query_put_blob(q, t->next.hash, DIGEST_BYTES);
        r = query_run(q);
        t->next.revision = t->seal.revision;
        t->next.n_rows++;
        return r;
}

int commit_end(struct commit *t)
{
        int r = store_commit(t->l->store);

        if (r == 0)
                t->l->head = t->next;
        return r;
}

/* In the order of what refers to what. */
static int commit_parts(struct commit *t)
{
        static int (*const parts[])(struct commit *) = {
                commit_entries, commit_policy, commit_pins,  commit_switches, commit_pending,
                commit_row,     commit_moves,  keep_history, keep_policies,
        };

        for (size_t i = 0; i < N_ELEMENTS(parts); i++) {
                int r = parts[i](t);

                if (r)
                        return r;
        }
        return 0;
}

int ledger_commit(struct ledger *l, const struct change *c, uint64_t *ret_id)
{
        struct commit t = { .l = l, .c = c, .before = l->head, .next = l->head };
        int r;

        if (c->expected_head != UINT64_MAX && c->expected_head != l->head.id)
                return LEDGER_E_STALE;
        t.next.id++;
        r = store_begin(l->store);
        if (r)
                return r;
        r = commit_parts(&t);
        if (r) {
                store_rollback(l->store);
                return r;
        }
        r = commit_end(&t);
        if (r == 0)
                *ret_id = t.next.id;
        return r;
}
