/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * dial - an open TCP connection to an origin, from a given address
 *
 * The engine asks, a program's dialler answers: the router's dials with libcurl, the shim's with
 * connect(2). One dialler a worker; all calls on that worker's thread.
 */
#include "lib/base/addr.h"

#include <stdbool.h>
#include <stdint.h>

struct tls_client;

/* Where requests go. Made once for each host and port, lives as long as the program. */
struct origin {
        const char *host; /* name for DNS, SNI and the certificate check; or an address in text */
        uint16_t port;
        unsigned id;            /* unique, small, from 0: the pools and session stores go by it */
        struct tls_client *tls; /* NULL: plain */
};

enum dial_outcome {
        DIAL_OK = 0,
        DIAL_E_NAME = 1, /* the host name has no address (of the source's family) */
        DIAL_E_SOURCE,   /* the source address cannot be bound */
        DIAL_E_REFUSED,  /* refused or unreachable */
        DIAL_E_TIMEOUT,  /* the deadline passed */
        DIAL_E_BROKEN,   /* our own: no descriptor, no memory, the wrong source address */
        N_DIAL_OUTCOMES,
};

/* A short sentence for events and error bodies. */
const char *dial_explain(enum dial_outcome o);

struct dial;

/* DIAL_OK: fd is connected, non-blocking, close-on-exec, with TCP_NODELAY; owner: the callee.
 * Otherwise fd is -1. */
typedef void dial_done_fn(struct dial *d, int fd, enum dial_outcome outcome);

struct dial {
        const struct origin *origin;
        struct addr source;   /* to bind; unspecified: the system chooses */
        bool transparent;     /* the source may be another machine's (ip(7), IP_TRANSPARENT) */
        uint64_t deadline_ms; /* monotonic */
        dial_done_fn *on_done;
        void *state; /* the dialler's, NULL when none is under way */
};

struct dialler {
        /* Starts; on_done follows from the loop, never from within. Returns 0 or a negative errno
         * (then on_done does not follow). The dial stays where it is until done or cancelled. */
        int (*start)(struct dialler *self, struct dial *d);
        /* No on_done follows. Harmless when nothing is under way. */
        void (*cancel)(struct dialler *self, struct dial *d);
};
