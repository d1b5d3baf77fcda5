/* SPDX-License-Identifier: Apache-2.0 */
/* What stands on the keys already, and what a plan makes of it. */
#include "tests/unit/policy/texts.h"

/* The first provider's slots, as "1 k1 live; 2 k2 wanted, from k1, former k3; 3 none", addresses by
 * their last byte. */
static void outcome_text(const struct plan *plan, char *text)
{
        size_t length = 0, next = 0;

        text[0] = 0;
        for (size_t i = 0; i < plan->census->n_egresses; i++) {
                const struct slot *s = &plan->slots[i];

                length += (size_t)snprintf(text + length, TEXT_MAX - length, "%s%u %s%s%s",
                                           length ? "; " : "", s->seen.bytes[15],
                                           s->key ? s->key->name : "none", s->key ? " " : "",
                                           s->key ? entry_state_name(s->state) : "");
                if (next < plan->n_moves && plan->moves[next].slot == s)
                        length += (size_t)snprintf(text + length, TEXT_MAX - length, ", from %s",
                                                   plan->moves[next++].from);
                if (s->former)
                        length += (size_t)snprintf(text + length, TEXT_MAX - length, ", former %s",
                                                   s->former->key->name);
        }
        assert_int_equal(next, plan->n_moves);
}

static struct plan *plan_by(int (*make)(struct policy *, const struct entry_set *,
                                        const struct addr *, struct diag *, struct plan **),
                            struct policy *p, const struct entry_set *entries)
{
        struct plan *plan = NULL;
        struct diag d;

        diag_init(&d);
        assert_int_equal(make(p, entries, NULL, &d, &plan), 0);
        diag_done(&d);
        return plan;
}

struct row {
        const char *sentence;
        struct build_key keys[5];
        struct build_group groups[5];
        const char *entries, *outcome;
};

static const struct row plans[] = {
        { "who holds an entry keeps it, and its state, whatever the order of keys",
          { { "k1", 0, 9 }, { "k2", 0, 9 } },
          { { "a", "10.0.0.1-10.0.0.5", "k1,k2" } },
          "live k2 10.0.0.1; wanted k2 10.0.0.2; propagating k2 10.0.0.3; suspended k2 10.0.0.4",
          "1 k2 live; 2 k2 wanted; 3 k2 propagating; 4 k2 suspended; 5 k1 wanted" },
        { "entries of another provider's key of that name are others",
          { { "k1", 1, 9 }, { "k2", 0, 9 } },
          { { "a", "10.0.0.1", "k2" } },
          "live k1 10.0.0.1",
          "1 k2 wanted, from k1" },
        { "newcomers take the places that are left",
          { { "k1", 0, 2 }, { "k2", 0, 2 } },
          { { "a", "10.0.0.1-10.0.0.4", "k1,k2" } },
          "live k1 10.0.0.4; live k2 10.0.0.3",
          "1 k1 wanted; 2 k2 wanted; 3 k2 live; 4 k1 live" },
        { "a newcomer does not take the place of a lower one who holds it, while there is another",
          { { "k1", 0, 1 }, { "k2", 0, 1 } },
          { { "a", "10.0.0.1", "k1,k2", .priority = 5 }, { "b", "10.0.0.2", "k1,k2" } },
          "live k1 10.0.0.2",
          "1 k2 wanted; 2 k1 live" },
        { "it does where there is none",
          { { "k1", 0, 1 } },
          { { "a", "10.0.0.1", "k1", .priority = 5 }, { "b", "10.0.0.2", "k1" } },
          "live k1 10.0.0.2",
          "1 k1 wanted; 2 none, from k1" },
        { "an equal one does not",
          { { "k1", 0, 1 } },
          { { "a", "10.0.0.1-10.0.0.2", "k1" } },
          "live k1 10.0.0.2",
          "1 none; 2 k1 live" },
        { "who holds a place moves where that serves one more",
          { { "k1", 0, 1 }, { "k2", 0, 1 } },
          { { "a", "10.0.0.1", "k1,k2" }, { "b", "10.0.0.2", "k1" } },
          "live k1 10.0.0.1",
          "1 k2 wanted, from k1; 2 k1 wanted" },
        { "one moves where two could",
          { { "k1", 0, 2 }, { "k2", 0, 1 }, { "k3", 0, 1 } },
          { { "a", "10.0.0.1-10.0.0.2", "k1,k2" },
            { "b", "10.0.0.3", "k2,k3" },
            { "c", "10.0.0.4", "k1" } },
          "live k1 10.0.0.1; live k1 10.0.0.2",
          "1 k1 live; 2 k2 wanted, from k1; 3 k3 wanted; 4 k1 wanted" },
        { "where not all can stay the lowest addresses do",
          { { "k1", 0, 2 }, { "k2", 0, 9 } },
          { { "a", "10.0.0.1-10.0.0.3", "k1,k2" } },
          "live k1 10.0.0.1; live k1 10.0.0.2; live k1 10.0.0.3",
          "1 k1 live; 2 k1 live; 3 k2 wanted, from k1" },
        { "a capacity below what is held: who had an entry comes before who had none",
          { { "k1", 0, 2 }, { "k2", 0, 1 } },
          { { "a", "10.0.0.1-10.0.0.4", "k1,k2" } },
          "live k1 10.0.0.2; live k1 10.0.0.3; live k1 10.0.0.4",
          "1 none; 2 k1 live; 3 k1 live; 4 k2 wanted, from k1" },
        { "a key that the group has no more",
          { { "k1", 0, 9 }, { "k2", 0, 9 } },
          { { "a", "10.0.0.1", "k2" } },
          "live k1 10.0.0.1",
          "1 k2 wanted, from k1" },
        { "a key that the policy has no more",
          { { "k1", 0, 9 } },
          { { "a", "10.0.0.1", "k1" } },
          "live gone 10.0.0.1",
          "1 k1 wanted, from gone" },
        { "a group without keys is moved to none",
          { { "k1", 0, 9 } },
          { { "a", "10.0.0.1", NULL } },
          "live k1 10.0.0.1",
          "1 none, from k1" },
        { "an address that is gone from the policy is no move",
          { { "k1", 0, 9 } },
          { { "a", "10.0.0.1", "k1" } },
          "live k1 10.0.0.2",
          "1 k1 wanted" },
        { "leaving entries are had back, with what they were",
          { { "k1", 0, 9 }, { "k2", 0, 9 } },
          { { "a", "10.0.0.1-10.0.0.3", "k1,k2" } },
          "leaving k2 10.0.0.1; unproven k2 10.0.0.2; unadded k2 10.0.0.3",
          "1 k2 live; 2 k2 propagating; 3 k2 wanted" },
        { "so is a foreign one",
          { { "k1", 0, 9 }, { "k2", 0, 9 } },
          { { "a", "10.0.0.1-10.0.0.2", "k1,k2" } },
          "foreign k2 10.0.0.2",
          "1 k1 wanted; 2 k2 live" },
        { "what is held counts before what could be had back",
          { { "k1", 0, 9 }, { "k2", 0, 9 } },
          { { "a", "10.0.0.1", "k1,k2" } },
          "leaving k1 10.0.0.1; live k2 10.0.0.1",
          "1 k2 live, former k1" },
        { "a former is the first leaving one of the policy's keys",
          { { "k1", 0, 9 }, { "k2", 0, 9 }, { "k3", 0, 9 } },
          { { "a", "10.0.0.1-10.0.0.2", "k1" } },
          "leaving a 10.0.0.1; leaving k3 10.0.0.1; leaving k2 10.0.0.1; live k1 10.0.0.1; "
          "foreign k2 10.0.0.2",
          "1 k1 live, former k2; 2 k1 wanted" },
        { "an overflow has one as well",
          { { "k1", 0, 1 } },
          { { "a", "10.0.0.1", "k1", .priority = 5 }, { "b", "10.0.0.2", "k1" } },
          "wanted k1 10.0.0.1; leaving k1 10.0.0.2",
          "1 k1 wanted; 2 none, former k1" },
        { "of strangers leaving entries take room until they are gone",
          { { "k1", 0, 2 } },
          { { "a", "10.0.0.1-10.0.0.2", "k1" } },
          "leaving k1 10.0.0.9",
          "1 k1 wanted; 2 none" },
        { "but drive out nobody who was planned beside them",
          { { "k1", 0, 2 } },
          { { "a", "10.0.0.1-10.0.0.2", "k1" } },
          "live k1 10.0.0.1; wanted k1 10.0.0.2; leaving k1 10.0.0.9",
          "1 k1 live; 2 k1 wanted" },
        { "the place of a stranger who still holds it is free",
          { { "k1", 0, 1 } },
          { { "a", "10.0.0.1", "k1" } },
          "live k1 10.0.0.9",
          "1 k1 wanted" },
        { "foreign entries take room, names as well",
          { { "k1", 0, 3 } },
          { { "a", "10.0.0.1-10.0.0.2", "k1" } },
          "foreign k1 10.0.0.9; foreign k1 www.example.com",
          "1 k1 wanted; 2 none" },
        { "foreign entries beyond the capacity leave no room, and no less than none",
          { { "k1", 0, 1 } },
          { { "a", "10.0.0.1", "k1" } },
          "foreign k1 10.0.0.8; foreign k1 10.0.0.9; live k1 10.0.0.1",
          "1 none, from k1" },
        { "of the policy's addresses leaving entries take no room",
          { { "k1", 0, 1 }, { "k2", 0, 1 } },
          { { "a", "10.0.0.1", "k1,k2" }, { "b", "10.0.0.2", "k1" } },
          "live k2 10.0.0.1; leaving k1 10.0.0.1",
          "1 k2 live, former k1; 2 k1 wanted" },
        { "the router's entry has its word for an address, other names are nobody's",
          { { "k1", 0, 9 }, { "k2", 0, 9 } },
          { { "a", "10.0.0.0/24", "k1,k2", .egress = "router" } },
          "foreign k1 a.example.com; live k2 router; foreign k2 z.example.com",
          "0 k2 live" },
};

static void plan_is_as_expected(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(plans); i++) {
                CLEANUP(build_freep)
                struct policy *p = build_policy(plans[i].keys, plans[i].groups);
                CLEANUP(entry_set_freep)
                struct entry_set *entries = entries_of_text(plans[i].entries);
                CLEANUP(plan_freep) struct plan *plan = plan_by(plan_make, p, entries);
                char text[TEXT_MAX];

                outcome_text(plan, text);
                if (strcmp(text, plans[i].outcome) != 0)
                        fail_msg("%s: \"%s\" instead of \"%s\"", plans[i].sentence, text,
                                 plans[i].outcome);
        }
}

static const struct row restored[] = {
        { "a slot has the key of its held entry, wherever the planner would put it",
          { { "k1", 0, 1 }, { "k2", 0, 1 } },
          { { "a", "10.0.0.1-10.0.0.4", "k1" } },
          "live k2 10.0.0.1; suspended k1 10.0.0.2; wanted k1 10.0.0.3",
          "1 k2 live; 2 k1 suspended; 3 k1 wanted; 4 none" },
        { "a key that is gone from the policy makes an overflow",
          { { "k1", 0, 9 } },
          { { "a", "10.0.0.1", "k1" } },
          "live gone 10.0.0.1",
          "1 none" },
        { "so does one of another provider",
          { { "k1", 0, 9 }, { "k2", 1, 9 } },
          { { "a", "10.0.0.1", "k1,k2" } },
          "live k2 10.0.0.1",
          "1 none" },
        { "leaving and foreign entries give no key",
          { { "k1", 0, 9 } },
          { { "a", "10.0.0.1-10.0.0.2", "k1" } },
          "leaving k1 10.0.0.1; foreign k1 10.0.0.2",
          "1 none, former k1; 2 none" },
};

static void nothing_is_planned_in_restoring(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(restored); i++) {
                CLEANUP(build_freep)
                struct policy *p = build_policy(restored[i].keys, restored[i].groups);
                CLEANUP(entry_set_freep)
                struct entry_set *entries = entries_of_text(restored[i].entries);
                CLEANUP(plan_freep) struct plan *plan = plan_by(plan_restore, p, entries);
                char text[TEXT_MAX];

                outcome_text(plan, text);
                if (strcmp(text, restored[i].outcome) != 0)
                        fail_msg("%s: \"%s\" instead of \"%s\"", restored[i].sentence, text,
                                 restored[i].outcome);
        }
}

static void a_key_knows_what_stands_on_it(void **state)
{
        static const struct build_key keys[] = { { "k1", 0, 12, 1 }, { "k2", 0, 9 }, { NULL } };
        static const struct build_group groups[] = { { "a", "10.0.0.1-10.0.0.7", "k1" }, { NULL } };
        CLEANUP(build_freep) struct policy *p = build_policy(keys, groups);
        CLEANUP(entry_set_freep)
        struct entry_set *entries = entries_of_text(
                "live k1 10.0.0.1; propagating k1 10.0.0.2; suspended k1 10.0.0.3; "
                "leaving k1 10.0.0.4; foreign k1 10.0.0.5; unadded k1 10.0.0.6; "
                "leaving k1 10.0.0.9; leaving k2 10.0.0.1; foreign k1 www.example.com; "
                "foreign k1 10.0.0.10");
        CLEANUP(plan_freep) struct plan *plan = plan_by(plan_make, p, entries);
        const struct key_use *use = &plan->keys[0];

        assert_int_equal(use->n_slots, 7);
        assert_int_equal(use->n_live, 3);
        assert_int_equal(use->n_propagating, 1);
        assert_int_equal(use->n_suspended, 1);
        assert_int_equal(use->n_wanted, 2);
        assert_int_equal(use->n_leaving, 1); /* of the stranger; others are had back */
        assert_int_equal(use->n_foreign, 2);
        assert_int_equal(use->room, 12 - 1 - 2 - 1);
        assert_int_equal(plan->keys[1].n_leaving, 1);
        assert_int_equal(plan->keys[1].room, 8);
}

static void a_former_is_like_its_slot_but_for_the_key(void **state)
{
        static const struct build_key keys[] = { { "k1", 0, 9 }, { "k2", 0, 9 }, { NULL } };
        static const struct build_group groups[] = { { "a", "10.0.0.1-10.0.0.3", "k1,k2" },
                                                     { NULL } };
        CLEANUP(build_freep) struct policy *p = build_policy(keys, groups);
        CLEANUP(entry_set_freep)
        struct entry_set *entries =
                entries_of_text("wanted k1 10.0.0.1; wanted k1 10.0.0.2; leaving k2 10.0.0.2");
        CLEANUP(plan_freep) struct plan *plan = plan_by(plan_make, p, entries);
        const struct slot *s = &plan->slots[1], *former = s->former;

        assert_int_equal(plan->n_formers, 1);
        assert_ptr_equal(former, &plan->formers[0]);
        assert_int_equal(former->index, plan->n_slots);
        assert_ptr_equal(former->key, &p->keys[1]);
        assert_int_equal(former->state, ENTRY_LEAVING);
        assert_int_equal(former->added_us, 5);
        assert_int_equal(former->number, 0);
        assert_null(former->former);
        assert_null(slot_reason(former, &p->groups[0]));
        assert_true(addr_equal(&former->seen, &s->seen));
        assert_int_equal(s->added_us, 0);
}

static void names_of_moves_are_the_plan_s_own(void **state)
{
        static const struct build_key keys[] = { { "k1", 0, 9 }, { NULL } };
        static const struct build_group groups[] = { { "a", "10.0.0.1-10.0.0.2", "k1" }, { NULL } };
        CLEANUP(build_freep) struct policy *p = build_policy(keys, groups);
        struct entry_set *entries = entries_of_text("live old 10.0.0.1; live older 10.0.0.2");
        CLEANUP(plan_freep) struct plan *plan = plan_by(plan_make, p, entries);

        entry_set_free(entries);
        assert_int_equal(plan->n_moves, 2);
        assert_string_equal(plan->moves[0].from, "old");
        assert_string_equal(plan->moves[1].from, "older");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(plan_is_as_expected),
                cmocka_unit_test(nothing_is_planned_in_restoring),
                cmocka_unit_test(a_key_knows_what_stands_on_it),
                cmocka_unit_test(a_former_is_like_its_slot_but_for_the_key),
                cmocka_unit_test(names_of_moves_are_the_plan_s_own),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
