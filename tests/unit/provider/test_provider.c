/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/provider/fixture.h"

#include "lib/base/cleanup.h"

static void methods_are_words_with_case(void **state)
{
        static const struct {
                const char *name;
                bool known;
                enum method method;
                const char *sentence;
        } rows[] = {
                { "GET", true, METHOD_GET, "the first" },
                { "POST", true, METHOD_POST, "one in the middle" },
                { "OPTIONS", true, METHOD_OPTIONS, "the last" },
                { "get", false, 0, "case counts (RFC 9110 section 9.1)" },
                { "GE", false, 0, "a part of a word" },
                { "GETS", false, 0, "more than one" },
                { "TRACE", false, 0, "a method that nobody may use" },
                { "", false, 0, "nothing" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                enum method m = METHOD_GET;

                ROW_CHECK(method_parse(slice_of(rows[i].name), &m) == rows[i].known, i,
                          rows[i].sentence);
                ROW_CHECK(m == rows[i].method, i, rows[i].sentence);
        }
        for (int m = 0; m < N_METHODS; m++) {
                enum method back = N_METHODS;

                assert_true(method_parse(slice_of(method_name((enum method)m)), &back));
                assert_int_equal(back, m);
        }
}

static void names_are_those_of_the_manual(void **state)
{
        assert_string_equal(credential_class_name(CLASS_EMBEDDED), "embedded");
        assert_string_equal(credential_class_name(CLASS_SECRET), "secret");
        assert_string_equal(blame_name(BLAME_NONE), "none");
        assert_string_equal(blame_name(BLAME_SLOT), "slot");
        assert_string_equal(blame_name(BLAME_KEY), "key");
        assert_string_equal(blame_name(BLAME_ACCOUNT), "account");
        assert_string_equal(blame_name(BLAME_REQUEST), "request");
        assert_string_equal(blame_name(BLAME_VENDOR), "vendor");
}

static char **texts_new(size_t n)
{
        char **texts = calloc(n, sizeof(*texts));

        assert_non_null(texts);
        for (size_t i = 0; i < n; i++)
                texts[i] = strdup("text");
        return texts;
}

static struct pair *pairs_new(size_t n)
{
        struct pair *pairs = calloc(n, sizeof(*pairs));

        assert_non_null(pairs);
        for (size_t i = 0; i < n; i++)
                pairs[i] = (struct pair){ strdup("name"), strdup("text") };
        return pairs;
}

/* The sanitizer's leak check is the judge of what is freed. */
static void done_frees_every_piece(void **state)
{
        struct provider p = {
                .name = strdup("p"), .errors = strdup("$id"), .n_apis = 2, .n_answers = 1
        };

        p.apis = calloc(2, sizeof(*p.apis));
        p.answers = calloc(1, sizeof(*p.answers));
        assert_true(p.apis && p.answers);
        p.apis[0] = (struct api){
                .name = strdup("a"), .host = strdup("h"), .paths = texts_new(2), .n_paths = 2
        };
        p.answers[0] = (struct answer_rule){ .body = strdup("b"), .cause = strdup("c") };
        p.strip_query = texts_new(p.n_strip_query = 2);
        p.strip_headers = texts_new(p.n_strip_headers = 1);
        for (size_t i = 0; i < N_CREDENTIAL_CLASSES; i++) {
                struct class_rules *c = &p.classes[i];

                c->query = pairs_new(c->n_query = 2);
                c->headers = pairs_new(c->n_headers = 1);
                c->strip_headers = texts_new(c->n_strip_headers = 2);
                c->basic_user = strdup("u");
                c->basic_password = strdup("w");
                c->bearer = strdup("t");
        }
        provider_done(&p);
        assert_null(p.apis);
        assert_int_equal(p.n_apis, 0);
        provider_done(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(methods_are_words_with_case),
                cmocka_unit_test(names_are_those_of_the_manual),
                cmocka_unit_test(done_frees_every_piece),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
