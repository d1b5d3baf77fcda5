/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No space on the disk, and none allowed: what does not fit is refused whole, reading goes on, and
 * so does writing once there is space. The first in a small file system that only a process of the
 * test's own sees.
 */
#include "tests/unit/ledger/rig.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define SKIPPED 99

/* Adds policies until one does not fit. */
static void space_use_up(struct ledger *l)
{
        static char text[100000];
        struct ledger_file file = { (char *)"policy", (char *)"/p", text, sizeof(text) };
        struct change c = { .expected_head = UINT64_MAX, .who = "w", .files = &file, .n_files = 1 };
        uint64_t id, head;
        int r;

        do {
                head = ledger_head(l);
                r = ledger_commit(l, &c, &id);
        } while (r == 0);
        assert_int_equal(r, LEDGER_E_FULL);
        assert_int_equal(ledger_head(l), head);
}

static void everything_is_there(struct ledger *l, const char *dump)
{
        CLEANUP(freep) char *found = ledger_dump(l), *flaws = ledger_flaws(l);

        assert_string_equal(found, dump);
        assert_string_equal(flaws, "");
}

/* In a file system of a megabyte, with a bit of ballast. */
static void full_disk_live(struct rig *g)
{
        CLEANUP(freep) char *dump = NULL;
        static const char ballast[300000];
        char path[160], why[LEDGER_WHY_MAX];

        snprintf(path, sizeof(path), "%s/ballast", g->folder);
        file_bytes_write(path, ballast, sizeof(ballast));
        rig_open(g);
        space_use_up(g->l);
        dump = ledger_dump(g->l);
        everything_is_there(g->l, dump);
        rig_close(g); /* and what starts on a full disk */
        rig_open(g);
        everything_is_there(g->l, dump);
        space_use_up(g->l);
        assert_int_equal(unlink(path), 0);
        COMMIT(g->l, 1, move_of("p k h", "", "foreign"));
        policy_commit(g->l, "fits", "", NULL, 0, 2);
        rig_close(g);

        /* one that there is no space to make */
        snprintf(path, sizeof(path), "%s/other", g->folder);
        rig_open(g);
        space_use_up(g->l);
        assert_int_equal(rig_try(g, path, LEDGER_CREATE), LEDGER_E_FULL);
        assert_true(access(path, F_OK) < 0);
        strcat(path, ".new");
        assert_true(access(path, F_OK) < 0);
        assert_int_equal(ledger_open(g->path, 0, why, &(struct ledger *){ NULL }), LEDGER_E_LOCKED);
        rig_close(g);
}

static int in_small_file_system(void (*live)(struct rig *), struct rig *g)
{
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                if (unshare(CLONE_NEWNS) != 0 ||
                    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
                    mount("none", g->folder, "tmpfs", 0, "size=1m") != 0)
                        _exit(SKIPPED);
                live(g);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void a_full_disk_is_told_and_survived(void **state)
{
        struct rig g;
        int status;

        rig_init(&g);
        status = in_small_file_system(full_disk_live, &g);
        rig_done(&g);
        if (status == SKIPPED)
                skip();
        assert_int_equal(status, 0);
}

/* The bound of a process on the size of its files stands for a quota. */
static void files_bound(rlim_t bytes)
{
        struct rlimit limit;

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = bytes;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_bound_on_files_is_told_and_survived(void **state)
{
        CLEANUP(freep) char *dump = NULL;
        struct rig g;

        signal(SIGXFSZ, SIG_IGN);
        rig_init(&g);
        rig_open(&g);
        COMMIT(g.l, 1, move_of("p k h2", "", "foreign"));
        files_bound(1000000);
        space_use_up(g.l);
        dump = ledger_dump(g.l);
        everything_is_there(g.l, dump);
        files_bound(RLIM_INFINITY);
        COMMIT(g.l, 1, move_of("p k h", "", "foreign"));
        rig_done(&g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_full_disk_is_told_and_survived),
                cmocka_unit_test(a_bound_on_files_is_told_and_survived),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
