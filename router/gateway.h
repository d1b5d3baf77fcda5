/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * gateway - the router's side of the engine: decide, rewrite, judge, tell
 */
#include "lib/net/program.h"
#include "router/limits.h"
#include "router/snapshot.h"

#include <stdatomic.h>

/* Settled requests since the start, by what became of them. Written by the worker alone. */
struct tally {
        _Atomic uint64_t n_requests, n_by_key, n_by_backend, n_refused;
        _Atomic uint64_t n_failed;    /* went out and ended with a status of 5xx */
        _Atomic uint64_t n_fallbacks; /* the own key was refused, now or lately, or could not be
                                       * dialled; trials are none */
        _Atomic uint64_t unusable_ms; /* when an egress address was last none of this machine's; 0: never */
};

/* One for each worker, touched by its thread; only `next` is set from the main thread. */
struct gateway {
        struct snapshot *current;        /* a reference */
        _Atomic(struct snapshot *) next; /* a reference; taken over at the next request */
        struct limits *limits;
        struct tally tally;
        uint64_t told_unusable_ms;
        struct addr source; /* what calls leave from that have no address of their own */
};

extern const struct program gateway_program;

/* `s`: the first snapshot, a new reference is taken. 0 or -ENOMEM. */
MUST_CHECK int gateway_init(struct gateway *g, struct snapshot *s, const struct addr *source);
void gateway_done(struct gateway *g);

/* From the main thread: requests from now on are decided by `s`. */
void gateway_swap(struct gateway *g, struct snapshot *s);

/* From its own: lets go of the one before, where no request has come since. */
void gateway_adopt(struct gateway *g);
