/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address may be held once only, and a change often moves it from one key to another. So the
 * entries that give an address up come first, whatever the order in which the change tells them.
 */
#include "lib/base/fault.h"
#include "policy/ledger/clean.h"
#include "policy/ledger/commit.h"

#include <errno.h>

static bool is_held(int state)
{
        return state >= 0 && entry_state_is_held((enum entry_state)state);
}

static bool host_is_good(const char *host, bool is_to_be_held)
{
        char canonical[ADDR_TEXT_MAX];
        struct addr a;

        if (!text_is_clean(host, LEDGER_NAME_MAX))
                return false;
        if (addr_parse(slice_of(host), &a) != 0)
                return !is_to_be_held || strcmp(host, "router") == 0;
        return strcmp(addr_format(&a, canonical), host) == 0 &&
               !(is_to_be_held && addr_is_unspecified(&a));
}

bool entry_is_good(const char *provider, const char *key, const char *host, int state)
{
        return text_is_clean(provider, LEDGER_NAME_MAX) && text_is_clean(key, LEDGER_NAME_MAX) &&
               host_is_good(host, is_held(state));
}

static bool move_is_good(const struct entry_move *m)
{
        return entry_is_good(m->provider, m->key, m->host, m->to) && m->from >= -1 &&
               m->from < N_ENTRY_STATES && m->to >= -1 && m->to < N_ENTRY_STATES &&
               (m->from >= 0 || m->to >= 0);
}

static void name_put(struct query *q, const struct entry_move *m)
{
        query_put_text(q, m->provider);
        query_put_text(q, m->key);
        query_put_text(q, m->host);
}

/* What stands there; *ret_state is -1 for nothing. */
static int entry_find(struct ledger *l, const struct entry_move *m, struct entry *ret,
                      int *ret_state)
{
        CLEANUP(query_endp) struct query *q = NULL;
        int r = store_query(l->store,
                            "SELECT state, since_us, added_us, live_us FROM entry"
                            " WHERE provider = ? AND key = ? AND host = ?",
                            &q);

        if (r)
                return r;
        name_put(q, m);
        *ret = (struct entry){ .provider = m->provider, .key = m->key, .host = m->host };
        *ret_state = -1;
        if (query_next(q)) {
                r = state_read(q, 0, ret_state);
                if (r)
                        return r;
                ret->state = (enum entry_state) * ret_state;
                ret->since_us = query_number(q, 1);
                ret->added_us = query_number(q, 2);
                ret->live_us = query_number(q, 3);
        }
        return query_end(q);
}

static int entry_insert(struct ledger *l, const struct entry *e)
{
        struct query *q;
        int r = store_query(l->store,
                            "INSERT INTO entry (state, since_us, added_us, live_us, provider, key,"
                            " host) VALUES (?, ?, ?, ?, ?, ?, ?)",
                            &q);

        if (r)
                return r;
        query_put_text(q, entry_state_name(e->state));
        query_put_number(q, e->since_us);
        query_put_number(q, e->added_us);
        query_put_number(q, e->live_us);
        query_put_text(q, e->provider);
        query_put_text(q, e->key);
        query_put_text(q, e->host);
        return query_run(q);
}

static int entry_update(struct ledger *l, const struct entry *e)
{
        struct query *q;
        int r = store_query(l->store,
                            "UPDATE entry SET state = ?, since_us = ?, added_us = ?, live_us = ?"
                            " WHERE provider = ? AND key = ? AND host = ?",
                            &q);

        if (r)
                return r;
        query_put_text(q, entry_state_name(e->state));
        query_put_number(q, e->since_us);
        query_put_number(q, e->added_us);
        query_put_number(q, e->live_us);
        query_put_text(q, e->provider);
        query_put_text(q, e->key);
        query_put_text(q, e->host);
        return query_run(q);
}

static int entry_delete(struct ledger *l, const struct entry_move *m)
{
        struct query *q;
        int r = store_query(l->store,
                            "DELETE FROM entry WHERE provider = ? AND key = ? AND host = ?", &q);

        if (r)
                return r;
        name_put(q, m);
        return query_run(q);
}

static int entry_move(struct commit *t, const struct entry_move *m)
{
        struct digest *d = t->l->digest;
        uint8_t digest[DIGEST_BYTES];
        struct entry e;
        int state = -1, r;

        if (!move_is_good(m))
                return fault(-EINVAL);
        r = entry_find(t->l, m, &e, &state);
        if (r)
                return r;
        if (state != m->from)
                return LEDGER_E_STALE;
        if (state >= 0) {
                r = entry_digest(d, &e, digest);
                if (r)
                        return r;
                digest_take(t->next.state, digest);
        }
        if (m->to < 0)
                return entry_delete(t->l, m);
        if (m->to != state)
                e.since_us = t->c->at_us;
        e.state = (enum entry_state)m->to;
        e.added_us = m->added_us;
        e.live_us = m->live_us;
        r = entry_digest(d, &e, digest);
        if (r)
                return r;
        digest_add(t->next.state, digest);
        return state < 0 ? entry_insert(t->l, &e) : entry_update(t->l, &e);
}

int commit_entries(struct commit *t)
{
        for (int holding = 0; holding <= 1; holding++) {
                for (size_t i = 0; i < t->c->n_moves; i++) {
                        const struct entry_move *m = &t->c->moves[i];
                        int r = is_held(m->to) == (holding == 1) ? entry_move(t, m) : 0;

                        if (r)
                                return r;
                }
        }
        return 0;
}

static void state_put(struct query *q, int state)
{
        query_put_text(q, state < 0 ? NULL : entry_state_name((enum entry_state)state));
}

int commit_moves(struct commit *t)
{
        for (size_t i = 0; i < t->c->n_moves; i++) {
                const struct entry_move *m = &t->c->moves[i];
                struct query *q;
                int r = store_query(t->l->store,
                                    "INSERT INTO history_move (row, position, provider, key, host,"
                                    " from_state, to_state, added_us, live_us)"
                                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                                    &q);

                if (r)
                        return r;
                query_put_number(q, (int64_t)t->next.id);
                query_put_number(q, (int64_t)i);
                name_put(q, m);
                state_put(q, m->from);
                state_put(q, m->to);
                query_put_number(q, m->added_us);
                query_put_number(q, m->live_us);
                r = query_run(q);
                if (r)
                        return r;
        }
        return 0;
}
