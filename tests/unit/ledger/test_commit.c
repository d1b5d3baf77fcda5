/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ledger/rig.h"

#include <errno.h>
#include <string.h>

/* Everything that ledger_fill() has put comes back as it was, from the file too. */
static const char filled[] = "entry smarty k2 router :: live 300 0 0\n"
                             "entry smarty k2 www.example.com :: foreign 300 0 0\n"
                             "entry smarty k1 10.0.0.1 10.0.0.1 wanted 300 0 0\n"
                             "entry smarty k2 10.0.0.1 10.0.0.1 leaving 300 0 0\n"
                             "entry smarty k1 10.0.0.2 10.0.0.2 propagating 300 0 0\n"
                             "entry smarty k2 10.0.0.4 10.0.0.4 suspended 300 0 0\n"
                             "pin a.example 32 10.0.0.8\n"
                             "pin desk.example 31 10.0.0.9 2001:db8::1\n"
                             "off all bob  42\n"
                             "off key:k1 alice leaked 41\n"
                             "pending 2 0 9000\n";

static void every_field_comes_back(void **state)
{
        CLEANUP(freep) char *before = NULL, *after = NULL;
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        before = ledger_dump(g.l);
        rig_close(&g);
        rig_open(&g);
        assert_int_equal(ledger_head(g.l), 3);
        after = ledger_dump(g.l);
        assert_string_equal(before, after);
        assert_memory_equal(after, filled, strlen(filled));
        rig_done(&g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_field_comes_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
