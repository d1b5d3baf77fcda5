/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * probation - an apply that is taken back unless it is confirmed in time, or when errors jump
 *
 * Errors are requests that were refused, that failed with 5xx, or whose key was refused, now or
 * lately, so that a backend or the former key had to serve; trials of slots that are not live yet
 * are none. They jump when, of PROBATION_MIN_REQUESTS or more since the apply, their share is
 * PROBATION_JUMP above the share of before. Main thread only. Owner: the daemon.
 */
#include "router/books.h"

#include <uv.h>

#define PROBATION_MIN_REQUESTS 20
#define PROBATION_JUMP 0.2
#define PROBATION_MARK_MS 300000 /* "before" is at least the last so many, at most twice that */
#define PROBATION_LOOK_MS 1000
#define PROBATION_AGAIN_MS 10000  /* where taking back failed */
#define PROBATION_MAX_MS 86400000 /* a clock that was set back does not make it longer than a day */

struct probation {
        uv_timer_t deadline, look, mark;
        struct books *books;
        void (*on_take_back)(void *context, const char *why);
        void *context;
        uint64_t revision;              /* that is on probation; 0: none */
        struct traffic_counts marks[2]; /* of one and two marks ago */
        struct traffic_counts began;    /* when it was applied */
        double share_before;
};

/* `on_take_back` must lead to probation_set() again, also where it failed. */
void probation_init(struct probation *p, uv_loop_t *loop, struct books *books,
                    void (*on_take_back)(void *context, const char *why), void *context);

void probation_done(struct probation *p); /* before the counts of the workers are gone */

/* What waits for its confirmation now, as the ledger says. */
void probation_set(struct probation *p, const struct pending *pending);

/* Did they? Pure: counts of before, of when it was applied, and of now. *ret_why (may be NULL) is a
 * sentence then, of at most `size` bytes. */
bool errors_jumped(double share_before, const struct traffic_counts *began,
                   const struct traffic_counts *now, char *ret_why, size_t size);
