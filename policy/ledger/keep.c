/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a ledger keeps is bounded. The texts of an applied policy go first, then its row, once no
 * row of the history names it any more; never those of the policy in force, nor of the two that an
 * apply which waits for its confirmation is about.
 */
#include "policy/ledger/commit.h"

#define IS_NOT_PENDING                             \
        "id NOT IN (SELECT revision FROM pending)" \
        " AND id NOT IN (SELECT previous FROM pending WHERE previous IS NOT NULL)"

#define OLD_POLICIES                                                           \
        "SELECT id FROM (SELECT id FROM revision WHERE assignment IS NOT NULL" \
        " ORDER BY id DESC LIMIT -1 OFFSET ?) WHERE id <> ? AND " IS_NOT_PENDING

/* Files and assignments of all but the newest. */
int keep_policies(struct commit *t)
{
        static const char *const texts[] = {
                "DELETE FROM revision_file WHERE revision IN (" OLD_POLICIES ")",
                "UPDATE revision SET assignment = NULL WHERE id IN (" OLD_POLICIES ")",
        };

        if (t->c->n_files == 0 && !t->c->pending)
                return 0;
        for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
                struct query *q;
                int r = store_query(t->l->store, texts[i], &q);

                if (r)
                        return r;
                query_put_number(q, LEDGER_MAX_POLICIES);
                query_put_number(q, (int64_t)t->seal.revision);
                r = query_run(q);
                if (r)
                        return r;
        }
        return 0;
}

/* The newest row that goes is what the oldest that stays is chained to. */
static int anchor_set(struct commit *t, uint64_t n_gone, int64_t *ret_row)
{
        struct query *q;
        int64_t row = 0;
        int r = store_query(t->l->store, "SELECT id FROM history ORDER BY id LIMIT 1 OFFSET ?", &q);

        if (r)
                return r;
        query_put_number(q, (int64_t)n_gone - 1);
        if (query_next(q))
                row = query_number(q, 0);
        r = query_end(q);
        if (r == 0)
                r = store_query(t->l->store,
                                "INSERT OR REPLACE INTO anchor (only, row, hash)"
                                " SELECT 1, id, hash FROM history WHERE id = ?",
                                &q);
        if (r)
                return r;
        query_put_number(q, row);
        *ret_row = row;
        return query_run(q);
}

/* A policy that no row names any more is older than them all: the oldest row names the one that
 * was in force when it was written, the later ones that one or newer ones. */
int keep_history(struct commit *t)
{
        static const char *const rows[] = {
                "DELETE FROM history WHERE id <= ?",
                "DELETE FROM revision WHERE id <= ?"
                " AND id IS NOT (SELECT revision FROM history ORDER BY id LIMIT 1)"
                " AND " IS_NOT_PENDING,
        };
        int64_t newest_gone = 0;
        int r;

        if (t->next.n_rows <= LEDGER_MAX_HISTORY)
                return 0;
        r = anchor_set(t, t->next.n_rows - LEDGER_MAX_HISTORY, &newest_gone);
        for (size_t i = 0; r == 0 && i < N_ELEMENTS(rows); i++) {
                struct query *q;

                r = store_query(t->l->store, rows[i], &q);
                if (r)
                        return r;
                query_put_number(q, newest_gone);
                r = query_run(q);
        }
        t->next.n_rows = LEDGER_MAX_HISTORY;
        return r;
}
