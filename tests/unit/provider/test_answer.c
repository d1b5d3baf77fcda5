/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/provider/fixture.h"

#include "lib/base/cleanup.h"

#define CLOUD                                                                                 \
        "{\"errors\":[{\"message\":\"Embedded key authentication is not allowed from public " \
        "cloud providers.\"}]}"

static void an_answer_means_what_the_first_rule_that_matches_says(void **state)
{
        static const struct {
                enum credential_class class;
                unsigned status;
                const char *body;
                const char *cause;
                enum blame blame;
                const char *sentence;
        } rows[] = {
                { CLASS_EMBEDDED, 401, CLOUD, "address not listed", BLAME_SLOT, "status and body" },
                { CLASS_EMBEDDED, 401, "not allowed from public", "key or address refused",
                  BLAME_SLOT, "half of the text is not the text" },
                { CLASS_EMBEDDED, 401, "NOT ALLOWED FROM PUBLIC CLOUD PROVIDERS",
                  "key or address refused", BLAME_SLOT, "the text is compared byte for byte" },
                { CLASS_EMBEDDED, 401, "", "key or address refused", BLAME_SLOT, "an empty body" },
                { CLASS_EMBEDDED, 200, "{\"status\":\"REQUEST_DENIED\"}", "denied with 200",
                  BLAME_KEY, "an error behind a 200" },
                { CLASS_EMBEDDED, 200, "[]", NULL, BLAME_NONE, "a 200 without it" },
                { CLASS_SECRET, 200, "{\"status\":\"REQUEST_DENIED\"}", NULL, BLAME_NONE,
                  "a rule of the other class" },
                { CLASS_EMBEDDED, 429, "", "throttled", BLAME_SLOT, "the same status, one class" },
                { CLASS_SECRET, 429, "", "rate limit", BLAME_ACCOUNT, "and the other" },
                { CLASS_SECRET, 422, "", "request", BLAME_REQUEST, "the last status of a list" },
                { CLASS_SECRET, 500, "", NULL, BLAME_NONE, "no rule" },
                { CLASS_SECRET, 0, "", NULL, BLAME_NONE,
                  "the unused places of a list are no status" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                const struct answer_rule *rule =
                        answer_classify(&vendor, rows[i].class, rows[i].status,
                                        slice_of(rows[i].body));

                ROW_CHECK(!rule == !rows[i].cause, i, rows[i].sentence);
                ROW_CHECK(!rule || strcmp(rule->cause, rows[i].cause) == 0, i, rows[i].sentence);
                ROW_CHECK(!rule || rule->blame == rows[i].blame, i, rows[i].sentence);
        }
        assert_null(answer_classify(&vendor, CLASS_EMBEDDED, 200, (struct slice){ NULL, 0 }));
}

static void the_body_is_asked_for_where_it_decides(void **state)
{
        static const struct {
                enum credential_class class;
                unsigned status;
                bool needed;
                const char *sentence;
        } rows[] = {
                { CLASS_EMBEDDED, 401, true, "a rule with a text comes first" },
                { CLASS_EMBEDDED, 200, true, "the only rule has a text" },
                { CLASS_SECRET, 200, false, "that rule is of the other class" },
                { CLASS_EMBEDDED, 429, false, "the status decides" },
                { CLASS_EMBEDDED, 302, false, "no rule" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                ROW_CHECK(answer_needs_body(&vendor, rows[i].class, rows[i].status) ==
                                  rows[i].needed,
                          i, rows[i].sentence);
}

static void a_rule_that_needs_no_text_hides_those_behind_it(void **state)
{
        struct answer_rule rules[] = {
                { { 403 }, 1, NULL, 1U << CLASS_SECRET, (char *)"any", BLAME_REQUEST },
                { { 403 }, 1, (char *)"text", 1U << CLASS_SECRET, (char *)"text", BLAME_KEY },
        };
        struct provider p = { .answers = rules, .n_answers = 2 };

        assert_false(answer_needs_body(&p, CLASS_SECRET, 403));
        assert_ptr_equal(answer_classify(&p, CLASS_SECRET, 403, slice_of("text")), &rules[0]);
}

static void an_empty_text_is_in_every_body(void **state)
{
        struct answer_rule rule = { { 403 },       1,        (char *)"", 1U << CLASS_SECRET,
                                    (char *)"any", BLAME_KEY };
        struct provider p = { .answers = &rule, .n_answers = 1 };

        assert_ptr_equal(answer_classify(&p, CLASS_SECRET, 403, (struct slice){ NULL, 0 }), &rule);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_answer_means_what_the_first_rule_that_matches_says),
                cmocka_unit_test(the_body_is_asked_for_where_it_decides),
                cmocka_unit_test(a_rule_that_needs_no_text_hides_those_behind_it),
                cmocka_unit_test(an_empty_text_is_in_every_body),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
