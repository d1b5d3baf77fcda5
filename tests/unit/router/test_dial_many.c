/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many dials: how many there may be, what they leave behind, and their end before the time.
 */
#include "dial_rig.h"

#include "lib/base/clock.h"
#include "loop.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>

#include <cmocka.h>

static unsigned n_threads(void)
{
        FILE *f = fopen("/proc/self/status", "re");
        char line[256];
        unsigned n = 0;

        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                if (sscanf(line, "Threads: %u", &n) == 1)
                        break;
        fclose(f);
        return n;
}

static void five_hundred_dials_start_no_thread_and_leave_no_descriptor(void **state)
{
        unsigned threads, descriptors, most_threads = 0;
        struct site s;
        uint16_t port;
        int listener;

        site_start(&s);
        stub_dns_add(&s.dns, "vendor.example", "127.0.0.1", NULL);
        site_know(&s, "vendor.example");
        listener = socket_open("127.0.0.1", 64, &port);
        threads = n_threads();
        descriptors = n_descriptors();
        for (unsigned i = 0; i < 500; i++) {
                char source[ADDR_TEXT_MAX];
                struct call c;

                snprintf(source, sizeof(source), "127.1.%u.%u", i / 250, 1 + i % 250);
                call_init(&c, &s, "vendor.example", port, source, PATIENCE_MS);
                call_start(&c);
                most_threads = MAX(most_threads, n_threads());
                loop_until(&s.loop, is_done, &c);
                most_threads = MAX(most_threads, n_threads());
                assert_int_equal(c.outcome, DIAL_OK);
                assert_string_equal(peer_seen(listener), source);
                call_close(&c);
        }
        assert_int_equal(most_threads, threads);
        assert_int_equal(n_descriptors(), descriptors);
        close(listener);
        site_stop(&s);
}

static void dials_under_way_are_bounded_and_can_all_be_cancelled(void **state)
{
        struct call *calls = calloc(DIAL_MAX_UNDER_WAY + 1, sizeof(*calls));
        struct rlimit before, wide;
        struct black_hole hole;
        unsigned descriptors;
        struct site s;

        assert_non_null(calls);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        wide = (struct rlimit){ MIN((rlim_t)4096, before.rlim_max), before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &wide), 0);
        site_start(&s);
        black_hole_open(&hole);
        descriptors = n_descriptors();
        for (unsigned i = 0; i <= DIAL_MAX_UNDER_WAY; i++)
                call_init(&calls[i], &s, "127.0.0.1", hole.port, "127.0.0.5", PATIENCE_MS);
        for (unsigned i = 0; i < DIAL_MAX_UNDER_WAY; i++)
                call_start(&calls[i]);
        assert_int_equal(s.dialler->start(s.dialler, &calls[DIAL_MAX_UNDER_WAY].dial), -EAGAIN);
        assert_null(calls[DIAL_MAX_UNDER_WAY].dial.state);
        for (unsigned i = 0; i < 5; i++)
                uv_run(&s.loop, UV_RUN_NOWAIT);
        assert_int_equal(dial_curl_n_under_way(s.dialler), DIAL_MAX_UNDER_WAY);
        for (unsigned i = 0; i < DIAL_MAX_UNDER_WAY; i++) {
                s.dialler->cancel(s.dialler, &calls[i].dial);
                s.dialler->cancel(s.dialler, &calls[i].dial); /* harmless */
                assert_null(calls[i].dial.state);
        }
        assert_int_equal(dial_curl_n_under_way(s.dialler), 0);
        for (unsigned i = 0; i < 5; i++)
                uv_run(&s.loop, UV_RUN_NOWAIT);
        assert_int_equal(n_descriptors(), descriptors);
        for (unsigned i = 0; i <= DIAL_MAX_UNDER_WAY; i++)
                assert_int_equal(calls[i].n_done, 0);
        black_hole_close(&hole);
        site_stop(&s);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        free(calls);
}

static void a_dial_is_cancelled_before_the_loop_turns_or_with_its_result_on_the_way(void **state)
{
        struct site s;
        struct call c;
        uint16_t port;
        int listener;

        site_start(&s);
        listener = socket_open("127.0.0.1", 64, &port);
        for (unsigned turns = 0; turns < 4; turns++) {
                call_init(&c, &s, turns == 3 ? "stranger.example" : "127.0.0.1", port, NULL,
                          PATIENCE_MS);
                call_start(&c);
                for (unsigned i = 0; i < turns && !c.n_done; i++)
                        uv_run(&s.loop, UV_RUN_NOWAIT);
                if (!c.n_done)
                        s.dialler->cancel(s.dialler, &c.dial);
                assert_null(c.dial.state);
                call_close(&c);
        }
        uv_run(&s.loop, UV_RUN_NOWAIT);
        assert_int_equal(dial_curl_n_under_way(s.dialler), 0);
        close(listener);
        site_stop(&s);
}

static void on_done_may_dial_and_cancel(void **state)
{
        static const char *const firsts[] = { "127.0.0.1", "stranger.example" };
        struct site s;
        uint16_t port;
        int listener;

        site_start(&s);
        listener = socket_open("127.0.0.1", 64, &port);
        for (size_t i = 0; i < N_ELEMENTS(firsts); i++) {
                struct call first, rival, second, strange;

                call_init(&first, &s, firsts[i], port, NULL, PATIENCE_MS);
                call_init(&rival, &s, firsts[i], port, NULL, PATIENCE_MS);
                call_init(&strange, &s, "stranger.example", port, NULL, PATIENCE_MS);
                call_init(&second, &s, "127.0.0.1", port, NULL, PATIENCE_MS);
                first.then_cancel = &rival;
                rival.then_cancel = &first;
                first.then_start = rival.then_start = &strange;
                strange.then_start = &second;
                call_start(&first);
                call_start(&rival);
                loop_until(&s.loop, is_done, &second);
                assert_int_equal(first.n_done + rival.n_done, 1);
                assert_int_equal(strange.outcome, DIAL_E_NAME);
                assert_int_equal(second.outcome, DIAL_OK);
                call_close(&first);
                call_close(&rival);
                call_close(&second);
        }
        close(listener);
        site_stop(&s);
}

static void a_dial_begun_again_at_once_leaves_the_loop_to_others(void **state)
{
        struct site s;
        struct call again;

        site_start(&s);
        call_init(&again, &s, "stranger.example", 9, NULL, PATIENCE_MS);
        again.then_start = &again;
        call_start(&again);
        for (unsigned turns = 1; turns <= 30; turns++) {
                uv_run(&s.loop, UV_RUN_ONCE);
                assert_true(again.n_done <= 2 * turns); /* a turn looks at timers twice */
        }
        assert_true(again.n_done > 0);
        s.dialler->cancel(s.dialler, &again.dial);
        site_stop(&s);
}

static void the_dialler_can_go_with_dials_under_way(void **state)
{
        struct black_hole hole;
        struct call under_way, nameless;
        struct site s;

        site_start(&s);
        black_hole_open(&hole);
        call_init(&under_way, &s, "127.0.0.1", hole.port, "127.0.0.5", PATIENCE_MS);
        call_init(&nameless, &s, "stranger.example", hole.port, "127.0.0.5", PATIENCE_MS);
        call_start(&under_way);
        uv_run(&s.loop, UV_RUN_NOWAIT);
        call_start(&nameless);
        site_stop(&s);
        assert_int_equal(under_way.n_done + nameless.n_done, 0);
        black_hole_close(&hole);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(five_hundred_dials_start_no_thread_and_leave_no_descriptor),
                cmocka_unit_test(dials_under_way_are_bounded_and_can_all_be_cancelled),
                cmocka_unit_test(
                        a_dial_is_cancelled_before_the_loop_turns_or_with_its_result_on_the_way),
                cmocka_unit_test(on_done_may_dial_and_cancel),
                cmocka_unit_test(a_dial_begun_again_at_once_leaves_the_loop_to_others),
                cmocka_unit_test(the_dialler_can_go_with_dials_under_way),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
