/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/provider/fixture.h"

#include "lib/base/cleanup.h"

#define M(text) "{\"m\":\"" text "\"}"

static void the_message_is_escaped_into_the_shape(void **state)
{
        static const struct {
                const char *shape;
                unsigned id;
                const char *message, *body, *sentence;
        } rows[] = {
                { NULL, 7, "no slot", "{\"errors\":[{\"id\":7,\"message\":\"no slot\"}]}",
                  "the default shape" },
                { M("$message"), 1, "", M(""), "an empty message" },
                { M("$message"), 1, "a \"b\" \\c", M("a \\\"b\\\" \\\\c"),
                  "quotes and backslashes" },
                { M("$message"), 1, "a\nb\x01\x7f", M("a\\u000ab\\u0001\\u007f"), "controls" },
                { M("$message"), 1, "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91",
                  M("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91"),
                  "UTF-8 of two, three and four bytes stays" },
                { M("$message"), 1,
                  "a\xff"
                  "b\x80",
                  M("a\\ufffdb\\ufffd"), "bytes that start no character" },
                { M("$message"), 1, "\xc3", M("\\ufffd"), "a character that the end cuts off" },
                { M("$message"), 1,
                  "\xc3"
                  "a",
                  M("\\ufffda"), "or another one" },
                { M("$message"), 1, "\xc0\xaf", M("\\ufffd\\ufffd"), "an overlong slash" },
                { M("$message"), 1, "\xe0\x80\xaf", M("\\ufffd\\ufffd\\ufffd"), "in three bytes" },
                { M("$message"), 1, "\xf0\x80\x80\xaf", M("\\ufffd\\ufffd\\ufffd\\ufffd"),
                  "in four" },
                { M("$message"), 1, "\xed\xa0\x80", M("\\ufffd\\ufffd\\ufffd"), "a surrogate" },
                { M("$message"), 1, "\xf4\x90\x80\x80", M("\\ufffd\\ufffd\\ufffd\\ufffd"),
                  "beyond Unicode" },
                { M("$message"), 1, "$id $message", M("$id $message"), "a message is not a shape" },
                { "$id-$id-$message", 4294967295U, "x", "4294967295-4294967295-x",
                  "the largest number, twice" },
                { "$other $ $$id $message", 5, "x", "$other $ $id x",
                  "what it does not know stays, $$ is a dollar" },
                { "fixed", 5, "x", "fixed", "a shape without places" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char out[256];
                size_t n = provider_error_body(rows[i].shape, rows[i].id, rows[i].message, out,
                                               sizeof(out));

                ROW_CHECK(slice_is((struct slice){ out, n }, rows[i].body), i, rows[i].sentence);
        }
}

static void a_message_too_long_is_cut_and_the_body_stays_whole(void **state)
{
        static const struct {
                const char *shape, *message;
                size_t size;
                const char *body, *sentence;
        } rows[] = {
                { M("$message"), "abcdef", 14, M("abcdef"), "it just fits" },
                { M("$message"), "abcdef", 13, M("abcde"), "one byte less" },
                { M("$message"), "abc\"d", 12, M("abc"), "an escape is not cut through" },
                { M("$message"), "abc\xc3\xa9", 12, M("abc"), "nor is a character" },
                { M("$message"), "abcdef", 8, M(""), "room for the shape alone" },
                { M("$message"), "abcdef", 7, "{\"m\":\"\"", "not even for that" },
                { M("$message"), "abcdef", 0, "", "no room at all" },
                { "$message-$message", "abcdef", 8, "abc-abc", "two places share" },
                { "$x$message!", "abcdef", 8, "$xabcde!", "a place it does not know counts" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char out[32];
                size_t n;

                memset(out, '#', sizeof(out));
                n = provider_error_body(rows[i].shape, 1, rows[i].message, out, rows[i].size);
                ROW_CHECK(slice_is((struct slice){ out, n }, rows[i].body), i, rows[i].sentence);
                ROW_CHECK(out[rows[i].size] == '#', i, rows[i].sentence);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_message_is_escaped_into_the_shape),
                cmocka_unit_test(a_message_too_long_is_cut_and_the_body_stays_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
