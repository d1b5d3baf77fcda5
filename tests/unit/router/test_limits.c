/* SPDX-License-Identifier: Apache-2.0 */
#include "router/limits.h"
#include "tests/unit/router/site.h"

#include <pthread.h>
#include <stdio.h>

#define START ((uint64_t)1000000)
#define DAY_US ((uint64_t)86400 * 1000000)
#define NOON (20000 * DAY_US + DAY_US / 2)

static struct addr desk(unsigned n)
{
        struct addr a = site_addr("10.0.0.0");

        a.bytes[14] = (uint8_t)(n >> 8);
        a.bytes[15] = (uint8_t)n;
        return a;
}

static void a_bucket_empties_and_fills_at_its_rate(void **state)
{
        static const struct {
                int64_t rate, burst;
                unsigned n_at_once; /* requests that pass at the start */
                unsigned wait_s;    /* told to the next one */
                uint64_t refill_ms; /* until one passes again */
                const char *sentence;
        } rows[] = {
                { 60, 5, 5, 1, 1000, "one a second, five at once" },
                { 600, 50, 50, 1, 100, "the answer is whole seconds, at least one" },
                { 1, 1, 1, 60, 60000, "one a minute" },
                { 7, 2, 2, 9, 8572, "a rate that divides nothing rounds up" },
                { 60, 0, 1, 1, 1000, "a burst below one counts as one" },
                { 100000000, 1, 1, 1, 1, "a rate beyond the bucket" },
                { INT64_MAX, INT64_MAX, 1000000, 1, 1, "the largest numbers do not overflow" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                CLEANUP(limits_freep) struct limits *l = NULL;
                int64_t rate = rows[i].rate, burst = rows[i].burst;
                struct addr a = desk(1);
                unsigned n = 0;

                assert_int_equal(limits_new(4, &l), 0);
                while (n <= rows[i].n_at_once && limits_take(l, &a, rate, burst, START) == 0)
                        n++;
                ROW_CHECK(n == rows[i].n_at_once, i, rows[i].sentence);
                ROW_CHECK(limits_take(l, &a, rate, burst, START) == rows[i].wait_s, i,
                          rows[i].sentence);
                ROW_CHECK(limits_take(l, &a, rate, burst, START + rows[i].refill_ms - 1) > 0, i,
                          rows[i].sentence);
                ROW_CHECK(limits_take(l, &a, rate, burst, START + rows[i].refill_ms) == 0, i,
                          rows[i].sentence);
        }
}

static void a_bucket_never_holds_more_than_its_burst(void **state)
{
        CLEANUP(limits_freep) struct limits *l = NULL;
        struct addr a = desk(1);
        unsigned n = 0;

        assert_int_equal(limits_new(4, &l), 0);
        assert_int_equal(limits_take(l, &a, 60, 3, START), 0);
        while (limits_take(l, &a, 60, 3, UINT64_MAX - 1) == 0)
                n++;
        assert_int_equal(n, 3);
        n = 0;
        while (limits_take(l, &a, 60, 2, UINT64_MAX) == 0) /* a new policy, no time to fill */
                n++;
        assert_int_equal(n, 0);
}

static void a_bucket_that_is_nearly_full_does_not_overflow(void **state)
{
        CLEANUP(limits_freep) struct limits *l = NULL;
        struct addr a = desk(1);
        unsigned n = 0;

        assert_int_equal(limits_new(4, &l), 0);
        assert_int_equal(limits_take(l, &a, 60, 3, START), 0);
        while (limits_take(l, &a, 60, 3, START + 2999) == 0)
                n++;
        assert_int_equal(n, 3);
}

static void a_clock_reading_from_before_gives_nothing(void **state)
{
        CLEANUP(limits_freep) struct limits *l = NULL;
        struct addr a = desk(1);

        assert_int_equal(limits_new(4, &l), 0);
        assert_int_equal(limits_take(l, &a, 60, 1, START), 0);
        assert_int_not_equal(limits_take(l, &a, 60, 1, START - 5000), 0);
        assert_int_not_equal(limits_take(l, &a, 60, 1, START + 999), 0);
        assert_int_equal(limits_take(l, &a, 60, 1, START + 1000), 0);
}

static void without_a_rate_there_is_no_limit_and_no_entry(void **state)
{
        CLEANUP(limits_freep) struct limits *l = NULL;
        struct addr a = desk(1);

        assert_int_equal(limits_new(4, &l), 0);
        for (unsigned i = 0; i < 1000; i++)
                assert_int_equal(limits_take(l, &a, 0, 1, START), 0);
        assert_int_equal(limits_count(l), 0);
}

static void workstations_do_not_share_a_bucket(void **state)
{
        CLEANUP(limits_freep) struct limits *l = NULL;

        assert_int_equal(limits_new(1000, &l), 0);
        for (unsigned round = 0; round < 2; round++) {
                for (unsigned i = 0; i < 1000; i++) {
                        struct addr a = desk(i);

                        ROW_CHECK(!limits_take(l, &a, 60, 1, START) == !round, i,
                                  "one request each");
                }
        }
        assert_int_equal(limits_count(l), 1000);
}

static void the_one_that_was_quiet_longest_makes_room(void **state)
{
        CLEANUP(limits_freep) struct limits *l = NULL;
        struct addr a = desk(1), b = desk(2), c = desk(3), d = desk(4);

        assert_int_equal(limits_new(3, &l), 0);
        assert_int_equal(limits_take(l, &a, 60, 1, START), 0);
        assert_int_equal(limits_take(l, &b, 60, 1, START), 0);
        assert_int_equal(limits_take(l, &c, 60, 1, START), 0);
        assert_int_not_equal(limits_take(l, &a, 60, 1, START), 0); /* now b was quiet longest */
        assert_int_equal(limits_take(l, &d, 60, 1, START), 0);
        assert_int_equal(limits_count(l), 3);
        assert_int_not_equal(limits_take(l, &a, 60, 1, START), 0);
        assert_int_not_equal(limits_take(l, &c, 60, 1, START), 0);
        assert_int_equal(limits_take(l, &b, 60, 1, START), 0); /* forgotten: a full bucket */
        assert_int_equal(limits_take(l, &d, 60, 1, START), 0); /* it was d's turn to go */
}

/* Against a plain array that keeps the same order by hand. */
static void the_table_keeps_what_a_simple_list_would(void **state)
{
        enum { SIZE = 5, N_DESKS = 12 };
        CLEANUP(limits_freep) struct limits *l = NULL;
        unsigned list[SIZE], n = 0, random = 12345;

        assert_int_equal(limits_new(SIZE, &l), 0);
        for (unsigned step = 0; step < 20000; step++) {
                unsigned who = (random = random * 1103515245 + 12345) >> 16 & 0xffff, at = 0;
                struct addr a;

                who %= N_DESKS;
                a = desk(who);
                while (at < n && list[at] != who)
                        at++;
                ROW_CHECK((limits_take(l, &a, 1, 1, START) == 0) == (at == n), step,
                          "a request passes when the workstation was not remembered");
                n = at == n && n < SIZE ? n + 1 : n;
                at = MIN(at, n - 1);
                memmove(list + 1, list, at * sizeof(*list));
                list[0] = who;
        }
}

static void a_table_of_one_works(void **state)
{
        CLEANUP(limits_freep) struct limits *l = NULL;

        assert_int_equal(limits_new(0, &l), 0);
        for (unsigned i = 0; i < 10; i++) {
                struct addr a = desk(i);

                assert_int_equal(limits_take(l, &a, 1, 1, START), 0);
                assert_int_not_equal(limits_take(l, &a, 1, 1, START), 0);
        }
        assert_int_equal(limits_count(l), 1);
}

/* ---- budgets ---- */

static void a_day_is_used_up_until_midnight(void **state)
{
        static const struct {
                uint64_t at, later; /* microseconds since 1970 */
                bool passes;
                unsigned wait_s;
                const char *sentence;
        } rows[] = {
                { NOON, NOON, false, 43200, "at noon half a day is left" },
                { NOON, NOON + DAY_US / 2 - 1, false, 1, "the last microsecond is one second" },
                { NOON, NOON + DAY_US / 2, true, 0, "at midnight it starts anew" },
                { NOON, NOON + 400 * DAY_US, true, 0, "a year later too" },
                { NOON, NOON - DAY_US / 2 - 1, false, 1,
                  "a clock set back over midnight gives nothing" },
                { NOON, NOON - 400 * DAY_US, true, 0,
                  "one that was a year ahead does not block for a year" },
        };
        struct site s;

        site_init(&s);
        s.backends[1].per_day = 3;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                CLEANUP(budgets_freep) struct budgets *b = NULL;
                const struct backend *backend = &s.backends[1];
                unsigned wait_s;

                assert_int_equal(budgets_new(&s.policy, &b), 0);
                for (unsigned n = 0; n < 3; n++)
                        assert_int_equal(budget_take(b, backend, rows[i].at), 0);
                wait_s = budget_take(b, backend, rows[i].later);
                ROW_CHECK(wait_s == rows[i].wait_s, i, rows[i].sentence);
                ROW_CHECK(budget_used(b, backend, rows[i].later) == (rows[i].passes ? 1 : 3), i,
                          rows[i].sentence);
        }
}

static void without_a_budget_requests_are_only_counted(void **state)
{
        CLEANUP(budgets_freep) struct budgets *b = NULL;
        struct site s;

        site_init(&s);
        assert_int_equal(budgets_new(&s.policy, &b), 0);
        for (unsigned n = 0; n < 1000; n++)
                assert_int_equal(budget_take(b, &s.backends[0], NOON), 0);
        assert_int_equal(budget_used(b, &s.backends[0], NOON), 1000);
        assert_int_equal(budget_used(b, &s.backends[1], NOON), 0);
}

static void a_new_policy_goes_on_counting(void **state)
{
        CLEANUP(budgets_freep) struct budgets *old = NULL, *fresh = NULL;
        struct site s, next;

        site_init(&s);
        site_init(&next);
        s.backends[1].per_day = 1;
        next.backends[0].name = SITE_WORD("secret");
        next.backends[0].per_day = 2;
        next.backends[1].name = SITE_WORD("another");
        next.backends[1].per_day = 1;
        assert_int_equal(budgets_new(&s.policy, &old), 0);
        assert_int_equal(budget_take(old, &s.backends[1], NOON), 0);
        assert_int_equal(budgets_new(&next.policy, &fresh), 0);
        budgets_carry(old, fresh);
        assert_int_equal(budget_used(fresh, &next.backends[0], NOON), 1);
        assert_int_equal(budget_used(fresh, &next.backends[1], NOON), 0);
        assert_int_equal(budget_take(fresh, &next.backends[0], NOON), 0);
        assert_int_equal(budget_take(fresh, &next.backends[0], NOON), 43200);
}

#define N_TAKERS 4
#define N_TAKES 20000

struct taking {
        struct budgets *budgets;
        const struct backend *backend;
        unsigned n_passed; /* atomic */
};

static void *taker_run(void *context)
{
        struct taking *t = context;

        for (unsigned i = 0; i < N_TAKES; i++)
                if (budget_take(t->budgets, t->backend, NOON) == 0)
                        __atomic_add_fetch(&t->n_passed, 1, __ATOMIC_RELAXED);
        return NULL;
}

static void many_threads_together_stay_within_the_budget(void **state)
{
        CLEANUP(budgets_freep) struct budgets *b = NULL;
        pthread_t threads[N_TAKERS];
        struct taking t;
        struct site s;

        site_init(&s);
        s.backends[1].per_day = N_TAKERS * N_TAKES / 2;
        assert_int_equal(budgets_new(&s.policy, &b), 0);
        t = (struct taking){ b, &s.backends[1], 0 };
        for (unsigned i = 0; i < N_TAKERS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, taker_run, &t), 0);
        for (unsigned i = 0; i < N_TAKERS; i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(t.n_passed, N_TAKERS * N_TAKES / 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_bucket_empties_and_fills_at_its_rate),
                cmocka_unit_test(a_bucket_never_holds_more_than_its_burst),
                cmocka_unit_test(a_bucket_that_is_nearly_full_does_not_overflow),
                cmocka_unit_test(a_clock_reading_from_before_gives_nothing),
                cmocka_unit_test(without_a_rate_there_is_no_limit_and_no_entry),
                cmocka_unit_test(workstations_do_not_share_a_bucket),
                cmocka_unit_test(the_one_that_was_quiet_longest_makes_room),
                cmocka_unit_test(the_table_keeps_what_a_simple_list_would),
                cmocka_unit_test(a_table_of_one_works),
                cmocka_unit_test(a_day_is_used_up_until_midnight),
                cmocka_unit_test(without_a_budget_requests_are_only_counted),
                cmocka_unit_test(a_new_policy_goes_on_counting),
                cmocka_unit_test(many_threads_together_stay_within_the_budget),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
