/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dials that end before they are through, while another thread opens and closes descriptors: a
 * number that was libcurl's may be the other thread's a moment later, and nobody may touch it then.
 * What is wrong here only a build with ThreadSanitizer tells.
 */
#include "dial_rig.h"

#include "lib/base/clock.h"
#include "loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include <cmocka.h>

#define N_DIALS 100

static atomic_bool is_over;
static atomic_uint n_opened;

static void *descriptors_open(void *context)
{
        while (!atomic_load(&is_over)) {
                int fds[4];

                for (size_t i = 0; i < N_ELEMENTS(fds); i++)
                        fds[i] = eventfd(0, EFD_CLOEXEC);
                for (size_t i = 0; i < N_ELEMENTS(fds); i++)
                        if (fds[i] >= 0)
                                close(fds[i]);
                atomic_fetch_add(&n_opened, 1);
        }
        return NULL;
}

static void dial_and_cancel(struct site *s, const struct black_hole *hole)
{
        struct call c;

        call_init(&c, s, "127.0.0.1", hole->port, NULL, PATIENCE_MS);
        call_start(&c);
        for (unsigned turns = 0; turns < 3; turns++)
                uv_run(&s->loop, UV_RUN_NOWAIT);
        s->dialler->cancel(s->dialler, &c.dial);
        assert_int_equal(c.n_done, 0);
        uv_run(&s->loop, UV_RUN_NOWAIT);
}

static void dial_until_late(struct site *s, const struct black_hole *hole)
{
        struct call c;

        call_init(&c, s, "127.0.0.1", hole->port, NULL, 5);
        call_start(&c);
        loop_until(&s->loop, is_done, &c);
        assert_int_equal(c.outcome, DIAL_E_TIMEOUT);
}

static void a_dial_that_ends_early_touches_no_descriptor_of_another_thread(void **state)
{
        struct black_hole hole;
        pthread_t opener;
        struct site s;

        site_start(&s);
        black_hole_open(&hole);
        assert_int_equal(pthread_create(&opener, NULL, descriptors_open, NULL), 0);
        while (atomic_load(&n_opened) == 0)
                sched_yield();
        for (unsigned i = 0; i < N_DIALS; i++) {
                dial_and_cancel(&s, &hole);
                dial_until_late(&s, &hole);
        }
        atomic_store(&is_over, true);
        assert_int_equal(pthread_join(opener, NULL), 0);
        black_hole_close(&hole);
        site_stop(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_dial_that_ends_early_touches_no_descriptor_of_another_thread),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
