/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * client - a workstation's connection
 *
 * At rest it holds a stream and a deadline, no buffer and no exchange. The first byte of a request
 * brings an exchange, which owns the conversation until it settles; pipelined requests wait in `in`
 * and have their exchange after that.
 */
#include "lib/base/list.h"
#include "lib/net/deadline.h"
#include "lib/net/stream.h"
#include "lib/net/worker.h"

struct exchange;

struct client {
        struct stream stream;
        struct deadline deadline;
        struct worker *worker;
        struct addr peer;
        struct list link; /* in worker->clients, by address */
        struct ready ready;
        struct buffer in, out;
        struct exchange *exchange; /* NULL: at rest */
        uint64_t n_requests;
        bool connected; /* the TLS handshake is done */
        bool gone;      /* the client ended or reset its side */
        bool lingering; /* our side has ended, the rest of its input is thrown away */
        bool closing;
        unsigned n_handles;     /* not closed yet */
        size_t n_lingered_bytes;
};

/* Takes over what the acceptor brought; closes it at once where the address has too many. */
void client_accept(struct worker *w, const struct accepted *a);

/* The worker stops: at rest it is closed, else after its exchange. */
void client_stop(struct client *c);

/* The exchange has settled. */
enum client_next {
        CLIENT_KEEP,   /* another request may follow */
        CLIENT_FINISH, /* the answer was the last: end our side, give the client time to take it */
        CLIENT_RESET,  /* what the client has is not complete: make that visible */
};
void client_settled(struct client *c, enum client_next next);

/* Takes what the client sent while it waits for its answer; notes when it went away. */
void client_sip(struct client *c);
