/* SPDX-License-Identifier: Apache-2.0 */
/* A ledger that somebody has changed with sqlite3 opens, and says what is wrong with it. */
#include "tests/unit/ledger/rig.h"

#include <stdio.h>

#define STATE_GONE "have changed since row 3"

static const struct {
        const char *sentence, *sql, *flaw;
} alterations[] = {
        { "who did it", "UPDATE history SET who = 'mallory' WHERE id = 2", "row 2 of the history" },
        { "what was done", "UPDATE history SET what = 'x' WHERE id = 2", "row 2 of the history" },
        { "why", "UPDATE history SET why = '' WHERE id = 2", "row 2 of the history" },
        { "the summary", "UPDATE history SET summary = 'x' WHERE id = 1", "row 1 of the history" },
        { "when", "UPDATE history SET at_us = 1 WHERE id = 3", "row 3 of the history" },
        { "the policy in force", "UPDATE history SET revision = 1 WHERE id = 3",
          "row 3 of the history" },
        { "a hash", "UPDATE history SET hash = zeroblob(32) WHERE id = 1", "row 2 of the history" },
        { "the newest hash", "UPDATE history SET hash = zeroblob(32) WHERE id = 3",
          "row 3 of the history" },
        { "a state", "UPDATE history SET state = zeroblob(32) WHERE id = 2",
          "row 2 of the history" },
        { "a row's number", "UPDATE history SET id = 9 WHERE id = 2", "row 9 of the history" },
        { "a row that is gone", "DELETE FROM history WHERE id = 2", "row 3 of the history" },
        { "the oldest row is gone", "DELETE FROM history WHERE id = 1", "row 2 of the history" },
        { "the newest row is gone", "PRAGMA foreign_keys = 1; DELETE FROM history WHERE id = 3",
          "changed since row 2" },
        { "all rows are gone", "DELETE FROM history", "changed since row 0" },
        { "a row more",
          "INSERT INTO history VALUES (4, 1, 'a', 'b', '', '', 2, zeroblob(32), zeroblob(32))",
          "row 4 of the history" },
        { "an anchor where there is none", "INSERT INTO anchor VALUES (1, 0, randomblob(32))",
          "row 1 of the history" },
        { "a move's state", "UPDATE history_move SET to_state = 'live' WHERE row = 3",
          "row 3 of the history" },
        { "a move's host", "UPDATE history_move SET host = 'x' WHERE position = 5",
          "row 3 of the history" },
        { "a move's time", "UPDATE history_move SET added_us = 1 WHERE position = 1",
          "row 3 of the history" },
        { "the order of moves", "UPDATE history_move SET position = 9 WHERE position = 0",
          "row 3 of the history" },
        { "a move that is gone", "DELETE FROM history_move WHERE position = 2",
          "row 3 of the history" },
        { "a move more",
          "INSERT INTO history_move VALUES (1, 0, 'p', 'k', 'h', NULL, 'live', 0, 0)",
          "row 1 of the history" },
        { "a move of no row",
          "INSERT INTO history_move VALUES (8, 0, 'p', 'k', 'h', NULL, 'live', 0, 0)",
          "1 rows of history_move name rows of history that are not there" },
        { "a move's state that is none",
          "UPDATE history_move SET from_state = 'x' WHERE position = 5",
          "the history cannot be read" },
        { "an entry's state", "UPDATE entry SET state = 'propagating' WHERE host = '10.0.0.4'",
          STATE_GONE },
        { "the same, by name", "UPDATE entry SET state = 'propagating' WHERE host = '10.0.0.4'",
          "the entry of smarty, k2, 10.0.0.4 is not as the history left it" },
        { "an entry's times", "UPDATE entry SET since_us = 1 WHERE host = 'router'", STATE_GONE },
        { "an entry's time at the vendor", "UPDATE entry SET added_us = 1 WHERE host = 'router'",
          "the entry of smarty, k2, router" },
        { "an entry's key", "UPDATE entry SET key = 'k7' WHERE host = 'router'",
          "no entry holds a slot of the policy in force: smarty k2 router" },
        { "the same, the other way", "UPDATE entry SET key = 'k7' WHERE host = 'router'",
          "an entry holds no slot of the policy in force: smarty k7 router" },
        { "an entry that is gone", "DELETE FROM entry WHERE host = '10.0.0.4'", STATE_GONE },
        { "an entry more", "INSERT INTO entry VALUES ('p', 'k', 'h', 'foreign', 0, 0, 0)",
          STATE_GONE },
        { "a host in another spelling",
          "UPDATE entry SET host = '010.0.0.4' WHERE host = '10.0.0.4'",
          "is no name or host as it is kept: 010.0.0.4" },
        { "an address that is held twice",
          "UPDATE entry SET host = '::ffff:10.0.0.2', state = 'live' WHERE state = 'leaving'",
          "10.0.0.2 of smarty is held by both" },
        { "a pin", "UPDATE pin SET addresses = '10.0.0.7' WHERE name = 'a.example'", STATE_GONE },
        { "a pin's time", "UPDATE pin SET at_us = 0 WHERE name = 'a.example'", STATE_GONE },
        { "a pin out of order",
          "UPDATE pin SET addresses = '2001:db8::1 10.0.0.9' WHERE name = 'desk.example'",
          "the pin of desk.example" },
        { "a pin in capitals", "UPDATE pin SET name = 'A.example' WHERE name = 'a.example'",
          "the pin of A.example" },
        { "a pin on no address", "UPDATE pin SET addresses = 'x'", "pins cannot be read" },
        { "a pin that is gone", "DELETE FROM pin WHERE name = 'a.example'", STATE_GONE },
        { "a switch", "DELETE FROM switched_off WHERE name = 'all'", STATE_GONE },
        { "a switch's reason", "UPDATE switched_off SET why = 'x' WHERE name = 'all'", STATE_GONE },
        { "a switch of nothing", "UPDATE switched_off SET name = 'x' WHERE name = 'all'",
          "the switch x" },
        { "a switch with a name too long",
          "UPDATE switched_off SET name = 'key:' || hex(zeroblob(40)) WHERE name = 'all'",
          "switches cannot be read" },
        { "what waits", "UPDATE pending SET deadline_us = 1", STATE_GONE },
        { "what waits is not in force", "UPDATE pending SET revision = 1",
          "policy 1 waits to be confirmed, and 2 is in force" },
        { "what waits goes back to itself", "UPDATE pending SET previous = 2",
          "and the one before it is 2" },
        { "what waits is no policy", "UPDATE pending SET revision = 3",
          "rows of pending name rows of revision" },
        { "a policy's text", "UPDATE revision_file SET text = x'78' WHERE position = 0",
          "the files of policy 1 are not" },
        { "a policy's role", "UPDATE revision_file SET role = 'x' WHERE revision = 2",
          "the files of policy 2 are not" },
        { "a policy's path", "UPDATE revision_file SET path = 'x' WHERE revision = 2",
          "the assignment or the paths of policy 2" },
        { "a policy's files", "DELETE FROM revision_file WHERE revision = 1",
          "the files of policy 1 are not" },
        { "the files in force are marked as gone",
          "UPDATE revision SET assignment = NULL WHERE id = 2",
          "the files of the policy in force" },
        { "an assignment", "UPDATE revision SET assignment = '' WHERE id = 2",
          "the assignment or the paths of policy 2" },
        { "a policy's digest", "UPDATE revision SET digest = 'x' WHERE id = 1",
          "row 1 of the history" },
        { "the router's address", "UPDATE revision SET router = '' WHERE id = 2",
          "row 2 of the history" },
        { "when it was applied", "UPDATE revision SET at_us = 1 WHERE id = 2",
          "row 2 of the history" },
        { "a file of no policy", "INSERT INTO revision_file VALUES (9, 0, 'r', 'p', x'')",
          "rows of revision_file name rows of revision" },
        { "a zero byte in a name",
          "UPDATE entry SET key = 'k' || char(0) || 'x' WHERE host = 'router'",
          "entries cannot be read" },
};

static void what_was_changed_by_hand_is_found(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(alterations); i++) {
                CLEANUP(freep) char *flaws = NULL;
                struct rig g;

                rig_init(&g);
                rig_open(&g);
                ledger_fill(g.l);
                rig_close(&g);
                ledger_alter(g.path, alterations[i].sql);
                rig_open(&g);
                flaws = ledger_flaws(g.l);
                if (!strstr(flaws, alterations[i].flaw))
                        fail_msg("%s: instead of \"%s\": %s", alterations[i].sentence,
                                 alterations[i].flaw, flaws);
                rig_done(&g);
        }
}

static void a_ledger_without_changes_has_no_flaw(void **state)
{
        CLEANUP(ledger_closep) struct ledger *empty = NULL;
        CLEANUP(freep) char *flaws = NULL, *flaws_of_none = NULL;
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        flaws = ledger_flaws(g.l);
        assert_string_equal(flaws, "");
        assert_int_equal(ledger_open_memory(&empty), 0);
        flaws_of_none = ledger_flaws(empty);
        assert_string_equal(flaws_of_none, "");
        rig_done(&g);
}

/* Flaws are counted, and told up to a bound. */
static void many_flaws_are_counted(void **state)
{
        CLEANUP(freep) char *flaws = NULL;
        size_t n = 0;
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        rig_close(&g);
        ledger_alter(g.path, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                             " WHERE i < 200) INSERT INTO entry SELECT 'p', 'k', '0' || i,"
                             " 'leaving', 0, 0, 0 FROM n;"
                             "UPDATE entry SET host = '::ffff:0.0.0.' || CAST(host AS INTEGER)");
        rig_open(&g);
        flaws = ledger_flaws(g.l);
        for (const char *c = flaws; *c; c++)
                n += *c == '\n';
        assert_int_equal(n, LEDGER_MAX_FLAWS);
        rig_done(&g);
}

/* Index and table differ: SQLite's own check sees that, for an index that nobody asked. */
static void a_torn_index_is_found(void **state)
{
        CLEANUP(freep) char *flaws = NULL;
        CLEANUP(freep) char *bytes = NULL;
        size_t length, n_places = 0;
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        rig_close(&g);
        bytes = file_bytes_read(g.path, &length);
        /* of the index alone: provider, host, key in this order */
        for (size_t i = 0; i + 16 < length; i++) {
                if (memcmp(bytes + i, "smarty10.0.0.4k2", 16) == 0) {
                        bytes[i + 13] = '5';
                        n_places++;
                }
        }
        assert_int_equal(n_places, 1);
        file_bytes_write(g.path, bytes, length);
        rig_open(&g);
        flaws = ledger_flaws(g.l);
        assert_non_null(strstr(flaws, "SQLite: "));
        rig_done(&g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_changed_by_hand_is_found),
                cmocka_unit_test(a_ledger_without_changes_has_no_flaw),
                cmocka_unit_test(many_flaws_are_counted),
                cmocka_unit_test(a_torn_index_is_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
