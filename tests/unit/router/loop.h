/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * loop - a loop that runs until something has happened, or fails the test
 */
#include "lib/base/cleanup.h"

#include <stdbool.h>
#include <uv.h>

#define LOOP_PATIENCE_MS \
        20000 /* a bound for broken code; nothing waits this long when all is well */

typedef bool loop_condition_fn(void *context);

/* Turns the loop until `happened(context)` is true. */
void loop_until(uv_loop_t *loop, loop_condition_fn *happened, void *context);

/* Turns the loop until nothing is left on it, and closes it: fails on a forgotten handle. */
void loop_close(uv_loop_t *loop);
