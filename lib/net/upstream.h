/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * upstream - connections to origins, and the pool of idle ones
 *
 * A connection belongs to one origin and one source address for its whole life and is never lent to
 * a request for another: the vendor judges by address, and a borrowed connection would be a silent,
 * intermittent 401. Pools are per worker. Owner of an upstream: the exchange that uses it, else the
 * pool.
 */
#include "lib/base/list.h"
#include "lib/net/stream.h"
#include "lib/net/worker.h"

struct exchange;

struct upstream {
        struct stream stream;
        struct worker *worker;
        const struct origin *origin;
        struct addr source;
        struct buffer in, out;
        struct exchange *exchange; /* NULL: idle */
        uint64_t opened_ms;
        uint64_t idle_since_ms;
        bool connected; /* the TLS handshake is done */
        struct list bucket; /* idle: by origin and source */
        struct list age;    /* idle: oldest first */
};

struct upstream_pool *upstream_pool_new(struct worker *w);
void upstream_pool_free(struct upstream_pool *p);
/* Closes all idle connections. */
void upstream_pool_clear(struct upstream_pool *p);
/* Closes the pool's own timer. */
void upstream_pool_stop(struct upstream_pool *p);
/* Connections that exist, idle or in use, and those being closed. */
unsigned upstream_pool_count(const struct upstream_pool *p);

/* A fit idle connection for exactly this origin and source, or NULL. It is the exchange's now. */
struct upstream *upstream_take(struct worker *w, const struct origin *origin,
                               const struct addr *source, struct exchange *x);

/* May one more connection be opened? Makes room by closing the longest idle one. */
bool upstream_may_open(struct worker *w);

/* On a connected socket. Takes `fd` over in any case. 0 or a negative errno. */
MUST_CHECK int upstream_new(struct worker *w, const struct origin *origin,
                            const struct addr *source, int fd, struct exchange *x,
                            struct upstream **ret);

/* The exchange is done with it: back to the pool where `reusable`, else closed. */
void upstream_release(struct upstream *u, bool reusable);
