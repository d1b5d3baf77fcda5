/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ledger/rig.h"

static void a_filled_ledger_has_no_flaw(void **state)
{
        CLEANUP(freep) char *flaws = NULL;
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        flaws = ledger_flaws(g.l);
        assert_string_equal(flaws, "");
        rig_done(&g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_filled_ledger_has_no_flaw),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
