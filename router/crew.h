/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * crew - the workers' threads, and the acceptor on the first one's loop
 *
 * Each worker has a thread, a loop, a dialler and a gateway of its own. The main thread starts
 * them, hands them new snapshots, asks whether they are alive, and stops them.
 */
#include "lib/net/acceptor.h"
#include "router/gateway.h"

struct resolver;

#define CREW_MAX_WORKERS 64

struct member {
        struct crew *crew;
        pthread_t thread;
        bool started;
        uv_loop_t loop;
        struct worker worker;
        struct gateway gateway;
        struct dialler *dialler;
        uv_async_t beat;
        _Atomic uint64_t beat_ms; /* monotonic: when the loop last answered */
};

struct crew {
        struct member *members[CREW_MAX_WORKERS];
        struct worker *workers[CREW_MAX_WORKERS];
        unsigned n_members;
        struct acceptor acceptor;
        uv_async_t acceptor_stop;
        bool has_acceptor;
        uv_async_t *on_ended; /* of the main loop: sent when a worker's thread ends */
        _Atomic unsigned n_running;
        struct net_settings settings; /* of one worker */
};

struct crew_options {
        unsigned n_workers;
        struct net_settings settings; /* of the whole process: shared out among the workers */
        struct resolver *resolver;
        struct snapshot *snapshot;
        struct addr source;
        const char *proxy_host; /* vendors are reached through it; NULL: none */
        uint16_t proxy_port;
        uv_async_t *on_ended;
};

/* Makes everything but the threads. 0 or a negative errno; crew_stop() and crew_done() in any
 * case. */
MUST_CHECK int crew_init(struct crew *c, const struct crew_options *options);

/* Before crew_start(). Owns `fd` from now on. 0 or a negative errno. */
MUST_CHECK int crew_listen(struct crew *c, int fd, struct tls_server *tls);

/* Starts the threads: requests may come. 0 or a negative errno. */
MUST_CHECK int crew_start(struct crew *c);

void crew_swap(struct crew *c, struct snapshot *s);

/* Asks every worker for a sign of life; true when all gave one within the last `within_ms`, or
 * none has been started. */
bool crew_is_alive(struct crew *c, uint64_t within_ms);

/* No new connections; exchanges under way finish. `on_ended` tells when n_running has become 0. */
void crew_stop(struct crew *c);

/* After the last thread has ended: joins and frees. */
void crew_done(struct crew *c);
