/* SPDX-License-Identifier: Apache-2.0 */
/* What policy_load() makes of policies that are right. Those that are not: tests/cases. */
#include "policy/policy.h"
#include "policy/provider_schema.h"
#include "policy/schema.h"
#include "tests/unit/settings/folder.h"

#include <errno.h>

#define PROVIDERS SOURCE_ROOT "/policy/providers"
#define AUSTIN SOURCE_ROOT "/policy/examples/austin.cfg"

struct fixture {
        struct folder folder;
        struct diag diag;
        struct policy *policy;
};

static void fixture_init(struct fixture *f)
{
        memset(f, 0, sizeof(*f));
        folder_init(&f->folder);
        diag_init(&f->diag);
}

static void fixture_done(struct fixture *f)
{
        if (f->policy)
                policy_unref(f->policy);
        diag_done(&f->diag);
        folder_done(&f->folder);
}

static void fixture_load(struct fixture *f, const char *path)
{
        int r = policy_load(path, PROVIDERS, &f->diag, &f->policy);

        if (r || f->diag.n_findings)
                fail_msg("%s: %d, %s", path, r,
                         f->diag.n_findings ? f->diag.findings[0].message : "no finding");
}

static const struct api *api_named(const struct provider *p, const char *name)
{
        for (size_t i = 0; i < p->n_apis; i++) {
                if (strcmp(p->apis[i].name, name) == 0)
                        return &p->apis[i];
        }
        fail_msg("no API %s", name);
        return NULL;
}

static void the_example_policy_is_what_its_comments_say(void **state)
{
        CLEANUP(fixture_done) struct fixture f;
        const struct policy *p;
        const struct group *sales, *support, *training;

        fixture_init(&f);
        fixture_load(&f, AUSTIN);
        p = f.policy;
        assert_string_equal(p->site, "austin");
        assert_int_equal(p->n_keys, 5);
        assert_string_equal(p->keys[4].name, "austin-5");
        assert_string_equal(p->keys[4].credential, "smarty-austin-5");
        assert_int_equal(p->keys[4].capacity, 100);
        assert_int_equal(p->keys[4].index, 4);
        assert_int_equal(p->n_backends, 1);
        assert_int_equal(p->backends[0].per_day, 200000);
        assert_int_equal(p->n_groups, 3);
        sales = &p->groups[0];
        support = &p->groups[1];
        training = &p->groups[2];
        assert_int_equal(sales->n_workstations, 2);
        assert_int_equal(range_count(&sales->workstations[0]), 254);
        assert_int_equal(range_count(&sales->workstations[1]), 56);
        assert_int_equal(sales->n_translations, 1);
        assert_int_equal(sales->translations[0].from.bits, 96 + 23);
        assert_int_equal(sales->egress, EGRESS_TRANSPARENT);
        assert_int_equal(sales->n_keys, 4);
        assert_int_equal(sales->priority, 20);
        assert_int_equal(sales->overflow, OVERFLOW_BACKEND);
        assert_int_equal(sales->requests_per_minute, 0);
        assert_ptr_equal(support->keys[0], &p->keys[2]);
        assert_int_equal(support->requests_per_minute, 600);
        assert_int_equal(support->burst, 50);
        assert_int_equal(training->egress, EGRESS_LIST);
        assert_int_equal(training->n_egress_list, 1);
        assert_int_equal(p->n_origins, 1);
        assert_string_equal(p->origins[0], "https://crm.example.com");
        assert_int_equal(p->n_unknown, 0);
}

static void backends_and_providers_are_found(void **state)
{
        CLEANUP(fixture_done) struct fixture f;
        const struct policy *p;
        const char *path;

        fixture_init(&f);
        path = folder_put(
                &f.folder, "p.cfg",
                "site = \"a\"; providers = [ \"smarty\", \"alloy\" ];\n"
                "backends = ( { name = \"s\"; provider = \"smarty\"; credential = \"c\"; },\n"
                " { name = \"l\"; provider = \"alloy\"; credential = \"d\"; } );\n"
                "groups = ( { name = \"g\"; workstations = \"192.0.2.1\"; backends = \"l\"; } );\n"
                "unknown = [ \"s\" ];\n");
        fixture_load(&f, path);
        p = f.policy;
        assert_null(policy_backend(p, &p->groups[0], &p->providers[0]));
        assert_ptr_equal(policy_backend(p, &p->groups[0], &p->providers[1]), &p->backends[1]);
        assert_ptr_equal(policy_backend(p, NULL, &p->providers[0]), &p->backends[0]);
        assert_null(policy_backend(p, NULL, &p->providers[1]));
        assert_ptr_equal(policy_provider_of_host(p, SLICE_LITERAL("US-street.api.smarty.com")),
                         &p->providers[0]);
        assert_ptr_equal(policy_provider_of_host(p, SLICE_LITERAL("production.runalloy.com")),
                         &p->providers[1]);
        assert_null(policy_provider_of_host(p, SLICE_LITERAL("smarty.com")));
}

static void a_reference_keeps_the_policy(void **state)
{
        struct diag d;
        struct policy *p = NULL;

        diag_init(&d);
        assert_int_equal(policy_load(AUSTIN, PROVIDERS, &d, &p), 0);
        assert_ptr_equal(policy_ref(p), p);
        policy_unref(p);
        assert_string_equal(p->site, "austin");
        policy_unref(p);
        diag_done(&d);
}

static void a_policy_with_mistakes_gives_none(void **state)
{
        CLEANUP(fixture_done) struct fixture f;

        fixture_init(&f);
        assert_int_equal(policy_load(folder_put(&f.folder, "p.cfg", "site = \"a\";"), PROVIDERS,
                                     &f.diag, &f.policy),
                         -EINVAL);
        assert_null(f.policy);
        assert_int_equal(policy_load("/nonexistent/p.cfg", PROVIDERS, &f.diag, &f.policy), -ENOENT);
        assert_null(f.policy);
        assert_int_equal(f.diag.n_errors, 3);
}

static void findings_come_in_the_order_of_the_file(void **state)
{
        CLEANUP(fixture_done) struct fixture f;
        const char *path;

        fixture_init(&f);
        path = folder_put(&f.folder, "p.cfg",
                          "groups = (\n{ name = \"g\"; workstations = \"x\"; keys = \"k\"; } );\n"
                          "origins = \"o\";\nsite = 3;\nproviders = \"none\";\n");
        assert_int_equal(policy_load(path, PROVIDERS, &f.diag, &f.policy), -EINVAL);
        assert_int_equal(f.diag.n_findings, 5);
        for (size_t i = 1; i < f.diag.n_findings; i++)
                assert_true(f.diag.findings[i - 1].line <= f.diag.findings[i].line);
}

static void the_shipped_definition_of_smarty_says_who_may_call_what(void **state)
{
        static const struct {
                const char *api, *host, *path;
                unsigned embedded, secret;
                int64_t max_body_bytes;
        } rows[] = {
                { "us-street", "us-street.api.smarty.com", "/street-address", 1U << METHOD_GET,
                  1U << METHOD_GET | 1U << METHOD_POST, 32768 },
                { "us-zipcode", "us-zipcode.api.smarty.com", "/lookup", 1U << METHOD_GET,
                  1U << METHOD_GET | 1U << METHOD_POST, 16384 },
                { "us-autocomplete-pro", "us-autocomplete-pro.api.smarty.com", "/lookup",
                  1U << METHOD_GET, 1U << METHOD_GET, 1 << 20 },
                { "us-autocomplete", "us-autocomplete.api.smarty.com", "/v2/lookup",
                  1U << METHOD_GET, 1U << METHOD_GET, 1 << 20 },
                { "us-autocomplete-basic", "us-autocomplete.api.smarty.com", "/suggest",
                  1U << METHOD_GET, 0, 1 << 20 },
                { "us-extract", "us-extract.api.smarty.com", "/", 0, 1U << METHOD_POST, 65536 },
                { "us-enrichment", "us-enrichment.api.smarty.com", "/lookup/1/property/principal",
                  1U << METHOD_GET, 1U << METHOD_GET, 1 << 20 },
                { "us-reverse-geo", "us-reverse-geo.api.smarty.com", "/lookup", 1U << METHOD_GET,
                  1U << METHOD_GET, 1 << 20 },
                { "international-street", "international-street.api.smarty.com", "/verify",
                  1U << METHOD_GET, 1U << METHOD_GET, 1 << 20 },
                { "international-autocomplete", "international-autocomplete.api.smarty.com",
                  "/v2/lookup", 1U << METHOD_GET, 1U << METHOD_GET, 1 << 20 },
                { "international-autocomplete", "international-autocomplete.api.smarty.com",
                  "/v2/lookup/abc", 1U << METHOD_GET, 1U << METHOD_GET, 1 << 20 },
                { "international-postal-code", "international-postal-code.api.smarty.com",
                  "/lookup", 1U << METHOD_GET, 1U << METHOD_GET, 1 << 20 },
                { "us-street-oldest", "api.smartystreets.com", "/street-address", 1U << METHOD_GET,
                  1U << METHOD_GET | 1U << METHOD_POST, 32768 },
                { "us-extract-legacy", "us-extract.api.smartystreets.com", "/", 0,
                  1U << METHOD_POST, 65536 },
        };
        CLEANUP(fixture_done) struct fixture f;
        const struct provider *p;

        fixture_init(&f);
        fixture_load(&f, AUSTIN);
        p = &f.policy->providers[0];
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                const struct api *api = NULL;

                assert_int_equal(api_match(p, slice_of(rows[i].host), slice_of(rows[i].path), &api),
                                 0);
                assert_string_equal(api->name, rows[i].api);
                assert_int_equal(api->methods[CLASS_EMBEDDED], rows[i].embedded);
                assert_int_equal(api->methods[CLASS_SECRET], rows[i].secret);
                assert_int_equal(api->max_body_bytes, rows[i].max_body_bytes);
                assert_int_equal(api->deadline_ms, 8000);
        }
        assert_int_equal(p->port, 443);
        assert_int_equal(p->classes[CLASS_EMBEDDED].capacity, 100);
        assert_int_equal(p->classes[CLASS_EMBEDDED].propagation_ms, 600000);
        assert_string_equal(p->classes[CLASS_EMBEDDED].query[0].text, "$key");
        assert_string_equal(p->classes[CLASS_SECRET].basic_user, "$id");
        assert_string_equal(p->classes[CLASS_SECRET].basic_password, "$token");
        assert_false(p->classes[CLASS_EMBEDDED].forwarded_for);
        assert_true(p->classes[CLASS_SECRET].forwarded_for);
        assert_int_equal(p->n_strip_query, 3);
        assert_int_equal(p->n_answers, 7);
        assert_int_equal(answer_classify(p, CLASS_SECRET, 429, SLICE_LITERAL(""))->blame,
                         BLAME_ACCOUNT);
        assert_int_equal(answer_classify(p, CLASS_EMBEDDED, 429, SLICE_LITERAL(""))->blame,
                         BLAME_SLOT);
        assert_int_equal(answer_classify(p, CLASS_EMBEDDED, 413, SLICE_LITERAL(""))->blame,
                         BLAME_REQUEST);
}

static void the_shipped_definition_of_alloy_has_a_bearer_and_a_version(void **state)
{
        CLEANUP(fixture_done) struct fixture f;
        const struct provider *p;

        fixture_init(&f);
        fixture_load(&f, folder_put(&f.folder, "p.cfg",
                                    "site = \"a\"; providers = [ \"alloy\" ]; unknown = \"l\";\n"
                                    "backends = ( { name = \"l\"; provider = \"alloy\"; "
                                    "credential = \"d\"; } );\n"));
        p = &f.policy->providers[0];
        assert_false(p->classes[CLASS_EMBEDDED].offered);
        assert_string_equal(p->classes[CLASS_SECRET].bearer, "$key");
        assert_string_equal(p->classes[CLASS_SECRET].headers[0].name, "x-api-version");
        assert_string_equal(p->classes[CLASS_SECRET].headers[0].text, "2025-09");
        assert_true(header_is_stripped(p, CLASS_SECRET, SLICE_LITERAL("X-API-Version")));
        assert_string_equal(api_named(p, "alloy")->host, "production.runalloy.com");
        assert_int_equal(api_named(p, "alloy")->methods[CLASS_EMBEDDED], 0);
}

static void settings_of_a_definition_arrive(void **state)
{
        CLEANUP(fixture_done) struct fixture f;
        const struct provider *p;

        fixture_init(&f);
        folder_put(&f.folder, "acme.cfg",
                   "name = \"acme\"; port = 8443;\n"
                   "apis = ( { name = \"x\"; host = \"API.Acme.Example\"; paths = \"/a/*\";\n"
                   "  secret = [ \"PUT\", \"OPTIONS\" ]; max_body = 0; deadline_s = 60; } );\n"
                   "secret = { headers = { X-Key = \"k $key\"; }; strip_headers = \"Cookie\"; };\n"
                   "strip_headers = [ \"A\", \"B\" ];\n"
                   "answers = ( { status = [ 200, 401 ]; body = \"IP\"; class = \"secret\"; "
                   "cause = \"c\"; blame = \"key\"; } );\n");
        fixture_load(&f, folder_put(&f.folder, "p.cfg",
                                    "site = \"a\"; providers = \"acme.cfg\"; unknown = \"l\";\n"
                                    "backends = ( { name = \"l\"; provider = \"acme\"; "
                                    "credential = \"d\"; } );\n"));
        p = &f.policy->providers[0];
        assert_string_equal(p->name, "acme");
        assert_int_equal(p->port, 8443);
        assert_string_equal(p->apis[0].host, "api.acme.example");
        assert_int_equal(p->apis[0].methods[CLASS_SECRET], 1U << METHOD_PUT | 1U << METHOD_OPTIONS);
        assert_int_equal(p->apis[0].max_body_bytes, 0);
        assert_int_equal(p->apis[0].deadline_ms, 60000);
        assert_string_equal(p->classes[CLASS_SECRET].headers[0].text, "k $key");
        assert_string_equal(p->classes[CLASS_SECRET].strip_headers[0], "Cookie");
        assert_int_equal(p->n_strip_headers, 2);
        assert_int_equal(p->answers[0].n_statuses, 2);
        assert_int_equal(p->answers[0].statuses[1], 401);
        assert_string_equal(p->answers[0].body, "IP");
        assert_int_equal(p->answers[0].classes, 1U << CLASS_SECRET);
        assert_int_equal(p->answers[0].blame, BLAME_KEY);
        assert_string_equal(p->errors, error_shape_default);
}

static void origins_take_the_form_that_browsers_send(void **state)
{
        CLEANUP(fixture_done) struct fixture f;

        fixture_init(&f);
        fixture_load(&f, folder_put(&f.folder, "p.cfg",
                                    "site = \"a\"; providers = \"smarty\"; unknown = \"l\";\n"
                                    "backends = ( { name = \"l\"; provider = \"smarty\"; "
                                    "credential = \"d\"; } );\n"
                                    "origins = [ \"HTTPS://CRM.Example.com:8443\" ];\n"));
        assert_string_equal(f.policy->origins[0], "https://crm.example.com:8443");
}

static void rows_check(const struct setting_row *rows, const char *manual)
{
        char name[64];

        for (; rows->name; rows++) {
                snprintf(name, sizeof(name), "*%s*", rows->name);
                if (!strstr(manual, name))
                        fail_msg("the manual does not name %s", rows->name);
                assert_non_null(rows->help);
                if (rows->rows)
                        rows_check(rows->rows, manual);
        }
}

static void the_manuals_name_every_setting(void **state)
{
        static const struct {
                const char *path;
                const struct setting_row *rows;
        } manuals[] = {
                { SOURCE_ROOT "/policy/keyrouter-policy.5.scd", policy_rows },
                { SOURCE_ROOT "/policy/keyrouter-provider.5.scd", provider_rows },
        };

        for (size_t i = 0; i < N_ELEMENTS(manuals); i++) {
                char text[32768];
                FILE *file = fopen(manuals[i].path, "r");
                size_t length;

                assert_non_null(file);
                length = fread(text, 1, sizeof(text) - 1, file);
                fclose(file);
                text[length] = 0;
                rows_check(manuals[i].rows, text);
        }
}

/* Not one file is read again: the folder is empty by then. */
static void a_policy_is_loaded_again_from_the_files_that_were_kept(void **state)
{
        static const char policy[] =
                "site = \"s\"; include = [ \"more-*.cfg\" ]; providers = [ \"v.cfg\" ];\n"
                "keys = ( { name = \"k\"; provider = \"v\"; credential = \"c\"; } );\n";
        static const char groups[] = "groups = ( { name = \"g\"; workstations = [ \"192.0.2.1\" ]; "
                                     "egress = \"transparent\";"
                                     " keys = [ \"k\" ]; overflow = \"refuse\"; } );\n";
        static const char provider[] =
                "name = \"v\"; apis = ( { name = \"a\"; host = \"a.example.com\"; paths = [ \"/x\" "
                "];"
                " embedded = [ \"GET\" ]; } ); embedded = { query = { key = \"$key\"; }; };"
                " strip_query = [ \"key\" ];\n";
        CLEANUP(fixture_done) struct fixture f;
        CLEANUP(file_set_done) struct file_set kept = { NULL };
        struct policy_source source = { .record = &kept };
        size_t i = 0;

        fixture_init(&f);
        source.path = folder_put(&f.folder, "policy.cfg", policy);
        folder_put(&f.folder, "more-1.cfg", groups);
        folder_put(&f.folder, "v.cfg", provider);
        assert_int_equal(policy_load_from(&source, &f.diag, &f.policy), 0);
        assert_int_equal(kept.n, 3);
        assert_string_equal(file_set_next(&kept, "policy", &i)->text, policy);
        i = 0;
        assert_string_equal(file_set_next(&kept, "policy include", &i)->text, groups);
        assert_null(file_set_next(&kept, "policy include", &i));
        i = 0;
        assert_string_equal(file_set_next(&kept, "provider v.cfg", &i)->text, provider);
        policy_unref(TAKE(f.policy));
        for (size_t file = 0; file < f.folder.n_files; file++)
                assert_int_equal(unlink(f.folder.files[file]), 0);
        source = (struct policy_source){ .path = source.path, .files = &kept };
        assert_int_equal(policy_load_from(&source, &f.diag, &f.policy), 0);
        assert_int_equal(f.diag.n_findings, 0);
        assert_string_equal(f.policy->groups[0].name, "g");
        assert_string_equal(f.policy->providers[0].apis[0].host, "a.example.com");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_example_policy_is_what_its_comments_say),
                cmocka_unit_test(backends_and_providers_are_found),
                cmocka_unit_test(a_reference_keeps_the_policy),
                cmocka_unit_test(a_policy_with_mistakes_gives_none),
                cmocka_unit_test(findings_come_in_the_order_of_the_file),
                cmocka_unit_test(the_shipped_definition_of_smarty_says_who_may_call_what),
                cmocka_unit_test(the_shipped_definition_of_alloy_has_a_bearer_and_a_version),
                cmocka_unit_test(settings_of_a_definition_arrive),
                cmocka_unit_test(origins_take_the_form_that_browsers_send),
                cmocka_unit_test(a_policy_is_loaded_again_from_the_files_that_were_kept),
                cmocka_unit_test(the_manuals_name_every_setting),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
