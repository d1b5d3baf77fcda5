/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * clock - the two clocks, never mixed
 *
 * Waits and deadlines use the monotonic clock: a clock that is set changes no timer.
 */
#include <stdint.h>
#include <time.h>

static inline uint64_t clock_monotonic_us(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_nsec / 1000U;
}

static inline uint64_t clock_monotonic_ms(void)
{
        return clock_monotonic_us() / 1000U;
}

/* Microseconds since 1970 (UTC): for people and for days, never for waits. */
static inline uint64_t clock_wall_us(void)
{
        struct timespec t;

        clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_nsec / 1000U;
}
