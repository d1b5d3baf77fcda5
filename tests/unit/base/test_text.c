/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/cleanup.h"
#include "lib/base/header_name.h"
#include "lib/base/text.h"
#include "tests/unit/base/row.h"

static void numbers_are_written_in_full(void **state)
{
        static const struct {
                uint64_t number;
                const char *text, *sentence;
        } rows[] = {
                { 0, "0", "nothing has a digit too" },
                { 9, "9", "one digit" },
                { 10, "10", "a zero behind" },
                { 1234567, "1234567", "in order" },
                { UINT64_MAX, "18446744073709551615", "the largest" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char memory[DECIMAL_MAX + 1];
                struct text t = text_begin(memory, sizeof(memory));

                text_put_number(&t, rows[i].number);
                ROW_CHECK(strcmp(text_end(&t), rows[i].text) == 0, i, rows[i].sentence);
        }
}

static void what_does_not_fit_is_cut_off(void **state)
{
        static const struct {
                size_t size;
                const char *text, *sentence;
        } rows[] = {
                { 1, "", "room for the end only" },     { 4, "slo", "within the first piece" },
                { 6, "slot ", "just the first piece" }, { 8, "slot 17", "exactly all" },
                { 7, "slot 1", "a number too" },        { 20, "slot 17", "room left" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char memory[32];
                struct text t;

                memset(memory, '#', sizeof(memory));
                t = text_begin(memory, rows[i].size);
                text_put_string(&t, "slot ");
                text_put_number(&t, 17);
                ROW_CHECK(strcmp(text_end(&t), rows[i].text) == 0, i, rows[i].sentence);
                ROW_CHECK(memory[rows[i].size] == '#', i, "nothing behind the memory is touched");
        }
}

static void a_header_is_known_in_each_spelling(void **state)
{
        static const struct {
                const char *name, *known;
                bool is;
                const char *sentence;
        } rows[] = {
                { "Host", "Host", true, "the same" },
                { "hOST", "Host", true, "in any case" },
                { "Hos", "Host", false, "a shorter one" },
                { "Hosts", "Host", false, "a longer one" },
                { "Transfer_Encoding", "Transfer-Encoding", true, "an underscore for a hyphen" },
                { "X-Api_Key", "X_Api-Key", true, "and the other way round" },
                { "TransferEncoding", "Transfer-Encoding", false, "a hyphen less" },
                { "@ost", "Host", false, "bytes beside the letters" },
                { "[a", "{a", false, "case is of letters only" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                ROW_CHECK(header_is(slice_of(rows[i].name), slice_of(rows[i].known)) == rows[i].is,
                          i, rows[i].sentence);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(numbers_are_written_in_full),
                cmocka_unit_test(what_does_not_fit_is_cut_off),
                cmocka_unit_test(a_header_is_known_in_each_spelling),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
