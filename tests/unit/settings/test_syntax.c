/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/settings/syntax.h"
#include "tests/unit/settings/folder.h"

#include <errno.h>

static int text_check(const char *text, struct diag *d)
{
        CLEANUP(source_freep) struct source *s = NULL;
        struct file_text file = { .text = (char *)text, .length = strlen(text) };

        return source_new("f", &file, NULL, d, &s);
}

static void a_syntax_error_is_told_with_its_place_and_what_is_missing(void **state)
{
        static const struct {
                const char *text;
                unsigned line, column, width;
                const char *finding;
        } rows[] = {
                { "\nsize = ;\n", 2, 8, 1, "a value is missing here" },
                { "size = big;", 1, 8, 3, "this is no value" },
                { "size 3;\n", 1, 1, 4, "no = follows this name" },
                { "size\n\n3;\n", 1, 1, 4, "no = follows this name" },
                { "size = 3;\n  = 4;\n", 2, 3, 1, "the name of a setting is missing here" },
                { "size = 3 4;", 1, 10, 1, "the name of a setting is missing here" },
                { "size = 3;;", 1, 10, 1, "the name of a setting is missing here" },
                { "\"x\" = 3;", 1, 1, 3, "the name of a setting is missing here" },
                { "a = [ 10.20.0.0/24 ];", 1, 12, 2, "a comma is missing here, or the ] that closes the [ of line 1" },
                { "a = ( { }\n { } );", 2, 2, 1, "a comma is missing here, or the ) that closes the ( of line 1" },
                { "a = [ \"x\", ];", 1, 12, 1, "a value is missing here" },
                { "a = [ ( 1 ) ];", 1, 7, 1, "[ ] holds no groups and lists" },
                { "a = { b = 1;\n );", 2, 2, 1, "the { of line 1 is still open, and closed by }" },
                { "a = [ 1 )", 1, 9, 1, "the [ of line 1 is still open, and closed by ]" },
                { "a = ( 1 ];", 1, 9, 1, "the ( of line 1 is still open, and closed by )" },
                { "a = { }; }", 1, 10, 1, "nothing is open that this bracket could close" },
                { "a = (\n { b = 1;\n  c = 2;\n", 2, 2, 1, "this bracket is never closed" },
                { "a = ( 1\n", 1, 5, 1, "this bracket is never closed" },
                { "a =\n\n", 1, 3, 1, "the file ends within a setting, behind this" },
                { "b = 1; a", 1, 8, 1, "the file ends within a setting, behind this" },
                { "a = \"b;\nc = 3;\nd = \"e\";\n", 1, 5, 3,
                  "a text begins here and runs over the end of the line" },
                { "c = 3;\nd = \"e;\n", 2, 5, 1,
                  "a text begins here and its closing quote is missing" },
                { "a = 1; /* b\n", 1, 8, 1, "a comment begins here and is never closed" },
                { "a = 1;\n @include \"x\"\n", 2, 2, 1, "@include is not supported" },
                { "a = \x01;", 1, 5, 1, "a value is missing here" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                CLEANUP(diag_done) struct diag d;
                const struct diag_finding *f;

                diag_init(&d);
                assert_int_equal(text_check(rows[i].text, &d), -EINVAL);
                assert_int_equal(d.n_findings, 1);
                f = &d.findings[0];
                assert_int_equal(strncmp(f->message, "syntax error: ", 14), 0);
                if (strcmp(f->message + 14, rows[i].finding) != 0 || f->line != rows[i].line ||
                    f->column != rows[i].column || f->width != rows[i].width)
                        fail_msg("row %zu: %u:%u+%u %s", i, f->line, f->column, f->width,
                                 f->message);
        }
}

static void names_twice_and_lists_of_several_types_are_all_told(void **state)
{
        CLEANUP(diag_done) struct diag d;
        CLEANUP(freep) char *findings = NULL;
        struct folder none = { "no such folder" };

        diag_init(&d);
        assert_int_equal(text_check("a = 1; b = { a = 1; ab = 2;\n  a = 3; };\n"
                                    "c = ( { a = 1; }, { a = 2; a = 3; } ); b = 2;\n"
                                    "e = [ 1, 0x5e, 2, 3L, true ]; f = [ 1.0, 5e1, 6 ];\n",
                                    &d),
                         -EINVAL);
        diag_sort(&d);
        findings = folder_findings(&none, &d);
        assert_string_equal(findings,
                            "f:2:3: error: a is given twice, first in line 1\n"
                            "    a = *; };\n"
                            "    ^\n"
                            "    keep one of them\n"
                            "f:3:28: error: a is given twice, first in line 3\n"
                            "  c = ( { a = *; }, { a = *; a = *; } ); b = *;\n"
                            "                             ^\n"
                            "    keep one of them\n"
                            "f:3:40: error: b is given twice, first in line 1\n"
                            "  c = ( { a = *; }, { a = *; a = *; } ); b = *;\n"
                            "                                         ^\n"
                            "    keep one of them\n"
                            "f:4:19: error: a list in [ ] holds values of different types\n"
                            "  e = [ *, ****, *, **, **** ]; f = [ ***, ***, * ];\n"
                            "                    ^~\n"
                            "f:4:47: error: a list in [ ] holds values of different types\n"
                            "  e = [ *, ****, *, **, **** ]; f = [ ***, ***, * ];\n"
                            "                                                ^\n");
}

/* Random words: what passes here passes libconfig, and what does not, does not. Texts are left out
 * where they cannot pass: libconfig 1.5 loses their memory. */
static void libconfig_says_the_same(void **state)
{
        static const char *const words[] = { "a ",   "b ",      "c",   " = ",  " = ", ":",
                                             ";",    ",",       "{ ",  "}",    "( ",  ") ",
                                             "[",    "] ",      " 1 ", " 2L ", "3.0", " 0x1f ",
                                             "true", " /* */ ", "\n",  " ? " };
        uint64_t state_of = 88172645463325252U;
        unsigned n_right = 0;

        for (unsigned i = 0; i < 200000; i++) {
                char text[256] = "";
                CLEANUP(diag_done) struct diag d;
                config_t config;
                bool ours, theirs;

                for (unsigned n = 0; n < 3 + i % 12; n++) {
                        state_of ^= state_of << 13;
                        state_of ^= state_of >> 7;
                        state_of ^= state_of << 17;
                        strcat(text, words[state_of % N_ELEMENTS(words)]);
                }
                strcat(text, "\n");
                diag_init(&d);
                ours = text_check(text, &d) == 0;
                config_init(&config);
                theirs = config_read_string(&config, text) == CONFIG_TRUE;
                config_destroy(&config);
                if (ours != theirs)
                        fail_msg("%s: %s", text, ours ? "passes" : d.findings[0].message);
                n_right += ours;
        }
        assert_true(n_right > 100);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_syntax_error_is_told_with_its_place_and_what_is_missing),
                cmocka_unit_test(names_twice_and_lists_of_several_types_are_all_told),
                cmocka_unit_test(libconfig_says_the_same),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
