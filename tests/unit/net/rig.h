/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * rig - the engine in a thread of its own, with a plain program, between a test's clients and
 * vendors
 *
 * One worker, one plain and one TLS listener, three origins on loopback ports: 0 and 1 plain, 2
 * TLS. Change settings and program between rig_new() and rig_start(). rig_free() stops the engine
 * the proper way and checks that nothing is left: no connection, no block, no handle.
 */
#include "lib/net/acceptor.h"
#include "lib/net/dial_tcp.h"
#include "lib/net/exchange.h"
#include "lib/net/tls.h"
#include "tests/unit/net/certificates.h"
#include "tests/unit/net/peer.h"

#include <stdatomic.h>

#define RIG_RECORDS 64

enum { RIG_PLAIN, RIG_OTHER, RIG_TLS, RIG_N_ORIGINS };

/* How an exchange ended. */
struct settled {
        unsigned status;
        unsigned attempt;
        bool retried;
        bool own;
        uint64_t n_answer_bytes;
        char reason[REASON_MAX];
};

struct rig {
        struct certificates certificates;
        SSL_CTX *vendor_tls; /* for peer_accept() */
        SSL_CTX *client_tls; /* for peer_connect() */
        struct tls_server *tls_server;
        struct tls_client *tls_client;
        struct origin origins[RIG_N_ORIGINS];
        int vendors[RIG_N_ORIGINS]; /* listening */
        uint16_t port, tls_port;    /* the engine's */

        struct net_settings settings;
        struct program program;
        struct dialler *dialler; /* the worker's; plain connect(2) where the test sets none */

        uv_loop_t loop;
        struct worker worker;
        struct worker *workers[1];
        struct acceptor acceptor;
        struct dial_tcp dial_tcp;
        pthread_t thread;
        bool started;
        bool stopped; /* under the lock */

        pthread_mutex_t lock;
        pthread_cond_t changed;
        struct settled records[RIG_RECORDS]; /* the last ones, by number */
        unsigned n_records;
        atomic_ulong n_turns; /* of the engine's loop */
        atomic_int n_decided;

        /* run on the engine's thread */
        uv_async_t wake;
        uv_prepare_t turn;
        void (*call)(struct rig *r, void *context);
        void *call_context;
};

/* cmocka's set-up and tear-down with a rig that is not started. */
int rig_setup(void **state);
int rig_teardown(void **state);
/* Starts it and connects a client. */
struct peer *rig_begin(struct rig *r);

struct rig *rig_new(void);
void rig_start(struct rig *r);
void rig_free(struct rig *r);

/* Asks the worker to stop and does not wait. */
void rig_stop(struct rig *r);
/* Waits until it has stopped. */
void rig_wait_stopped(struct rig *r);

/* Waits for the n-th end of an exchange, from 0. */
struct settled rig_settled(struct rig *r, unsigned n);
/* The n-th must have this status, and these words in its reason. */
void rig_expect(struct rig *r, unsigned n, unsigned status, const char *reason);
unsigned rig_n_settled(struct rig *r);

/* Runs `call` on the engine's thread and waits for it. */
void rig_on_thread(struct rig *r, void (*call)(struct rig *r, void *context), void *context);

/* Waits until `is_so` says so on the engine's thread: asked once each time its loop turns. */
void rig_wait_for(struct rig *r, bool (*is_so)(struct rig *r));

/* Returns when the engine has seen all that was sent to it before. */
void rig_catch_up(struct rig *r);

struct rig *rig_of(const struct exchange *x);

/* "GET /path HTTP/1.1", "Host: vendor.test" and an empty line to the engine. */
void client_get(struct peer *client, const char *path);
/* One answer of a vendor with Content-Length. */
void vendor_answer(struct peer *vendor, const char *body);
