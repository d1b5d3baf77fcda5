/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * caller - one connection after the other to the router, each from a desk that chance picks
 *
 * A connection carries a random number of batches, most of one lookup, some of several at once
 * (pipelined), and ends in one of the ways of `enum ending`. Owner: who made it; to be freed when
 * the loop has ended.
 */
#include "lookup.h"
#include "tape.h"

#include <uv.h>

#define BATCH_MAX 6
#define BATCHES_MAX 12 /* of a connection */

#define ENDINGS(X)                                                            \
        X(CLEAN, "TLS close and FIN once all is answered")                    \
        X(BARE, "FIN alone once all is answered")                             \
        X(SAID, "the last lookup says Connection: close; the router ends it") \
        X(CUT_HEAD, "gone within the head of the last request")               \
        X(CUT_SENT, "gone a moment after the last batch, answers or not")     \
        X(CUT_ANSWER, "gone within the last answer, a large one")

enum ending {
#define X(name, sentence) ENDING_##name,
        ENDINGS(X)
#undef X
                N_ENDINGS
};

struct crowd {
        uv_loop_t *loop;
        struct sockaddr_in router;
        const char *router_name;
        SSL_CTX *tls;
        struct desk desks[DESKS_MAX];
        unsigned n_desks;
        struct dice dice;
        struct tape tape;
        uint32_t n_wanted; /* answers, right or not */
        bool is_over;      /* no new batches */
        unsigned n_callers;
        /* the story */
        uint32_t n_connections, n_resumed, n_batches, n_pipelined, n_complaints;
        uint32_t n_endings[N_ENDINGS];
        void (*on_progress)(struct crowd *);
};

struct caller;

/* Begins at once. NULL without memory. */
struct caller *caller_new(struct crowd *crowd);
