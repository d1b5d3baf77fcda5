/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/clock.h"
#include "router/probation.h"
#include "tests/unit/router/site.h"

#define SECOND_US ((int64_t)1000000)
#define DAY_US ((int64_t)86400 * SECOND_US)

/* Of requests: all, refused, failed, by a backend after a key was refused. */
struct counts {
        uint64_t n, refused, failed, fallbacks;
};

static struct traffic_counts traffic(const struct counts *c)
{
        return (struct traffic_counts){ .n_requests = c->n,
                                        .n_refused = c->refused,
                                        .n_failed = c->failed,
                                        .n_fallbacks = c->fallbacks };
}

static void when_errors_jump(void **state)
{
        static const struct {
                double before;
                struct counts began, now;
                bool jumped;
                const char *sentence;
        } rows[] = {
                { 0, { 0 }, { 20, 20, 0, 0 }, true, "all are refused" },
                { 0, { 0 }, { 19, 19, 0, 0 }, false, "too few to say" },
                { 0, { 0 }, { 0 }, false, "nobody asks" },
                { 0, { 0 }, { 20, 4, 0, 0 }, true, "a fifth is refused" },
                { 0, { 0 }, { 20, 0, 4, 0 }, true, "a fifth fails" },
                { 0, { 0 }, { 20, 0, 0, 4 }, true, "a fifth has its key refused" },
                { 0, { 0 }, { 20, 1, 1, 2 }, true, "of each some" },
                { 0, { 0 }, { 20, 1, 1, 1 }, false, "less" },
                { 0.5, { 0 }, { 20, 12, 0, 0 }, false, "it was bad before, and is little worse" },
                { 0.5, { 0 }, { 20, 14, 0, 0 }, true, "it was bad before, and is much worse" },
                { 0.9, { 0 }, { 20, 20, 0, 0 }, false, "there is no worse than all" },
                { 0, { 1000, 900, 9, 9 }, { 1020, 900, 9, 9 }, false, "errors of before" },
                { 0, { 1000, 900, 9, 9 }, { 1020, 904, 9, 9 }, true, "errors since" },
                { 0, { 1000, 0, 0, 0 }, { 1019, 19, 0, 0 }, false, "too few since" },
                { 0.9,
                  { 0 },
                  { 20, 0, 20, 20 },
                  false,
                  "one that failed after its key was refused counts once" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct traffic_counts began = traffic(&rows[i].began), now = traffic(&rows[i].now);

                ROW_CHECK(errors_jumped(rows[i].before, &began, &now, NULL, 0) == rows[i].jumped, i,
                          rows[i].sentence);
        }
}

static void the_sentence_counts_what_came_since(void **state)
{
        struct traffic_counts began = { .n_requests = 100, .n_refused = 10 };
        struct traffic_counts now = { .n_requests = 130, .n_refused = 15, .n_fallbacks = 4 };
        char why[256];

        assert_true(errors_jumped(0.05, &began, &now, why, sizeof(why)));
        assert_string_equal(why,
                            "errors jumped: 9 of 30 requests since the apply were refused, failed "
                            "or had their key refused; before it was 5 %");
}

/* ---- its timers ---- */

struct rig {
        uv_loop_t loop;
        struct books books; /* without workers: counts stay at nought */
        struct probation probation;
        char why[256];
        unsigned n_taken_back;
        bool fails;
};

static void on_take_back(void *context, const char *why)
{
        struct rig *r = context;

        snprintf(r->why, sizeof(r->why), "%s", why);
        r->n_taken_back++;
        probation_set(&r->probation,
                      r->fails ? &(struct pending){ 7, 6, 1 } : &(struct pending){ 0 });
        uv_stop(&r->loop);
}

static int rig_init(void **state)
{
        struct rig *r = calloc(1, sizeof(*r));

        if (!r || uv_loop_init(&r->loop) < 0)
                return -1;
        probation_init(&r->probation, &r->loop, &r->books, on_take_back, r);
        *state = r;
        return 0;
}

static int rig_done(void **state)
{
        struct rig *r = *state;

        probation_done(&r->probation);
        uv_close((uv_handle_t *)&r->probation.deadline, NULL);
        uv_close((uv_handle_t *)&r->probation.look, NULL);
        uv_close((uv_handle_t *)&r->probation.mark, NULL);
        uv_run(&r->loop, UV_RUN_DEFAULT);
        if (uv_loop_close(&r->loop) != 0)
                return -1;
        free(r);
        return 0;
}

static void set(struct rig *r, uint64_t revision, int64_t left_us)
{
        probation_set(&r->probation,
                      &(struct pending){ revision, 1, (int64_t)clock_wall_us() + left_us });
}

static uint64_t due_ms(const uv_timer_t *t)
{
        return uv_is_active((const uv_handle_t *)t) ? uv_timer_get_due_in(t) : UINT64_MAX;
}

static void it_is_taken_back_when_the_time_is_over_and_not_before(void **state)
{
        struct rig *r = *state;
        uint64_t began_us = clock_monotonic_us();

        set(r, 7, SECOND_US / 20);
        uv_run(&r->loop, UV_RUN_DEFAULT);
        assert_true(clock_monotonic_us() - began_us >= (uint64_t)SECOND_US / 20);
        assert_string_equal(r->why, "it was not confirmed in time");
        assert_int_equal(due_ms(&r->probation.deadline), UINT64_MAX);
        assert_int_equal(due_ms(&r->probation.look), UINT64_MAX);
        assert_int_equal(r->n_taken_back, 1);
}

static void one_whose_time_is_over_already_is_taken_back_at_once(void **state)
{
        struct rig *r = *state;

        set(r, 7, -DAY_US);
        assert_int_equal(due_ms(&r->probation.deadline), 0);
        assert_int_equal(r->n_taken_back,
                         0); /* not within: the caller is in the middle of things */
}

static void what_is_confirmed_stays(void **state)
{
        struct rig *r = *state;

        set(r, 7, SECOND_US);
        set(r, 0, 0);
        assert_int_equal(due_ms(&r->probation.deadline), UINT64_MAX);
        assert_int_equal(due_ms(&r->probation.look), UINT64_MAX);
}

static void other_changes_do_not_put_the_end_off(void **state)
{
        struct rig *r = *state;
        uint64_t before_ms;

        set(r, 7, 10 * SECOND_US);
        before_ms = due_ms(&r->probation.deadline);
        set(r, 7, 100 * SECOND_US);
        assert_true(due_ms(&r->probation.deadline) <= before_ms);
        set(r, 8, 100 * SECOND_US);
        assert_true(due_ms(&r->probation.deadline) > 90000);
}

static void a_clock_that_was_set_back_makes_it_a_day_at_most(void **state)
{
        struct rig *r = *state;

        set(r, 7, 365 * DAY_US);
        assert_true(due_ms(&r->probation.deadline) <= PROBATION_MAX_MS);
}

static void where_it_cannot_be_taken_back_it_is_tried_again(void **state)
{
        struct rig *r = *state;

        r->fails = true;
        set(r, 7, -1);
        uv_run(&r->loop, UV_RUN_DEFAULT);
        assert_int_equal(r->n_taken_back, 1);
        assert_in_range(due_ms(&r->probation.deadline), 1, PROBATION_AGAIN_MS);
        set(r, 7, -1); /* some other change */
        assert_in_range(due_ms(&r->probation.deadline), 1, PROBATION_AGAIN_MS);
}

#define PROBATION_TEST(name) cmocka_unit_test_setup_teardown(name, rig_init, rig_done)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(when_errors_jump),
                cmocka_unit_test(the_sentence_counts_what_came_since),
                PROBATION_TEST(it_is_taken_back_when_the_time_is_over_and_not_before),
                PROBATION_TEST(one_whose_time_is_over_already_is_taken_back_at_once),
                PROBATION_TEST(what_is_confirmed_stays),
                PROBATION_TEST(other_changes_do_not_put_the_end_off),
                PROBATION_TEST(a_clock_that_was_set_back_makes_it_a_day_at_most),
                PROBATION_TEST(where_it_cannot_be_taken_back_it_is_tried_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
