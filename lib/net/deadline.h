/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * deadline - a point in time that something must not pass
 *
 * Lazy: moving it later costs a store, not a heap operation; the timer that fires early is set
 * again.
 */
#include <stdint.h>
#include <uv.h>

struct deadline;
typedef void deadline_fn(struct deadline *d);

struct deadline {
        uv_timer_t timer;
        uint64_t at_ms;    /* 0: not set */
        uint64_t armed_ms; /* when the timer fires; 0: it does not */
        deadline_fn *on_passed;
};

void deadline_init(struct deadline *d, uv_loop_t *loop, deadline_fn *on_passed);
/* `at_ms` on the clock of uv_now(). */
void deadline_set(struct deadline *d, uint64_t at_ms);
void deadline_clear(struct deadline *d);
/* Memory must live until on_closed. */
void deadline_close(struct deadline *d, uv_close_cb on_closed);
