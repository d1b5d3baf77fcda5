/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger is made while the system fails, or kills, at one call after the other. The linker leads
 * the calls of keyrouter's own code here (see meson.build). There is none afterwards or a whole
 * one, and the next try makes it.
 */
#include "tests/unit/ledger/rig.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#define WRAP(type, name, parameters, ...)                                   \
        type __real_##name parameters;                                      \
        type __wrap_##name parameters;                                      \
        type __wrap_##name parameters                                       \
        {                                                                   \
                return call_fails(#name) ? -1 : __real_##name(__VA_ARGS__); \
        }

static struct {
        unsigned n, at; /* 0: none */
        int error;      /* 0: the process is killed instead */
        char calls[64]; /* the first letter of each */
} plan;

static bool call_fails(const char *name)
{
        size_t n_calls = strlen(plan.calls);

        if (n_calls + 1 < sizeof(plan.calls) && strcmp(name, "fchown") != 0)
                plan.calls[n_calls] = strcmp(name, "flock") == 0 ? 'l' : name[0];
        if (plan.at == 0 || ++plan.n != plan.at)
                return false;
        if (plan.error == 0)
                raise(SIGKILL);
        errno = plan.error;
        return true;
}

WRAP(ssize_t, write, (int fd, const void *bytes, size_t n), fd, bytes, n)
WRAP(int, fsync, (int fd), fd)
WRAP(int, rename, (const char *from, const char *to), from, to)
WRAP(int, unlink, (const char *path), path)
WRAP(int, flock, (int fd, int operation), fd, operation)
WRAP(int, fchown, (int fd, uid_t user, gid_t group), fd, user, group)

static void plan_make(unsigned at, int error)
{
        plan.n = 0;
        plan.at = at;
        plan.error = error;
}

/* Did it strike? */
static bool plan_end(void)
{
        bool has_struck = plan.at > 0 && plan.n >= plan.at;

        plan.at = 0;
        return has_struck;
}

static void the_next_try_makes_it(struct rig *g)
{
        CLEANUP(freep) char *flaws = NULL;
        char path[160];
        int r = rig_try(g, g->path, 0);

        assert_true(r == 0 || r == LEDGER_E_MISSING);
        rig_open(g);
        flaws = ledger_flaws(g->l);
        assert_string_equal(flaws, "");
        assert_int_equal(ledger_head(g->l), 0);
        snprintf(path, sizeof(path), "%s.new", g->path);
        assert_true(access(path, F_OK) < 0);
}

static void a_birth_with_a_fault_is_whole_or_none(void **state)
{
        static const struct {
                int error, answer;
        } faults[] = {
                { ENOSPC, LEDGER_E_FULL },
                { EDQUOT, LEDGER_E_FULL },
                { EROFS, LEDGER_E_DENIED },
                { EPERM, LEDGER_E_DENIED },
                { EIO, -EIO },
        };

        for (size_t i = 0; i < N_ELEMENTS(faults); i++) {
                bool has_struck = true;
                unsigned n;

                for (n = 1; has_struck; n++) {
                        struct rig g;
                        int r;

                        rig_init(&g);
                        plan_make(n, faults[i].error);
                        r = rig_try(&g, g.path, LEDGER_CREATE);
                        has_struck = plan_end();
                        assert_int_equal(r, has_struck ? faults[i].answer : 0);
                        the_next_try_makes_it(&g);
                        rig_done(&g);
                }
                assert_true(n > 8);
        }
}

static void a_birth_that_is_killed_is_whole_or_none(void **state)
{
        int status = -1;
        unsigned n;

        for (n = 1; status != 0; n++) {
                struct rig g;
                pid_t pid;

                rig_init(&g);
                pid = fork();
                assert_true(pid >= 0);
                if (pid == 0) {
                        plan_make(n, 0);
                        _exit(rig_try(&g, g.path, LEDGER_CREATE));
                }
                assert_int_equal(waitpid(pid, &status, 0), pid);
                the_next_try_makes_it(&g);
                rig_done(&g);
        }
        assert_true(n > 8);
}

/* Its bytes are on the disk before its name is, and its name before anybody is told. */
static void a_birth_is_on_the_disk_in_order(void **state)
{
        struct rig g;

        rig_init(&g);
        memset(plan.calls, 0, sizeof(plan.calls));
        assert_int_equal(rig_try(&g, g.path, LEDGER_CREATE), 0);
        /* lock; an old beginning away; write, sync; old logs away; rename, sync the folder */
        assert_string_equal(plan.calls, "luwfuuurf");
        rig_done(&g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_birth_with_a_fault_is_whole_or_none),
                cmocka_unit_test(a_birth_that_is_killed_is_whole_or_none),
                cmocka_unit_test(a_birth_is_on_the_disk_in_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
