/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/entries_check.h"
#include "tests/unit/settings/folder.h"

#define PROVIDERS SOURCE_ROOT "/policy/providers"

static const char text[] =
        "site = \"a\";\nproviders = [ \"smarty\" ];\n"
        "keys = (\n"
        "  { name = \"k1\"; provider = \"smarty\"; credential = \"c1\"; capacity = 5; reserve = 2; "
        "},\n"
        "  { name = \"k2\"; provider = \"smarty\"; credential = \"c2\"; capacity = 2; },\n"
        "  { name = \"k3\"; provider = \"smarty\"; credential = \"c3\"; }\n"
        ");\n"
        "groups = ( { name = \"g\"; workstations = \"192.0.2.1\"; egress = \"transparent\";\n"
        "  keys = [ \"k1\", \"k2\", \"k3\" ]; overflow = \"refuse\"; } );\n";

/* `n` entries on a key, from host 10.0.`net`.1 on. */
struct stock {
        const char *provider, *key;
        unsigned n, net;
        enum entry_state state;
};

static struct entry_set *entries_of(const struct stock *stock)
{
        struct entry entries[200];
        char hosts[200][ADDR_TEXT_MAX];
        struct entry_set *set = NULL;
        size_t n = 0;

        for (; stock->key; stock++) {
                for (unsigned i = 1; i <= stock->n; i++, n++) {
                        snprintf(hosts[n], sizeof(hosts[n]), "10.0.%u.%u", stock->net, i);
                        entries[n] = (struct entry){ .provider = stock->provider,
                                                     .key = stock->key,
                                                     .host = hosts[n],
                                                     .state = stock->state };
                        assert_int_equal(addr_parse(slice_of(hosts[n]), &entries[n].addr), 0);
                }
        }
        assert_int_equal(entry_set_new(entries, n, &set), 0);
        return set;
}

static void what_stands_on_the_keys_is_held_against_the_policy(void **state)
{
        static const struct {
                struct stock stock[5];
                const char *findings;
                const char *sentence;
        } rows[] = {
                { { { "smarty", "k1", 3, 1, ENTRY_LIVE }, { "smarty", "k2", 2, 2, ENTRY_WANTED } },
                  "",
                  "all keys are just full" },
                { { { "smarty", "k1", 3, 1, ENTRY_LIVE }, { "smarty", "k1", 3, 2, ENTRY_LEAVING } },
                  "",
                  "what is leaving goes anyway" },
                { { { "smarty", "k1", 2, 1, ENTRY_SUSPENDED },
                    { "smarty", "k1", 1, 2, ENTRY_PROPAGATING },
                    { "smarty", "k1", 2, 3, ENTRY_FOREIGN } },
                  "p.cfg:4:69: warning: key \"k1\" holds 5 hosts (2 of them foreign), more than "
                  "its capacity of 5 less its reserve of 2: 2 must go\n",
                  "too many for the reserve" },
                { { { "smarty", "k2", 3, 1, ENTRY_LIVE } },
                  "p.cfg:5:69: warning: key \"k2\" holds 3 hosts, more than its capacity of 2: 1 "
                  "must go\n",
                  "too many for the capacity" },
                { { { "smarty", "k3", 99, 1, ENTRY_LIVE }, { "smarty", "k3", 2, 2, ENTRY_WANTED } },
                  "p.cfg:6:12: warning: key \"k3\" holds 101 hosts, more than its capacity of 100: "
                  "1 must go\n",
                  "too many for the provider's capacity, told at the key" },
                { { { "smarty", "k0", 2, 1, ENTRY_LIVE },
                    { "smarty", "k0", 1, 2, ENTRY_LEAVING },
                    { "alloy", "k1", 1, 3, ENTRY_FOREIGN } },
                  "p.cfg:1:8: warning: key \"k1\" of provider \"alloy\" is not in the policy, but "
                  "1 "
                  "host stands on it\n",
                  "keys that the policy does not have" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct folder folder;
                CLEANUP(diag_done) struct diag d;
                CLEANUP(freep) char *findings = NULL;
                CLEANUP(policy_unrefp) struct policy *p = NULL;
                CLEANUP(entry_set_freep) struct entry_set *entries = entries_of(rows[i].stock);

                folder_init(&folder);
                diag_init(&d);
                assert_int_equal(policy_load(folder_put(&folder, "p.cfg", text), PROVIDERS, &d, &p),
                                 0);
                assert_int_equal(d.n_findings, 0);
                assert_int_equal(policy_check_entries(p, entries, &d), 0);
                assert_int_equal(d.n_errors, 0);
                findings = folder_findings(&folder, &d);
                folder_done(&folder);
                if (strncmp(findings, rows[i].findings, strlen(rows[i].findings)) != 0 ||
                    (rows[i].findings[0] == 0 && findings[0]))
                        fail_msg("%s: %s", rows[i].sentence, findings);
        }
}

static void without_entries_there_is_nothing_to_say(void **state)
{
        struct policy p = { 1 };
        CLEANUP(diag_done) struct diag d;

        diag_init(&d);
        assert_int_equal(policy_check_entries(&p, NULL, &d), 0);
        assert_int_equal(d.n_findings, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_stands_on_the_keys_is_held_against_the_policy),
                cmocka_unit_test(without_entries_there_is_nothing_to_say),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
