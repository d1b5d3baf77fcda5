/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/provider/fixture.h"

#include "lib/base/cleanup.h"

static void credentials_leave_the_query_in_every_spelling(void **state)
{
        static const struct {
                const char *query, *left;
                unsigned n_stripped;
                const char *sentence;
        } rows[] = {
                { "", "", 0, "an empty query" },
                { "street=1+Main&city=A%26B", "street=1+Main&city=A%26B", 0,
                  "others stay byte for byte" },
                { "key=1", "", 1, "the only parameter" },
                { "key=1&a=2", "a=2", 1, "the first" },
                { "a=2&key=1", "a=2", 1, "the last" },
                { "a=2&key=1&b=3", "a=2&b=3", 1, "one in the middle" },
                { "key=1&a=2&key=3&key=4", "a=2", 3, "repeated" },
                { "auth-id=1&auth-token=2&a=3", "a=3", 2, "all names of the list" },
                { "KEY=1&a=2&Auth-Id=3", "a=2", 2, "upper case" },
                { "%6bey=1&a=2", "a=2", 1, "an escaped letter" },
                { "%4B%45%59=1", "", 1, "all letters escaped, upper case" },
                { "k%65%79=1", "", 1, "a part of them" },
                { "auth%2did=1&auth%2Dtoken=2", "", 2, "an escaped dash, either case of digits" },
                { "%256bey=1", "%256bey=1", 0,
                  "escapes are not decoded twice: that is another name" },
                { "%25%36%62ey=1", "%25%36%62ey=1", 0, "nor in pieces" },
                { "my+key=1&my%20key=2&a=3", "a=3", 2, "a plus in a name is a blank" },
                { "my%2bkey=1", "my%2bkey=1", 0, "an escaped plus is a plus" },
                { "key", "", 1, "without a value" },
                { "a&key&b", "a&b", 1, "without a value between others" },
                { "key=", "", 1, "with an empty value" },
                { "key==1", "", 1, "with a value that starts with =" },
                { "a=key=1", "a=key=1", 0, "a value that looks like a parameter" },
                { "=key&=1", "=key&=1", 0, "empty names" },
                { "a=1;key=2;b=3", "a=1;b=3", 1, "semicolons separate" },
                { "a=1;key=2&b=3", "a=1&b=3", 1, "a part goes with the separator before it" },
                { "key=2;b=3", "b=3", 1, "the first part that stays loses its own" },
                { "&&a=1&", "&&a=1&", 0, "empty parts stay" },
                { "&key=1", "", 1, "a leading separator" },
                { "key=1&", "", 1, "a trailing one" },
                { "key=1&&a=2", "&a=2", 1, "an empty part behind it" },
                { ";", ";", 0, "separators alone" },
                { "ke&y=1", "ke&y=1", 0, "two parts do not make a name" },
                { "ke&key=1&y=1", "ke&y=1", 1, "nor when one between them goes" },
                { "keys=1&xkey=2&key2=3", "keys=1&xkey=2&key2=3", 0, "longer names are others" },
                { "ke=1", "ke=1", 0, "a shorter one too" },
                { "key%=1&key%6=2&%=3&%6=4", "key%=1&key%6=2&%=3&%6=4", 0,
                  "malformed escapes stand for themselves" },
                { "%6key=1", "%6key=1", 0, "a malformed escape does not eat a letter" },
                { "key%00=1", "key%00=1", 0, "a NUL does not end a name" },
                { "+key=1&key+=2", "+key=1&key+=2", 0, "blanks around a name make another" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char out[128];
                unsigned n_stripped = 99;
                size_t n = query_strip(&vendor, slice_of(rows[i].query), out, &n_stripped);
                struct slice left = { out, n };

                ROW_CHECK(slice_is(left, rows[i].left), i, rows[i].sentence);
                ROW_CHECK(n_stripped == rows[i].n_stripped, i, rows[i].sentence);
        }
}

static void stripping_in_place_is_the_same(void **state)
{
        char query[] = "key=1&street=1&KEY=2;city=b&auth-id";
        unsigned n_stripped;
        size_t n;

        n = query_strip(&vendor, (struct slice){ query, sizeof(query) - 1 }, query, &n_stripped);
        assert_true(slice_is((struct slice){ query, n }, "street=1;city=b"));
        assert_int_equal(n_stripped, 3);
}

static void a_nul_byte_neither_ends_nor_hides_a_parameter(void **state)
{
        char out[32];
        unsigned n_stripped;
        size_t n = query_strip(&vendor, SLICE_LITERAL("a\0b=1&key=2&ke\0y=3"), out, &n_stripped);

        assert_int_equal(n_stripped, 1);
        assert_true(slice_equal((struct slice){ out, n }, SLICE_LITERAL("a\0b=1&ke\0y=3")));
}

/* A definition whose author forgot the list: what we place ourselves is still a credential. */
static void a_parameter_that_we_place_a_field_in_is_stripped_unlisted(void **state)
{
        static struct pair query[] = { { (char *)"token", (char *)"x-$id" },
                                       { (char *)"version", (char *)"2" } };
        struct provider p = { .classes = { [CLASS_SECRET] = { .query = query, .n_query = 2 } } };
        char out[64];
        unsigned n_stripped;
        size_t n = query_strip(&p, SLICE_LITERAL("Token=1&version=1&key=1"), out, &n_stripped);

        assert_int_equal(n_stripped, 1);
        assert_true(slice_is((struct slice){ out, n }, "version=1&key=1"));
}

static void headers_go_by_name_and_class(void **state)
{
        static const struct {
                const char *name;
                bool embedded, secret;
                const char *sentence;
        } rows[] = {
                { "Authorization", true, true, "the caller's credential" },
                { "AUTHORIZATION", true, true, "in any case" },
                { "Proxy-Authorization", true, true, "the one for a proxy" },
                { "X-Forwarded-For", true, true, "whoever says for whom" },
                { "x-forwarded-proto", true, true, "and all that starts so" },
                { "X_Forwarded_For", true, true,
                  "with underscores, which some servers take for dashes" },
                { "X-Forwarded", true, true, "the family's short form" },
                { "X-Forwarder", false, false, "a name that only starts alike" },
                { "Forwarded", true, true, "RFC 7239" },
                { "X-Real-IP", true, true, "another way to say it" },
                { "True-Client-IP", true, true, "and another" },
                { "Via", true, true, "the way it came" },
                { "Referer", true, true, "listed for both classes" },
                { "Origin", false, true, "listed for the secret class only" },
                { "X-Vendor-Token", true, true, "listed for the vendor" },
                { "X-Api-Version", false, true,
                  "a fixed header of ours goes out once, where we send it" },
                { "X-Api-Key", true, true,
                  "a header that holds a credential is never the caller's" },
                { "Cookie", false, true,
                  "a browser's session does not travel with the secret key" },
                { "Accept", false, false, "content negotiation stays" },
                { "Authorizations", false, false, "a longer name" },
                { "Authorizatio", false, false, "a shorter one" },
                { "", false, false, "no name" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct slice name = slice_of(rows[i].name);

                ROW_CHECK(header_is_stripped(&vendor, CLASS_EMBEDDED, name) == rows[i].embedded, i,
                          rows[i].sentence);
                ROW_CHECK(header_is_stripped(&vendor, CLASS_SECRET, name) == rows[i].secret, i,
                          rows[i].sentence);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(credentials_leave_the_query_in_every_spelling),
                cmocka_unit_test(stripping_in_place_is_the_same),
                cmocka_unit_test(a_nul_byte_neither_ends_nor_hides_a_parameter),
                cmocka_unit_test(a_parameter_that_we_place_a_field_in_is_stripped_unlisted),
                cmocka_unit_test(headers_go_by_name_and_class),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
