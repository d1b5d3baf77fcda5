/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void on_patience_over(uv_timer_t *timer)
{
        fail_msg("what the test waits for has not happened in %d ms", LOOP_PATIENCE_MS);
}

void loop_until(uv_loop_t *loop, loop_condition_fn *happened, void *context)
{
        uv_timer_t patience;

        uv_timer_init(loop, &patience);
        uv_timer_start(&patience, on_patience_over, LOOP_PATIENCE_MS, 0);
        while (!happened(context))
                uv_run(loop, UV_RUN_ONCE);
        uv_close((uv_handle_t *)&patience, NULL);
        uv_run(loop, UV_RUN_NOWAIT); /* a turn takes closed handles off */
}

void loop_close(uv_loop_t *loop)
{
        uv_run(loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(loop), 0);
}
