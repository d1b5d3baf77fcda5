/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/settle.h"
#include "tests/unit/policy/texts.h"

#include <errno.h>

#define NOW_US 1000

static struct plan *plan_of(struct policy *p, const struct entry_set *entries)
{
        struct plan *plan = NULL;
        struct diag d;

        diag_init(&d);
        assert_int_equal(plan_make(p, entries, NULL, &d, &plan), 0);
        diag_done(&d);
        return plan;
}

static const struct {
        const char *sentence;
        struct build_key keys[4];
        struct build_group groups[4];
        const char *before, *after;
} rows[] = {
        { "what is planned and stands nowhere is wanted",
          { { "k1", 0, 9 } },
          { { "a", "10.0.0.1-10.0.0.2", "k1" } },
          NULL,
          "wanted k1 10.0.0.1; wanted k1 10.0.0.2" },
        { "what is held stays",
          { { "k1", 0, 9 } },
          { { "a", "10.0.0.1-10.0.0.3", "k1" } },
          "wanted k1 10.0.0.1; propagating k1 10.0.0.2; suspended k1 10.0.0.3",
          "wanted k1 10.0.0.1; propagating k1 10.0.0.2; suspended k1 10.0.0.3" },
        { "what is leaving is had back, what is foreign taken over",
          { { "k1", 0, 9 } },
          { { "a", "10.0.0.1-10.0.0.4", "k1" } },
          "leaving k1 10.0.0.1; unproven k1 10.0.0.2; unadded k1 10.0.0.3; foreign k1 10.0.0.4",
          "live k1 10.0.0.1; propagating k1 10.0.0.2; wanted k1 10.0.0.3; live k1 10.0.0.4" },
        { "a move leaves the old key, or is gone from it where it was never added",
          { { "k1", 0, 9 }, { "k2", 0, 9 } },
          { { "a", "10.0.0.1-10.0.0.4", "k1" } },
          "live k2 10.0.0.1; wanted k2 10.0.0.2; propagating k2 10.0.0.3; suspended k2 10.0.0.4",
          "wanted k1 10.0.0.1; leaving k2 10.0.0.1; wanted k1 10.0.0.2; wanted k1 10.0.0.3; "
          "unproven k2 10.0.0.3; wanted k1 10.0.0.4; leaving k2 10.0.0.4" },
        { "so does who gets no key",
          { { "k1", 0, 1 } },
          { { "a", "10.0.0.1", "k1", .priority = 1 }, { "b", "10.0.0.2", "k1" } },
          "live k1 10.0.0.2",
          "wanted k1 10.0.0.1; leaving k1 10.0.0.2" },
        { "and who is gone from the policy, and what was on a key that is gone",
          { { "k1", 0, 9 } },
          { { "a", "10.0.0.1", "k1" } },
          "live k1 10.0.0.9; wanted k1 10.0.0.8; live gone 10.0.0.1",
          "leaving gone 10.0.0.1; wanted k1 10.0.0.1; leaving k1 10.0.0.9" },
        { "other leaving and foreign entries stay",
          { { "k1", 0, 9 }, { "k2", 0, 9 } },
          { { "a", "10.0.0.1", "k1,k2" } },
          "live k1 10.0.0.1; leaving k2 10.0.0.1; foreign gone 10.0.0.1; foreign k1 10.0.0.9; "
          "foreign k1 www.example.com",
          "foreign k1 www.example.com; foreign gone 10.0.0.1; live k1 10.0.0.1; "
          "leaving k2 10.0.0.1; foreign k1 10.0.0.9" },
        { "a foreign entry of an address of the policy leaves where its place is needed",
          { { "k1", 0, 2 } },
          { { "a", "10.0.0.1-10.0.0.2", "k1", .priority = 1 }, { "b", "10.0.0.3", "k1" } },
          "foreign k1 10.0.0.3",
          "wanted k1 10.0.0.1; wanted k1 10.0.0.2; leaving k1 10.0.0.3" },
        { "no more of them than needed, the first",
          { { "k1", 0, 3 } },
          { { "a", "10.0.0.1-10.0.0.2", "k1", .priority = 1 }, { "b", "10.0.0.3-10.0.0.4", "k1" } },
          "foreign k1 10.0.0.3; foreign k1 10.0.0.4",
          "wanted k1 10.0.0.1; wanted k1 10.0.0.2; live k1 10.0.0.3; leaving k1 10.0.0.4" },
        { "it stays where it is in nobody's way",
          { { "k1", 0, 2 }, { "k2", 0, 2 } },
          { { "a", "10.0.0.1", "k1" }, { "b", "10.0.0.3", "k1,k2" } },
          "foreign k1 10.0.0.3; live k2 10.0.0.3",
          "wanted k1 10.0.0.1; foreign k1 10.0.0.3; live k2 10.0.0.3" },
        { "the router's address that was not told has a word of its own",
          { { "k1", 0, 9 }, { "k2", 0, 9 } },
          { { "a", "10.0.0.0/24", "k2", .egress = "router" } },
          "foreign k1 a.example.com; live k1 router; foreign k2 z.example.com",
          "foreign k1 a.example.com; leaving k1 router; wanted k2 router; foreign k2 "
          "z.example.com" },
        { "no workstations: everything goes",
          { { "k1", 0, 9 } },
          { { NULL } },
          "live k1 10.0.0.1; wanted k1 10.0.0.2; foreign k1 10.0.0.3",
          "leaving k1 10.0.0.1; foreign k1 10.0.0.3" },
        { "no keys: the provider is not planned, and everything goes",
          { { NULL } },
          { { "a", "10.0.0.1-10.0.0.9", NULL } },
          "live k1 10.0.0.1; wanted k1 10.0.0.2; foreign k1 10.0.0.3",
          "leaving k1 10.0.0.1; foreign k1 10.0.0.3" },
};

static void what_stands_then_is_as_expected(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                CLEANUP(build_freep)
                struct policy *p = build_policy(rows[i].keys, rows[i].groups);
                CLEANUP(entry_set_freep) struct entry_set *before = entries_of_text(rows[i].before);
                CLEANUP(plan_freep) struct plan *plan = plan_of(p, before);
                CLEANUP(move_list_freep) struct move_list *moves = NULL;
                CLEANUP(entry_set_freep) struct entry_set *after = NULL;
                char text[TEXT_MAX];

                assert_int_equal(entries_settle(plan, before, NOW_US, &moves), 0);
                assert_int_equal(entries_after(before, moves->moves, moves->n, NOW_US, &after), 0);
                entries_text(after, text);
                if (strcmp(text, rows[i].after) != 0)
                        fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].sentence, text,
                                 rows[i].after);
        }
}

static void move_expect(const struct entry_move *m, const char *key, const char *host, int from,
                        int to, int64_t added_us, int64_t live_us)
{
        assert_string_equal(m->provider, "smarty");
        assert_string_equal(m->key, key);
        assert_string_equal(m->host, host);
        assert_int_equal(m->from, from);
        assert_int_equal(m->to, to);
        assert_int_equal(m->added_us, added_us);
        assert_int_equal(m->live_us, live_us);
}

static void moves_are_sorted_and_say_since_when(void **state)
{
        static const struct build_key keys[] = { { "k2", 0, 9 }, { NULL } };
        static const struct build_group groups[] = { { "a", "10.0.0.1-10.0.0.4", "k2" }, { NULL } };
        CLEANUP(build_freep) struct policy *p = build_policy(keys, groups);
        CLEANUP(entry_set_freep)
        struct entry_set *before = entries_of_text("live k1 10.0.0.1; live k3 10.0.0.2; "
                                                   "foreign k2 10.0.0.3; leaving k2 10.0.0.4; "
                                                   "wanted k2 10.0.0.5");
        CLEANUP(plan_freep) struct plan *plan = plan_of(p, before);
        CLEANUP(move_list_freep) struct move_list *moves = NULL;
        CLEANUP(entry_set_freep) struct entry_set *after = NULL;

        assert_int_equal(entries_settle(plan, before, NOW_US, &moves), 0);
        assert_int_equal(moves->n, 7);
        move_expect(&moves->moves[0], "k1", "10.0.0.1", ENTRY_LIVE, ENTRY_LEAVING, 5, 7);
        move_expect(&moves->moves[1], "k2", "10.0.0.1", -1, ENTRY_WANTED, 0, 0);
        move_expect(&moves->moves[2], "k2", "10.0.0.2", -1, ENTRY_WANTED, 0, 0);
        move_expect(&moves->moves[3], "k3", "10.0.0.2", ENTRY_LIVE, ENTRY_LEAVING, 5, 7);
        move_expect(&moves->moves[4], "k2", "10.0.0.3", ENTRY_FOREIGN, ENTRY_LIVE, NOW_US, NOW_US);
        move_expect(&moves->moves[5], "k2", "10.0.0.4", ENTRY_LEAVING, ENTRY_LIVE, 5, 7);
        move_expect(&moves->moves[6], "k2", "10.0.0.5", ENTRY_WANTED, -1, 0, 0);
        assert_int_equal(entries_after(before, moves->moves, moves->n, NOW_US, &after), 0);
        for (size_t i = 0; i < after->n; i++)
                assert_int_equal(after->entries[i].since_us, NOW_US);
}

static void providers_are_settled_each_for_itself(void **state)
{
        static const struct build_key keys[] = { { "s1", 0, 9 }, { "a1", 1, 9 }, { NULL } };
        static const struct build_group groups[] = { { "a", "10.0.0.1", "s1,a1" }, { NULL } };
        static const struct addr one = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0,
                                           1 } };
        static const struct entry entries[] = {
                { "alloy", "s1", "10.0.0.1", one, ENTRY_LIVE, 1, 1, 1 },
                { "other", "o1", "10.0.0.1", one, ENTRY_LIVE, 1, 1, 1 },
                { "another", "o1", "10.0.0.1", one, ENTRY_WANTED, 1, 0, 0 },
        };
        CLEANUP(build_freep) struct policy *p = build_policy(keys, groups);
        CLEANUP(entry_set_freep) struct entry_set *before = NULL;
        CLEANUP(plan_freep) struct plan *plan = NULL;
        CLEANUP(move_list_freep) struct move_list *m = NULL;
        static const char *const expected[] = { "alloy a1 wanted", "alloy s1 leaving",
                                                "another o1 gone", "other o1 leaving",
                                                "smarty s1 wanted" };

        assert_int_equal(entry_set_new(entries, N_ELEMENTS(entries), &before), 0);
        plan = plan_of(p, before);
        assert_int_equal(entries_settle(plan, before, NOW_US, &m), 0);
        assert_int_equal(m->n, N_ELEMENTS(expected));
        for (size_t i = 0; i < m->n; i++) {
                int to = m->moves[i].to;
                char text[64];

                snprintf(text, sizeof(text), "%s %s %s", m->moves[i].provider, m->moves[i].key,
                         to < 0 ? "gone" : entry_state_name((enum entry_state)to));
                assert_string_equal(text, expected[i]);
        }
}

static void a_move_from_what_is_not_there_is_refused(void **state)
{
        CLEANUP(entry_set_freep) struct entry_set *before = entries_of_text("live k1 10.0.0.1");
        static const struct entry_move stale[] = {
                { "smarty", "k1", "10.0.0.1", ENTRY_WANTED, ENTRY_LIVE, 0, 0 },
                { "smarty", "k1", "10.0.0.1", -1, ENTRY_WANTED, 0, 0 },
                { "smarty", "k2", "10.0.0.1", ENTRY_LIVE, -1, 0, 0 },
        };
        struct entry_set *after = NULL;

        for (size_t i = 0; i < N_ELEMENTS(stale); i++)
                assert_int_equal(entries_after(before, &stale[i], 1, NOW_US, &after), -ESTALE);
        assert_int_equal(entries_after(NULL, &stale[0], 1, NOW_US, &after), -ESTALE);
        assert_null(after);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_stands_then_is_as_expected),
                cmocka_unit_test(moves_are_sorted_and_say_since_when),
                cmocka_unit_test(providers_are_settled_each_for_itself),
                cmocka_unit_test(a_move_from_what_is_not_there_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
