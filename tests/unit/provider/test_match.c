/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/provider/fixture.h"

#include "lib/base/cleanup.h"

#define STREET "us-street.api.example.com"
#define LOOKUP "us-lookup.api.example.com"
#define EXTRACT "us-extract.api.example.com"

static void a_host_is_known_in_any_case_and_only_whole(void **state)
{
        static const struct {
                const char *host;
                bool known;
                const char *sentence;
        } rows[] = {
                { STREET, true, "as it is written" },
                { "US-Street.API.example.COM", true, "case does not count" },
                { "api.example.com", false, "a parent is another host" },
                { "x." STREET, false, "so is a child" },
                { STREET ".", false, "a trailing dot is not the name" },
                { STREET ":443", false, "a port is not part of it" },
                { "", false, "nothing is not a host" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                ROW_CHECK(provider_has_host(&vendor, slice_of(rows[i].host)) == rows[i].known, i,
                          rows[i].sentence);
}

static void a_path_matches_only_in_its_normal_form(void **state)
{
        static const struct {
                const char *host, *path;
                int answer;
                const char *api;
                const char *sentence;
        } rows[] = {
                { STREET, "/street-address", 0, "us-street", "the path itself" },
                { "US-STREET.api.example.com", "/street-address", 0, "us-street",
                  "host in any case" },
                { STREET, "/street-address/", 0, "us-street", "one trailing slash is tolerated" },
                { STREET, "/street-address//", MATCH_E_PATH, NULL, "two are not" },
                { STREET, "/Street-Address", MATCH_E_PATH, NULL, "paths have case" },
                { STREET, "/street%2Daddress", MATCH_E_PATH, NULL,
                  "an escaped spelling is another path" },
                { STREET, "/street-addresses", MATCH_E_PATH, NULL, "a longer word" },
                { STREET, "/street-address/x", MATCH_E_PATH, NULL, "below a path that has no *" },
                { STREET, "/", MATCH_E_PATH, NULL, "the root is not it" },
                { STREET, "", MATCH_E_PATH, NULL, "an empty path" },
                { STREET, "street-address", MATCH_E_PATH, NULL, "without its slash" },
                { "other.example.com", "/street-address", MATCH_E_HOST, NULL, "an unknown host" },
                { EXTRACT, "/", 0, "us-extract", "the root where it is the API" },
                { EXTRACT, "//", MATCH_E_PATH, NULL, "an empty part at the root" },
                { LOOKUP, "/lookup", 0, "us-lookup", "the first of two paths" },
                { LOOKUP, "/lookup/", 0, "us-lookup", "is not something below it" },
                { LOOKUP, "/lookup/123/property/principal", 0, "us-lookup", "anything below a *" },
                { LOOKUP, "/lookup/caf%C3%A9%20x", 0, "us-lookup", "escapes below a *" },
                { LOOKUP, "/v2/lookup", 0, "us-lookup-v2", "another API of the same host" },
                { LOOKUP, "/lookups", MATCH_E_PATH, NULL, "a * is not a prefix of words" },
                { LOOKUP, "/lookup//x", MATCH_E_PATH, NULL, "an empty part" },
                { LOOKUP, "/lookup/./x", MATCH_E_PATH, NULL, "a dot part" },
                { LOOKUP, "/lookup/../admin", MATCH_E_PATH, NULL, "a way up" },
                { LOOKUP, "/lookup/..", MATCH_E_PATH, NULL, "a way up at the end" },
                { LOOKUP, "/lookup/%2e%2e/x", MATCH_E_PATH, NULL, "an escaped way up" },
                { LOOKUP, "/lookup/.%2E/x", MATCH_E_PATH, NULL, "half of one" },
                { LOOKUP, "/lookup/a%2Fb", MATCH_E_PATH, NULL, "an escaped slash" },
                { LOOKUP, "/lookup/a%5cb", MATCH_E_PATH, NULL, "an escaped backslash" },
                { LOOKUP, "/lookup/a\\b", MATCH_E_PATH, NULL, "a backslash" },
                { LOOKUP, "/lookup/%252e%252e", MATCH_E_PATH, NULL, "an escape within an escape" },
                { LOOKUP, "/lookup/..;x/y", MATCH_E_PATH, NULL, "a way up with a path parameter" },
                { LOOKUP, "/lookup/a%3bb", MATCH_E_PATH, NULL, "an escaped semicolon" },
                { LOOKUP, "/lookup/%", MATCH_E_PATH, NULL, "an escape that ends early" },
                { LOOKUP, "/lookup/%4", MATCH_E_PATH, NULL, "or one digit later" },
                { LOOKUP, "/lookup/%4g", MATCH_E_PATH, NULL, "an escape without its digits" },
                { LOOKUP, "/lookup/%00", MATCH_E_PATH, NULL, "an escaped NUL" },
                { LOOKUP, "/lookup/a%0d%0a", MATCH_E_PATH, NULL, "an escaped line end" },
                { LOOKUP, "/lookup/a b", MATCH_E_PATH, NULL, "a blank" },
                { LOOKUP, "/lookup/a\x01", MATCH_E_PATH, NULL, "a control" },
                { LOOKUP, "/lookup/caf\xc3\xa9", MATCH_E_PATH, NULL, "bytes beyond ASCII" },
                { LOOKUP, "/lookup/a?key=1", MATCH_E_PATH, NULL, "a query in the path" },
                { LOOKUP, "/lookup/a#b", MATCH_E_PATH, NULL, "a fragment" },
                { LOOKUP, "/lookup/.hidden", 0, "us-lookup", "a dot within a name is a name" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                const struct api *api = NULL;
                int r = api_match(&vendor, slice_of(rows[i].host), slice_of(rows[i].path), &api);

                ROW_CHECK(r == rows[i].answer, i, rows[i].sentence);
                ROW_CHECK(!api == !rows[i].api, i, rows[i].sentence);
                ROW_CHECK(!api || strcmp(api->name, rows[i].api) == 0, i, rows[i].sentence);
        }
}

static void a_nul_byte_never_matches(void **state)
{
        const struct api *api = NULL;

        assert_int_equal(api_match(&vendor, SLICE_LITERAL(LOOKUP), SLICE_LITERAL("/lookup/a\0b"),
                                   &api),
                         MATCH_E_PATH);
        assert_int_equal(api_match(&vendor, SLICE_LITERAL(LOOKUP), SLICE_LITERAL("/lookup\0"),
                                   &api),
                         MATCH_E_PATH);
        assert_null(api);
}

static void the_first_part_of_a_path_may_name_the_api(void **state)
{
        static const struct {
                const char *path, *api, *rest, *sentence;
        } rows[] = {
                { "/us-street/street-address", "us-street", "/street-address", "name and path" },
                { "/us-street", "us-street", "/", "the name alone asks for the root" },
                { "/us-street/", "us-street", "/", "with a slash as well" },
                { "/us-lookup-v2/v2/lookup", "us-lookup-v2", "/v2/lookup",
                  "a name that starts like another" },
                { "/us-street//street-address", "us-street", "//street-address",
                  "the rest is not judged here" },
                { "/US-Street/x", NULL, NULL, "names have case" },
                { "/us-stree/x", NULL, NULL, "a part of a name" },
                { "//us-street", NULL, NULL, "an empty first part" },
                { "us-street/x", NULL, NULL, "without its slash" },
                { "/", NULL, NULL, "the root" },
                { "", NULL, NULL, "nothing" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct slice rest = { NULL, 0 };
                const struct api *api = api_by_prefix(&vendor, slice_of(rows[i].path), &rest);

                ROW_CHECK(!api == !rows[i].api, i, rows[i].sentence);
                ROW_CHECK(!api || strcmp(api->name, rows[i].api) == 0, i, rows[i].sentence);
                ROW_CHECK(!api || slice_is(rest, rows[i].rest), i, rows[i].sentence);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_host_is_known_in_any_case_and_only_whole),
                cmocka_unit_test(a_path_matches_only_in_its_normal_form),
                cmocka_unit_test(a_nul_byte_never_matches),
                cmocka_unit_test(the_first_part_of_a_path_may_name_the_api),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
