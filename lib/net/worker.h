/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * worker - one loop with everything that runs on it
 *
 * A connection is handed to the worker that the hash of its address chooses and stays there: what
 * belongs to a workstation is touched by one thread only, and nothing on the request path is
 * locked. The loop is the caller's (a thread of its own in the router, the only thread in the
 * shim).
 */
#include "lib/base/block.h"
#include "lib/base/list_table.h"
#include "lib/net/dial.h"
#include "lib/net/message.h"

#include <pthread.h>
#include <uv.h>

struct program;
struct tls_server;
struct upstream_pool;

struct net_settings {
        uint64_t head_ms;   /* a request head, from its first byte (the first: from the accept) */
        uint64_t body_ms;   /* a request body, absolute */
        uint64_t idle_ms;   /* between requests */
        uint64_t answer_ms; /* an answer to the client's last byte, absolute, from its head */
        uint64_t linger_ms; /* for the client to take the last answer */
        uint64_t upstream_idle_ms; /* an unused upstream connection */
        uint64_t upstream_life_ms; /* any upstream connection: vendors move without notice */
        unsigned n_connections;    /* of a worker */
        unsigned n_connections_per_address;
        unsigned n_upstreams;      /* of a worker, idle ones included */
        unsigned n_upstreams_idle; /* of a worker */
        unsigned n_kept; /* blocks and exchanges of a worker, kept for the next request */
        struct message_limits message;
};

/* Something to be done when the loop turns: fairness, and nothing runs inside its own callback. */
struct ready {
        struct list link;
        void (*run)(struct ready *r);
};

struct accepted {
        int fd;
        struct addr peer;
        struct tls_server *tls; /* NULL: plain */
};

#define WORKER_QUEUE 1024

struct worker {
        uv_loop_t *loop;
        unsigned index;
        const struct net_settings *settings;
        const struct program *program;
        void *program_state; /* the program's own, of this worker */
        struct dialler *dialler;
        struct block_pool blocks;
        struct upstream_pool *pool;
        unsigned n_dials; /* under way: they count as upstream connections */
        struct list_table clients; /* by address */
        unsigned n_clients;
        struct list exchanges_free;
        unsigned n_exchanges_free;
        struct list ready;
        bool stopping;
        void (*on_stopped)(struct worker *w); /* may be NULL */
        uint64_t n_requests; /* since the start: a part of request ids */
        uint64_t id_base;
        /* connections handed over, the one thing that two threads touch */
        pthread_mutex_t queue_lock;
        struct accepted queue[WORKER_QUEUE];
        unsigned n_queued;
        bool stop_asked;
        uv_async_t wake;
        uv_idle_t turn;
        uv_prepare_t before_wait;
        uv_timer_t flush;   /* of the log, under load */
        unsigned n_handles; /* of the four above, not closed yet */
        uint64_t n_flushed; /* n_requests when the log was last written */
};

/* Returns 0 or a negative errno. The worker's memory must outlive the loop's run. */
MUST_CHECK int worker_init(struct worker *w, uv_loop_t *loop, unsigned index,
                           const struct net_settings *settings, const struct program *program,
                           void *program_state);
void worker_done(struct worker *w);

/* From any thread. Takes the descriptor over in any case. False: the queue is full, it was
 * closed. */
bool worker_adopt(struct worker *w, const struct accepted *a);

/* The same on the worker's own thread. */
void worker_take(struct worker *w, const struct accepted *a);

/*
 * From any thread: idle connections are closed, exchanges under way finish, then the worker's
 * handles are closed and its loop has nothing left to do.
 */
void worker_stop(struct worker *w);

/* On the worker's thread: `r` runs when the loop turns. */
void worker_ready(struct worker *w, struct ready *r);

/* A client or upstream connection is gone: a stopping worker may be done. */
void worker_released(struct worker *w);
