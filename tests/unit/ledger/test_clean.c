/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/ledger/clean.h"

#include "tests/unit/ledger/rig.h"

static const struct {
        const char *sentence, *text, *cleaned;
} texts[] = {
        { "nothing", NULL, "" },
        { "an empty text", "", "" },
        { "plain words", "more desks", "more desks" },
        { "letters of two, three and four bytes", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\x9e",
          "\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\x9e" },
        { "control characters", "a\tb\nc\x1b[0m\x7f", "a?b?c?[0m?" },
        { "the control characters behind ASCII", "a\xc2\x85z\xc2\x9b", "a?z?" },
        { "a byte that begins nothing", "a\x80z\xffz", "a?z?z" },
        { "a character that is cut", "a\xe2\x82", "a??" },
        { "a character that is cut before another", "\xe2\x82z", "??z" },
        { "longer than it need be", "\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf", "?????????" },
        { "half of a pair of UTF-16", "\xed\xa0\x80", "???" },
        { "beyond the last character", "\xf4\x90\x80\x80", "????" },
        { "the last character", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
        { "what turns the writing", "a\xe2\x80\xaez\xe2\x81\xa6", "a?z?" },
        { "what ends a line elsewhere", "a\xe2\x80\xa8z", "a?z" },
        { "what is not seen", "a\xef\xbb\xbfz", "a?z" },
};

static void a_text_is_safe_to_show(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
                char out[64];

                text_clean(out, sizeof(out), texts[i].text);
                if (strcmp(out, texts[i].cleaned) != 0)
                        fail_msg("%s: %s", texts[i].sentence, out);
                if (texts[i].text && texts[i].text[0])
                        assert_int_equal(text_is_clean(texts[i].text, 63),
                                         strcmp(texts[i].text, out) == 0);
        }
}

/* Every size: cut where a character ends, terminated, never beyond. */
static void a_text_is_cut_between_characters(void **state)
{
        static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\x9ez";
        static const size_t lengths[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11 };

        for (size_t size = 1; size <= N_ELEMENTS(lengths); size++) {
                char out[16];

                memset(out, '#', sizeof(out));
                text_clean(out, size, text);
                assert_int_equal(strlen(out), lengths[size - 1]);
                assert_memory_equal(out, text, lengths[size - 1]);
                for (size_t i = size; i < sizeof(out); i++)
                        assert_int_equal(out[i], '#');
        }
}

static void a_name_has_a_length(void **state)
{
        assert_false(text_is_clean("", 10));
        assert_true(text_is_clean("0123456789", 10));
        assert_false(text_is_clean("0123456789", 9));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_text_is_safe_to_show),
                cmocka_unit_test(a_text_is_cut_between_characters),
                cmocka_unit_test(a_name_has_a_length),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
