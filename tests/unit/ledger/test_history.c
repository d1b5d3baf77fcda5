/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the history, what moved between two of them, and what is kept of it all. */
#include "tests/unit/ledger/rig.h"

#include <errno.h>
#include <stdio.h>

static void rows_make(struct ledger *l, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                char name[32];

                snprintf(name, sizeof(name), "p k host%u", i);
                COMMIT(l, i, move_of(name, "", "foreign"));
        }
}

static void the_history_is_read_in_pages(void **state)
{
        static const struct {
                const char *sentence;
                uint64_t before;
                size_t n_max;
                uint64_t newest;
                size_t n;
        } pages[] = {
                { "from the newest", 0, 3, 10, 3 },
                { "the next page", 8, 3, 7, 3 },
                { "the last page", 2, 3, 1, 1 },
                { "before the first", 1, 3, 0, 0 },
                { "from far beyond", UINT64_MAX, 2, 10, 2 },
                { "none at all", 0, 0, 0, 0 },
                { "all", 0, SIZE_MAX, 10, 10 },
        };
        CLEANUP(ledger_closep) struct ledger *l = NULL;

        assert_int_equal(ledger_open_memory(&l), 0);
        rows_make(l, 10);
        for (size_t i = 0; i < N_ELEMENTS(pages); i++) {
                CLEANUP(history_freep) struct history *h = NULL;

                assert_int_equal(ledger_history(l, pages[i].before, pages[i].n_max, &h), 0);
                if (h->n != pages[i].n || (h->n > 0 && h->rows[0].id != pages[i].newest))
                        fail_msg("%s: %zu rows", pages[i].sentence, h->n);
                for (size_t j = 1; j < h->n; j++)
                        assert_int_equal(h->rows[j].id, h->rows[j - 1].id - 1);
        }
}

static void moves_between_two_rows_are_told_in_order(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        CLEANUP(move_list_freep) struct move_list *m = NULL, *all = NULL, *none = NULL;
        struct entry_move move = move_of("p k 10.0.0.1", "wanted", "live");

        assert_int_equal(ledger_open_memory(&l), 0);
        COMMIT(l, 1, move_of("p k 10.0.0.2", "", "live"), move_of("p k 10.0.0.1", "", "wanted"));
        move.added_us = 5;
        move.live_us = 6;
        COMMIT(l, 2, move);
        COMMIT(l, 3, move_of("p k 10.0.0.2", "live", ""));
        assert_int_equal(ledger_moves(l, 1, 3, &m), 0);
        assert_int_equal(m->n, 2);
        assert_string_equal(m->moves[0].host, "10.0.0.1");
        assert_int_equal(m->moves[0].from, ENTRY_WANTED);
        assert_int_equal(m->moves[0].to, ENTRY_LIVE);
        assert_int_equal(m->moves[0].added_us, 5);
        assert_int_equal(m->moves[0].live_us, 6);
        assert_int_equal(m->moves[1].to, -1);
        assert_int_equal(ledger_moves(l, 0, UINT64_MAX, &all), 0);
        assert_int_equal(all->n, 4);
        assert_string_equal(all->moves[0].host, "10.0.0.2");
        assert_int_equal(all->moves[0].from, -1);
        assert_int_equal(ledger_moves(l, 3, 3, &none), 0);
        assert_int_equal(none->n, 0);
}

static uint64_t revision_at(struct ledger *l, uint64_t row)
{
        CLEANUP(revision_freep) struct revision *v = NULL;
        int r = ledger_revision(l, row, &v);

        if (r == -ENOENT)
                return 0;
        assert_int_equal(r, 0);
        return v->id;
}

static void each_row_knows_the_policy_in_force(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        CLEANUP(history_freep) struct history *h = NULL;

        assert_int_equal(ledger_open_memory(&l), 0);
        assert_int_equal(revision_at(l, 0), 0);
        COMMIT(l, 1, move_of("p k h", "", "foreign"));
        policy_commit(l, "a", "", NULL, 0, 2);
        COMMIT(l, 3, move_of("p k h", "foreign", ""));
        policy_commit(l, "b", "", NULL, 0, 4);
        assert_int_equal(revision_at(l, 0), 4);
        assert_int_equal(revision_at(l, 1), 0);
        assert_int_equal(revision_at(l, 2), 2);
        assert_int_equal(revision_at(l, 3), 2);
        assert_int_equal(revision_at(l, 4), 4);
        assert_int_equal(revision_at(l, 5), 0);
        assert_int_equal(revision_at(l, UINT64_MAX), 0);
        assert_int_equal(ledger_history(l, 0, 10, &h), 0);
        assert_true(h->rows[0].has_policy && !h->rows[1].has_policy && h->rows[2].has_policy);
        assert_int_equal(h->rows[1].revision, 2);
        assert_int_equal(h->rows[3].revision, 0);
}

/* ---- what is kept ---- */

static void policy_wait(struct ledger *l, uint64_t previous)
{
        struct ledger_file file = { (char *)"policy", (char *)"/p", (char *)"x", 1 };
        struct pending pending = { UINT64_MAX, previous, 9 };
        struct change c = {
                .expected_head = UINT64_MAX, .files = &file, .n_files = 1, .pending = &pending
        };
        uint64_t id;

        assert_int_equal(ledger_commit(l, &c, &id), 0);
}

/* A policy applied long ago that an apply would still go back to keeps its files. */
static void the_newest_policies_keep_their_files(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        CLEANUP(freep) char *flaws = NULL, *flaws_behind = NULL;
        struct pending none = { 0, 0, 0 };
        struct change confirm = { .expected_head = UINT64_MAX, .pending = &none };
        uint64_t id;

        assert_int_equal(ledger_open_memory(&l), 0);
        policy_commit(l, "1", "", NULL, 0, 1);
        for (unsigned i = 1; i < LEDGER_MAX_POLICIES; i++)
                policy_wait(l, 1);
        assert_int_equal(revision_at(l, 1), 1);
        assert_int_equal(revision_at(l, 2), 2);
        policy_wait(l, 1);
        policy_wait(l, 1);
        assert_int_equal(revision_at(l, 1), 1); /* needed still */
        assert_int_equal(revision_at(l, 2), 0); /* nobody waits for the oldest of the others */
        assert_int_equal(revision_at(l, 3), 3);
        flaws = ledger_flaws(l);
        assert_string_equal(flaws, "");
        assert_int_equal(ledger_commit(l, &confirm, &id), 0);
        assert_int_equal(revision_at(l, 1), 0);
        assert_int_equal(revision_at(l, 3), 3);
        assert_int_equal(revision_at(l, 0), LEDGER_MAX_POLICIES + 2);
        flaws_behind = ledger_flaws(l);
        assert_string_equal(flaws_behind, "");
}

static uint64_t rows_count(struct ledger *l, uint64_t *ret_oldest)
{
        CLEANUP(history_freep) struct history *h = NULL;

        assert_int_equal(ledger_history(l, 0, SIZE_MAX, &h), 0);
        *ret_oldest = h->rows[h->n - 1].id;
        return h->n;
}

/* The policy in force is older than every row that is kept. */
static void the_newest_rows_are_kept_and_still_chained(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL, *again = NULL;
        CLEANUP(move_list_freep) struct move_list *m = NULL;
        CLEANUP(freep) char *flaws = NULL, *flaws_again = NULL;
        CLEANUP(freep) void *bytes = NULL;
        struct change nothing = { .expected_head = UINT64_MAX, .who = "w" };
        char why[LEDGER_WHY_MAX];
        uint64_t id = 0, oldest;
        size_t length;

        assert_int_equal(ledger_open_memory(&l), 0);
        policy_commit(l, "early", "", NULL, 0, 1);
        policy_commit(l, "in force", "", NULL, 0, 2);
        COMMIT(l, 3, move_of("p k h", "", "foreign"));
        while (id < LEDGER_MAX_HISTORY)
                assert_int_equal(ledger_commit(l, &nothing, &id), 0);
        assert_int_equal(rows_count(l, &oldest), LEDGER_MAX_HISTORY);
        assert_int_equal(oldest, 1);
        for (unsigned i = 0; i < 5; i++)
                assert_int_equal(ledger_commit(l, &nothing, &id), 0);
        assert_int_equal(rows_count(l, &oldest), LEDGER_MAX_HISTORY);
        assert_int_equal(oldest, 6);
        assert_int_equal(ledger_moves(l, 0, UINT64_MAX, &m), 0);
        assert_int_equal(m->n, 0);
        assert_int_equal(revision_at(l, 0), 2);
        assert_int_equal(revision_at(l, 1), 0);
        flaws = ledger_flaws(l);
        assert_string_equal(flaws, "");
        assert_int_equal(ledger_backup(l, &bytes, &length), 0);
        assert_int_equal(ledger_open_memory(&again), 0);
        assert_int_equal(ledger_restore(again, bytes, length, "w", NULL, 9, why, &id), 0);
        assert_int_equal(rows_count(again, &oldest), LEDGER_MAX_HISTORY);
        flaws_again = ledger_flaws(again);
        assert_string_equal(flaws_again, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_history_is_read_in_pages),
                cmocka_unit_test(moves_between_two_rows_are_told_in_order),
                cmocka_unit_test(each_row_knows_the_policy_in_force),
                cmocka_unit_test(the_newest_policies_keep_their_files),
                cmocka_unit_test(the_newest_rows_are_kept_and_still_chained),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
