/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk fails at one operation after the other, while something is changed and while the ledger
 * is closed. Whatever fails: the ledger is the one of before or the one behind, in the process that
 * saw the failure and in one that would start on the same files at that moment.
 */
#include "tests/unit/ledger/crossing.h"
#include "tests/unit/ledger/shim.h"

#include <errno.h>

/* Fails the operations from the first-th to the last-th, counted from the arming on. */
static struct {
        unsigned first, last, n;
        enum shim_verdict how;
} fault;

static enum shim_verdict fault_hook(const char *what, const char *path)
{
        fault.n++;
        return fault.n >= fault.first && fault.n <= fault.last ? fault.how : SHIM_GO;
}

static void fault_arm(unsigned first, unsigned last, enum shim_verdict how)
{
        fault.first = first;
        fault.last = last;
        fault.how = how;
        fault.n = 0;
        shim_watch(fault_hook);
}

/* Did it strike? */
static bool fault_disarm(void)
{
        shim_watch(NULL);
        return fault.n >= fault.first;
}

/* False: the fault did not strike any more. */
static bool cross_with_fault(const struct crossing *c, struct rig *g, unsigned first, unsigned last,
                             enum shim_verdict how)
{
        bool has_struck, behind_on_disk;
        int r;

        crossing_reset(c, g);
        rig_open(g);
        fault_arm(first, last, how);
        r = c->act(g->l);
        has_struck = fault_disarm();
        assert_true(r == 0 || (has_struck && (r == LEDGER_E_FULL || r == -EIO)));
        assert_true(crossing_is_behind(c, g->l) == (r == 0));
        behind_on_disk = crossing_is_behind_on_disk(c, g);
        /* What failed once could be taken back. */
        if (first == last || r == 0)
                assert_true(behind_on_disk == (r == 0));
        if (r != 0)
                assert_int_equal(c->act(g->l), 0);
        assert_true(crossing_is_behind(c, g->l));
        rig_close(g);
        rig_open(g);
        assert_true(crossing_is_behind(c, g->l));
        rig_close(g);
        return has_struck;
}

static void faults_each(crossing_act *act)
{
        static const enum shim_verdict how[] = { SHIM_FAIL, SHIM_TEAR };
        struct crossing c;
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        crossing_init(&c, &g, act);
        for (size_t i = 0; i < N_ELEMENTS(how); i++) {
                unsigned n = 1, m = 1;

                while (cross_with_fault(&c, &g, n, n, how[i]))
                        n++;
                assert_true(n > 10);
                while (cross_with_fault(&c, &g, m, UINT32_MAX, how[i]))
                        m++;
                assert_true(m >= n);
        }
        crossing_done(&c);
        rig_done(&g);
}

static void a_commit_with_a_fault_is_whole_or_not_at_all(void **state)
{
        faults_each(change_make);
}

static void a_restore_with_a_fault_is_whole_or_not_at_all(void **state)
{
        faults_each(restore_make);
}

static void a_close_with_a_fault_loses_nothing(void **state)
{
        bool has_struck = true;
        struct crossing c;
        struct rig g;
        unsigned n;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        crossing_init(&c, &g, change_make);
        for (n = 1; has_struck; n++) {
                crossing_reset(&c, &g);
                rig_open(&g);
                assert_int_equal(change_make(g.l), 0);
                fault_arm(n, UINT32_MAX, SHIM_FAIL);
                rig_close(&g);
                has_struck = fault_disarm();
                rig_open(&g);
                assert_true(crossing_is_behind(&c, g.l));
                rig_close(&g);
        }
        assert_true(n > 5);
        crossing_done(&c);
        rig_done(&g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_commit_with_a_fault_is_whole_or_not_at_all),
                cmocka_unit_test(a_restore_with_a_fault_is_whole_or_not_at_all),
                cmocka_unit_test(a_close_with_a_fault_loses_nothing),
        };

        shim_install();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
