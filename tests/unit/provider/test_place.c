/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/provider/fixture.h"

#include "lib/base/cleanup.h"
#include "lib/base/secret.h"

#include <errno.h>

#define TEXT_OF(literal) ((char *)(literal))

struct credential {
        struct slice key, id, token;
};

static struct slice field_of(void *context, struct slice field)
{
        const struct credential *c = context;

        if (slice_is(field, "key"))
                return c->key;
        if (slice_is(field, "id"))
                return c->id;
        return slice_is(field, "token") ? c->token : (struct slice){ NULL, 0 };
}

struct row {
        struct pair query[2], headers[2];
        char *user, *password, *bearer;
        struct credential credential;
        int answer;
        const char *field; /* named by an answer */
        const char *placed_query, *placed_headers;
        const char *sentence;
};

static struct class_rules row_rules(struct row *row)
{
        struct class_rules rules = {
                .offered = true,
                .query = row->query,
                .headers = row->headers,
                .basic_user = row->user,
                .basic_password = row->password,
                .bearer = row->bearer,
        };

        for (size_t i = 0; i < 2; i++) {
                rules.n_query += row->query[i].name != NULL;
                rules.n_headers += row->headers[i].name != NULL;
        }
        return rules;
}

static bool secret_is(const struct secret *s, const char *text)
{
        return text ? s && slice_is(secret_reveal(s), text) : !s;
}

static void row_run(struct row *row, size_t i)
{
        CLEANUP(placement_done) struct placement placed = { NULL, NULL };
        struct class_rules rules = row_rules(row);
        struct slice field = { NULL, 0 };
        int r = credential_place(&rules, field_of, &row->credential, &placed, &field);

        ROW_CHECK(r == row->answer, i, row->sentence);
        ROW_CHECK(!row->field || slice_is(field, row->field), i, row->sentence);
        ROW_CHECK(row->field || !field.data, i, row->sentence);
        ROW_CHECK(secret_is(placed.query, row->placed_query), i, row->sentence);
        ROW_CHECK(secret_is(placed.headers, row->placed_headers), i, row->sentence);
}

#define KEY(literal) .credential.key = SLICE_LITERAL(literal)
#define ID(literal) .credential.id = SLICE_LITERAL(literal)
#define TOKEN(literal) .credential.token = SLICE_LITERAL(literal)
#define QUERY_KEY .query = { { TEXT_OF("key"), TEXT_OF("$key") } }
#define HEADER_TOKEN .headers = { { TEXT_OF("X-Api-Key"), TEXT_OF("$token") } }
#define BASIC .user = TEXT_OF("$id"), .password = TEXT_OF("$token")
#define BEARER .bearer = TEXT_OF("$token")

static void fields_stand_where_the_rules_put_them(void **state)
{
        static struct row rows[] = {
                { .sentence = "a class without rules places nothing" },
                { QUERY_KEY, KEY("1234567890"), .placed_query = "key=1234567890",
                  .sentence = "a query parameter" },
                { QUERY_KEY, KEY("aZ09-._~"), .placed_query = "key=aZ09-._~",
                  .sentence = "unreserved bytes stay as they are" },
                { QUERY_KEY, KEY("a b&c=d+e%/\xff"),
                  .placed_query = "key=a%20b%26c%3Dd%2Be%25%2F%FF",
                  .sentence = "all others are escaped" },
                { .query = { { TEXT_OF("auth-id"), TEXT_OF("$id") },
                             { TEXT_OF("a b"), TEXT_OF("$token") } },
                  ID("i"),
                  TOKEN("t"),
                  .placed_query = "auth-id=i&a%20b=t",
                  .sentence = "two parameters, one with a name to escape" },
                { .query = { { TEXT_OF("v"), TEXT_OF("$$2") } },
                  .placed_query = "v=%242",
                  .sentence = "a fixed text with a dollar" },
                { BASIC, ID("Aladdin"), TOKEN("open sesame"),
                  .placed_headers = "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n",
                  .sentence = "the example of RFC 7617" },
                { BASIC, ID("i"), TOKEN("a:b"),
                  .placed_headers = "Authorization: Basic aTphOmI=\r\n",
                  .sentence = "a password may hold colons" },
                { BEARER, TOKEN("abc.DEF-1~+/="),
                  .placed_headers = "Authorization: Bearer abc.DEF-1~+/=\r\n",
                  .sentence = "a bearer token" },
                { .headers = { { TEXT_OF("x-api-version"), TEXT_OF("2025-09") },
                               { TEXT_OF("X-Key"), TEXT_OF("k $token!") } },
                  TOKEN("t"),
                  .placed_headers = "x-api-version: 2025-09\r\nX-Key: k t!\r\n",
                  .sentence = "a fixed header and one with a field" },
                { .headers = { { TEXT_OF("v"), TEXT_OF("1") } },
                  BEARER,
                  QUERY_KEY,
                  KEY("k"),
                  TOKEN("t"),
                  .placed_query = "key=k",
                  .placed_headers = "v: 1\r\nAuthorization: Bearer t\r\n",
                  .sentence = "everything at once" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                row_run(&rows[i], i);
}

static void what_cannot_be_placed_names_the_field(void **state)
{
        static struct row rows[] = {
                { QUERY_KEY, .answer = PLACE_E_FIELD, .field = "key",
                  .sentence = "a field that is not there" },
                { QUERY_KEY, KEY(""), .answer = PLACE_E_FIELD, .field = "key",
                  .sentence = "an empty one is none" },
                { BASIC, ID("i"), .answer = PLACE_E_FIELD, .field = "token",
                  .sentence = "the second of two" },
                { QUERY_KEY, BEARER, KEY("k"), .answer = PLACE_E_FIELD, .field = "token",
                  .sentence = "then the query is not placed either" },
                { BEARER, TOKEN("$token"), .placed_headers = "Authorization: Bearer $token\r\n",
                  .sentence = "a dollar in a value is a byte as any" },
                { .bearer = TEXT_OF("$"),
                  .answer = PLACE_E_FIELD,
                  .field = "",
                  .sentence = "a dollar without a name" },
                { .bearer = TEXT_OF("$secret"),
                  TOKEN("t"),
                  .answer = PLACE_E_FIELD,
                  .field = "secret",
                  .sentence = "a name that no credential has" },
                { HEADER_TOKEN, TOKEN("a\r\nX: y"), .answer = PLACE_E_VALUE, .field = "token",
                  .sentence = "a line end in a header" },
                { HEADER_TOKEN, TOKEN("a\nb"), .answer = PLACE_E_VALUE, .field = "token",
                  .sentence = "half a line end" },
                { HEADER_TOKEN, TOKEN("a\0b"), .answer = PLACE_E_VALUE, .field = "token",
                  .sentence = "a NUL" },
                { HEADER_TOKEN, TOKEN("a\tb"), .answer = PLACE_E_VALUE, .field = "token",
                  .sentence = "a tab" },
                { HEADER_TOKEN, TOKEN("a\x7f"), .answer = PLACE_E_VALUE, .field = "token",
                  .sentence = "a delete" },
                { HEADER_TOKEN, TOKEN("caf\xc3\xa9"), .answer = PLACE_E_VALUE, .field = "token",
                  .sentence = "bytes beyond ASCII in a header" },
                { QUERY_KEY, KEY("a\nb"), .answer = PLACE_E_VALUE, .field = "key",
                  .sentence = "a control in a query, escaped or not" },
                { BASIC, ID("i"), TOKEN("t\r"), .answer = PLACE_E_VALUE, .field = "token",
                  .sentence = "a control in a password" },
                { BASIC, ID("a:b"), TOKEN("t"), .answer = PLACE_E_VALUE, .field = "id",
                  .sentence = "a colon in a user" },
                { BEARER, TOKEN("a b"), .answer = PLACE_E_VALUE, .field = "token",
                  .sentence = "a blank in a bearer token" },
                { .headers = { { TEXT_OF("a b"), TEXT_OF("1") } },
                  .answer = PLACE_E_VALUE,
                  .field = "a b",
                  .sentence = "a header's name that is none" },
                { .headers = { { TEXT_OF("a:"), TEXT_OF("1") } },
                  .answer = PLACE_E_VALUE,
                  .field = "a:",
                  .sentence = "one with a colon" },
                { .headers = { { TEXT_OF(""), TEXT_OF("1") } },
                  .answer = PLACE_E_VALUE,
                  .field = "",
                  .sentence = "an empty one" },
                { .headers = { { TEXT_OF("a"), TEXT_OF("1\r\nb: 2") } },
                  .answer = PLACE_E_VALUE,
                  .field = "a",
                  .sentence = "a fixed text that breaks out" },
                { BASIC, BEARER, ID("i"), TOKEN("t"), .answer = -EINVAL,
                  .sentence = "two Authorization headers" },
                { .user = TEXT_OF("$id"),
                  ID("i"),
                  .answer = -EINVAL,
                  .sentence = "a user without a password" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                row_run(&rows[i], i);
}

static void many_fields_together_are_bounded_too(void **state)
{
        static char big[SECRET_MAX_BYTES];
        CLEANUP(placement_done) struct placement placed = { NULL, NULL };
        struct row row = { .query = { { TEXT_OF("key"), TEXT_OF("$key$key$key$key") } } };
        struct class_rules rules = row_rules(&row);
        struct slice field;

        memset(big, 'x', sizeof(big));
        row.credential.key = (struct slice){ big, sizeof(big) };
        assert_int_equal(credential_place(&rules, field_of, &row.credential, &placed, &field),
                         -EMSGSIZE);
        assert_null(placed.query);
}

static void a_credential_fits_or_is_refused(void **state)
{
        static char big[SECRET_MAX_BYTES];
        static const struct {
                size_t length;
                bool basic;
                int answer;
                const char *sentence;
        } rows[] = {
                { SECRET_MAX_BYTES - 4, false, 0, "\"key=\" and a value up to the brim" },
                { SECRET_MAX_BYTES - 3, false, -EMSGSIZE, "one byte more" },
                { 3052, true, 0, "base64 takes a third more" },
                { 3053, true, -EMSGSIZE, "one byte more and its line does not fit" },
                { SECRET_MAX_BYTES - 2, true, -EMSGSIZE, "nor does base64 itself" },
                { SECRET_MAX_BYTES - 1, true, -EMSGSIZE, "nor user and password" },
        };
        struct row placing[] = { { QUERY_KEY }, { BASIC, ID("i") } };

        memset(big, 'x', sizeof(big));
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                CLEANUP(placement_done) struct placement placed = { NULL, NULL };
                struct row *row = &placing[rows[i].basic];
                struct class_rules rules = row_rules(row);
                struct slice field;

                row->credential.key = row->credential.token = (struct slice){ big, rows[i].length };
                ROW_CHECK(credential_place(&rules, field_of, &row->credential, &placed, &field) ==
                                  rows[i].answer,
                          i, rows[i].sentence);
                ROW_CHECK(!rows[i].answer == (placed.query || placed.headers), i, rows[i].sentence);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fields_stand_where_the_rules_put_them),
                cmocka_unit_test(what_cannot_be_placed_names_the_field),
                cmocka_unit_test(a_credential_fits_or_is_refused),
                cmocka_unit_test(many_fields_together_are_bounded_too),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
