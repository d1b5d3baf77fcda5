/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/settings/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* The tokens as "kind:text@line", with a blank between, and "!" and the answer at the end. */
static void tokens_text(const char *text, char *out, size_t size)
{
        static const char kinds[] = { 'n', 't', '#', 'b', '<', '>', '.' };
        struct scanner s = { slice_of(text), 1 };
        struct token t;
        size_t used = 0;
        int r;

        while ((r = token_next(&s, &t)) == 0)
                used += (size_t)snprintf(out + used, size - used, "%c%.*s@%u ", kinds[t.kind],
                                         (int)t.text.length, t.text.data, t.line);
        snprintf(out + used, size - used, "!%d@%u", r, t.line);
}

static void words_end_where_libconfig_ends_them(void **state)
{
        static const struct {
                const char *text;
                const char *tokens;
                const char *sentence;
        } rows[] = {
                { "", "!1@1", "nothing" },
                { "a=1;", "na@1 .=@1 #1@1 .;@1 !1@1", "a setting" },
                { "a=1b=2", "na@1 .=@1 #1@1 nb@1 .=@1 #2@1 !1@1", "no semicolon is needed" },
                { "1L 1LL 1LLL", "#1L@1 #1LL@1 #1LL@1 nL@1 !1@1", "the suffix has two L at most" },
                { "0x1bL 0x", "#0x1bL@1 #0@1 nx@1 !1@1", "hexadecimal" },
                { "-5 +6 1.5 .5 1. 1e5 1.5e-3 1e",
                  "#-5@1 #+6@1 #1.5@1 #.5@1 #1.@1 #1e5@1 #1.5e-3@1 #1@1 ne@1 !1@1",
                  "signs, fractions and exponents" },
                { "true FALSE truer", "btrue@1 bFALSE@1 ntruer@1 !1@1", "booleans in any case" },
                { "x-api-version *", "nx-api-version@1 n*@1 !1@1", "names hold dashes and stars" },
                { "\"a \\\" b\" \"\\\\\"", "t\"a \\\" b\"@1 t\"\\\\\"@1 !1@1",
                  "escapes in a text" },
                { "\"a\nb\"\nc", "t\"a\nb\"@1 nc@3 !1@3", "a text over two lines" },
                { "# a\n// b\n/* c\n* */ d", "nd@4 !1@4", "comments of three kinds" },
                { "[({})]", "<[@1 <(@1 <{@1 >}@1 >)@1 >]@1 !1@1", "brackets" },
                { "a /* b", "na@1 !2@1", "a comment that is not closed" },
                { "a\n\"b\\\"", "na@1 !3@2", "a text that is not closed" },
                { "\n @include \"x\"", "!4@2", "an include of libconfig's own" },
                { "/", "./@1 !1@1", "a slash alone" },
                { "-", ".-@1 !1@1", "a dash alone" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char tokens[512];

                tokens_text(rows[i].text, tokens, sizeof(tokens));
                if (strcmp(tokens, rows[i].tokens) != 0)
                        fail_msg("%s: %s", rows[i].sentence, tokens);
        }
}

static void columns_count_the_bytes_of_a_line_from_one(void **state)
{
        static const unsigned columns[] = { 1, 3, 5, 2, 7, 1, 4, 4, 5 };
        struct scanner s = { SLICE_LITERAL("a = \"x\ny\"\n\tb    1\n{  { /* \n*/ } # c\n    "), 1 };
        struct token t;

        for (size_t i = 0; i < N_ELEMENTS(columns); i++) {
                int r = token_next(&s, &t);

                assert_int_equal(r, i + 1 < N_ELEMENTS(columns) ? 0 : SCAN_E_END);
                if (t.column != columns[i])
                        fail_msg("token %zu: column %u", i, t.column);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(columns_count_the_bytes_of_a_line_from_one),
                cmocka_unit_test(words_end_where_libconfig_ends_them),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
