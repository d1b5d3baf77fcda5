/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct waiting {
        loop_condition_fn *happened;
        void *context;
};

static void on_patience_over(uv_timer_t *timer)
{
        fail_msg("what the test waits for has not happened in %d ms", LOOP_PATIENCE_MS);
}

/* Behind the timers and before the loop sleeps: a condition that a timer made true must not wait
 * for the next event. */
static void on_prepare(uv_prepare_t *prepare)
{
        struct waiting *w = prepare->data;

        if (w->happened(w->context))
                uv_stop(prepare->loop);
}

void loop_until(uv_loop_t *loop, loop_condition_fn *happened, void *context)
{
        struct waiting waiting = { happened, context };
        uv_timer_t patience;
        uv_prepare_t prepare;

        uv_timer_init(loop, &patience);
        uv_timer_start(&patience, on_patience_over, LOOP_PATIENCE_MS, 0);
        uv_prepare_init(loop, &prepare);
        prepare.data = &waiting;
        uv_prepare_start(&prepare, on_prepare);
        while (!happened(context))
                uv_run(loop, UV_RUN_DEFAULT);
        uv_close((uv_handle_t *)&patience, NULL);
        uv_close((uv_handle_t *)&prepare, NULL);
        uv_run(loop, UV_RUN_NOWAIT); /* a turn takes closed handles off */
}

void loop_close(uv_loop_t *loop)
{
        uv_run(loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(loop), 0);
}
