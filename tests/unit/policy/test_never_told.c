/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A credential that somebody pastes in the place of any word of a policy or of a definition is shown
 * by no finding: neither in its sentence, nor in its remedy, nor in the line.
 */
#include "lib/settings/scan.h"
#include "policy/policy.h"
#include "tests/unit/settings/folder.h"

static const char policy_text[] =
        "site = \"austin\";\n"
        "providers = [ \"acme\" ]; // the vendors\n"
        "keys = (\n"
        "  { name = \"k1\"; provider = \"acme\"; credential = \"one\"; capacity = 5; reserve = 1; "
        "},\n"
        "  { name = \"k2\"; provider = \"acme\"; credential = \"two\"; }\n"
        ");\n"
        "backends = ( { name = \"b\"; provider = \"acme\"; credential = \"three\"; per_day = 5; } "
        ");\n"
        "groups = (\n"
        "  { name = \"g\"; workstations = [ \"10.0.0.1-9\", \"10.0.1.0/30\", \"pc-1.example\" ];\n"
        "    except = [ \"@h\", \"10.0.1.0\", \"10.0.1.3\" ];\n"
        "    public = [ \"10.0.0.0/24 -> 192.0.2.0/24\", \"10.0.1.0/24 -> 192.0.2.1\" ];\n"
        "    egress = \"transparent\"; keys = [ \"k1\", \"k2\" ]; backends = \"b\";\n"
        "    overflow = \"backend\"; priority = 3;\n"
        "    limits = { requests_per_minute = 60; burst = 5; }; },\n"
        "  { name = \"h\"; workstations = \"10.0.0.4\"; egress = [ \"192.0.2.9\" ]; keys = "
        "\"k1\";\n"
        "    backends = \"b\"; }\n"
        ");\n"
        "origins = [ \"https://crm.example.com\" ];\n"
        "unknown = \"b\";\n";

static const char provider_text[] =
        "name = \"acme\"; port = 443;\n"
        "apis = ( { name = \"a\"; host = \"api.acme.example\"; paths = [ \"/v1/*\" ];\n"
        "  embedded = [ \"GET\" ]; secret = [ \"GET\", \"POST\" ]; max_body = 5; deadline_s = 5; } "
        ");\n"
        "embedded = { query = { key = \"$key\"; }; headers = { X-Id = \"$id\"; };\n"
        "  strip_headers = [ \"Referer\" ]; capacity = 10; propagation_s = 5; forwarded_for = "
        "true; };\n"
        "secret = { basic = { user = \"$id\"; password = \"$token\"; }; };\n"
        "strip_query = [ \"key\" ]; strip_headers = [ \"Authorization\" ];\n"
        "answers = ( { status = [ 401, 402 ]; body = \"no\"; class = \"secret\"; cause = \"x\";\n"
        "  blame = \"slot\"; } );\n"
        "errors = \"$id $message\";\n";

/* The credential itself, and ways to write it in the place of a word. */
static const char *const ways[][2] = {
        { "174355634834758961", "\"174355634834758961\"" },
        { "174355634834758961", "174355634834758961" },
        { "174355634834758961", "174355634834758961L" },
        { "5f1c9d0e-77ab-41c2-9d3e-0a1b2c3d4e5f", "\"5f1c9d0e-77ab-41c2-9d3e-0a1b2c3d4e5f\"" },
        { "f1c9d0e77ab41c29d3e0", "f1c9d0e77ab41c29d3e0" },
        { "qLmRzWpTnVbKsXdF", "\"qLmRzWpTnVbKsXdF\"" },
        { "174355634834758961", "\"174355634834758961" },
        { "174355634834758961", "174355634834758961\"" },
        { "174355634834758961", "\"key 174355634834758961\"" },
        { "174355634834758961", "\"@174355634834758961\"" },
        { "174355634834758961", "\"key=174355634834758961\"" },
};

/* Names of things are told wherever they are spoken of: there it is too late. */
static bool is_name_of_a_thing(const struct token *name)
{
        return slice_is(name->text, "name") || slice_is(name->text, "site");
}

static char *findings_of(const char *policy, const char *provider)
{
        struct folder folder;
        CLEANUP(diag_done) struct diag d;
        CLEANUP(policy_unrefp) struct policy *p = NULL;
        const char *path;
        char *text;
        int r;

        folder_init(&folder);
        diag_init(&d);
        folder_put(&folder, "acme.cfg", provider);
        path = folder_put(&folder, "policy.cfg", policy);
        r = policy_load(path, folder.path, &d, &p);
        assert_int_equal(r < 0, d.n_errors > 0);
        text = folder_findings(&folder, &d);
        folder_done(&folder);
        return text;
}

/* `text` with `t` replaced. Owner: the caller. */
static char *replaced(const char *text, const struct token *t, const char *by)
{
        char *copy = NULL;

        assert_true(asprintf(&copy, "%.*s%s%s", (int)(t->text.data - text), text, by,
                             t->text.data + t->text.length) > 0);
        return copy;
}

static size_t each_word_replace(const char *text, bool is_policy)
{
        struct scanner s = { slice_of(text), 1 };
        struct token t, name = { TOKEN_OTHER, { "", 0 } };
        size_t n = 0;

        while (token_next(&s, &t) == 0) {
                if (t.kind == TOKEN_NAME)
                        name = t;
                if (t.kind != TOKEN_NAME && is_name_of_a_thing(&name))
                        continue;
                for (size_t i = 0; i < N_ELEMENTS(ways); i++, n++) {
                        CLEANUP(freep) char *changed = replaced(text, &t, ways[i][1]);
                        CLEANUP(freep)
                        char *told = findings_of(is_policy ? changed : policy_text,
                                                 is_policy ? provider_text : changed);

                        if (strstr(told, ways[i][0]))
                                fail_msg("line %u, %.*s as %s: %s", t.line, (int)t.text.length,
                                         t.text.data, ways[i][1], told);
                }
        }
        return n;
}

static void the_texts_are_right_as_they_are(void **state)
{
        CLEANUP(freep) char *told = findings_of(policy_text, provider_text);

        assert_null(strstr(told, "error"));
}

static void no_finding_about_a_policy_tells_a_credential(void **state)
{
        assert_true(each_word_replace(policy_text, true) > 1500);
}

static void no_finding_about_a_definition_tells_one_either(void **state)
{
        assert_true(each_word_replace(provider_text, false) > 1000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_texts_are_right_as_they_are),
                cmocka_unit_test(no_finding_about_a_policy_tells_a_credential),
                cmocka_unit_test(no_finding_about_a_definition_tells_one_either),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
