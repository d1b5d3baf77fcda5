/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/base64.h"
#include "tests/unit/base/row.h"

#include <errno.h>
#include <string.h>

/* RFC 4648 section 10. */
static const struct {
        const char *bytes, *text;
} vectors[] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
};

static void the_vectors_of_the_rfc_go_both_ways(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(vectors); i++) {
                size_t length = strlen(vectors[i].bytes), n = 99;
                CLEANUP(freep) char *text = base64_encode(vectors[i].bytes, length);
                CLEANUP(freep) void *bytes = NULL;

                ROW_CHECK(strcmp(text, vectors[i].text) == 0, i, text);
                ROW_CHECK(base64_decode(text, &bytes, &n) == 0, i, text);
                ROW_CHECK(n == length && memcmp(bytes, vectors[i].bytes, n) == 0, i, text);
        }
}

static const char *const wrong[] = {
        "Z",    "Zg=",   "Zg",   "Zg===",   "====", "=Zg=",       "Zg==Zg==",
        "Zm9!", "Zm9\n", " Zm9", "Zm9vYg=", "Zm 9", "Zm9v\nZm9v", "Zm9vYmFyZm9vYmF-",
        "-m9v",
};

static void what_is_none_is_refused(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(wrong); i++) {
                void *bytes = NULL;
                size_t n = 99;

                ROW_CHECK(base64_decode(wrong[i], &bytes, &n) == -EINVAL, i, wrong[i]);
                ROW_CHECK(bytes == NULL && n == 99, i, "nothing is given out");
        }
}

/* More than one piece, and an end inside a group. */
static void any_bytes_of_any_length_come_back(void **state)
{
        static const size_t lengths[] = { 3 * 1024 * 1024 - 1, 3 * 1024 * 1024,
                                          7 * 1024 * 1024 + 1 };

        for (size_t i = 0; i < N_ELEMENTS(lengths); i++) {
                CLEANUP(freep) unsigned char *bytes = malloc(lengths[i]);
                CLEANUP(freep) char *text = NULL;
                CLEANUP(freep) void *again = NULL;
                size_t n = 0;

                assert_non_null(bytes);
                for (size_t j = 0; j < lengths[i]; j++)
                        bytes[j] = (unsigned char)(j * 2654435761U >> 13);
                text = base64_encode(bytes, lengths[i]);
                assert_int_equal(strlen(text), (lengths[i] + 2) / 3 * 4);
                assert_int_equal(base64_decode(text, &again, &n), 0);
                assert_true(n == lengths[i] && memcmp(again, bytes, n) == 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_vectors_of_the_rfc_go_both_ways),
                cmocka_unit_test(what_is_none_is_refused),
                cmocka_unit_test(any_bytes_of_any_length_come_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
