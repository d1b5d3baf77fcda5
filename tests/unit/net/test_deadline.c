/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/cleanup.h"
#include "lib/net/deadline.h"
#include "tests/unit/net/check.h"

struct bench {
        uv_loop_t loop;
        struct deadline deadline;
        uint64_t began_ms;
        uint64_t passed_ms; /* after it began; 0: not yet */
        unsigned n_passed;
        uint64_t then_ms; /* set again from within, 0: not */
};

static void on_passed(struct deadline *d)
{
        struct bench *b = CONTAINER_OF(d, struct bench, deadline);

        b->n_passed++;
        b->passed_ms = uv_now(&b->loop) - b->began_ms;
        if (b->then_ms)
                deadline_set(d, b->began_ms + b->then_ms);
        b->then_ms = 0;
}

static int setup(void **state)
{
        struct bench *b = calloc(1, sizeof(*b));

        assert_non_null(b);
        uv_loop_init(&b->loop);
        deadline_init(&b->deadline, &b->loop, on_passed);
        b->began_ms = uv_now(&b->loop);
        *state = b;
        return 0;
}

static int teardown(void **state)
{
        struct bench *b = *state;

        deadline_close(&b->deadline, NULL);
        uv_run(&b->loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&b->loop), 0);
        free(b);
        return 0;
}

static void expect_passed(struct bench *b, unsigned n, uint64_t at_ms)
{
        assert_int_equal(b->n_passed, n);
        assert_in_range(b->passed_ms, at_ms, at_ms + 2000);
}

static void it_passes_once_at_its_time(void **state)
{
        struct bench *b = *state;

        deadline_set(&b->deadline, b->began_ms + 30);
        uv_run(&b->loop, UV_RUN_DEFAULT);
        expect_passed(b, 1, 30);
}

static void moved_later_it_passes_once_and_later(void **state)
{
        struct bench *b = *state;

        deadline_set(&b->deadline, b->began_ms + 10);
        deadline_set(&b->deadline, b->began_ms + 40);
        deadline_set(&b->deadline, b->began_ms + 60);
        assert_int_equal(b->deadline.armed_ms,
                         b->began_ms + 10); /* a store, not a timer operation */
        uv_run(&b->loop, UV_RUN_DEFAULT);
        expect_passed(b, 1, 60);
}

static void moved_earlier_it_passes_earlier(void **state)
{
        struct bench *b = *state;

        deadline_set(&b->deadline, b->began_ms + 60000);
        deadline_set(&b->deadline, b->began_ms + 20);
        uv_run(&b->loop, UV_RUN_DEFAULT);
        expect_passed(b, 1, 20);
        assert_in_range(b->passed_ms, 20, 10000);
}

static void cleared_it_does_not_pass(void **state)
{
        struct bench *b = *state;

        deadline_set(&b->deadline, b->began_ms + 20);
        deadline_clear(&b->deadline);
        uv_run(&b->loop, UV_RUN_DEFAULT);
        assert_int_equal(b->n_passed, 0);
}

static void cleared_and_set_again_it_passes_at_the_new_time(void **state)
{
        struct bench *b = *state;

        deadline_set(&b->deadline, b->began_ms + 10);
        deadline_clear(&b->deadline);
        deadline_set(&b->deadline, b->began_ms + 50);
        uv_run(&b->loop, UV_RUN_DEFAULT);
        expect_passed(b, 1, 50);
}

static void a_time_that_is_over_passes_on_the_next_turn(void **state)
{
        struct bench *b = *state;

        deadline_set(&b->deadline, 1);
        assert_int_equal(b->n_passed, 0); /* never from within */
        uv_run(&b->loop, UV_RUN_DEFAULT);
        assert_int_equal(b->n_passed, 1);
}

static void it_can_be_set_again_from_its_own_callback(void **state)
{
        struct bench *b = *state;

        b->then_ms = 50;
        deadline_set(&b->deadline, b->began_ms + 10);
        uv_run(&b->loop, UV_RUN_DEFAULT);
        expect_passed(b, 2, 50);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(it_passes_once_at_its_time),
                CASE(moved_later_it_passes_once_and_later),
                CASE(moved_earlier_it_passes_earlier),
                CASE(cleared_it_does_not_pass),
                CASE(cleared_and_set_again_it_passes_at_the_new_time),
                CASE(a_time_that_is_over_passes_on_the_next_turn),
                CASE(it_can_be_set_again_from_its_own_callback),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
