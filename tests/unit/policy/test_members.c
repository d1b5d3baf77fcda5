/* SPDX-License-Identifier: Apache-2.0 */
/* What the lists of workstations may hold beside addresses: other groups and host names. */
#include "policy/host_name.h"
#include "policy/ledger/pins.h"
#include "policy/members.h"
#include "tests/unit/settings/folder.h"

#include <errno.h>

#define PROVIDERS SOURCE_ROOT "/policy/providers"

struct fixture {
        struct folder folder;
        struct diag diag;
        struct policy *policy;
        struct pin_set *pins, *answers;
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
        if (f->pins)
                pin_set_free(f->pins);
        if (f->answers)
                pin_set_free(f->answers);
        diag_done(&f->diag);
        folder_done(&f->folder);
}

/* "pc-1=10.0.0.1,10.0.0.2 pc-2=10.0.0.3" */
static struct pin_set *pins_of(const char *text)
{
        struct slice rest = slice_of(text), part, name, one;
        struct pin pins[8] = { { NULL } };
        char names[8][64];
        struct pin_set *set = NULL;
        size_t n = 0;

        while (slice_split(&rest, ' ', &part)) {
                assert_true(slice_split(&part, '=', &name));
                snprintf(names[n], sizeof(names[n]), "%.*s", (int)name.length, name.data);
                pins[n].name = names[n];
                while (part.length && slice_split(&part, ',', &one))
                        assert_int_equal(addr_parse(one, &pins[n].addrs[pins[n].n_addrs++]), 0);
                n++;
        }
        assert_int_equal(pin_set_new(pins, n, &set), 0);
        return set;
}

/* Groups as they are written between the brackets, one a text. */
static int fixture_load(struct fixture *f, const char *const *groups)
{
        CLEANUP(freep) char *text = NULL;
        struct policy_source source = { .provider_dir = PROVIDERS,
                                        .pins = f->pins,
                                        .answers = f->answers };
        size_t length;
        FILE *out = open_memstream(&text, &length);

        assert_non_null(out);
        fputs("site = \"a\"; providers = \"smarty\";\n"
              "backends = ( { name = \"b\"; provider = \"smarty\"; credential = \"c\"; } );\n"
              "groups = (\n",
              out);
        for (size_t i = 0; groups[i]; i++)
                fprintf(out, "{ name = \"g%zu\"; backends = \"b\"; %s }%s\n", i, groups[i],
                        groups[i + 1] ? "," : "");
        fputs(");\n", out);
        fclose(out);
        source.path = folder_put(&f->folder, "p.cfg", text);
        return policy_load_from(&source, &f->diag, &f->policy);
}

/* "first-last first; ..." of each group. */
static void shares_print(const struct policy *p, FILE *out)
{
        for (size_t i = 0; i < p->n_groups; i++) {
                const struct group *g = &p->groups[i];
                char first[ADDR_TEXT_MAX], last[ADDR_TEXT_MAX];

                fputs(i ? ";" : "", out);
                for (size_t j = 0; j < g->n_workstations; j++) {
                        const struct range *r = &g->workstations[j];

                        addr_format(&r->first, first);
                        addr_format(&r->last, last);
                        fprintf(out, " %s%s%s", first, strcmp(first, last) ? "-" : "",
                                strcmp(first, last) ? last : "");
                }
        }
}

#define GROUPS_MAX 4

static void each_way_of_writing_stands_for_its_addresses(void **state)
{
        static const struct {
                const char *groups[GROUPS_MAX];
                const char *pins;
                const char *shares;
                const char *sentence;
        } rows[] = {
                { { "workstations = [ \"10.0.1.10-59\", \"10.0.2.0/31\" ];" },
                  NULL,
                  " 10.0.1.10-10.0.1.59 10.0.2.0-10.0.2.1",
                  "the last part alone" },
                { { "workstations = [ \"10.0.1.10-59\" ]; except = [ \"10.0.1.20-29\" ];" },
                  NULL,
                  " 10.0.1.10-10.0.1.19 10.0.1.30-10.0.1.59",
                  "also in except" },
                { { "workstations = [ \"10.0.1.0/28\" ]; except = [ \"@g1\" ];",
                    "workstations = [ \"10.0.1.4\", \"10.0.1.6\" ];" },
                  NULL,
                  " 10.0.1.0-10.0.1.3 10.0.1.5 10.0.1.7-10.0.1.15; 10.0.1.4 10.0.1.6",
                  "another group, which comes later" },
                { { "workstations = [ \"10.0.1.0/30\" ];",
                    "workstations = [ \"10.0.1.0/28\" ]; except = [ \"@g0\", \"10.0.1.15\" ];",
                    "workstations = [ \"10.0.1.0/27\" ]; except = [ \"@g1\" ];" },
                  NULL,
                  " 10.0.1.0-10.0.1.3; 10.0.1.4-10.0.1.14; 10.0.1.16-10.0.1.31",
                  "what a group lists, not what it excepts from that" },
                { { "workstations = [ \"10.0.1.0/28\" ]; except = [ \"10.0.1.8/29\" ];",
                    "workstations = [ \"@g0\" ]; except = [ \"10.0.1.0/29\" ];" },
                  NULL,
                  " 10.0.1.0-10.0.1.7; 10.0.1.8-10.0.1.15",
                  "two groups that share a list" },
                { { "workstations = [ \"10.0.1.1\" ];",
                    "workstations = [ \"@g2\", \"10.0.1.2\" ]; except = [ \"10.0.1.1\", "
                    "\"10.0.1.3\" ];",
                    "workstations = [ \"@g0\", \"10.0.1.3\" ]; except = [ \"10.0.1.1\" ];" },
                  NULL,
                  " 10.0.1.1; 10.0.1.2; 10.0.1.3",
                  "a group of a group" },
                { { "workstations = [ \"PC-17.Example.com\", \"10.0.1.9\" ];" },
                  "pc-17.example.com=10.0.1.17,2001:db8::17",
                  " 10.0.1.9 10.0.1.17 2001:db8::17",
                  "a host name with two addresses" },
                { { "workstations = [ \"10.0.1.0/29\" ]; except = [ \"pc-3\" ];" },
                  "pc-3=10.0.1.3",
                  " 10.0.1.0-10.0.1.2 10.0.1.4-10.0.1.7",
                  "a host name in except" },
                { { "workstations = [ \"pc-3\", \"pc-4\" ];",
                    "workstations = [ \"10.0.1.0/29\" ]; except = [ \"@g0\" ];" },
                  "pc-3=10.0.1.3",
                  " 10.0.1.3; 10.0.1.0-10.0.1.2 10.0.1.4-10.0.1.7",
                  "a host name in another group, and one without an address" },
                { { "workstations = [ \"pc-3\" ];" },
                  NULL,
                  "",
                  "a group whose names have no address yet is empty for now" },
                { { "workstations = [ \"pc-3\" ];" }, "pc-3=", "", "nor is an empty answer one" },
                { { "workstations = [ \"pc-3\", \"10.0.0.9\" ]; except = \"pc-3\";",
                    "workstations = [ \"@g0\" ]; except = \"10.0.0.9\";" },
                  NULL,
                  " 10.0.0.9;",
                  "nor what is left of it" },
                { { "workstations = [ \"pc-3\" ];", "workstations = [ \"@g0\" ];" },
                  NULL,
                  ";",
                  "nor who stands for it" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                CLEANUP(fixture_done) struct fixture f;
                CLEANUP(freep) char *text = NULL;
                size_t length;
                FILE *out = open_memstream(&text, &length);

                fixture_init(&f);
                if (rows[i].pins)
                        f.pins = pins_of(rows[i].pins);
                if (fixture_load(&f, rows[i].groups))
                        fail_msg("%s: %s", rows[i].sentence, f.diag.findings[0].message);
                shares_print(f.policy, out);
                fclose(out);
                if (strcmp(text, rows[i].shares) != 0)
                        fail_msg("%s:%s", rows[i].sentence, text);
        }
}

static const struct {
        const char *groups[GROUPS_MAX];
        const char *pins;
        const char *findings;
} mistakes[] = {
        { { "workstations = [ \"@g\" ];", "workstations = [ \"10.0.0.1\" ];" },
          NULL,
          "p.cfg:4:49: error: unknown group \"g\"\n"
          "  { name = \"g0\"; backends = \"b\"; workstations = [ \"@g\" ]; },\n"
          "                                                  ^~~~\n"
          "    did you mean \"@g0\"?\n" },
        { { "workstations = [ \"10.0.0.1\", \"@g0\" ];" },
          NULL,
          "p.cfg:4:61: error: groups stand for each other in a circle: g0, g0\n"
          "  { name = \"g0\"; backends = \"b\"; workstations = [ \"10.0.0.1\", \"@g0\" ]; "
          "}\n"
          "                                                              ^~~~~\n"
          "    list the workstations themselves in one of them\n" },
        { { "workstations = \"@g1\";", "workstations = \"@g2\";",
            "workstations = \"@g1\"; except = \"@g0\";" },
          NULL,
          "p.cfg:6:47: error: groups stand for each other in a circle: g1, g2, g1\n"
          "  { name = \"g2\"; backends = \"b\"; workstations = \"@g1\"; except = \"@g0\"; "
          "}\n"
          "                                                ^~~~~\n"
          "    list the workstations themselves in one of them\n" },
        { { "workstations = [ \"10.0.0.1\", \"10.0.0.3\", \"10.0.0.5\" ];",
            "workstations = \"@g0\";" },
          NULL,
          "p.cfg:5:47: error: \"@g0\" of group \"g1\" is the same as \"10.0.0.1\" of group "
          "\"g0\" (p.cfg:4)\n"
          "  { name = \"g1\"; backends = \"b\"; workstations = \"@g0\"; }\n"
          "                                                ^~~~~\n"
          "    a workstation is in one group\n" },
        { { "workstations = \"pc-1\";", "workstations = \"10.0.0.1\";" },
          "pc-1=10.0.0.1",
          "p.cfg:5:47: error: \"10.0.0.1\" of group \"g1\" is the same as \"pc-1\" of "
          "group "
          "\"g0\" (p.cfg:4)\n"
          "  { name = \"g1\"; backends = \"b\"; workstations = \"10.0.0.1\"; }\n"
          "                                                ^~~~~~~~~~\n"
          "    a workstation is in one group\n" },
        { { "workstations = \"g1\";", "workstations = \"10.0.0.1\";" },
          NULL,
          "p.cfg:4:47: warning: host name \"g1\" has no address yet: it counts as no "
          "workstation\n"
          "  { name = \"g0\"; backends = \"b\"; workstations = \"g1\"; },\n"
          "                                                ^~~~\n"
          "    did you mean the group, \"@g1\"?\n" },
        { { "workstations = [ \"PC-1\", \"10.0.0.1\" ];" },
          "pc-2=10.0.0.1",
          "p.cfg:4:49: warning: host name \"pc-1\" has no address yet: it counts as no "
          "workstation\n"
          "  { name = \"g0\"; backends = \"b\"; workstations = [ \"PC-1\", \"10.0.0.1\" ]; "
          "}\n"
          "                                                  ^~~~~~\n"
          "    keyrouter resolve POLICY looks it up, and so does keyrouter apply\n" },
        { { "workstations = \"pc-1\"; except = \"10.0.0.1\";" },
          "pc-1=",
          "p.cfg:4:47: warning: host name \"pc-1\" has no address yet: it counts as no "
          "workstation\n"
          "  { name = \"g0\"; backends = \"b\"; workstations = \"pc-1\"; except = "
          "\"10.0.0.1\"; }\n"
          "                                                ^~~~~~\n"
          "    keyrouter resolve POLICY looks it up, and so does keyrouter apply\n" },
        { { "workstations = \"abcdefghijk1\";" },
          NULL,
          "p.cfg:4:47: error: \"************\" of workstations is not an address, a prefix "
          "or first-last\n"
          "  { name = \"g0\"; backends = \"b\"; workstations = \"************\"; }\n"
          "                                                ^~~~~~~~~~~~~~\n"
          "    write an address, a prefix, first-last, @ and the name of a group, or a "
          "host "
          "name\n" },
        { { "workstations = \"10.0.0.1\"; except = [ \"@g1\", \"pc-1\" ];",
            "workstations = [ \"10.0.1.1\", \"10.0.1.2\" ];" },
          "pc-1=10.0.0.9",
          "p.cfg:4:70: warning: \"@g1\" of except excludes nothing from group \"g0\"\n"
          "  { name = \"g0\"; backends = \"b\"; workstations = \"10.0.0.1\"; except = [ "
          "\"@g1\", "
          "\"pc-1\" ]; },\n"
          "                                                                       ^~~~~\n"
          "p.cfg:4:77: warning: \"pc-1\" of except excludes nothing from group \"g0\"\n"
          "  { name = \"g0\"; backends = \"b\"; workstations = \"10.0.0.1\"; except = [ "
          "\"@g1\", "
          "\"pc-1\" ]; },\n"
          "                                                                              "
          "^~~~~~\n" },
};

static void what_is_wrong_in_a_list_is_told_once_at_its_item(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(mistakes); i++) {
                CLEANUP(fixture_done) struct fixture f;
                CLEANUP(freep) char *findings = NULL;
                int r;

                fixture_init(&f);
                if (mistakes[i].pins)
                        f.pins = pins_of(mistakes[i].pins);
                r = fixture_load(&f, mistakes[i].groups);
                assert_int_equal(r, f.diag.n_errors ? -EINVAL : 0);
                findings = folder_findings(&f.folder, &f.diag);
                assert_string_equal(findings, mistakes[i].findings);
        }
}

static void names_are_listed_for_who_looks_them_up(void **state)
{
        static const char *const groups[] = {
                "workstations = [ \"pc-2\", \"PC-1\", \"@g1\" ]; except = \"printer.example.com\";",
                "workstations = [ \"pc-1\", \"10.0.0.1\" ]; except = \"10.0.0.1\";", NULL
        };
        CLEANUP(fixture_done) struct fixture f;

        fixture_init(&f);
        f.pins = pins_of("pc-2=10.0.0.2");
        assert_int_equal(fixture_load(&f, groups), 0);
        assert_int_equal(f.policy->n_host_names, 3);
        assert_string_equal(f.policy->host_names[0], "pc-1");
        assert_string_equal(f.policy->host_names[1], "pc-2");
        assert_string_equal(f.policy->host_names[2], "printer.example.com");
}

static void an_answer_that_differs_from_the_pin_is_told(void **state)
{
        static const char *const groups[] = {
                "workstations = [ \"a\", \"b\", \"c\", \"d\", \"e\" ];", NULL
        };
        CLEANUP(fixture_done) struct fixture f;

        fixture_init(&f);
        f.pins = pins_of("a=10.0.0.1 b=10.0.0.2,10.0.0.3 c=10.0.0.4 d=10.0.0.5");
        f.answers = pins_of("a=10.0.0.1 b=10.0.0.3 c= e=10.0.0.6");
        assert_int_equal(fixture_load(&f, groups), 0);
        assert_int_equal(f.diag.n_findings, 2);
        assert_string_equal(f.diag.findings[0].message,
                            "host name \"b\" is pinned to 10.0.0.2, 10.0.0.3, but DNS now says "
                            "10.0.0.3");
        assert_string_equal(f.diag.findings[1].message,
                            "host name \"e\" has no address yet: it counts as no workstation");
        assert_int_equal(f.policy->groups[0].n_workstations, 1);
}

/* Twice the one before, twenty times: a million ranges in a few lines. */
static void groups_that_multiply_are_stopped(void **state)
{
        char texts[21][80];
        const char *groups[22] = { "workstations = [ \"10.0.0.1\", \"10.0.0.3\" ];" };
        CLEANUP(fixture_done) struct fixture f;

        for (int i = 1; i <= 20; i++) {
                snprintf(texts[i], sizeof(texts[i]), "workstations = [ \"@g%d\", \"@g%d\" ];",
                         i - 1, i - 1);
                groups[i] = texts[i];
        }
        fixture_init(&f);
        assert_int_equal(fixture_load(&f, groups), -EINVAL);
        assert_int_equal(f.diag.n_findings, 1);
        assert_string_equal(f.diag.findings[0].message, "the groups list more than 200000 ranges");
}

static void many_groups_may_refer_to_one(void **state)
{
        char texts[100][80];
        const char *groups[101] = { "workstations = \"10.1.0.1\";" };
        CLEANUP(fixture_done) struct fixture f;

        for (int i = 1; i < 100; i++) {
                snprintf(texts[i], sizeof(texts[i]),
                         "workstations = [ \"10.0.0.%d\"%s ]; except = \"10.1.0.1\";", i,
                         i > 90 ? ", \"@g0\"" : "");
                groups[i] = texts[i];
        }
        fixture_init(&f);
        assert_int_equal(fixture_load(&f, groups), 0);
        assert_int_equal(f.policy->groups[99].n_workstations, 1);
}

static void groups_that_refer_on_and_on_are_stopped(void **state)
{
        static char texts[100][40];
        const char *groups[101] = { NULL };
        CLEANUP(fixture_done) struct fixture f;

        for (int i = 0; i < 100; i++) {
                snprintf(texts[i], sizeof(texts[i]), "workstations = \"@g%d\";", i + 1);
                groups[i] = texts[i];
        }
        strcpy(texts[99], "workstations = \"10.0.0.1\";");
        fixture_init(&f);
        assert_int_equal(fixture_load(&f, groups), -EINVAL);
        assert_string_equal(f.diag.findings[0].message, "groups refer to groups more than 64 deep");
        assert_int_equal(f.diag.findings[0].line, 4 + 64);
}

static void a_host_name_is_no_address_with_a_mistake(void **state)
{
        static const struct {
                const char *text;
                bool is_name;
        } rows[] = {
                { "pc-17.example.com", true },
                { "pc17", true },
                { "17.example", true },
                { "3com", true },
                { "3.pool.ntp.org", true },
                { "10.20.example", false },
                { "1.2.pc.example", true },
                { "xn--pc-eka.example", true },
                { "10.20.0.x", false },
                { "10.20.0.1O", false },
                { "10.20.1.10-pc", false },
                { "10.20.1", false },
                { "17", false },
                { "pc-17.example.com.", false },
                { "pc..example", false },
                { "-pc.example", false },
                { "pc-.example", false },
                { "pc_17.example", false },
                { "pc 17", false },
                { "", false },
                { "a12345678901234567890123456789012345678901234567890123456789012.b", true },
                { "a123456789012345678901234567890123456789012345678901234567890123.b", false },
        };
        char longest[256];

        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                if (host_name_is_no_address(rows[i].text) != rows[i].is_name)
                        fail_msg("\"%s\"", rows[i].text);
        for (size_t i = 0; i < 255; i++)
                longest[i] = i % 2 ? '.' : 'a';
        longest[253] = 0;
        assert_true(host_name_is_no_address(longest));
        longest[253] = '.';
        longest[254] = 'a';
        longest[255] = 0;
        assert_false(host_name_is_no_address(longest));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_way_of_writing_stands_for_its_addresses),
                cmocka_unit_test(what_is_wrong_in_a_list_is_told_once_at_its_item),
                cmocka_unit_test(names_are_listed_for_who_looks_them_up),
                cmocka_unit_test(an_answer_that_differs_from_the_pin_is_told),
                cmocka_unit_test(groups_that_multiply_are_stopped),
                cmocka_unit_test(many_groups_may_refer_to_one),
                cmocka_unit_test(groups_that_refer_on_and_on_are_stopped),
                cmocka_unit_test(a_host_name_is_no_address_with_a_mistake),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
