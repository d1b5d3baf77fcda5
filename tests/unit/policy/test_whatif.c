/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/whatif.h"

#include "policy/address_map.h"
#include "policy/ledger/entries.h"
#include "policy/plan.h"
#include "tests/unit/settings/folder.h"

#include <string.h>

#define PROVIDER(name)                                                                           \
        "name = \"" name "\"; apis = ( { name = \"" name "\"; host = \"" name ".example.com\"; " \
        "paths = [ \"/x\" ]; embedded = [ \"GET\" ]; secret = [ \"GET\" ]; } );"                 \
        "embedded = { query = { key = \"$key\"; }; capacity = 10; };"                            \
        "secret = { query = { token = \"$key\"; }; }; strip_query = [ \"key\", \"token\" ];"

/* Two providers with embedded keys, one of ten addresses a key; and one group of each egress. */
#define HEAD                                                                                  \
        "site = \"s\"; providers = [ \"v.cfg\", \"w.cfg\" ];\n"                               \
        "keys = ( { name = \"k1\"; provider = \"v\"; credential = \"k1\"; capacity = 4; },\n" \
        "  { name = \"k2\"; provider = \"v\"; credential = \"k2\"; reserve = 2; },\n"         \
        "  { name = \"u1\"; provider = \"w\"; credential = \"u1\"; } );\n"                    \
        "backends = ( { name = \"b\"; provider = \"v\"; credential = \"b\"; },\n"             \
        "  { name = \"c\"; provider = \"w\"; credential = \"c\"; } );\n"

#define GROUP(name, workstations, egress, rest)                                            \
        "{ name = \"" name "\"; workstations = [ " workstations " ]; egress = " egress ";" \
        " backends = [ \"b\", \"c\" ]; " rest " }"

#define DESKS "\"198.51.100.1-198.51.100.3\""
#define SALES(desks)                             \
        GROUP("sales", desks, "\"transparent\"", \
              "keys = [ \"k1\", \"k2\" ]; public = [ \"198.51.100.0/24 -> 198.51.101.0/24\" ];")
/* All behind a NAT, and some of them. */
#define NAT                                                   \
        GROUP("nat", "\"10.0.9.10-10.0.9.19\"", "\"direct\"", \
              "keys = [ \"k2\", \"u1\" ]; public = [ \"10.0.9.0/24 -> 203.0.113.7\" ];")
#define HALF                                                           \
        GROUP("half", "\"10.0.8.1\", \"10.0.7.1\"", "\"transparent\"", \
              "keys = [ \"k2\" ]; public = [ \"10.0.8.0/24 -> 203.0.113.8\" ];")
#define LIST GROUP("list", "\"10.0.6.1\"", "[ \"192.0.2.10\" ]", "keys = [ \"k1\" ];")
#define ROUTER GROUP("router", "\"10.0.5.1\"", "\"router\"", "")
/* Where desks that are asked for would stand. */
#define SIX GROUP("six", "\"100::7\"", "\"transparent\"", "keys = [ \"k2\" ];")
#define NAT6                                            \
        GROUP("nat6", "\"fd00::1\"", "\"transparent\"", \
              "keys = [ \"k2\" ]; public = [ \"fd00::/120 -> 100:0:0:0:1::/120\" ];")

#define GROUPS(desks) "groups = ( " SALES(desks) ", " NAT ", " HALF ", " LIST ", " ROUTER
#define POLICY HEAD GROUPS(DESKS) " );\n"

struct fixture {
        struct folder folder;
        struct diag diag;
        struct policy *policy;
        struct plan *plan;
        struct whatif_flaw flaw;
};

static void fixture_init(struct fixture *f, const char *text)
{
        const char *path;

        memset(f, 0, sizeof(*f));
        folder_init(&f->folder);
        diag_init(&f->diag);
        folder_put(&f->folder, "v.cfg", PROVIDER("v"));
        folder_put(&f->folder, "w.cfg", PROVIDER("w"));
        path = folder_put(&f->folder, "policy.cfg", text);
        if (policy_load(path, NULL, &f->diag, &f->policy) != 0)
                fail_msg("%s", f->diag.n_findings ? f->diag.findings[0].message : "no finding");
}

static void fixture_done(struct fixture *f)
{
        if (f->plan)
                plan_free(f->plan);
        if (f->policy)
                policy_unref(f->policy);
        diag_done(&f->diag);
        folder_done(&f->folder);
}

static void ask(struct fixture *f, const struct whatif *w, const struct entry_set *entries)
{
        int r = policy_whatif(f->policy, w, entries, &f->flaw);

        if (r)
                fail_msg("%d: %s", r, f->flaw.text);
        assert_int_equal(plan_make(f->policy, entries, NULL, &f->diag, &f->plan), 0);
}

static const struct group *group_named(const struct fixture *f, const char *name)
{
        for (size_t i = 0; i < f->policy->n_groups; i++)
                if (strcmp(f->policy->groups[i].name, name) == 0)
                        return &f->policy->groups[i];
        fail_msg("no group %s", name);
        return NULL;
}

/* Addresses and desks of one group, over the census. */
static void group_count(const struct fixture *f, const char *name, size_t *ret_addresses,
                        size_t *ret_desks)
{
        const struct egress_census *c = f->plan->census;
        const struct group *g = group_named(f, name);

        *ret_addresses = *ret_desks = 0;
        for (size_t i = 0; i < c->n_egresses; i++) {
                for (unsigned j = 0; j < c->egresses[i].n_shares; j++) {
                        const struct share *s = &c->egresses[i].shares[j];

                        *ret_addresses += s->group == g;
                        *ret_desks += s->group == g ? s->n_desks : 0;
                }
        }
}

/* "k1,k2" */
static void group_keys(const struct fixture *f, const char *name, char out[static 64])
{
        const struct group *g = group_named(f, name);
        size_t n = 0;

        out[0] = 0;
        for (size_t i = 0; i < g->n_keys; i++)
                n += (size_t)snprintf(out + n, 64 - n, "%s%s", i ? "," : "", g->keys[i]->name);
}

/* "k1:4,k2:8" with the capacity of each. */
static void policy_keys(const struct fixture *f, char out[static 128])
{
        size_t n = 0;

        out[0] = 0;
        for (size_t i = 0; i < f->policy->n_keys; i++) {
                const struct key *k = &f->policy->keys[i];

                assert_int_equal(k->index, i);
                n += (size_t)snprintf(out + n, 128 - n, "%s%s:%d", i ? "," : "", k->name,
                                      (int)k->capacity);
        }
}

/* ---- desks ---- */

static const struct {
        const char *group;
        unsigned n;
        size_t addresses, desks; /* then */
} additions[] = {
        { "sales", 1, 4, 4 }, { "sales", 100000, 100003, 100003 },
        { "nat", 5, 1, 15 }, /* all of them stand behind one address */
        { "half", 5, 7, 7 }, /* some of them do not */
        { "list", 5, 1, 6 },  { "router", 300, 1, 301 },
};

static void desks_more_stand_where_desks_of_their_group_stand(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(additions); i++) {
                CLEANUP(fixture_done) struct fixture f;
                struct whatif_desks desks = { additions[i].group, additions[i].n };
                size_t n_addresses, n_desks;

                fixture_init(&f, POLICY);
                ask(&f, &(struct whatif){ .desks = &desks, .n_desks = 1 }, NULL);
                group_count(&f, desks.group, &n_addresses, &n_desks);
                if (n_addresses != additions[i].addresses || n_desks != additions[i].desks)
                        fail_msg("%u more in %s: %zu addresses, %zu desks", desks.n, desks.group,
                                 n_addresses, n_desks);
        }
}

static void two_additions_do_not_meet(void **state)
{
        static const struct whatif_desks desks[] = { { "sales", 10 },
                                                     { "half", 20 },
                                                     { "sales", 3 } };
        CLEANUP(fixture_done) struct fixture f;
        size_t n_addresses, n_desks;

        fixture_init(&f, POLICY);
        ask(&f, &(struct whatif){ .desks = desks, .n_desks = 3 }, NULL);
        group_count(&f, "sales", &n_addresses, &n_desks);
        assert_int_equal(n_addresses, 3 + 13);
        group_count(&f, "half", &n_addresses, &n_desks);
        assert_int_equal(n_addresses, 2 + 20);
        for (size_t i = 0; i < f.plan->census->n_egresses; i++)
                assert_int_equal(f.plan->census->egresses[i].n_shares, 1);
}

/* Somebody's desks, a NAT and an entry stand where new desks would have come from. */
static void new_desks_meet_nothing_that_is_there(void **state)
{
        static const char text[] = HEAD GROUPS(DESKS) ", " SIX ", " NAT6 " );\n";
        struct entry foreign = { "v", "k1", "100::2:0:0:1", .state = ENTRY_FOREIGN };
        CLEANUP(entry_set_freep) struct entry_set *entries = NULL;
        struct whatif_desks desks = { "sales", 2 };
        CLEANUP(fixture_done) struct fixture f;
        const struct group *sales;
        char first[ADDR_TEXT_MAX];

        assert_int_equal(addr_parse(slice_of(foreign.host), &foreign.addr), 0);
        assert_int_equal(entry_set_new(&foreign, 1, &entries), 0);
        fixture_init(&f, text);
        ask(&f, &(struct whatif){ .desks = &desks, .n_desks = 1 }, entries);
        sales = group_named(&f, "sales");
        assert_string_equal(addr_format(&sales->workstations[1].first, first), "100::3:0:0:0");
        assert_ptr_equal(policy_group_of(f.policy, &sales->workstations[1].last), sales);
}

/* The numbers are those of a policy in which the desks are written down. */
static void asking_agrees_with_writing_the_desks_down(void **state)
{
        static const unsigned asked[] = { 1, 4, 9, 10, 40 };
        static const char *const written[] = { "198.51.100.101", "198.51.100.101-198.51.100.104",
                                               "198.51.100.101-198.51.100.109",
                                               "198.51.100.101-198.51.100.110",
                                               "198.51.100.101-198.51.100.140" };

        for (size_t i = 0; i < N_ELEMENTS(asked); i++) {
                CLEANUP(fixture_done) struct fixture f, g;
                struct whatif_desks desks = { "sales", asked[i] };
                char sales[128], text[4096];

                snprintf(sales, sizeof(sales), DESKS ", \"%s\"", written[i]);
                snprintf(text, sizeof(text), HEAD GROUPS("%s") " );\n", sales);
                fixture_init(&f, POLICY);
                fixture_init(&g, text);
                ask(&f, &(struct whatif){ .desks = &desks, .n_desks = 1 }, NULL);
                ask(&g, &(struct whatif){ .n_desks = 0 }, NULL);
                assert_int_equal(f.plan->n_desks, g.plan->n_desks);
                assert_int_equal(f.plan->n_desks_embedded, g.plan->n_desks_embedded);
                for (size_t k = 0; k < f.plan->n_keys; k++)
                        assert_int_equal(f.plan->keys[k].n_slots, g.plan->keys[k].n_slots);
        }
}

/* ---- keys ---- */

static const struct {
        const char *sentence;
        const char *removed[3];
        struct whatif_key added[3];
        const char *keys;
        const char *sales, *nat, *router; /* the keys of these groups */
} changes[] = {
        { "nothing changes", { NULL }, { { NULL } }, "k1:4,k2:10,u1:10", "k1,k2", "k2,u1", "" },
        { "a key goes, also from its groups",
          { "k1" },
          { { NULL } },
          "k2:10,u1:10",
          "k2",
          "k2,u1",
          "" },
        { "a new key is for all groups with a key of its provider, and of its capacity",
          { NULL },
          { { "k3", "v" } },
          "k1:4,k2:10,u1:10,k3:10",
          "k1,k2,k3",
          "k2,u1,k3",
          "" },
        { "a new key is for the groups that are named",
          { NULL },
          { { "k3", "v", 7, (const char *const[]){ "router", "sales" }, 2 } },
          "k1:4,k2:10,u1:10,k3:7",
          "k1,k2,k3",
          "k2,u1",
          "k3" },
        { "new keys stand behind the others in the order in which they are told",
          { NULL },
          { { "k9", "v" }, { "k3", "v", 3 } },
          "k1:4,k2:10,u1:10,k9:10,k3:3",
          "k1,k2,k9,k3",
          "k2,u1,k9,k3",
          "" },
        { "a key in place of the only ones",
          { "k1", "k2" },
          { { "k3", "v" } },
          "u1:10,k3:10",
          "k3",
          "u1,k3",
          "" },
        { "a key with another capacity",
          { "k1" },
          { { "k1", "v", 50 } },
          "k2:10,u1:10,k1:50",
          "k2,k1",
          "k2,u1,k1",
          "" },
        { "the last key of a provider stays, with room for nobody, for no group",
          { "k2", "k1" },
          { { NULL } },
          "k1:0,u1:10",
          "",
          "u1",
          "" },
        { "the provider is that of the groups' keys",
          { NULL },
          { { "u2", NULL, 0, (const char *const[]){ "list" }, 1 } },
          "k1:4,k2:10,u1:10,u2:10",
          "k1,k2",
          "k2,u1",
          "" },
};

static void keys_come_and_go(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(changes); i++) {
                CLEANUP(fixture_done) struct fixture f;
                struct whatif w = { .removed = changes[i].removed, .keys = changes[i].added };
                char keys[128], sales[64], nat[64], router[64];

                while (w.removed[w.n_removed])
                        w.n_removed++;
                while (w.keys[w.n_keys].name)
                        w.n_keys++;
                fixture_init(&f, POLICY);
                ask(&f, &w, NULL);
                policy_keys(&f, keys);
                group_keys(&f, "sales", sales);
                group_keys(&f, "nat", nat);
                group_keys(&f, "router", router);
                if (strcmp(keys, changes[i].keys) != 0 || strcmp(sales, changes[i].sales) != 0 ||
                    strcmp(nat, changes[i].nat) != 0 || strcmp(router, changes[i].router) != 0)
                        fail_msg("%s: \"%s\" \"%s\" \"%s\" \"%s\"", changes[i].sentence, keys,
                                 sales, nat, router);
        }
}

static void desks_without_a_key_left_are_told_so(void **state)
{
        static const char *const removed[] = { "k1", "k2" };
        CLEANUP(fixture_done) struct fixture f;
        const struct slot *s;
        struct addr desk;

        fixture_init(&f, POLICY);
        ask(&f, &(struct whatif){ .removed = removed, .n_removed = 2 }, NULL);
        assert_int_equal(addr_parse(slice_of("198.51.101.1"), &desk), 0);
        s = plan_find(f.plan, &f.policy->providers[0], &desk);
        assert_non_null(s);
        assert_ptr_equal(slot_reason(s, group_named(&f, "sales")), plan_reason_no_key);
        assert_int_equal(f.plan->n_desks, 2 * (3 + 10 + 2 + 1 + 1));
}

/* ---- what cannot be ---- */

static const struct {
        struct whatif_desks desks;
        struct whatif_key key;
        const char *removed;
        int answer;
        const char *text, *remedy;
} flaws[] = {
        { .desks = { "salse", 1 },
          .answer = WHATIF_E_UNKNOWN,
          .text = "the policy has no group \"salse\"",
          .remedy = "did you mean \"sales\"?" },
        { .desks = { "sales", 0 },
          .answer = WHATIF_E_WRONG,
          .text = "desks are added by 1 to 100000" },
        { .desks = { "sales", 100001 },
          .answer = WHATIF_E_WRONG,
          .text = "desks are added by 1 to 100000" },
        { .removed = "k11",
          .answer = WHATIF_E_UNKNOWN,
          .text = "the policy has no key \"k11\"",
          .remedy = "did you mean \"k1\"?" },
        { .key = { "k1", "v" },
          .answer = WHATIF_E_WRONG,
          .text = "the policy has a key \"k1\" already",
          .remedy = "give the new key another name, or remove it too" },
        { .key = { "", "v" },
          .answer = WHATIF_E_WRONG,
          .text = "\"\" is no name for a key",
          .remedy = "1 to 64 of A-Z a-z 0-9 . _ -, no dot first" },
        { .key = { "a b", "v" },
          .answer = WHATIF_E_WRONG,
          .text = "\"a b\" is no name for a key",
          .remedy = "1 to 64 of A-Z a-z 0-9 . _ -, no dot first" },
        { .key = { "k3", "x" },
          .answer = WHATIF_E_UNKNOWN,
          .text = "the policy has no provider \"x\"" },
        { .key = { "k3" },
          .answer = WHATIF_E_WRONG,
          .text = "key \"k3\" could be of several providers",
          .remedy = "write PROVIDER/NAME" },
        { .key = { "k3", "v", 101 },
          .answer = WHATIF_E_WRONG,
          .text = "the capacity of key \"k3\" is not 1 to 100" },
        { .key = { "k3", "v", -1 },
          .answer = WHATIF_E_WRONG,
          .text = "the capacity of key \"k3\" is not 1 to 100" },
        { .key = { "k3", "v", 0, (const char *const[]){ "nath" }, 1 },
          .answer = WHATIF_E_UNKNOWN,
          .text = "the policy has no group \"nath\"",
          .remedy = "did you mean \"nat\"?" },
};

static void what_cannot_be_is_said(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(flaws); i++) {
                CLEANUP(fixture_done) struct fixture f;
                const char *remedy = flaws[i].remedy ? flaws[i].remedy : "";
                struct whatif w = { .desks = &flaws[i].desks,
                                    .n_desks = flaws[i].desks.group != NULL,
                                    .keys = &flaws[i].key,
                                    .n_keys = flaws[i].key.name != NULL,
                                    .removed = &flaws[i].removed,
                                    .n_removed = flaws[i].removed != NULL };
                int r;

                fixture_init(&f, POLICY);
                r = policy_whatif(f.policy, &w, NULL, &f.flaw);
                if (r != flaws[i].answer || strcmp(f.flaw.text, flaws[i].text) != 0 ||
                    strcmp(f.flaw.remedy, remedy) != 0)
                        fail_msg("%s: %d \"%s\" \"%s\"", flaws[i].text, r, f.flaw.text,
                                 f.flaw.remedy);
        }
}

static void a_name_that_is_added_twice_is_said(void **state)
{
        static const struct whatif_key keys[] = { { "k3", "v" }, { "k3", "w" } };
        CLEANUP(fixture_done) struct fixture f;

        fixture_init(&f, POLICY);
        assert_int_equal(policy_whatif(f.policy, &(struct whatif){ .keys = keys, .n_keys = 2 },
                                       NULL, &f.flaw),
                         WHATIF_E_WRONG);
        assert_string_equal(f.flaw.text, "key \"k3\" is added twice");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(desks_more_stand_where_desks_of_their_group_stand),
                cmocka_unit_test(two_additions_do_not_meet),
                cmocka_unit_test(new_desks_meet_nothing_that_is_there),
                cmocka_unit_test(asking_agrees_with_writing_the_desks_down),
                cmocka_unit_test(keys_come_and_go),
                cmocka_unit_test(desks_without_a_key_left_are_told_so),
                cmocka_unit_test(what_cannot_be_is_said),
                cmocka_unit_test(a_name_that_is_added_twice_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
