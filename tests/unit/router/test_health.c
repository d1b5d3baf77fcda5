/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/router/health_desk.h"

static void a_refused_slot_rests_and_one_request_tries_it(void **state)
{
        struct desk *d = *state;
        const char *cause = NULL;

        assert_int_equal(admit(d, 0, START), HEALTH_SERVE);
        refuse(d, 0, START);
        assert_int_equal(health_admit(d->health, &d->site.slots[0], START, &cause),
                         HEALTH_SLOT_SUSPENDED);
        assert_string_equal(cause, "address not listed");
        assert_int_equal(admit(d, 1, START), HEALTH_SERVE);
        assert_int_equal(admit(d, 0, START + MINUTE - 1), HEALTH_SLOT_SUSPENDED);
        assert_int_equal(admit(d, 0, START + MINUTE), HEALTH_PROBE);
        assert_int_equal(admit(d, 0, START + MINUTE), HEALTH_SLOT_SUSPENDED);
        health_move(d->health, &d->site.slots[0], HEALTH_SUCCEEDED, NULL, true, START + MINUTE + 1);
        assert_int_equal(admit(d, 0, START + MINUTE + 1), HEALTH_SERVE);
        assert_string_equal(told, "slot_suspended austin-1 198.51.100.1 address not listed\n"
                                  "slot_restored austin-1 198.51.100.1 the vendor takes it\n");
}

static void each_refusal_in_a_row_doubles_the_rest(void **state)
{
        static const uint64_t minutes[] = { 1, 2, 4, 8, 15, 15, 15 };
        struct desk *d = *state;
        uint64_t now_ms = START;

        for (size_t i = 0; i < N_ELEMENTS(minutes); i++) {
                refuse(d, 0, now_ms);
                ROW_CHECK(admit(d, 0, now_ms + minutes[i] * MINUTE - 1) == HEALTH_SLOT_SUSPENDED, i,
                          "not a moment early");
                now_ms += minutes[i] * MINUTE;
                ROW_CHECK(admit(d, 0, now_ms) == HEALTH_PROBE, i, "and then on time");
        }
        health_move(d->health, &d->site.slots[0], HEALTH_SUCCEEDED, NULL, true, now_ms);
        refuse(d, 0, now_ms);
        assert_int_equal(admit(d, 0, now_ms + MINUTE), HEALTH_PROBE);
}

static void refusals_of_requests_already_under_way_do_not_add_up(void **state)
{
        struct desk *d = *state;

        for (unsigned i = 0; i < 10; i++)
                refuse(d, 0, START + i);
        assert_int_equal(health_slot_view(d->health, &d->site.slots[0], START).n_refusals, 1);
        assert_int_equal(admit(d, 0, START + MINUTE), HEALTH_PROBE);
}

static void a_lost_probe_blocks_for_a_while_only(void **state)
{
        struct desk *d = *state;
        uint64_t due_ms = START + MINUTE;

        refuse(d, 0, START);
        assert_int_equal(admit(d, 0, due_ms), HEALTH_PROBE);
        assert_int_equal(admit(d, 0, due_ms + HEALTH_PROBE_MS - 1), HEALTH_SLOT_SUSPENDED);
        assert_int_equal(admit(d, 0, due_ms + HEALTH_PROBE_MS), HEALTH_PROBE);
}

static void a_probe_that_told_nothing_gives_its_claim_back(void **state)
{
        struct desk *d = *state;
        uint64_t due_ms = START + MINUTE;

        refuse(d, 0, START);
        assert_int_equal(admit(d, 0, due_ms), HEALTH_PROBE);
        health_move(d->health, &d->site.slots[0], HEALTH_INCONCLUSIVE, NULL, false, due_ms);
        assert_int_equal(admit(d, 0, due_ms), HEALTH_SLOT_SUSPENDED);
        health_move(d->health, &d->site.slots[0], HEALTH_INCONCLUSIVE, NULL, true, due_ms);
        assert_int_equal(admit(d, 0, due_ms), HEALTH_PROBE);
        assert_int_equal(health_slot_view(d->health, &d->site.slots[0], due_ms).n_refusals, 1);
}

static void what_suspends_a_key(void **state)
{
        static const struct {
                const char *steps; /* letter (P: S of a probe), slot digit, at second two digits */
                bool suspended;
                const char *sentence;
        } rows[] = {
                { "S000 S100 S200 R001 R102 R203", true, "three addresses that worked before" },
                { "S000 S100 R001 R102", false, "two" },
                { "R001 R102 R203 R304", false,
                  "four that never worked: not entered at the vendor yet" },
                { "S000 S100 R001 R102 R203", false, "a third that never worked" },
                { "S000 R001 R001 R001", false, "one address three times" },
                { "S000 S100 S600 R001 R102 R603", false, "three addresses on two keys" },
                { "S000 S100 S200 R001 R102 R261", true, "the third just in time" },
                { "S000 S100 S200 R001 R102 R262", false, "a moment too late" },
                { "S000 S100 S200 S300 R001 R140 R262 R363", true, "the last three of four" },
                { "S000 S100 S200 R001 R102 P003 R204", false, "the first works again" },
                { "S000 S100 S200 R001 R102 S003 R204", true, "an older request of the first did" },
        };
        struct desk *d = *state;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                CLEANUP(health_freep) struct health *fresh = NULL;
                struct slot *slots = d->site.slots;

                assert_int_equal(health_new(&d->site.plan, START, 0, &fresh), 0);
                for (const char *step = rows[i].steps; *step; step += step[4] ? 5 : 4) {
                        uint64_t now_ms =
                                START + (uint64_t)((step[2] - '0') * 10 + step[3] - '0') * 1000;

                        health_move(fresh, &slots[step[1] - '0'],
                                    *step == 'R' ? HEALTH_REFUSED : HEALTH_SUCCEEDED, "c",
                                    *step == 'P', now_ms);
                }
                ROW_CHECK((health_key_view(fresh, &d->site.keys[0], START).state !=
                           HEALTH_STATE_OK) == rows[i].suspended,
                          i, rows[i].sentence);
        }
}

static void a_suspended_key_rests_with_all_its_slots(void **state)
{
        struct desk *d = *state;
        const char *cause = NULL;

        suspend_key(d);
        assert_non_null(strstr(told, "key_suspended austin-1 198.51.100.3 address not listed\n"));
        assert_int_equal(health_admit(d->health, &d->site.slots[4], START, &cause),
                         HEALTH_KEY_SUSPENDED);
        assert_string_equal(cause, "address not listed");
        assert_int_equal(admit(d, 6, START), HEALTH_SERVE);
        assert_int_equal(admit(d, 4, START + MINUTE), HEALTH_PROBE);
        assert_int_equal(admit(d, 5, START + MINUTE), HEALTH_KEY_SUSPENDED);
        health_move(d->health, &d->site.slots[4], HEALTH_SUCCEEDED, NULL, true, START + MINUTE);
        assert_non_null(strstr(told, "key_restored austin-1 198.51.100.5 "));
        assert_int_equal(admit(d, 5, START + MINUTE), HEALTH_SERVE);
        assert_int_equal(admit(d, 0, START + MINUTE), HEALTH_PROBE);
}

static void successes_of_requests_already_under_way_restore_nothing(void **state)
{
        struct desk *d = *state;

        suspend_key(d);
        succeed(d, 0, START + 1);
        succeed(d, 4, START + 1);
        assert_null(strstr(told, "restored"));
        assert_int_equal(admit(d, 4, START + 1), HEALTH_KEY_SUSPENDED);
        assert_int_equal(admit(d, 4, START + MINUTE), HEALTH_PROBE);
        health_move(d->health, &d->site.slots[4], HEALTH_SUCCEEDED, NULL, true, START + MINUTE);
        assert_int_equal(admit(d, 0, START + MINUTE), HEALTH_PROBE);
}

static void a_late_success_takes_no_refusal_back(void **state)
{
        struct desk *d = *state;

        for (size_t i = 0; i < 5; i++)
                succeed(d, i, START);
        for (size_t i = 0; i < HEALTH_KEY_ADDRESSES; i++) {
                refuse(d, i, START + 1);
                succeed(d, i, START + 1); /* of a request sent before */
        }
        assert_int_equal(admit(d, 4, START + 1), HEALTH_KEY_SUSPENDED);
}

/* Its other refusals are too long ago to count by then. */
static void a_key_refused_by_its_probe_rests_twice_as_long(void **state)
{
        struct desk *d = *state;
        uint64_t due_ms = START + HEALTH_KEY_WINDOW_MS + MINUTE;

        suspend_key(d);
        assert_int_equal(admit(d, 0, due_ms), HEALTH_PROBE);
        health_move(d->health, &d->site.slots[0], HEALTH_REFUSED, "c", true, due_ms);
        assert_int_equal(admit(d, 4, due_ms + 2 * MINUTE - 1), HEALTH_KEY_SUSPENDED);
        assert_int_equal(admit(d, 4, due_ms + 2 * MINUTE), HEALTH_PROBE);
}

static void an_address_that_never_worked_does_not_speak_for_the_key(void **state)
{
        struct desk *d = *state;
        uint64_t due_ms = START + MINUTE;

        suspend_key(d);
        assert_int_equal(admit(d, 4, due_ms), HEALTH_PROBE);
        health_move(d->health, &d->site.slots[4], HEALTH_REFUSED, "c", true, due_ms);
        assert_int_equal(health_key_view(d->health, &d->site.keys[0], due_ms).n_refusals, 1);
        assert_int_equal(admit(d, 5, due_ms), HEALTH_PROBE);
}

static void only_the_probe_gives_its_claim_back(void **state)
{
        struct desk *d = *state;
        uint64_t due_ms = START + MINUTE;

        suspend_key(d);
        assert_int_equal(admit(d, 4, due_ms), HEALTH_PROBE);
        refuse(d, 5, due_ms);
        assert_int_equal(admit(d, 3, due_ms), HEALTH_KEY_SUSPENDED);
}

static void a_slot_that_may_not_try_leaves_the_key_to_another(void **state)
{
        struct desk *d = *state;
        uint64_t due_ms = START + MINUTE;

        suspend_key(d);
        refuse(d, 3, due_ms - 1);
        assert_int_equal(admit(d, 3, due_ms), HEALTH_SLOT_SUSPENDED);
        assert_int_equal(admit(d, 4, due_ms), HEALTH_PROBE);
        assert_int_equal(admit(d, 0, due_ms), HEALTH_KEY_SUSPENDED);
        health_move(d->health, &d->site.slots[4], HEALTH_INCONCLUSIVE, NULL, true, due_ms);
        assert_int_equal(admit(d, 0, due_ms), HEALTH_PROBE);
}

static void what_an_answer_says_about_the_credential(void **state)
{
        static const struct {
                unsigned status;
                bool has_rule;
                enum blame blame;
                enum health_event event;
                const char *sentence;
        } rows[] = {
                { 200, false, 0, HEALTH_SUCCEEDED, "a good answer" },
                { 304, false, 0, HEALTH_SUCCEEDED, "not modified is one" },
                { 200, true, BLAME_NONE, HEALTH_SUCCEEDED, "a rule that blames nobody" },
                { 401, true, BLAME_SLOT, HEALTH_REFUSED, "the slot is to blame" },
                { 403, true, BLAME_KEY, HEALTH_REFUSED, "the key is" },
                { 200, true, BLAME_KEY, HEALTH_REFUSED, "an error behind a 200" },
                { 402, true, BLAME_ACCOUNT, HEALTH_INCONCLUSIVE, "the account is" },
                { 422, true, BLAME_REQUEST, HEALTH_INCONCLUSIVE, "the request is" },
                { 503, true, BLAME_VENDOR, HEALTH_INCONCLUSIVE, "the vendor is" },
                { 503, true, BLAME_KEY, HEALTH_INCONCLUSIVE,
                  "a 5xx never blames a key, whatever the rule" },
                { 0, false, 0, HEALTH_INCONCLUSIVE, "no answer" },
                { 0, true, BLAME_SLOT, HEALTH_INCONCLUSIVE, "no answer has no blame" },
                { 302, false, 0, HEALTH_INCONCLUSIVE, "a redirect" },
                { 401, false, 0, HEALTH_INCONCLUSIVE, "a 401 without a rule" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct answer_rule rule = { .blame = rows[i].blame };

                ROW_CHECK(health_event_of(rows[i].status, rows[i].has_rule ? &rule : NULL) ==
                                  rows[i].event,
                          i, rows[i].sentence);
        }
}

static void a_view_tells_state_and_end(void **state)
{
        struct desk *d = *state;
        struct health_view v = health_slot_view(d->health, &d->site.slots[0], START);

        assert_int_equal(v.state, HEALTH_STATE_OK);
        assert_null(v.cause);
        refuse(d, 0, START);
        v = health_slot_view(d->health, &d->site.slots[0], START + MINUTE);
        assert_string_equal(health_state_name(v.state), "suspended");
        assert_int_equal(v.until_ms, START + MINUTE);
        assert_string_equal(v.cause, "address not listed");
        assert_int_equal(admit(d, 0, START + MINUTE), HEALTH_PROBE);
        v = health_slot_view(d->health, &d->site.slots[0], START + MINUTE);
        assert_string_equal(health_state_name(v.state), "probing");
}

static void causes_beyond_the_bound_have_a_common_name(void **state)
{
        struct desk *d = *state;
        uint64_t now_ms = START;
        const char *cause = NULL;

        for (unsigned i = 0; i < HEALTH_MAX_CAUSES + 2; i++) {
                char text[32];

                snprintf(text, sizeof(text), "cause %u", i);
                health_move(d->health, &d->site.slots[0], HEALTH_REFUSED, text, false, now_ms);
                assert_int_equal(health_admit(d->health, &d->site.slots[0], now_ms, &cause),
                                 HEALTH_SLOT_SUSPENDED);
                assert_string_equal(cause, i < HEALTH_MAX_CAUSES ? text : "refused");
                now_ms += HEALTH_SUSPEND_MAX_MS;
        }
        health_move(d->health, &d->site.slots[0], HEALTH_REFUSED, NULL, false, now_ms);
        assert_int_equal(admit(d, 0, now_ms), HEALTH_SLOT_SUSPENDED);
}

#define N_RACERS 8
#define N_ROUNDS 500

struct race {
        struct desk *desk;
        pthread_barrier_t barrier;
        unsigned n_probes[N_ROUNDS]; /* atomic */
};

static void *racer_run(void *context)
{
        struct race *race = context;
        struct desk *d = race->desk;

        for (unsigned i = 0; i < N_ROUNDS; i++) {
                uint64_t now_ms = START + HEALTH_SUSPEND_MAX_MS * (i + 1);

                pthread_barrier_wait(&race->barrier);
                if (admit(d, 0, now_ms) == HEALTH_PROBE)
                        __atomic_add_fetch(&race->n_probes[i], 1, __ATOMIC_RELAXED);
                pthread_barrier_wait(&race->barrier);
                health_move(d->health, &d->site.slots[0], HEALTH_REFUSED, "raced", true, now_ms);
        }
        return NULL;
}

static void of_many_threads_one_gets_the_probe(void **state)
{
        struct race race = { .desk = *state };
        pthread_t threads[N_RACERS];

        refuse(race.desk, 0, START);
        assert_int_equal(pthread_barrier_init(&race.barrier, NULL, N_RACERS), 0);
        for (unsigned i = 0; i < N_RACERS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, racer_run, &race), 0);
        for (unsigned i = 0; i < N_RACERS; i++)
                pthread_join(threads[i], NULL);
        pthread_barrier_destroy(&race.barrier);
        for (unsigned i = 0; i < N_ROUNDS; i++)
                ROW_CHECK(race.n_probes[i] == 1, i, "one probe a round");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                HEALTH_TEST(a_refused_slot_rests_and_one_request_tries_it),
                HEALTH_TEST(each_refusal_in_a_row_doubles_the_rest),
                HEALTH_TEST(refusals_of_requests_already_under_way_do_not_add_up),
                HEALTH_TEST(a_lost_probe_blocks_for_a_while_only),
                HEALTH_TEST(a_probe_that_told_nothing_gives_its_claim_back),
                HEALTH_TEST(what_suspends_a_key),
                HEALTH_TEST(a_suspended_key_rests_with_all_its_slots),
                HEALTH_TEST(successes_of_requests_already_under_way_restore_nothing),
                HEALTH_TEST(a_late_success_takes_no_refusal_back),
                HEALTH_TEST(a_key_refused_by_its_probe_rests_twice_as_long),
                HEALTH_TEST(an_address_that_never_worked_does_not_speak_for_the_key),
                HEALTH_TEST(only_the_probe_gives_its_claim_back),
                HEALTH_TEST(a_slot_that_may_not_try_leaves_the_key_to_another),
                HEALTH_TEST(what_an_answer_says_about_the_credential),
                HEALTH_TEST(a_view_tells_state_and_end),
                HEALTH_TEST(causes_beyond_the_bound_have_a_common_name),
                HEALTH_TEST(of_many_threads_one_gets_the_probe),
        };

        log_set_sink(told_add);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
