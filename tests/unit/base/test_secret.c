/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/secret.h"
#include "tests/unit/base/row.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void a_secret_is_a_copy_that_can_be_revealed(void **state)
{
        CLEANUP(secret_freep) struct secret *s = NULL;
        char bytes[] = "a\0b";

        assert_int_equal(secret_new((struct slice){ bytes, 3 }, &s), 0);
        memset(bytes, 'x', sizeof(bytes));
        assert_true(slice_equal(secret_reveal(s), SLICE_LITERAL("a\0b")));
}

static void a_secret_has_a_greatest_length(void **state)
{
        static char big[SECRET_MAX_BYTES + 1];
        static const struct {
                size_t length;
                int result;
                const char *sentence;
        } rows[] = {
                { 0, 0, "an empty one" },
                { SECRET_MAX_BYTES, 0, "the greatest" },
                { SECRET_MAX_BYTES + 1, -EMSGSIZE, "one byte more" },
        };

        memset(big, 'x', sizeof(big));
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                CLEANUP(secret_freep) struct secret *s = NULL;

                ROW_CHECK(secret_new((struct slice){ big, rows[i].length }, &s) == rows[i].result,
                          i, rows[i].sentence);
                ROW_CHECK(!s == (rows[i].result != 0), i, rows[i].sentence);
                ROW_CHECK(!s || secret_reveal(s).length == rows[i].length, i, rows[i].sentence);
        }
        secret_free(NULL);
}

static void a_fingerprint_tells_secrets_apart_and_nothing_else(void **state)
{
        CLEANUP(secret_freep) struct secret *a = NULL, *b = NULL, *empty = NULL;
        char text[SECRET_FINGERPRINT_MAX], other[SECRET_FINGERPRINT_MAX];

        assert_int_equal(secret_new(SLICE_LITERAL("abc"), &a), 0);
        assert_int_equal(secret_new(SLICE_LITERAL("abd"), &b), 0);
        assert_int_equal(secret_new((struct slice){ NULL, 0 }, &empty), 0);
        assert_string_equal(secret_fingerprint(a, text), "ba7816bf"); /* FIPS 180-2, appendix B.1 */
        assert_string_not_equal(secret_fingerprint(b, other), text);
        assert_string_equal(secret_fingerprint(empty, other), "e3b0c442");
}

/* Is the mapping of `address` left out of core files ("dd" among the flags of its smaps entry)? */
static bool is_left_out_of_cores(const void *address)
{
        FILE *maps = fopen("/proc/self/smaps", "re");
        char line[512];
        bool here = false, found = false;

        assert_non_null(maps);
        while (fgets(line, sizeof(line), maps)) {
                unsigned long first, last;

                if (sscanf(line, "%lx-%lx ", &first, &last) == 2)
                        here = first <= (unsigned long)address && (unsigned long)address < last;
                else if (here && strncmp(line, "VmFlags:", 8) == 0)
                        found = strstr(line, " dd") != NULL;
        }
        fclose(maps);
        return found;
}

static void a_secret_is_not_in_core_files(void **state)
{
        CLEANUP(secret_freep) struct secret *s = NULL;
        CLEANUP(freep) char *plain = strdup("plain");

        assert_int_equal(secret_new(SLICE_LITERAL("canary"), &s), 0);
        assert_true(is_left_out_of_cores(secret_reveal(s).data));
        assert_false(is_left_out_of_cores(plain));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_secret_is_a_copy_that_can_be_revealed),
                cmocka_unit_test(a_secret_has_a_greatest_length),
                cmocka_unit_test(a_fingerprint_tells_secrets_apart_and_nothing_else),
                cmocka_unit_test(a_secret_is_not_in_core_files),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
