/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/ledger/schema.h"
#include "tests/unit/ledger/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char *path_in(const struct rig *g, const char *ending)
{
        static char path[160];

        snprintf(path, sizeof(path), "%s%s", g->path, ending);
        return path;
}

static bool is_there(const struct rig *g, const char *ending)
{
        return access(path_in(g, ending), F_OK) == 0;
}

/* ---- making one ---- */

static void without_one_it_is_made_where_that_is_asked_for(void **state)
{
        struct stat ledger, lock;
        struct rig g;

        rig_init(&g);
        assert_int_equal(rig_try(&g, g.path, 0), LEDGER_E_MISSING);
        assert_false(is_there(&g, ""));
        assert_false(is_there(&g, ".lock"));
        umask(0);
        assert_int_equal(rig_try(&g, g.path, LEDGER_CREATE), 0);
        assert_int_equal(rig_try(&g, g.path, 0), 0);
        assert_int_equal(stat(g.path, &ledger), 0);
        assert_int_equal(stat(path_in(&g, ".lock"), &lock), 0);
        assert_int_equal(ledger.st_mode & 07777, 0600);
        assert_int_equal(lock.st_mode & 07777, 0600);
        assert_false(is_there(&g, ".new"));
        rig_open(&g);
        assert_int_equal(ledger_head(g.l), 0);
        assert_int_equal(ledger_schema(g.l), SCHEMA_VERSION);
        rig_done(&g);
}

/* Root makes it for the service that owns the folder, with all that lies beside it. */
static void what_root_makes_belongs_to_the_owner_of_the_folder(void **state)
{
        static const char *const endings[] = { "", "-wal", ".lock" };
        struct stat st;
        struct rig g;

        if (geteuid() != 0)
                skip();
        rig_init(&g);
        assert_int_equal(chown(g.folder, 123, 456), 0);
        rig_open(&g);
        ledger_fill(g.l);
        for (size_t i = 0; i < N_ELEMENTS(endings); i++) {
                assert_int_equal(stat(path_in(&g, endings[i]), &st), 0);
                assert_int_equal(st.st_uid, 123);
                assert_int_equal(st.st_gid, 456);
                assert_int_equal(st.st_mode & 07777, 0600);
        }
        assert_false(is_there(&g, "-shm"));
        rig_done(&g);
}

static void an_empty_file_is_none(void **state)
{
        struct rig g;

        rig_init(&g);
        file_bytes_write(g.path, "", 0);
        assert_int_equal(rig_try(&g, g.path, 0), LEDGER_E_MISSING);
        assert_int_equal(rig_try(&g, g.path, LEDGER_CREATE), 0);
        assert_int_equal(rig_try(&g, g.path, 0), 0);
        rig_done(&g);
}

/* The log of a ledger that somebody removed would be taken for the new one's. */
static void the_log_of_one_that_is_gone_does_not_come_back(void **state)
{
        CLEANUP(freep) void *log = NULL;
        CLEANUP(freep) char *dump = NULL;
        size_t length;
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        log = file_bytes_read(path_in(&g, "-wal"), &length);
        assert_true(length > 4096);
        rig_close(&g);
        assert_int_equal(unlink(g.path), 0);
        file_bytes_write(path_in(&g, "-wal"), log, length);
        rig_open(&g);
        assert_int_equal(ledger_head(g.l), 0);
        dump = ledger_dump(g.l);
        assert_string_equal(dump, "pending 0 0 0\n");
        rig_done(&g);
}

/* Root must not give away a file that has another name elsewhere. */
static void a_lock_with_two_names_is_refused(void **state)
{
        struct stat st;
        struct rig g;
        char other[160];

        rig_init(&g);
        snprintf(other, sizeof(other), "%s/other", g.folder);
        file_bytes_write(other, "theirs", 6);
        assert_int_equal(chmod(other, 0644), 0);
        assert_int_equal(link(other, path_in(&g, ".lock")), 0);
        assert_true(geteuid() != 0 || chown(g.folder, 123, 456) == 0);
        assert_int_equal(rig_try(&g, g.path, LEDGER_CREATE), LEDGER_E_FOREIGN);
        assert_int_equal(stat(other, &st), 0);
        assert_int_equal(st.st_uid, geteuid());
        assert_int_equal(st.st_size, 6);
        assert_int_equal(unlink(path_in(&g, ".lock")), 0);
        assert_int_equal(symlink(other, path_in(&g, ".lock")), 0);
        assert_int_equal(rig_try(&g, g.path, LEDGER_CREATE), -ELOOP);
        assert_int_equal(unlink(path_in(&g, ".lock")), 0);
        assert_int_equal(link(other, path_in(&g, ".new")), 0); /* that one is not used */
        assert_int_equal(rig_try(&g, g.path, LEDGER_CREATE), 0);
        assert_int_equal(stat(other, &st), 0);
        assert_int_equal(st.st_size, 6);
        rig_done(&g);
}

static void no_folder_is_no_ledger(void **state)
{
        struct rig g;

        rig_init(&g);
        assert_int_equal(rig_try(&g, "/nowhere/at/all/ledger", LEDGER_CREATE), LEDGER_E_MISSING);
        assert_non_null(strstr(g.why, "folder"));
        assert_int_equal(rig_try(&g, "/dev/null/ledger", LEDGER_CREATE), -ENOTDIR);
        rig_done(&g);
}

static void a_ledger_in_memory_is_like_any_other(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        CLEANUP(freep) char *in_file = NULL, *in_memory = NULL;
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        in_file = ledger_dump(g.l);
        assert_int_equal(ledger_open_memory(&l), 0);
        ledger_fill(l);
        in_memory = ledger_dump(l);
        assert_string_equal(in_memory, in_file);
        assert_true(ledger_bytes(l) > 4096);
        assert_true(ledger_bytes(g.l) > ledger_bytes(l)); /* the log */
        rig_done(&g);
}

/* ---- what is not ours ---- */

static void sqlite_file_put(const char *path, const char *sql)
{
        file_bytes_write(path, "", 0);
        ledger_alter(path, sql);
}

#define OURS "PRAGMA application_id = 1802663020; "

static const struct {
        const char *sentence;
        const char *text; /* NULL: a SQLite file made by */
        const char *sql;
        int answer;
} strangers[] = {
        { "a text", "site = \"austin\";\n", NULL, LEDGER_E_FOREIGN },
        { "a text shorter than the magic", "SQLite!", NULL, LEDGER_E_FOREIGN },
        { "the beginning of the magic", "SQLite f", NULL, LEDGER_E_DAMAGED },
        { "another application's database", NULL, "CREATE TABLE t (a)", LEDGER_E_FOREIGN },
        { "another application's database with an id", NULL,
          "PRAGMA application_id = 77; CREATE TABLE t (a)", LEDGER_E_FOREIGN },
        { "our id without a version", NULL, OURS "CREATE TABLE t (a)", LEDGER_E_DAMAGED },
        { "our id and version without our tables", NULL,
          OURS "PRAGMA user_version = 1; CREATE TABLE t (a)", LEDGER_E_DAMAGED },
        { "a later version", NULL, OURS "PRAGMA user_version = 4; CREATE TABLE t (a)",
          LEDGER_E_NEWER },
        { "a version below zero", NULL, OURS "PRAGMA user_version = -1; CREATE TABLE t (a)",
          LEDGER_E_DAMAGED },
};

static void what_is_not_ours_is_left_as_it_is(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(strangers); i++) {
                for (unsigned flags = 0; flags <= LEDGER_CREATE; flags++) {
                        CLEANUP(freep) void *before = NULL, *after = NULL;
                        size_t n_before, n_after;
                        struct rig g;
                        int r;

                        rig_init(&g);
                        if (strangers[i].text)
                                file_bytes_write(g.path, strangers[i].text,
                                                 strlen(strangers[i].text));
                        else
                                sqlite_file_put(g.path, strangers[i].sql);
                        before = file_bytes_read(g.path, &n_before);
                        r = rig_try(&g, g.path, flags);
                        if (r != strangers[i].answer)
                                fail_msg("%s: %d (%s)", strangers[i].sentence, r, g.why);
                        after = file_bytes_read(g.path, &n_after);
                        assert_int_equal(n_before, n_after);
                        assert_memory_equal(before, after, n_after);
                        rig_done(&g);
                }
        }
}

static void what_is_no_file_is_not_ours(void **state)
{
        struct rig g;

        rig_init(&g);
        assert_int_equal(rig_try(&g, "/dev/null", LEDGER_CREATE), LEDGER_E_FOREIGN);
        assert_int_equal(unlink("/dev/null.lock"), 0);
        assert_int_equal(mkfifo(g.path, 0600), 0);
        assert_int_equal(rig_try(&g, g.path, LEDGER_CREATE), LEDGER_E_FOREIGN);
        rig_done(&g);
}

static const struct {
        const char *sentence, *sql, *why;
} damages[] = {
        { "a table more", "CREATE TABLE t (a)", "tables" },
        { "a table less", "DROP TABLE pin", "tables" },
        { "a view", "CREATE VIEW v AS SELECT 1", "tables" },
        { "a trigger", "CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM entry; END",
          "tables" },
        { "an index less", "DROP INDEX entry_held", "tables" },
        { "a column more", "ALTER TABLE entry ADD COLUMN c INTEGER", "tables" },
        { "a check less",
          "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql,"
          " ' CHECK (only = 1)', '') WHERE name = 'pending'",
          "tables" },
        { "a state that is none",
          "PRAGMA ignore_check_constraints = 1; UPDATE entry SET state = 'x' WHERE host = 'router'",
          "CHECK" },
        { "two roots for one table",
          "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET rootpage ="
          " (SELECT rootpage FROM sqlite_schema WHERE name = 'pin') WHERE name = 'entry'",
          "" },
};

static void what_was_damaged_is_left_as_it_is(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(damages); i++) {
                CLEANUP(freep) void *before = NULL, *after = NULL;
                size_t n_before, n_after;
                struct rig g;
                int r;

                rig_init(&g);
                rig_open(&g);
                ledger_fill(g.l);
                rig_close(&g);
                ledger_alter(g.path, damages[i].sql);
                before = file_bytes_read(g.path, &n_before);
                r = rig_try(&g, g.path, LEDGER_CREATE);
                if (r != LEDGER_E_DAMAGED || !strstr(g.why, damages[i].why))
                        fail_msg("%s: %d (%s)", damages[i].sentence, r, g.why);
                after = file_bytes_read(g.path, &n_after);
                assert_int_equal(n_before, n_after);
                assert_memory_equal(before, after, n_after);
                rig_done(&g);
        }
}

/* ---- versions ---- */

static void an_older_one_is_brought_up_to_date_with_all_it_holds(void **state)
{
        for (unsigned version = 1; version < SCHEMA_VERSION; version++) {
                CLEANUP(freep) char *before = NULL, *after = NULL, *flaws = NULL;
                struct rig g;

                rig_init(&g);
                rig_open(&g);
                ledger_fill_first(g.l);
                before = ledger_dump(g.l);
                rig_close(&g);
                ledger_age(g.path, version);
                rig_open(&g);
                after = ledger_dump(g.l);
                assert_string_equal(after, before);
                flaws = ledger_flaws(g.l);
                assert_string_equal(flaws, "");
                rig_close(&g);
                rig_open(&g);
                assert_int_equal(ledger_schema(g.l), SCHEMA_VERSION);
                assert_int_equal(COMMIT(g.l, 300, move_of("p k h", "", "foreign")), 3);
                rig_done(&g);
        }
}

/* The version that counts may lie in the log, where the file's header does not tell. */
static void a_later_version_in_the_log_is_left_there(void **state)
{
        CLEANUP(freep) void *before = NULL, *after = NULL, *log = NULL, *log_after = NULL;
        size_t n_before, n_after, n_log, n_log_after;
        struct rig g, other;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        rig_close(&g);
        before = file_bytes_read(g.path, &n_before);
        rig_init(&other);
        file_bytes_write(other.path, before, n_before);
        log_of_version(other.path, path_in(&g, "-wal"));
        log = file_bytes_read(path_in(&g, "-wal"), &n_log);
        assert_true(n_log > 4096);
        assert_int_equal(rig_try(&g, g.path, LEDGER_CREATE), LEDGER_E_NEWER);
        after = file_bytes_read(g.path, &n_after);
        log_after = file_bytes_read(path_in(&g, "-wal"), &n_log_after);
        assert_int_equal(n_before, n_after);
        assert_memory_equal(before, after, n_after);
        assert_int_equal(n_log, n_log_after);
        assert_memory_equal(log, log_after, n_log);
        rig_done(&other);
        rig_done(&g);
}

/* ---- who may, and who holds it ---- */

static int opened_by_nobody(struct rig *g, const char *path)
{
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
                        _exit(99);
                _exit(rig_try(g, path, LEDGER_CREATE));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void who_may_not_write_is_told(void **state)
{
        struct rig g;

        if (geteuid() != 0)
                skip();
        rig_init(&g);
        rig_open(&g);
        rig_close(&g);
        assert_int_equal(chmod(g.folder, 0755), 0);
        assert_int_equal(opened_by_nobody(&g, g.path), LEDGER_E_DENIED);
        assert_int_equal(chmod(path_in(&g, ".lock"), 0666), 0);
        assert_int_equal(opened_by_nobody(&g, g.path), LEDGER_E_DENIED);
        assert_int_equal(chmod(g.path, 0644), 0);
        assert_int_equal(opened_by_nobody(&g, g.path), LEDGER_E_DENIED);
        assert_int_equal(unlink(g.path), 0);
        assert_int_equal(opened_by_nobody(&g, g.path), LEDGER_E_DENIED);
        rig_done(&g);
}

static void a_read_only_file_system_is_told(void **state)
{
        struct rig g;
        int status;
        pid_t pid;

        rig_init(&g);
        rig_open(&g);
        rig_close(&g);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                if (unshare(CLONE_NEWNS) != 0 ||
                    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
                    mount(g.folder, g.folder, NULL, MS_BIND, NULL) != 0 ||
                    mount(NULL, g.folder, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) != 0)
                        _exit(99);
                _exit(rig_try(&g, g.path, 0));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        rig_done(&g);
        if (WEXITSTATUS(status) == 99)
                skip();
        assert_int_equal(WEXITSTATUS(status), LEDGER_E_DENIED);
}

static void one_at_a_time_holds_it(void **state)
{
        char told[64];
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        assert_int_equal(rig_try(&g, g.path, 0), LEDGER_E_LOCKED);
        snprintf(told, sizeof(told), "process %d holds it", (int)getpid());
        assert_string_equal(g.why, told);
        ledger_fill(g.l); /* the other try has taken nothing away */
        rig_close(&g);
        assert_int_equal(rig_try(&g, g.path, 0), 0);
        assert_true(is_there(&g, ".lock"));
        rig_done(&g);
}

/* A process holds it until it is killed: no time passes, a byte of a pipe says that it does. */
static void a_holder_that_is_killed_lets_go(void **state)
{
        struct rig g;
        int pipes[2], status;
        char byte;
        pid_t pid;

        rig_init(&g);
        assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                rig_open(&g);
                ledger_fill(g.l);
                if (write(pipes[1], "x", 1) == 1)
                        pause();
                _exit(1);
        }
        assert_int_equal(read(pipes[0], &byte, 1), 1);
        assert_int_equal(rig_try(&g, g.path, LEDGER_CREATE), LEDGER_E_LOCKED);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        rig_open(&g);
        assert_int_equal(ledger_head(g.l), 3);
        close(pipes[0]);
        close(pipes[1]);
        rig_done(&g);
}

/* Somebody has it open without our lock, with sqlite3 say. */
static void who_holds_it_without_the_lock_is_seen_too(void **state)
{
        struct rig g;
        void *other;

        rig_init(&g);
        rig_open(&g);
        rig_close(&g);
        other = sqlite_hold(g.path);
        assert_int_equal(rig_try(&g, g.path, 0), LEDGER_E_LOCKED);
        sqlite_let_go(other);
        assert_int_equal(rig_try(&g, g.path, 0), 0);
        rig_done(&g);
}

/* What went to a file that nobody finds any more would be lost without a word. */
static void a_ledger_that_is_taken_away_takes_no_change(void **state)
{
        struct change c = { .expected_head = UINT64_MAX };
        char other[160];
        uint64_t id;
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        snprintf(other, sizeof(other), "%s/other", g.folder);
        assert_int_equal(rename(g.path, other), 0);
        assert_int_equal(ledger_commit(g.l, &c, &id), LEDGER_E_MISSING);
        file_bytes_write(g.path, "another", 7);
        assert_int_equal(ledger_commit(g.l, &c, &id), LEDGER_E_MISSING);
        assert_int_equal(rename(other, g.path), 0);
        assert_int_equal(ledger_commit(g.l, &c, &id), 0);
        rig_done(&g);
}

static void every_answer_has_its_sentence(void **state)
{
        for (int i = LEDGER_E_MISSING; i <= LEDGER_E_STALE; i++) {
                assert_true(strlen(ledger_explain(i)) > 10);
                for (int j = LEDGER_E_MISSING; j < i; j++)
                        assert_string_not_equal(ledger_explain(i), ledger_explain(j));
        }
        assert_string_equal(ledger_explain(-ENOMEM), strerror(ENOMEM));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_one_it_is_made_where_that_is_asked_for),
                cmocka_unit_test(what_root_makes_belongs_to_the_owner_of_the_folder),
                cmocka_unit_test(an_empty_file_is_none),
                cmocka_unit_test(the_log_of_one_that_is_gone_does_not_come_back),
                cmocka_unit_test(a_lock_with_two_names_is_refused),
                cmocka_unit_test(no_folder_is_no_ledger),
                cmocka_unit_test(a_ledger_in_memory_is_like_any_other),
                cmocka_unit_test(what_is_not_ours_is_left_as_it_is),
                cmocka_unit_test(what_is_no_file_is_not_ours),
                cmocka_unit_test(what_was_damaged_is_left_as_it_is),
                cmocka_unit_test(an_older_one_is_brought_up_to_date_with_all_it_holds),
                cmocka_unit_test(a_later_version_in_the_log_is_left_there),
                cmocka_unit_test(who_may_not_write_is_told),
                cmocka_unit_test(a_read_only_file_system_is_told),
                cmocka_unit_test(one_at_a_time_holds_it),
                cmocka_unit_test(a_holder_that_is_killed_lets_go),
                cmocka_unit_test(who_holds_it_without_the_lock_is_seen_too),
                cmocka_unit_test(a_ledger_that_is_taken_away_takes_no_change),
                cmocka_unit_test(every_answer_has_its_sentence),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
