/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net/deadline.h"

#include "lib/base/cleanup.h"

static void on_timer(uv_timer_t *timer);

static void arm(struct deadline *d)
{
        uint64_t now = uv_now(d->timer.loop);

        d->armed_ms = d->at_ms;
        uv_timer_start(&d->timer, on_timer, d->at_ms > now ? d->at_ms - now : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
        struct deadline *d = CONTAINER_OF(timer, struct deadline, timer);

        d->armed_ms = 0;
        if (d->at_ms == 0)
                return;
        if (uv_now(timer->loop) < d->at_ms) {
                arm(d);
                return;
        }
        d->at_ms = 0;
        d->on_passed(d);
}

void deadline_init(struct deadline *d, uv_loop_t *loop, deadline_fn *on_passed)
{
        uv_timer_init(loop, &d->timer);
        d->at_ms = 0;
        d->armed_ms = 0;
        d->on_passed = on_passed;
}

void deadline_set(struct deadline *d, uint64_t at_ms)
{
        d->at_ms = at_ms;
        if (d->armed_ms == 0 || d->armed_ms > at_ms)
                arm(d);
}

void deadline_clear(struct deadline *d)
{
        d->at_ms = 0;
}

void deadline_close(struct deadline *d, uv_close_cb on_closed)
{
        uv_timer_stop(&d->timer);
        uv_close((uv_handle_t *)&d->timer, on_closed);
}
