/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * tape - what became of each lookup, at the place of its token
 *
 * Written as one file of such rows, in this machine's byte order. Owner: the program.
 */
#include <stdint.h>

enum outcome {
        OUTCOME_NONE,     /* not asked */
        OUTCOME_ASKED,    /* under way: at the end, a lookup that nobody answered */
        OUTCOME_ANSWERED, /* whole and right */
        OUTCOME_WRONG,    /* an answer that is not the one */
        OUTCOME_LOST,     /* the router ended the connection instead */
        OUTCOME_CUT,      /* the desk went away behind the request's head */
        OUTCOME_STUMP,    /* the desk went away within it */
        N_OUTCOMES
};

struct tape_row {
        uint64_t request_id; /* as the router's event has it; 0: no answer's head came */
        uint32_t latency_us;
        uint16_t desk;
        uint8_t outcome;
        uint8_t is_post;
};

struct tape {
        struct tape_row *rows;
        uint32_t first, n_max, n; /* tokens first .. first + n - 1 */
        uint32_t counts[N_OUTCOMES];
};

/* Memory that cannot be had ends the program, as does a file that cannot be written. */
void tape_init(struct tape *t, uint32_t first, uint32_t n_max);
void tape_write(const struct tape *t, const char *path);
void tape_done(struct tape *t);

/* A new token, under way. Ends the program when there are no more. */
uint32_t tape_begin(struct tape *t, uint16_t desk, uint8_t is_post);
/* Once for each token. */
void tape_end(struct tape *t, uint32_t token, enum outcome outcome, uint64_t request_id,
              uint32_t latency_us);

/* The latency that `share` (0 to 1) of the answered ones did not exceed; sorts a copy. */
uint32_t tape_quantile_us(const struct tape *t, double share);
