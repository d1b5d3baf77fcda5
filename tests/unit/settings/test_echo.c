/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/settings/echo.h"
#include "tests/unit/settings/folder.h"

static void the_caret_stands_under_its_word(void **state)
{
        static const struct {
                const char *source;
                unsigned column, width;
                const char *line;
                unsigned caret, length;
                const char *sentence;
        } rows[] = {
                { "a = bc;\nd = 1;\n", 5, 2, "a = bc;", 4, 2, "a plain line" },
                { "a = bc;", 1, 1, "a = bc;", 0, 1, "without an end" },
                { "a = bc;  \r\n", 5, 2, "a = bc;", 4, 2, "blanks at the end go" },
                { "a = bc;\n", 7, 9, "a = bc;", 6, 1, "no further than the line" },
                { "a = bc;\n", 8, 1, "a = bc;", 7, 1, "behind the last word" },
                { "\ta =\tb;\n", 6, 1, "        a =     b;", 16, 1, "tabs become blanks" },
                { "\t\ta\n", 2, 2, "                a", 8, 9, "also below the word" },
                { "# \xc3\xa4\x1b[2J\x7f x\n", 11, 1, "# ???[2J? x", 10, 1,
                  "byte by byte disarmed" },
                { "\t\t\t\t\t\t\t\t\tx\n", 10, 1, "         x", 9, 1,
                  "many tabs are one blank each" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct place at = { "f", 1, rows[i].column, rows[i].width, rows[i].source };
                struct echo e = echo_make(&at);
                CLEANUP(freep) char *line = e.line;

                assert_non_null(line);
                if (strcmp(line, rows[i].line) != 0 || e.caret != rows[i].caret ||
                    e.length != rows[i].length)
                        fail_msg("%s: \"%s\", %u, %u", rows[i].sentence, line, e.caret, e.length);
        }
}

static void a_place_without_a_column_has_no_line(void **state)
{
        struct place whole = { "f", 0 }, line = { "f", 3 };

        assert_null(echo_make(&whole).line);
        assert_null(echo_make(&line).line);
}

/* The word begins at each place of a line of 1,000 bytes, with tabs and without. */
static void a_long_line_is_cut_around_the_word(void **state)
{
        for (unsigned tabs = 0; tabs < 2; tabs++) {
                char source[1002];

                memset(source, 'x', sizeof(source));
                for (size_t i = 0; tabs && i < 1000; i += 7)
                        source[i] = '\t';
                strcpy(source + 1000, "\n");
                for (unsigned i = 0; i < 997; i++) {
                        struct place at = { "f", 1, i + 1, 4, source };
                        char kept[4];
                        struct echo e;
                        size_t length;

                        memcpy(kept, source + i, 4);
                        memcpy(source + i, "word", 4);
                        e = echo_make(&at);
                        memcpy(source + i, kept, 4);
                        assert_non_null(e.line);
                        length = strlen(e.line);
                        assert_true(length <= ECHO_COLUMNS + 2 * strlen("..."));
                        assert_memory_equal(e.line + e.caret, "word", 4);
                        assert_int_equal(e.length, 4);
                        assert_int_equal(strncmp(e.line, "...", 3) == 0, i > 60);
                        assert_int_equal(strcmp(e.line + length - 3, "...") == 0, i < 960);
                        free(e.line);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_caret_stands_under_its_word),
                cmocka_unit_test(a_place_without_a_column_has_no_line),
                cmocka_unit_test(a_long_line_is_cut_around_the_word),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
