/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes at random, right ones and wrong ones, against a model that is a table and no database:
 * the ledger takes what the model takes, refuses what it refuses, and holds the same behind each.
 */
#include "tests/unit/ledger/rig.h"

#include <errno.h>
#include <stdio.h>

enum { N_KEYS = 3, N_HOSTS = 6, N_MOVES = 4, N_CHANGES = 1500 };

static const char *const keys[N_KEYS] = { "k1", "k2", "k3" };
static const char *const hosts[N_HOSTS] = { "10.0.0.1", "10.0.0.2",    "2001:db8::1",
                                            "router",   "example.com", "10.0.0.3" };

struct place {
        int state; /* -1: nothing */
        int64_t since_us, added_us, live_us;
};

struct model {
        struct place places[N_KEYS][N_HOSTS];
};

static bool is_held(int state)
{
        return state >= 0 && state <= ENTRY_SUSPENDED;
}

static size_t index_of(const char *const *names, const char *name)
{
        size_t i = 0;

        while (strcmp(names[i], name) != 0)
                i++;
        return i;
}

/* Of a move: does it fit what stands there? Then it is done. */
static bool model_move(struct model *m, const struct entry_move *move, int64_t at_us)
{
        struct place *p = &m->places[index_of(keys, move->key)][index_of(hosts, move->host)];

        if (p->state != move->from)
                return false;
        if (move->to != move->from)
                p->since_us = at_us;
        p->state = move->to;
        p->added_us = move->to < 0 ? 0 : move->added_us;
        p->live_us = move->to < 0 ? 0 : move->live_us;
        if (move->to < 0)
                p->since_us = 0;
        return true;
}

static bool model_holds_twice(const struct model *m)
{
        for (size_t h = 0; h < N_HOSTS; h++) {
                unsigned n = 0;

                for (size_t k = 0; k < N_KEYS; k++)
                        n += is_held(m->places[k][h].state);
                if (n > 1)
                        return true;
        }
        return false;
}

/* What ledger_commit() has to say; the model is the one behind the change if that is 0. */
static int model_change(struct model *m, const struct entry_move *moves, size_t n, int64_t at_us)
{
        struct model next = *m;
        bool is_stale = false, is_wrong = false;

        for (size_t i = 0; i < n; i++) {
                is_wrong |= is_held(moves[i].to) && strcmp(moves[i].host, "example.com") == 0;
                is_wrong |= moves[i].from < 0 && moves[i].to < 0;
                is_stale |= !model_move(&next, &moves[i], at_us);
        }
        if (is_stale || is_wrong || model_holds_twice(&next))
                return -1; /* of several reasons the first that is met counts */
        *m = next;
        return 0;
}

static void model_compare(const struct model *m, struct ledger *l)
{
        CLEANUP(entry_set_freep) struct entry_set *s = NULL;
        struct model found;

        for (size_t k = 0; k < N_KEYS; k++)
                for (size_t h = 0; h < N_HOSTS; h++)
                        found.places[k][h] = (struct place){ -1, 0, 0, 0 };
        assert_int_equal(ledger_entries(l, &s), 0);
        for (size_t i = 0; i < s->n; i++) {
                const struct entry *e = &s->entries[i];

                found.places[index_of(keys, e->key)][index_of(hosts, e->host)] =
                        (struct place){ (int)e->state, e->since_us, e->added_us, e->live_us };
        }
        for (size_t k = 0; k < N_KEYS; k++)
                for (size_t h = 0; h < N_HOSTS; h++) {
                        const struct place *a = &m->places[k][h], *b = &found.places[k][h];

                        assert_true(a->state == b->state && a->since_us == b->since_us &&
                                    a->added_us == b->added_us && a->live_us == b->live_us);
                }
}

/* Mostly from what stands there; each place once. */
static size_t moves_choose(const struct model *m, uint64_t *seed, struct entry_move *moves)
{
        size_t n = rig_random(seed, N_MOVES + 1), n_chosen = 0;
        bool taken[N_KEYS][N_HOSTS] = { { false } };

        for (size_t i = 0; i < n; i++) {
                size_t k = rig_random(seed, N_KEYS), h = rig_random(seed, N_HOSTS);
                int from = m->places[k][h].state;

                if (taken[k][h])
                        continue;
                taken[k][h] = true;
                if (rig_random(seed, 10) == 0)
                        from = (int)rig_random(seed, N_ENTRY_STATES + 1) - 1;
                moves[n_chosen++] =
                        (struct entry_move){ "smarty",
                                             keys[k],
                                             hosts[h],
                                             from,
                                             (int)rig_random(seed, N_ENTRY_STATES + 1) - 1,
                                             (int64_t)rig_random(seed, 9),
                                             (int64_t)rig_random(seed, 9) };
        }
        return n_chosen;
}

/* The moves that the history tells lead from nothing to what stands there. */
static void history_replay(const struct model *m, struct ledger *l)
{
        CLEANUP(move_list_freep) struct move_list *moves = NULL;
        struct model replayed;

        for (size_t k = 0; k < N_KEYS; k++)
                for (size_t h = 0; h < N_HOSTS; h++)
                        replayed.places[k][h] = (struct place){ -1, 0, 0, 0 };
        assert_int_equal(ledger_moves(l, 0, UINT64_MAX, &moves), 0);
        for (size_t i = 0; i < moves->n; i++)
                assert_true(model_move(&replayed, &moves->moves[i], 0));
        for (size_t k = 0; k < N_KEYS; k++)
                for (size_t h = 0; h < N_HOSTS; h++)
                        assert_int_equal(replayed.places[k][h].state, m->places[k][h].state);
}

static void changes_at_random_do_what_the_model_does(void **state)
{
        struct model m;
        uint64_t seed = 20260301, n_taken = 0;
        struct rig g;

        for (size_t k = 0; k < N_KEYS; k++)
                for (size_t h = 0; h < N_HOSTS; h++)
                        m.places[k][h] = (struct place){ -1, 0, 0, 0 };
        rig_init(&g);
        rig_open(&g);
        for (int64_t i = 1; i <= N_CHANGES; i++) {
                struct entry_move moves[N_MOVES];
                size_t n = moves_choose(&m, &seed, moves);
                struct change c = { .expected_head = n_taken,
                                    .who = "w",
                                    .at_us = i,
                                    .moves = moves,
                                    .n_moves = n };
                uint64_t id = 0;
                int r = ledger_commit(g.l, &c, &id);

                assert_true(r == 0 || r == LEDGER_E_STALE || r == -EINVAL || r == -EEXIST);
                assert_true((model_change(&m, moves, n, i) == 0) == (r == 0));
                n_taken += r == 0;
                model_compare(&m, g.l);
                if (i % 250 == 0) {
                        CLEANUP(freep) char *flaws = ledger_flaws(g.l);

                        assert_string_equal(flaws, "");
                        history_replay(&m, g.l);
                        rig_close(&g);
                        rig_open(&g);
                        assert_int_equal(ledger_head(g.l), n_taken);
                }
        }
        assert_true(n_taken > N_CHANGES / 4 && n_taken < N_CHANGES * 3 / 4);
        rig_done(&g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(changes_at_random_do_what_the_model_does),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
