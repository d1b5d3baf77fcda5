/* SPDX-License-Identifier: Apache-2.0 */
/* Backups: taken, looked at, and taken back. */
#include "tests/unit/ledger/rig.h"

#include <errno.h>
#include <stdio.h>

struct backup {
        void *bytes;
        size_t length;
};

static void backup_take(struct backup *b, struct ledger *l)
{
        assert_int_equal(ledger_backup(l, &b->bytes, &b->length), 0);
}

static void backup_done(struct backup *b)
{
        free(b->bytes);
}

static void a_backup_is_a_ledger_of_its_own(void **state)
{
        CLEANUP(freep) char *original = NULL, *copy = NULL;
        CLEANUP(backup_done) struct backup b = { NULL };
        struct rig g, other;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l); /* most of it lies in the log still */
        original = ledger_dump(g.l);
        backup_take(&b, g.l);
        assert_int_equal(ledger_inspect(b.bytes, b.length, g.why), 0);
        assert_string_equal(g.why, "");
        rig_init(&other);
        file_bytes_write(other.path, b.bytes, b.length);
        rig_open(&other);
        copy = ledger_dump(other.l);
        assert_string_equal(copy, original);
        assert_int_equal(COMMIT(g.l, 400, move_of("p k h", "", "foreign")), 4);
        rig_done(&other);
        rig_done(&g);
}

static void a_file_that_was_copied_is_as_good(void **state)
{
        CLEANUP(freep) void *bytes = NULL;
        size_t length;
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        rig_close(&g);
        bytes = file_bytes_read(g.path, &length);
        assert_int_equal(ledger_inspect(bytes, length, g.why), 0);
        rig_done(&g);
}

/* ---- back to it ---- */

static void a_backup_takes_the_place_of_all(void **state)
{
        CLEANUP(freep) char *original = NULL, *restored = NULL, *flaws = NULL;
        CLEANUP(backup_done) struct backup b = { NULL };
        struct pending pending;
        char *rows;
        uint64_t id;
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        original = ledger_dump(g.l);
        backup_take(&b, g.l);
        COMMIT(g.l, 400, move_of("smarty k1 10.0.0.1", "wanted", "live"));
        policy_commit(g.l, "later", "", NULL, 0, 500);
        assert_int_equal(ledger_restore(g.l, b.bytes, b.length, "alice", "a mistake", 600, g.why,
                                        &id),
                         0);
        assert_int_equal(id, 6); /* above 5, which only the ledger knew */
        assert_int_equal(ledger_head(g.l), 6);
        assert_int_equal(ledger_pending(g.l, &pending), 0);
        assert_int_equal(pending.revision, 0);
        flaws = ledger_flaws(g.l);
        assert_string_equal(flaws, "");
        rig_close(&g);
        rig_open(&g);
        restored = ledger_dump(g.l);
        /* entries, pins, switches as they were; a row more; the rest of the history as it was */
        assert_memory_equal(restored, original, strstr(original, "pending") - original);
        assert_memory_equal(strstr(restored, "pending"), "pending 0 0 0\n", 14);
        rows = strstr(restored, "row 6 600 [alice] [restore] [a mistake] [a backup of row 3");
        assert_non_null(rows);
        assert_string_equal(strstr(rows, "row 3 300 "), strstr(original, "row 3 300 "));
        assert_int_equal(COMMIT(g.l, 700, move_of("smarty k1 10.0.0.1", "wanted", "live")), 7);
        rig_done(&g);
}

static void a_backup_that_is_ahead_is_numbered_on(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL, *fresh = NULL;
        CLEANUP(backup_done) struct backup b = { NULL };
        char why[LEDGER_WHY_MAX];
        uint64_t id;

        assert_int_equal(ledger_open_memory(&l), 0);
        ledger_fill(l);
        backup_take(&b, l);
        assert_int_equal(ledger_open_memory(&fresh), 0);
        assert_int_equal(ledger_restore(fresh, b.bytes, b.length, "w", NULL, 1, why, &id), 0);
        assert_int_equal(id, 4);
}

static void a_backup_of_an_older_version_comes_up_to_date(void **state)
{
        CLEANUP(freep) void *bytes = NULL;
        CLEANUP(freep) char *flaws = NULL;
        CLEANUP(entry_set_freep) struct entry_set *s = NULL;
        size_t length;
        uint64_t id;
        struct rig g, other;

        rig_init(&g);
        rig_open(&g);
        ledger_fill_first(g.l);
        rig_close(&g);
        ledger_age(g.path, 1);
        bytes = file_bytes_read(g.path, &length);
        rig_init(&other);
        rig_open(&other);
        ledger_fill(other.l);
        assert_int_equal(ledger_restore(other.l, bytes, length, "w", NULL, 1, other.why, &id), 0);
        assert_int_equal(id, 4);
        assert_int_equal(ledger_entries(other.l, &s), 0);
        assert_int_equal(s->n, 2);
        flaws = ledger_flaws(other.l);
        assert_string_equal(flaws, "");
        rig_done(&other);
        rig_done(&g);
}

/* ---- what is no backup ---- */

static const struct {
        const char *sentence, *sql; /* done to a sound backup */
        const char *text;           /* or in its place */
        int answer;
        const char *why;
        size_t at; /* 0, or where a byte is changed, and to what */
        uint8_t byte;
} bad[] = {
        { "nothing", NULL, "", LEDGER_E_FOREIGN, "no SQLite file" },
        { "a text", NULL, "site = \"austin\";", LEDGER_E_FOREIGN, "no SQLite file" },
        { "half a header", NULL, "SQLite format 3", LEDGER_E_DAMAGED, "header" },
        { "another application's", "PRAGMA application_id = 7", NULL, LEDGER_E_FOREIGN,
          "another application" },
        { "a later version", "PRAGMA user_version = 4", NULL, LEDGER_E_NEWER, "version 4" },
        { "a table more", "CREATE TABLE t (a)", NULL, LEDGER_E_DAMAGED, "tables" },
        { "a trigger", "CREATE TRIGGER t AFTER DELETE ON pin BEGIN SELECT 1; END", NULL,
          LEDGER_E_DAMAGED, "tables" },
        { "a row that was changed", "UPDATE history SET who = 'x' WHERE id = 2", NULL,
          LEDGER_E_DAMAGED, "row 2 of the history" },
        { "an entry that was changed", "UPDATE entry SET since_us = 1", NULL, LEDGER_E_DAMAGED,
          "changed since row 3" },
        { "a policy that was changed", "UPDATE revision_file SET text = x'00'", NULL,
          LEDGER_E_DAMAGED, "the files of policy" },
        { "an encoding that there is not", NULL, NULL, LEDGER_E_DAMAGED, "UTF-8", 59, 4 },
};

static void what_is_no_sound_backup_changes_nothing(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
                CLEANUP(freep) void *bytes = NULL;
                CLEANUP(freep) char *before = NULL, *after = NULL;
                size_t length = 0;
                uint64_t id;
                struct rig g;
                int r;

                rig_init(&g);
                rig_open(&g);
                ledger_fill(g.l);
                rig_close(&g);
                if (bad[i].sql)
                        ledger_alter(g.path, bad[i].sql);
                if (bad[i].text)
                        file_bytes_write(g.path, bad[i].text, strlen(bad[i].text));
                bytes = file_bytes_read(g.path, &length);
                if (bad[i].at)
                        ((uint8_t *)bytes)[bad[i].at] = bad[i].byte;
                unlink(g.path);
                rig_open(&g);
                COMMIT(g.l, 1, move_of("p k h", "", "foreign"));
                before = ledger_dump(g.l);
                r = ledger_inspect(bytes, length, g.why);
                if (r != bad[i].answer || !strstr(g.why, bad[i].why))
                        fail_msg("%s: %d (%s)", bad[i].sentence, r, g.why);
                r = ledger_restore(g.l, bytes, length, "w", NULL, 1, g.why, &id);
                assert_int_equal(r, bad[i].answer);
                assert_non_null(strstr(g.why, bad[i].why));
                after = ledger_dump(g.l);
                assert_string_equal(before, after);
                assert_int_equal(COMMIT(g.l, 2, move_of("p k h", "foreign", "")), 2);
                rig_done(&g);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_backup_is_a_ledger_of_its_own),
                cmocka_unit_test(a_file_that_was_copied_is_as_good),
                cmocka_unit_test(a_backup_takes_the_place_of_all),
                cmocka_unit_test(a_backup_that_is_ahead_is_numbered_on),
                cmocka_unit_test(a_backup_of_an_older_version_comes_up_to_date),
                cmocka_unit_test(what_is_no_sound_backup_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
