/* SPDX-License-Identifier: Apache-2.0 */
/* What a slot begins with, by its plan and by the table before. */
#include "tests/unit/router/health_desk.h"

static void a_wanted_slot_is_tried_now_and_then(void **state)
{
        struct desk *d = *state;

        d->site.slots[0].state = d->site.slots[1].state = ENTRY_WANTED;
        assert_int_equal(admit(d, 0, START), HEALTH_TRIAL);
        health_move(d->health, &d->site.slots[0], HEALTH_REFUSED, "c", true, START);
        assert_string_equal(told, "");
        assert_int_equal(admit(d, 0, START + HEALTH_TRIAL_WANTED_MS - 1), HEALTH_NOT_LIVE);
        assert_int_equal(admit(d, 0, START + HEALTH_TRIAL_WANTED_MS), HEALTH_TRIAL);
        health_move(d->health, &d->site.slots[0], HEALTH_SUCCEEDED, NULL, true, START);
        assert_string_equal(told, "slot_live austin-1 198.51.100.1 the vendor takes it\n");
        assert_int_equal(admit(d, 0, START), HEALTH_SERVE);
        refuse(d, 0, START); /* from now on it is a slot as any */
        assert_int_equal(admit(d, 0, START + MINUTE), HEALTH_PROBE);
}

static void a_refused_trial_costs_its_key_a_pause_and_a_good_one_does_not(void **state)
{
        struct desk *d = *state;
        const struct slot *slots = d->site.slots;
        uint64_t later_ms = START + HEALTH_TRIAL_KEY_MS;

        for (unsigned i = 0; i < 7; i++)
                d->site.slots[i].state = ENTRY_WANTED;
        assert_int_equal(admit(d, 0, START), HEALTH_TRIAL);
        assert_int_equal(admit(d, 1, START), HEALTH_NOT_LIVE); /* one on a key at a time */
        assert_int_equal(admit(d, 6, START), HEALTH_TRIAL);    /* and this is of another key */
        health_move(d->health, &slots[0], HEALTH_REFUSED, "c", true, START);
        assert_int_equal(admit(d, 1, later_ms - 1), HEALTH_NOT_LIVE);
        assert_int_equal(admit(d, 1, later_ms), HEALTH_TRIAL);
        health_move(d->health, &slots[1], HEALTH_SUCCEEDED, NULL, true, later_ms);
        assert_int_equal(admit(d, 2, later_ms), HEALTH_TRIAL);
        health_move(d->health, &slots[2], HEALTH_SUCCEEDED, NULL, true, later_ms);
        assert_int_equal(admit(d, 3, later_ms), HEALTH_TRIAL);
        health_move(d->health, &slots[3], HEALTH_INCONCLUSIVE, NULL, true, later_ms);
        assert_int_equal(admit(d, 4, later_ms + HEALTH_TRIAL_KEY_MS - 1), HEALTH_NOT_LIVE);
        assert_int_equal(admit(d, 4, later_ms + HEALTH_TRIAL_KEY_MS), HEALTH_TRIAL);
}

/* A trial follows no suspension: its reason has no cause. */
static void a_trial_has_no_cause(void **state)
{
        struct desk *d = *state;
        const char *cause = "left from before";

        d->site.slots[0].state = ENTRY_WANTED;
        assert_int_equal(health_admit(d->health, &d->site.slots[0], START, &cause), HEALTH_TRIAL);
        assert_null(cause);
}

static void a_propagating_slot_waits_for_its_delay(void **state)
{
        static const struct {
                int64_t added_s; /* before now */
                uint64_t first_s;
                const char *sentence;
        } rows[] = {
                { 0, 600, "entered just now" },
                { 400, 200, "entered a while ago" },
                { 599, 1, "nearly over" },
                { 600, 0, "over" },
                { 86400, 0, "long over" },
                { -3600, 600, "a clock that was set back does not make it longer" },
        };
        struct desk *d = *state;
        struct slot *slot = &d->site.slots[0];
        const int64_t now_us = (int64_t)7200 * 1000000;

        slot->state = ENTRY_PROPAGATING;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                CLEANUP(health_freep) struct health *h = NULL;
                uint64_t first_ms = START + rows[i].first_s * 1000;
                const char *cause;

                slot->added_us = now_us - rows[i].added_s * 1000000;
                assert_int_equal(health_new(&d->site.plan, START, now_us, &h), 0);
                if (rows[i].first_s)
                        ROW_CHECK(health_admit(h, slot, first_ms - 1, &cause) == HEALTH_NOT_LIVE, i,
                                  rows[i].sentence);
                ROW_CHECK(health_admit(h, slot, first_ms, &cause) == HEALTH_TRIAL, i,
                          rows[i].sentence);
                ROW_CHECK(health_admit(h, slot, first_ms + MINUTE - 1, &cause) == HEALTH_NOT_LIVE,
                          i, rows[i].sentence);
                ROW_CHECK(health_admit(h, slot, first_ms + MINUTE, &cause) == HEALTH_TRIAL, i,
                          rows[i].sentence);
        }
}

static void a_slot_suspended_before_the_start_is_half_open(void **state)
{
        CLEANUP(health_freep) struct health *h = NULL;
        struct desk *d = *state;
        struct slot *slot = &d->site.slots[0];
        const char *cause = NULL;

        slot->state = ENTRY_SUSPENDED;
        assert_int_equal(health_new(&d->site.plan, START, 0, &h), 0);
        assert_int_equal(health_slot_view(h, slot, START).state, HEALTH_STATE_SUSPENDED);
        assert_int_equal(health_admit(h, slot, START, &cause), HEALTH_PROBE);
        assert_string_equal(cause, "refused before the start");
        assert_int_equal(health_admit(h, slot, START, &cause), HEALTH_SLOT_SUSPENDED);
        health_move(h, slot, HEALTH_SUCCEEDED, NULL, true, START);
        assert_string_equal(told, "slot_restored austin-1 198.51.100.1 the vendor takes it\n");
        assert_int_equal(health_admit(h, slot, START, &cause), HEALTH_SERVE);
        assert_int_equal(health_slot_view(h, slot, START).state, HEALTH_STATE_OK);
}

static void one_refused_again_rests_as_any(void **state)
{
        CLEANUP(health_freep) struct health *h = NULL;
        struct desk *d = *state;
        struct slot *slot = &d->site.slots[0];
        const char *cause;

        slot->state = ENTRY_SUSPENDED;
        assert_int_equal(health_new(&d->site.plan, START, 0, &h), 0);
        assert_int_equal(health_admit(h, slot, START, &cause), HEALTH_PROBE);
        health_move(h, slot, HEALTH_REFUSED, "c", true, START);
        assert_int_equal(health_admit(h, slot, START + MINUTE - 1, &cause), HEALTH_SLOT_SUSPENDED);
        assert_int_equal(health_admit(h, slot, START + MINUTE, &cause), HEALTH_PROBE);
}

static void no_trial_on_a_suspended_key(void **state)
{
        struct desk *d = *state;

        d->site.slots[4].state = ENTRY_WANTED;
        suspend_key(d);
        assert_int_equal(admit(d, 4, START + MINUTE), HEALTH_KEY_SUSPENDED);
}

static void a_new_plan_inherits_what_is_still_the_same(void **state)
{
        CLEANUP(health_freep) struct health *h = NULL;
        struct desk *d = *state;
        struct site *next = calloc(1, sizeof(*next));
        const char *cause;

        assert_non_null(next);
        suspend_key(d);
        refuse(d, 6, START);
        site_init(next);
        /* keys swap places; 198.51.100.2 is gone, and .1 moves to the other key */
        next->keys[0].name = SITE_WORD("austin-2");
        next->keys[1].name = SITE_WORD("austin-1");
        for (unsigned i = 0; i < 6; i++)
                next->slots[i].key = &next->keys[i == 0 ? 0 : 1];
        next->slots[6].key = &next->keys[0];
        next->slots[1].seen = site_addr("198.51.100.2");
        assert_int_equal(health_new(&next->plan, START, 0, &h), 0);
        health_carry(d->health, h);

        assert_int_equal(health_admit(h, &next->slots[0], START, &cause), HEALTH_SERVE);
        assert_int_equal(health_admit(h, &next->slots[6], START, &cause), HEALTH_SLOT_SUSPENDED);
        assert_int_equal(health_admit(h, &next->slots[4], START, &cause), HEALTH_KEY_SUSPENDED);
        assert_int_equal(health_slot_view(h, &next->slots[1], START).n_refusals, 1);
        assert_true(health_slot_view(h, &next->slots[1], START).was_live);
        assert_false(health_slot_view(h, &next->slots[4], START).was_live);
        health_free(TAKE(d->health)); /* nothing of it is in use */
        assert_int_equal(health_admit(h, &next->slots[6], START, &cause), HEALTH_SLOT_SUSPENDED);
        assert_string_equal(cause, "address not listed");
        health_freep(&h);
        h = NULL;
        free(next);
}

static void a_former_slot_has_a_health_of_its_own(void **state)
{
        CLEANUP(health_freep) struct health *h = NULL;
        struct desk *d = *state;
        struct slot *slots = d->site.slots;
        const char *cause;

        site_add_former(&d->site, 0, 1);
        site_add_former(&d->site, 6, 0);
        slots[0].state = ENTRY_WANTED;
        assert_int_equal(health_new(&d->site.plan, START, 0, &h), 0);
        for (unsigned i = 0; i < 7; i += 6)
                assert_int_equal(health_admit(h, slots[i].former, START, &cause), HEALTH_SERVE);
        health_move(h, slots[6].former, HEALTH_REFUSED, "c", false, START);
        assert_string_equal(told, "slot_suspended austin-1 198.51.100.7 c\n");
        assert_int_equal(health_admit(h, slots[6].former, START, &cause), HEALTH_SLOT_SUSPENDED);
        assert_int_equal(health_admit(h, &slots[6], START, &cause), HEALTH_SERVE);
        assert_int_equal(health_admit(h, slots[0].former, START, &cause), HEALTH_SERVE);
}

/* The address of slot 1 moves to the other key, and is listed at its own one still. */
static void site_move_first(struct site *next)
{
        site_init(next);
        next->slots[0].key = &next->keys[1];
        next->slots[0].state = ENTRY_WANTED;
        site_add_former(next, 0, 0);
}

static void what_is_known_of_a_slot_follows_it_when_it_becomes_former_and_back(void **state)
{
        CLEANUP(health_freep) struct health *moved = NULL, *back = NULL;
        CLEANUP(freep) struct site *next = calloc(1, sizeof(*next));
        struct desk *d = *state;
        const struct slot *former;
        const char *cause;

        assert_non_null(next);
        site_move_first(next);
        former = next->slots[0].former;
        succeed(d, 0, START);
        refuse(d, 0, START);
        assert_int_equal(health_new(&next->plan, START, 0, &moved), 0);
        health_carry(d->health, moved);
        assert_int_equal(health_admit(moved, former, START, &cause), HEALTH_SLOT_SUSPENDED);
        assert_string_equal(cause, "address not listed");
        assert_true(health_slot_view(moved, former, START).was_live);
        assert_int_equal(health_admit(moved, &next->slots[0], START, &cause), HEALTH_TRIAL);
        assert_false(health_slot_view(moved, &next->slots[0], START).was_live);

        health_move(moved, former, HEALTH_REFUSED, "c", true, START + MINUTE);
        assert_int_equal(health_new(&d->site.plan, START, 0, &back), 0);
        health_carry(moved, back);
        assert_int_equal(health_slot_view(back, &d->site.slots[0], START + MINUTE).n_refusals, 2);
        assert_int_equal(health_admit(back, &d->site.slots[0], START + 3 * MINUTE - 1, &cause),
                         HEALTH_SLOT_SUSPENDED);
        health_free(TAKE(moved));
        assert_int_equal(health_admit(back, &d->site.slots[0], START + 3 * MINUTE, &cause),
                         HEALTH_PROBE);
}

static void what_a_new_plan_makes_of_a_slot(void **state)
{
        static const struct {
                enum entry_state before, after;
                bool had_success;
                enum health_verdict verdict; /* at once: a wanted one has just been tried */
                const char *sentence;
        } rows[] = {
                { ENTRY_WANTED, ENTRY_LIVE, true, HEALTH_SERVE, "seen live, and written down" },
                { ENTRY_WANTED, ENTRY_PROPAGATING, true, HEALTH_SERVE,
                  "seen live, then confirmed" },
                { ENTRY_WANTED, ENTRY_LIVE, false, HEALTH_SERVE, "confirmed where that is enough" },
                { ENTRY_WANTED, ENTRY_WANTED, false, HEALTH_NOT_LIVE, "a trial stays taken" },
                { ENTRY_LIVE, ENTRY_WANTED, true, HEALTH_TRIAL, "the vendor does not list it" },
                { ENTRY_WANTED, ENTRY_PROPAGATING, false, HEALTH_NOT_LIVE, "its delay begins" },
        };
        struct desk *d = *state;
        struct slot *slot = &d->site.slots[0];

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                CLEANUP(health_freep) struct health *old = NULL, *fresh = NULL;
                const char *cause;

                slot->state = rows[i].before;
                assert_int_equal(health_new(&d->site.plan, START, 0, &old), 0);
                (void)health_admit(old, slot, START, &cause);
                health_move(old, slot, rows[i].had_success ? HEALTH_SUCCEEDED : HEALTH_INCONCLUSIVE,
                            NULL, true, START);
                slot->state = rows[i].after;
                assert_int_equal(health_new(&d->site.plan, START, 0, &fresh), 0);
                health_carry(old, fresh);
                ROW_CHECK(health_admit(fresh, slot, START, &cause) == rows[i].verdict, i,
                          rows[i].sentence);
        }
}

static void count_change(void *context)
{
        ++*(unsigned *)context;
}

static void who_watches_hears_of_each_change_of_a_slot_and_of_nothing_else(void **state)
{
        static const struct {
                enum health_event event;
                bool is_probe;
                uint64_t at_ms;
                unsigned n; /* changes so far */
                const char *sentence;
        } rows[] = {
                { HEALTH_INCONCLUSIVE, true, START, 0, "a trial that told nothing" },
                { HEALTH_REFUSED, true, START, 0, "a refused trial" },
                { HEALTH_SUCCEEDED, true, START, 1, "a good one: live" },
                { HEALTH_SUCCEEDED, false, START, 1, "another success" },
                { HEALTH_INCONCLUSIVE, false, START, 1, "a time-out" },
                { HEALTH_REFUSED, false, START, 2, "refused: suspended" },
                { HEALTH_REFUSED, false, START, 2, "of a request that was under way" },
                { HEALTH_SUCCEEDED, false, START, 2, "so is this one" },
                { HEALTH_REFUSED, true, START + MINUTE, 3, "suspended for longer" },
                { HEALTH_INCONCLUSIVE, true, START + 3 * MINUTE, 3, "a probe that told nothing" },
                { HEALTH_SUCCEEDED, true, START + 3 * MINUTE, 4, "restored" },
                { HEALTH_SUCCEEDED, true, START + 3 * MINUTE, 4, "as it was" },
        };
        struct desk *d = *state;
        unsigned n = 0;

        d->site.slots[0].state = ENTRY_WANTED;
        health_watch(d->health, count_change, &n);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                health_move(d->health, &d->site.slots[0], rows[i].event, "c", rows[i].is_probe,
                            rows[i].at_ms);
                ROW_CHECK(n == rows[i].n, i, rows[i].sentence);
        }
        health_move(d->health, &d->site.slots[1], HEALTH_SUCCEEDED, NULL, false, START);
        assert_int_equal(n, 4); /* planned live, and it is */
}

static void refusals_before_and_after_a_new_plan_add_up(void **state)
{
        CLEANUP(health_freep) struct health *h = NULL;
        struct desk *d = *state;
        struct slot *slots = d->site.slots;

        for (unsigned i = 0; i < 3; i++)
                succeed(d, i, START);
        refuse(d, 0, START);
        refuse(d, 1, START);
        assert_int_equal(health_new(&d->site.plan, START, 0, &h), 0);
        health_carry(d->health, h);
        assert_int_equal(health_key_view(h, &d->site.keys[0], START).state, HEALTH_STATE_OK);
        health_move(h, &slots[2], HEALTH_REFUSED, "c", false, START);
        assert_int_equal(health_key_view(h, &d->site.keys[0], START).state, HEALTH_STATE_SUSPENDED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                HEALTH_TEST(a_wanted_slot_is_tried_now_and_then),
                HEALTH_TEST(a_refused_trial_costs_its_key_a_pause_and_a_good_one_does_not),
                HEALTH_TEST(a_trial_has_no_cause),
                HEALTH_TEST(a_propagating_slot_waits_for_its_delay),
                HEALTH_TEST(a_slot_suspended_before_the_start_is_half_open),
                HEALTH_TEST(one_refused_again_rests_as_any),
                HEALTH_TEST(no_trial_on_a_suspended_key),
                HEALTH_TEST(a_new_plan_inherits_what_is_still_the_same),
                HEALTH_TEST(a_former_slot_has_a_health_of_its_own),
                HEALTH_TEST(what_is_known_of_a_slot_follows_it_when_it_becomes_former_and_back),
                HEALTH_TEST(what_a_new_plan_makes_of_a_slot),
                HEALTH_TEST(who_watches_hears_of_each_change_of_a_slot_and_of_nothing_else),
                HEALTH_TEST(refusals_before_and_after_a_new_plan_add_up),
        };

        log_set_sink(told_add);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
