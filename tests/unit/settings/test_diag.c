/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/settings/folder.h"

static void a_typo_finds_the_nearest_name_and_nothing_else(void **state)
{
        static const char *const names[] = { "workstations", "except",   "public", "egress",
                                             "keys",         "backends", "burst",  "per_day",
                                             "capacity",     "a_b_c",    NULL };
        static const struct {
                const char *word;
                const char *nearest;
                const char *sentence;
        } rows[] = {
                { "egres", "egress", "a letter is missing" },
                { "egresss", "egress", "a letter too many" },
                { "ergess", "egress", "two letters changed places" },
                { "Workstations", "workstations", "case does not count" },
                { "a-b-c", "a_b_c", "nor does the kind of dash" },
                { "kesy", "keys", "in a short word too" },
                { "workstaions", "workstations", "a long word" },
                { "kays", "keys", "a short word may have one mistake" },
                { "kxyz", NULL, "not three" },
                { "zebra", NULL, "a word of its own" },
                { "", NULL, "no word" },
                { "x", NULL, "one letter is like nothing" },
                { "capacitycapacitycapacitycapacitycapacitycapacitycapacitycapacitycapacity", NULL,
                  "a word longer than any name" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                const char *nearest = diag_nearest(slice_of(rows[i].word), names);

                if (!nearest != !rows[i].nearest ||
                    (nearest && strcmp(nearest, rows[i].nearest) != 0))
                        fail_msg("\"%s\" gives %s: %s", rows[i].word, nearest ? nearest : "nothing",
                                 rows[i].sentence);
        }
}

static void findings_are_printed_by_file_and_line_and_stay_in_order_within_one(void **state)
{
        CLEANUP(diag_done) struct diag d;
        CLEANUP(freep) char *text = NULL;
        struct folder none = { "no such folder" };

        diag_init(&d);
        diag_error(&d, (struct place){ "b", 2 }, NULL, "third");
        diag_error(&d, (struct place){ "b", 1 }, "do %s", "first of b");
        diag_warning(&d, (struct place){ "b", 2 }, NULL, "fourth");
        diag_error(&d, (struct place){ "a", 9 }, NULL, "number %d", 1);
        diag_error(&d, (struct place){ "a", 0 }, NULL, "the file as a whole");
        diag_error(&d, (struct place){ NULL }, NULL, "no file");
        diag_sort(&d);
        text = folder_findings(&none, &d);
        assert_string_equal(text, "error: no file\n"
                                  "a: error: the file as a whole\n"
                                  "a:9: error: number 1\n"
                                  "b:1: error: first of b\n"
                                  "    do %s\n"
                                  "b:2: error: third\n"
                                  "b:2: warning: fourth\n");
        assert_int_equal(d.n_errors, 5);
        assert_int_equal(d.n_warnings, 1);
}

static void what_a_person_wrote_cannot_drive_the_terminal(void **state)
{
        CLEANUP(diag_done) struct diag d;

        diag_init(&d);
        diag_error(&d, (struct place){ NULL }, "\x1b[2J", "a %s b", "\x1b]0;x\x07\n\xff");
        assert_string_equal(d.findings[0].message, "a ?]0;x??? b");
        assert_string_equal(d.findings[0].remedy, "?[2J");
}

static void findings_beyond_the_bound_are_counted(void **state)
{
        CLEANUP(diag_done) struct diag d;

        diag_init(&d);
        for (int i = 0; i < DIAG_MAX_FINDINGS + 7; i++)
                diag_error(&d, (struct place){ "f", 1 }, NULL, "%d", i);
        assert_int_equal(d.n_findings, DIAG_MAX_FINDINGS);
        assert_int_equal(d.n_errors, DIAG_MAX_FINDINGS + 7);
        assert_int_equal(d.n_dropped, 7);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_typo_finds_the_nearest_name_and_nothing_else),
                cmocka_unit_test(
                        findings_are_printed_by_file_and_line_and_stay_in_order_within_one),
                cmocka_unit_test(what_a_person_wrote_cannot_drive_the_terminal),
                cmocka_unit_test(findings_beyond_the_bound_are_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
