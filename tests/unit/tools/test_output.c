/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/output.h"

#include "lib/base/cleanup.h"
#include "tests/unit/base/row.h"

#include <string.h>

#define COLUMNS_MAX 3
#define ROWS_MAX 3

static void lines_up_without_blanks_at_the_end(void **state)
{
        static const struct {
                const char *heads[COLUMNS_MAX + 1];
                const char *rows[ROWS_MAX][COLUMNS_MAX]; /* a row without a first text ends them */
                const char *text, *sentence;
        } rows[] = {
                { { "key", "state" },
                  { { "k-1", "live" }, { "k-200", "wanted" } },
                  "  key    state\n  k-1    live\n  k-200  wanted\n",
                  "the last column is not padded" },
                { { "key", ">used", "note" },
                  { { "k-1", "7", "full" }, { "k-2", "100", "" } },
                  "  key  used  note\n  k-1     7  full\n  k-2   100\n",
                  "an empty last column leaves nothing behind" },
                { { "key", "cause", "note" },
                  { { "k-1", "", "" }, { "k-2", "", "x" } },
                  "  key  cause  note\n  k-1\n  k-2         x\n",
                  "nor do several" },
                { { "key", "state" },
                  { { "", "live" }, { "", "" } },
                  "  key  state\n       live\n\n",
                  "a row of nothing is an empty line" },
                { { "a", ">n" },
                  { { "x", "5" }, { "y", "10" } },
                  "  a   n\n  x   5\n  y  10\n",
                  "flush right as the last" },
                { { "key" }, { { NULL } }, "", "heads alone are not printed" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct table *t = table_new(rows[i].heads);
                CLEANUP(freep) char *text = NULL;
                size_t length;
                FILE *out = open_memstream(&text, &length);

                for (size_t j = 0; j < ROWS_MAX && rows[i].rows[j][0]; j++)
                        table_add(t, rows[i].rows[j]);
                table_print(t, "  ", out);
                fclose(out);
                ROW_CHECK(strcmp(text, rows[i].text) == 0, i, rows[i].sentence);
        }
}

static void an_age_is_told_in_one_unit(void **state)
{
        static const struct {
                int64_t seconds;
                const char *text, *sentence;
        } rows[] = {
                { 0, "0 s", "just now" },
                { 119, "119 s", "below two minutes" },
                { 120, "2 min", "from two minutes on" },
                { 7199, "119 min", "below two hours" },
                { 7200, "2 h", "from two hours on" },
                { 48 * 3600, "2 days", "from two days on" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                ROW_CHECK(strcmp(age_text(rows[i].seconds), rows[i].text) == 0, i,
                          rows[i].sentence);
}

static void eight_counts_live_at_a_time(void **state)
{
        const char *texts[8];

        for (size_t i = 0; i < N_ELEMENTS(texts); i++)
                texts[i] = count_text(i, "key", "keys");
        assert_string_equal(texts[0], "0 keys");
        assert_string_equal(texts[1], "1 key");
        assert_string_equal(texts[7], "7 keys");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_up_without_blanks_at_the_end),
                cmocka_unit_test(an_age_is_told_in_one_unit),
                cmocka_unit_test(eight_counts_live_at_a_time),
        };

        setenv("NO_COLOR", "1", 1); /* the tests may run on a terminal */
        return cmocka_run_group_tests(tests, NULL, NULL);
}
