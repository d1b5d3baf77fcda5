/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process opens a ledger, changes it and closes it, and is killed at one operation of the disk
 * after the other; and the power fails at one after the other. Whoever comes next finds the ledger
 * of before or the one behind, and the one behind if the change had been confirmed.
 */
#include "tests/unit/ledger/crossing.h"
#include "tests/unit/ledger/shim.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* Shared with the process that is killed. */
static struct {
        unsigned n, at;
        enum shim_verdict how;
        bool is_confirmed;
} * kill_plan;

/* A torn write returns here once more than it was asked for: the process dies behind it. */
static enum shim_verdict kill_hook(const char *what, const char *path)
{
        if (++kill_plan->n < kill_plan->at)
                return SHIM_GO;
        if (kill_plan->n == kill_plan->at && kill_plan->how == SHIM_TEAR && what[0] == 'w')
                return SHIM_TEAR;
        raise(SIGKILL);
        return SHIM_GO;
}

static void cross_and_die(const struct crossing *c, struct rig *g)
{
        shim_watch(kill_hook);
        rig_open(g);
        if (c->act(g->l) == 0)
                kill_plan->is_confirmed = true;
        rig_close(g);
        _exit(0);
}

/* False: it lived to its end. */
static bool cross_with_kill(const struct crossing *c, struct rig *g, unsigned at,
                            enum shim_verdict how)
{
        bool is_behind;
        int status;
        pid_t pid;

        crossing_reset(c, g);
        kill_plan->n = 0;
        kill_plan->at = at;
        kill_plan->how = how;
        kill_plan->is_confirmed = false;
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                cross_and_die(c, g);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL
                                        : WEXITSTATUS(status) == 0 && kill_plan->is_confirmed);
        rig_open(g);
        is_behind = crossing_is_behind(c, g->l);
        if (kill_plan->is_confirmed)
                assert_true(is_behind);
        rig_close(g);
        return WIFSIGNALED(status);
}

/* ---- the power ---- */

static struct {
        const struct crossing *c;
        bool is_confirmed;
        uint64_t seed;
        unsigned n;
} power;

static enum shim_verdict power_hook(const char *what, const char *path)
{
        static bool is_within;
        struct rig other;

        if (is_within)
                return SHIM_GO;
        is_within = true;
        for (int i = 0; i < 3; i++) {
                bool is_behind;

                rig_init(&other);
                shim_power_fail(other.folder, power.seed++);
                rig_open(&other);
                is_behind = crossing_is_behind(power.c, other.l);
                if (power.is_confirmed)
                        assert_true(is_behind);
                rig_done(&other);
        }
        power.n++;
        is_within = false;
        return SHIM_GO;
}

static void cross_with_power_failures(const struct crossing *c, struct rig *g)
{
        crossing_reset(c, g);
        shim_record(g->path);
        power.c = c;
        power.seed = 20260301;
        power.is_confirmed = false;
        power.n = 0;
        shim_watch(power_hook);
        rig_open(g);
        assert_int_equal(c->act(g->l), 0);
        power.is_confirmed = true;
        rig_close(g);
        shim_watch(NULL);
        shim_forget();
        assert_true(power.n > 10);
}

static void cross_each(struct rig *g, crossing_act *act)
{
        static const enum shim_verdict how[] = { SHIM_FAIL, SHIM_TEAR };
        struct crossing c;

        crossing_init(&c, g, act);
        for (size_t i = 0; i < N_ELEMENTS(how); i++) {
                unsigned n = 1;

                while (cross_with_kill(&c, g, n, how[i]))
                        n++;
                assert_true(n > 10);
        }
        cross_with_power_failures(&c, g);
        crossing_done(&c);
}

static void a_commit_survives_death_anywhere(void **state)
{
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        cross_each(&g, change_make);
        rig_done(&g);
}

static void a_restore_survives_death_anywhere(void **state)
{
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        cross_each(&g, restore_make);
        rig_done(&g);
}

static void a_new_schema_survives_death_anywhere(void **state)
{
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        ledger_fill_first(g.l);
        rig_close(&g);
        ledger_age(g.path, 1);
        cross_each(&g, nothing_make);
        rig_done(&g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_commit_survives_death_anywhere),
                cmocka_unit_test(a_restore_survives_death_anywhere),
                cmocka_unit_test(a_new_schema_survives_death_anywhere),
        };

        kill_plan = mmap(NULL, sizeof(*kill_plan), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (kill_plan == MAP_FAILED)
                return 1;
        shim_install();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
