/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * dial_rig - a loop with a name server, a resolver and a dialler, and what there is to dial
 */
#include "router/dial.h"
#include "router/resolver.h"
#include "stub_dns.h"

#define PATIENCE_MS 15000

struct site {
        uv_loop_t loop;
        struct stub_dns dns;
        struct resolver *resolver;
        struct dialler *dialler;
};

/* A dial and what became of it. */
struct call {
        struct dial dial;
        struct origin origin;
        unsigned n_done;
        enum dial_outcome outcome;
        int fd;
        struct site *site;
        struct call *then_start, *then_cancel; /* from within on_done */
};

/* Listens, and its queue is full: what comes now gets no answer (tcp(7): the SYN is dropped). */
struct black_hole {
        int listener, filler[8];
        uint16_t port;
};

void site_start(struct site *s);
void site_stop(struct site *s);
/* Makes `name` known to the dialler. */
void site_know(struct site *s, const char *name);

/* Bound to `address`; with a backlog it listens. */
int socket_open(const char *address, int backlog, uint16_t *ret_port);
void black_hole_open(struct black_hole *b);
void black_hole_close(struct black_hole *b);

/* `source` NULL: the system chooses. */
void call_init(struct call *c, struct site *s, const char *host, uint16_t port, const char *source,
               uint64_t patience_ms);
void call_start(struct call *c);
/* Of a struct call. */
bool is_done(void *context);
/* Dials and waits. */
enum dial_outcome call_make(struct call *c, struct site *s, const char *host, uint16_t port,
                            const char *source);
void call_close(struct call *c);

/* The address that the other end of the next connection comes from. */
const char *peer_seen(int listener);
int option_of(int fd, int level, int option);
unsigned n_descriptors(void);
