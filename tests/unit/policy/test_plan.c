/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/policy/texts.h"

#include <errno.h>
#include <stdio.h>

static struct plan *plan_of(struct policy *p)
{
        struct plan *plan = NULL;
        struct diag d;

        diag_init(&d);
        if (plan_make(p, NULL, NULL, &d, &plan) != 0)
                diag_print(&d, stderr);
        assert_non_null(plan);
        diag_done(&d);
        return plan;
}

static const struct {
        const char *sentence;
        struct build_key keys[5];
        struct build_group groups[5];
        const char *plan;
} plans[] = {
        { "everybody fits on the first key",
          { { "k1", 0, 3 }, { "k2", 0, 3 } },
          { { "a", "10.0.0.1-10.0.0.3", "k1,k2" } },
          "k1: 1 2 3" },
        { "keys are filled in the order of the policy",
          { { "k1", 0, 2 }, { "k2", 0, 2 } },
          { { "a", "10.0.0.1-10.0.0.3", "k2,k1" } },
          "k1: 1 2; k2: 3" },
        { "what is over goes to overflow, the highest addresses",
          { { "k1", 0, 2 } },
          { { "a", "10.0.0.1-10.0.0.3", "k1" } },
          "k1: 1 2; full: 3" },
        { "the reserve of a key stays free",
          { { "k1", 0, 3, 1 } },
          { { "a", "10.0.0.1-10.0.0.3", "k1" } },
          "k1: 1 2; full: 3" },
        { "a reserve of the whole capacity leaves nothing",
          { { "k1", 0, 3, 3 } },
          { { "a", "10.0.0.1", "k1" } },
          "full: 1" },
        { "a group without keys is not embedded",
          { { "k1", 0, 3 } },
          { { "a", "10.0.0.1-10.0.0.2", NULL } },
          "no key: 1 2" },
        { "no group, no slots", { { "k1", 0, 3 } }, { { NULL } }, "" },
        { "the higher priority keeps its slots, whatever the order of groups",
          { { "k1", 0, 2 } },
          { { "a", "10.0.0.1-10.0.0.2", "k1" }, { "b", "10.0.0.3-10.0.0.4", "k1", .priority = 5 } },
          "k1: 3 4; full: 1 2" },
        { "a negative priority is lower than none",
          { { "k1", 0, 1 } },
          { { "a", "10.0.0.1", "k1", .priority = -1 }, { "b", "10.0.0.2", "k1" } },
          "k1: 2; full: 1" },
        { "of equal groups the first in the policy",
          { { "k1", 0, 1 } },
          { { "a", "10.0.0.2", "k1" }, { "b", "10.0.0.1", "k1" } },
          "k1: 2; full: 1" },
        { "a group moves off the only key of another",
          { { "k1", 0, 2 }, { "k2", 0, 2 } },
          { { "a", "10.0.0.1-10.0.0.2", "k1,k2", .priority = 5 },
            { "b", "10.0.0.3-10.0.0.4", "k1" } },
          "k1: 3 4; k2: 1 2" },
        { "a chain of three: each moves one further",
          { { "k1", 0, 1 }, { "k2", 0, 1 }, { "k3", 0, 1 } },
          { { "a", "10.0.0.1", "k1,k2", .priority = 3 },
            { "b", "10.0.0.2", "k2,k3", .priority = 2 },
            { "c", "10.0.0.3", "k1", .priority = 1 } },
          "k1: 3; k2: 1; k3: 2" },
        { "nobody of higher priority gives up a slot for a lower one",
          { { "k1", 0, 1 }, { "k2", 0, 1 } },
          { { "a", "10.0.0.1-10.0.0.2", "k1,k2", .priority = 5 }, { "b", "10.0.0.3", "k1" } },
          "k1: 1; k2: 2; full: 3" },
        { "ten desks behind one address are one slot",
          { { "k1", 0, 1 } },
          { { "a", "10.0.0.10-10.0.0.19", "k1", "10.0.0.0/24>203.0.113.7" } },
          "k1: 7" },
        { "an address with more desks is worth more than one with fewer",
          { { "k1", 0, 1 } },
          { { "a", "10.0.0.1", "k1" },
            { "b", "10.0.0.10-10.0.0.11", "k1", "10.0.0.0/24>203.0.113.7" } },
          "k1: 7; full: 1" },
        { "priority counts before the number of desks",
          { { "k1", 0, 1 } },
          { { "a", "10.0.0.1", "k1", .priority = 1 },
            { "b", "10.0.0.10-10.0.0.19", "k1", "10.0.0.0/24>203.0.113.7" } },
          "k1: 1; full: 7" },
        { "two groups behind one address: a key that both may use",
          { { "k1", 0, 5 }, { "k2", 0, 5 }, { "k3", 0, 5 } },
          { { "a", "10.0.0.1", "k1,k2", "10.0.0.1>203.0.113.7" },
            { "b", "10.0.0.2", "k2,k3", "10.0.0.2>203.0.113.7" } },
          "k2: 7" },
        { "two groups behind one address: the higher priority counts",
          { { "k1", 0, 1 } },
          { { "a", "10.0.0.1", "k1", "10.0.0.1>203.0.113.7", .priority = 1 },
            { "b", "10.0.0.2", "k1", "10.0.0.2>203.0.113.7", .priority = 9 },
            { "c", "10.0.0.3-10.0.0.4", "k1", "10.0.0.0/24>203.0.113.8", .priority = 5 } },
          "k1: 7; full: 8" },
        { "two groups behind one address: the desks of both count",
          { { "k1", 0, 1 } },
          { { "a", "10.0.0.1-10.0.0.2", "k1", "10.0.0.0/24>203.0.113.7" },
            { "b", "10.0.0.3-10.0.0.4", "k1", "10.0.0.0/24>203.0.113.7" },
            { "c", "10.0.0.5-10.0.0.7", "k1", "10.0.0.0/24>203.0.113.8" } },
          "k1: 7; full: 8" },
        { "a group without keys has no say over a shared address, and its desks do not count",
          { { "k1", 0, 1 } },
          { { "a", "10.0.0.1", "k1", "10.0.0.0/24>203.0.113.7" },
            { "b", "10.0.0.2-10.0.0.9", NULL, "10.0.0.0/24>203.0.113.7", .priority = 9 },
            { "c", "10.0.0.10-10.0.0.11", "k1", "10.0.0.0/24>203.0.113.8" } },
          "k1: 8; full: 7" },
        { "the rest of a group goes whole to a key in use rather than in two parts",
          { { "k1", 0, 4 }, { "k2", 0, 4 }, { "k3", 0, 4 } },
          { { "a", "10.0.0.1-10.0.0.3", "k1", .priority = 9 },
            { "b", "10.0.0.4", "k2", .priority = 9 },
            { "c", "10.0.0.5-10.0.0.7", "k1,k2,k3" } },
          "k1: 1 2 3; k2: 4 5 6 7" },
        { "no key is opened to keep a group together",
          { { "k1", 0, 4 }, { "k2", 0, 4 } },
          { { "a", "10.0.0.1-10.0.0.3", "k1", .priority = 9 },
            { "b", "10.0.0.4-10.0.0.6", "k1,k2" } },
          "k1: 1 2 3 4; k2: 5 6" },
        { "a group of one class lies together on its keys",
          { { "k1", 0, 2 }, { "k2", 0, 2 } },
          { { "a", "10.0.0.1,10.0.0.3", "k1,k2" }, { "b", "10.0.0.2,10.0.0.4", "k1,k2" } },
          "k1: 1 3; k2: 2 4" },
        { "a key named twice is still one key",
          { { "k1", 0, 1 } },
          { { "a", "10.0.0.1-10.0.0.2", "k1,k1" } },
          "k1: 1; full: 2" },
        { "all behind the router: one slot",
          { { "k1", 0, 9 } },
          { { "a", "10.0.0.0/24", "k1", .egress = "router" },
            { "b", "10.0.1.0/24", "k1", .egress = "router" } },
          "k1: 0" },
};

static void plan_is_as_expected(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(plans); i++) {
                CLEANUP(build_freep)
                struct policy *p = build_policy(plans[i].keys, plans[i].groups);
                CLEANUP(plan_freep) struct plan *plan = plan_of(p);
                char text[TEXT_MAX];

                plan_text(plan, 0, text);
                if (strcmp(text, plans[i].plan) != 0)
                        fail_msg("%s: \"%s\" instead of \"%s\"", plans[i].sentence, text,
                                 plans[i].plan);
        }
}

static void two_providers_are_planned_each_for_itself(void **state)
{
        static const struct build_key keys[] = { { "s1", 0, 2 }, { "a1", 1, 1 }, { NULL } };
        static const struct build_group groups[] = { { "a", "10.0.0.1-10.0.0.3", "s1,a1" },
                                                     { "b", "10.0.0.4", "a1", .priority = 1 },
                                                     { NULL } };
        CLEANUP(build_freep) struct policy *p = build_policy(keys, groups);
        CLEANUP(plan_freep) struct plan *plan = plan_of(p);
        char text[TEXT_MAX];

        plan_text(plan, 0, text);
        assert_string_equal(text, "s1: 1 2; full: 3; no key: 4");
        plan_text(plan, 1, text);
        assert_string_equal(text, "a1: 4; full: 1 2 3");
        plan_text(plan, BUILD_NO_EMBEDDED, text);
        assert_string_equal(text, "");
        assert_int_equal(plan->n_slots, 8);
        assert_int_equal(plan->n_desks, 8);
        assert_int_equal(plan->n_desks_embedded, 3);
        assert_int_equal(plan->n_desks_overflow, 5);
}

static void slots_are_found_by_provider_and_address(void **state)
{
        static const struct build_key keys[] = { { "s1", 0, 9 }, { "a1", 1, 9 }, { NULL } };
        static const struct build_group groups[] = { { "a", "10.0.0.1-10.0.0.9", "s1,a1" },
                                                     { NULL } };
        CLEANUP(build_freep) struct policy *p = build_policy(keys, groups);
        CLEANUP(plan_freep) struct plan *plan = plan_of(p);
        struct addr stranger = build_addr("10.0.0.10"), below = build_addr("9.0.0.1");

        for (size_t i = 0; i < plan->n_slots; i++) {
                const struct slot *s = &plan->slots[i];

                assert_ptr_equal(plan_find(plan, s->provider, &s->seen), s);
                assert_int_equal(s->index, i);
                assert_int_equal(s->number,
                                 i % 9 + 1); /* in order of address, on each key from 1 */
                assert_int_equal(s->state, ENTRY_WANTED);
        }
        for (unsigned i = 0; i < BUILD_N_PROVIDERS; i++) {
                assert_null(plan_find(plan, &p->providers[i], &stranger));
                assert_null(plan_find(plan, &p->providers[i], &below));
        }
        assert_null(plan_find(plan, &p->providers[BUILD_NO_EMBEDDED], &plan->slots[0].seen));
}

static void a_slot_is_for_the_groups_that_have_its_key_only(void **state)
{
        static const struct build_key keys[] = { { "k1", 0, 9 }, { NULL } };
        static const struct build_group groups[] = {
                { "keyless", "10.0.0.1", NULL, "10.0.0.0/24>203.0.113.7" },
                { "a", "10.0.0.2", "k1", "10.0.0.0/24>203.0.113.7" },
                { "b", "10.0.0.3", "k1", "10.0.0.0/24>203.0.113.7" },
                { NULL }
        };
        CLEANUP(build_freep) struct policy *p = build_policy(keys, groups);
        CLEANUP(plan_freep) struct plan *plan = plan_of(p);
        const struct slot *s = &plan->slots[0];

        assert_non_null(s->key);
        assert_ptr_equal(slot_reason(s, &p->groups[0]), plan_reason_no_key);
        assert_null(slot_reason(s, &p->groups[1]));
        assert_null(slot_reason(s, &p->groups[2]));
        assert_ptr_equal(s->group, &p->groups[1]);
        assert_int_equal(s->n_desks, 2);
        assert_int_equal(s->n_shares, 3);
        assert_int_equal(plan->n_desks, 3);
        assert_int_equal(plan->n_desks_embedded, 2);
        assert_int_equal(plan->keys[0].n_slots, 1);
        assert_int_equal(plan->keys[0].n_desks, 2);
}

static void an_overflow_is_for_nobody(void **state)
{
        static const struct build_key keys[] = { { "k1", 0, 0 }, { NULL } };
        static const struct build_group groups[] = {
                { "a", "10.0.0.2", "k1", "10.0.0.0/24>203.0.113.7" },
                { "keyless", "10.0.0.3", NULL, "10.0.0.0/24>203.0.113.7" },
                { NULL }
        };
        CLEANUP(build_freep) struct policy *p = build_policy(keys, groups);
        CLEANUP(plan_freep) struct plan *plan = plan_of(p);

        assert_ptr_equal(slot_reason(&plan->slots[0], &p->groups[0]), plan_reason_full);
        assert_ptr_equal(slot_reason(&plan->slots[0], &p->groups[1]), plan_reason_no_key);
        assert_int_equal(plan->slots[0].number, 0);
        assert_ptr_equal(plan->slots[0].reason, plan_reason_full);
}

static void the_router_has_a_slot_for_the_address_it_was_told(void **state)
{
        static const struct build_key keys[] = { { "k1", 0, 9 }, { NULL } };
        static const struct build_group groups[] = {
                { "a", "10.0.0.0/24", "k1", .egress = "router" },
                { "b", "10.0.1.0/24", "k1", .egress = "192.0.2.1" },
                { NULL }
        };
        CLEANUP(build_freep) struct policy *p = build_policy(keys, groups);
        CLEANUP(plan_freep) struct plan *plan = NULL;
        struct addr router = build_addr("192.0.2.1");
        struct diag d;

        diag_init(&d);
        assert_int_equal(plan_make(p, NULL, &router, &d, &plan), 0);
        assert_int_equal(plan->n_slots, 1); /* the listed address is the router's own */
        assert_int_equal(plan->slots[0].n_desks, 512);
        assert_true(addr_equal(&plan->router, &router));
        diag_done(&d);
}

static const struct {
        const char *sentence;
        struct build_key keys[4];
        struct build_group groups[5];
        size_t n_errors;
        const char *message;
} refusals[] = {
        { "no common key, many addresses: one error",
          { { "k1", 0, 9 }, { "k2", 0, 9 } },
          { { "a", "10.0.0.0/28", "k1" }, { "b", "10.0.1.0/28", "k2", "10.0.1.0/28>10.0.0.0/28" } },
          1,
          "group \"b\" shares the egress address 10.0.0.0 with group \"a\" (test.cfg:10), but no "
          "key "
          "of provider \"smarty\" is common to both" },
        { "no common key behind the router",
          { { "k1", 0, 9 }, { "k2", 0, 9 } },
          { { "a", "10.0.0.1", "k1", .egress = "router" },
            { "b", "10.0.0.2", "k2", .egress = "router" } },
          1,
          "group \"b\" shares the egress address of the router with group \"a\" (test.cfg:10), but "
          "no "
          "key of provider \"smarty\" is common to both" },
        { "three groups, each two with a key in common, but not all",
          { { "k1", 0, 9 }, { "k2", 0, 9 }, { "k3", 0, 9 } },
          { { "a", "10.0.0.1", "k1,k2", "10.0.0.0/24>203.0.113.7" },
            { "b", "10.0.0.2", "k2,k3", "10.0.0.0/24>203.0.113.7" },
            { "c", "10.0.0.3", "k1,k3", "10.0.0.0/24>203.0.113.7" } },
          1,
          "group \"c\" shares the egress address 203.0.113.7 with group \"a\" (test.cfg:10), but "
          "no "
          "key of provider \"smarty\" is common to all groups behind it" },
        { "two pairs of groups: an error each",
          { { "k1", 0, 9 }, { "k2", 0, 9 } },
          { { "a", "10.0.0.1", "k1", "10.0.0.0/24>203.0.113.7" },
            { "b", "10.0.0.2", "k2", "10.0.0.0/24>203.0.113.7" },
            { "c", "10.0.0.3", "k1", "10.0.0.0/24>203.0.113.8" },
            { "d", "10.0.0.4", "k2", "10.0.0.0/24>203.0.113.8" } },
          2,
          "group \"b\" shares the egress address 203.0.113.7 with group \"a\" (test.cfg:10), but "
          "no "
          "key of provider \"smarty\" is common to both" },
        { "each provider counts for itself",
          { { "s1", 0, 9 }, { "a1", 1, 9 }, { "a2", 1, 9 } },
          { { "a", "10.0.0.1", "s1,a1", "10.0.0.0/24>203.0.113.7" },
            { "b", "10.0.0.2", "s1,a2", "10.0.0.0/24>203.0.113.7" } },
          1,
          "group \"b\" shares the egress address 203.0.113.7 with group \"a\" (test.cfg:10), but "
          "no "
          "key of provider \"alloy\" is common to both" },
        { "too many workstations",
          { { "k1", 0, 9 } },
          { { "a", "10.0.0.0/8", "k1" } },
          1,
          "group \"a\" alone has more than 4000000 workstations, which is the most that can be "
          "planned" },
};

static void what_cannot_be_planned_is_said(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(refusals); i++) {
                CLEANUP(build_freep)
                struct policy *p = build_policy(refusals[i].keys, refusals[i].groups);
                struct plan *plan = NULL;
                struct diag d;

                diag_init(&d);
                if (plan_make(p, NULL, NULL, &d, &plan) != -EINVAL)
                        fail_msg("%s: not refused", refusals[i].sentence);
                assert_null(plan);
                assert_int_equal(d.n_errors, refusals[i].n_errors);
                assert_string_equal(d.findings[0].message, refusals[i].message);
                assert_non_null(d.findings[0].remedy);
                diag_done(&d);
        }
}

/* Five keys of 100, 520 desks behind 511 addresses, as a site with three groups would have them. */
static void five_hundred_and_twenty_desks_on_five_keys(void **state)
{
        static const struct build_key keys[] = { { "austin-1", 0, 100 }, { "austin-2", 0, 100 },
                                                 { "austin-3", 0, 100 }, { "austin-4", 0, 100 },
                                                 { "austin-5", 0, 100 }, { NULL } };
        static const struct build_group groups[] = {
                { "sales", "10.20.0.1-10.20.0.254,10.20.1.0-10.20.1.55",
                  "austin-1,austin-2,austin-3,austin-4", "10.20.0.0/23>198.51.100.0/23",
                  .priority = 20 },
                { "support", "10.20.4.0-10.20.4.199", "austin-3,austin-4,austin-5",
                  "10.20.4.0/24>203.0.113.0/24", .priority = 10 },
                { "training", "10.20.9.10-10.20.9.19", "austin-5", .egress = "192.0.2.10",
                  .priority = 30 },
                { NULL }
        };
        CLEANUP(build_freep) struct policy *p = build_policy(keys, groups);
        CLEANUP(plan_freep) struct plan *plan = plan_of(p);
        unsigned n_overflow = 0;

        assert_int_equal(plan->n_slots, 511);
        assert_int_equal(plan->n_desks, 520);
        assert_int_equal(plan->n_desks_embedded, 509);
        assert_int_equal(plan->n_desks_overflow, 11);
        for (size_t i = 0; i < plan->n_keys; i++)
                assert_int_equal(plan->keys[i].n_slots, 100);
        for (size_t i = 0; i < plan->n_slots; i++) {
                if (plan->slots[i].key)
                        continue;
                assert_string_equal(plan->slots[i].group->name, "support");
                n_overflow++;
        }
        assert_int_equal(n_overflow, 11);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(plan_is_as_expected),
                cmocka_unit_test(two_providers_are_planned_each_for_itself),
                cmocka_unit_test(slots_are_found_by_provider_and_address),
                cmocka_unit_test(a_slot_is_for_the_groups_that_have_its_key_only),
                cmocka_unit_test(an_overflow_is_for_nobody),
                cmocka_unit_test(the_router_has_a_slot_for_the_address_it_was_told),
                cmocka_unit_test(what_cannot_be_planned_is_said),
                cmocka_unit_test(five_hundred_and_twenty_desks_on_five_keys),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
