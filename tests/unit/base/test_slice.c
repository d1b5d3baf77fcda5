/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/cleanup.h"
#include "lib/base/slice.h"
#include "tests/unit/base/row.h"

static void equal_means_length_and_bytes(void **state)
{
        static const struct {
                struct slice a, b;
                bool equal, equal_nocase;
                const char *sentence;
        } rows[] = {
                { { "abc", 3 }, { "abc", 3 }, true, true, "the same" },
                { { "abc", 3 }, { "aBC", 3 }, false, true, "case" },
                { { "abc", 3 }, { "abcd", 4 }, false, false, "a longer one" },
                { { "abc", 3 }, { "abd", 3 }, false, false, "another byte" },
                { { NULL, 0 }, { "", 0 }, true, true, "nothing is nothing" },
                { { "a\0b", 3 }, { "abb", 3 }, false, false, "a NUL is a byte" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                ROW_CHECK(slice_equal(rows[i].a, rows[i].b) == rows[i].equal, i, rows[i].sentence);
                ROW_CHECK(slice_equal_nocase(rows[i].a, rows[i].b) == rows[i].equal_nocase, i,
                          rows[i].sentence);
        }
}

static void a_split_gives_every_part(void **state)
{
        static const struct {
                const char *text, *parts; /* in brackets */
                const char *sentence;
        } rows[] = {
                { "a,b,c", "[a][b][c]", "three" },
                { "a", "[a]", "one" },
                { "", "[]", "an empty text has one empty part" },
                { ",", "[][]", "a separator alone has two" },
                { ",a,,b,", "[][a][][b][]", "empty ones anywhere" },
        };
        struct slice nothing = { NULL, 0 }, part;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct slice rest = slice_of(rows[i].text);
                char parts[64] = "";

                while (slice_split(&rest, ',', &part)) {
                        strcat(parts, "[");
                        strncat(parts, part.data, part.length);
                        strcat(parts, "]");
                }
                ROW_CHECK(strcmp(parts, rows[i].parts) == 0, i, rows[i].sentence);
        }
        assert_false(slice_split(&nothing, ',', &part));
}

static void trimming_takes_blanks_and_tabs_off_both_ends(void **state)
{
        static const struct {
                const char *text, *left, *sentence;
        } rows[] = {
                { " \ta b\t ", "a b", "not within" },   { "a", "a", "nothing to take" },
                { " \t ", "", "nothing else there" },   { "", "", "nothing at all" },
                { "\na\r", "\na\r", "line ends stay" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                ROW_CHECK(slice_is(slice_trim(slice_of(rows[i].text)), rows[i].left), i,
                          rows[i].sentence);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(equal_means_length_and_bytes),
                cmocka_unit_test(a_split_gives_every_part),
                cmocka_unit_test(trimming_takes_blanks_and_tabs_off_both_ends),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
