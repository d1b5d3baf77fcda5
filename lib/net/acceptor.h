/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * acceptor - takes connections and hands each to the worker its address chooses
 *
 * It lives on the loop of one of them: a connection for that one is not handed over at all, which
 * spares two changes of threads for each.
 */
#include "lib/net/worker.h"

#define ACCEPTOR_MAX_LISTENERS 64

struct listener {
        uv_poll_t poll;
        struct acceptor *acceptor;
        int fd;
        struct tls_server *tls; /* NULL: plain */
};

struct acceptor {
        uv_loop_t *loop;
        struct worker **workers;
        unsigned n_workers;
        struct listener listeners[ACCEPTOR_MAX_LISTENERS];
        unsigned n_listeners;
        uv_timer_t pause; /* no descriptors left: wait instead of spinning */
        bool paused;
};

/* `workers` must outlive the acceptor; those that run on `loop` get their connections at once. */
void acceptor_init(struct acceptor *a, uv_loop_t *loop, struct worker **workers, unsigned n_workers);

/* A listening socket of our own. Returns the descriptor or a negative errno. */
MUST_CHECK int acceptor_open(const struct addr *address, uint16_t port);

/* Accepts on `fd` from now on and owns it. `tls` may be NULL. 0 or a negative errno. */
MUST_CHECK int acceptor_add(struct acceptor *a, int fd, struct tls_server *tls);

/* The address a listening descriptor is bound to. */
MUST_CHECK int acceptor_address(int fd, struct addr *ret, uint16_t *ret_port);

/* On the loop's thread. Closes the listeners. */
void acceptor_stop(struct acceptor *a);
