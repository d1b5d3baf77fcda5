/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets are there from the first moment, but connections are accepted only when the
 * router's address is known or is not to be had: the first lookup, which may be what made systemd
 * start the shim, finds the way prepared.
 *
 * When the worker has finished all exchanges its handles close; the last callback closes the rest
 * and the loop runs out. Where something cannot be waited for (the drain took too long, a lookup
 * hangs in the resolver) the loop is left and the process ends without tidying up.
 */
#include "workstation/shim.h"

#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/net/acceptor.h"
#include "lib/net/exchange.h"
#include "lib/net/upstream.h"
#include "workstation/gateway.h"
#include "workstation/listening.h"
#include "workstation/process.h"
#include "workstation/systemd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>

#define DRAIN_MS 30000
/* Enough for one lookup after the other; what a burst took beyond goes back to the system. */
#define REST_MS 2000

static const struct event READY = { "ready", LOG_LEVEL_INFO };
static const struct event START_FAILED = { "start_failed", LOG_LEVEL_ERROR };
static const struct event STOPPING = { "stopping", LOG_LEVEL_INFO };
static const struct event STOPPED = { "stopped", LOG_LEVEL_INFO };

static const int stop_signals[] = { SIGTERM, SIGINT, SIGHUP };

struct shim {
        const struct config *config;
        struct uplink *uplink;
        uv_loop_t loop;
        struct worker worker;
        struct worker *workers[1];
        struct gateway gateway;
        struct listening listening;
        struct acceptor acceptor;
        uv_signal_t signals[N_ELEMENTS(stop_signals)];
        uv_timer_t drain, watchdog, rest;
        bool stopping;
        bool cut_off; /* the loop was left with something under way */
        int status;
};

static struct shim *shim_of(const uv_handle_t *handle)
{
        return handle->loop->data;
}

static void cut_off(struct shim *s)
{
        s->cut_off = true;
        uv_stop(&s->loop);
}

static void on_drain_over(uv_timer_t *timer)
{
        cut_off(shim_of((uv_handle_t *)timer));
}

/* The worker is done: nothing but our own handles is left. */
static void on_worker_stopped(struct worker *w)
{
        struct shim *s = w->loop->data;

        process_hold_signals();
        for (size_t i = 0; i < N_ELEMENTS(stop_signals); i++)
                uv_close((uv_handle_t *)&s->signals[i], NULL);
        uv_close((uv_handle_t *)&s->drain, NULL);
        uv_close((uv_handle_t *)&s->watchdog, NULL);
        uv_close((uv_handle_t *)&s->rest, NULL);
        if (!uplink_stop(s->uplink))
                cut_off(s);
}

static void shim_stop(struct shim *s, const char *reason)
{
        s->stopping = true;
        log_event(&STOPPING, TEXT("reason", reason));
        systemd_notify("STOPPING=1");
        acceptor_stop(&s->acceptor);
        listening_done(&s->listening);
        uv_timer_start(&s->drain, on_drain_over, DRAIN_MS, 0);
        worker_stop(&s->worker);
}

static void on_signal(uv_signal_t *handle, int number)
{
        struct shim *s = shim_of((uv_handle_t *)handle);

        if (s->stopping)
                cut_off(s);
        else
                shim_stop(s, strsignal(number));
}

static void fail(struct shim *s, const char *what)
{
        log_event(&START_FAILED, TEXT("reason", what));
        s->status = EX_OSERR;
}

/* The acceptor owns each socket that it took. */
static int accept_begin(struct shim *s)
{
        int r = 0;

        for (unsigned i = 0; i < s->listening.n && r == 0; i++) {
                r = acceptor_add(&s->acceptor, s->listening.fds[i], NULL);
                if (r == 0)
                        s->listening.fds[i] = -1;
        }
        return r;
}

static void on_uplink_settled(struct uplink *u)
{
        struct shim *s = u->dial.loop->data;
        char text[UPLINK_TEXT_MAX];
        int r;

        if (s->stopping)
                return;
        r = accept_begin(s);
        if (r < 0) {
                fail(s, strerror(-r));
                shim_stop(s, "start failed");
                return;
        }
        log_event(&READY, TEXT("addresses", s->listening.text), NUMBER("pid", getpid()),
                  TEXT("version", KEYROUTER_VERSION));
        systemd_notify("READY=1\nSTATUS=%s", uplink_describe(u, text));
}

static void on_uplink_moved(struct uplink *u)
{
        struct shim *s = u->dial.loop->data;

        upstream_pool_clear(s->worker.pool);
}

static void on_uplink_changed(struct uplink *u)
{
        char text[UPLINK_TEXT_MAX];

        systemd_notify("STATUS=%s", uplink_describe(u, text));
}

static void on_watchdog(uv_timer_t *timer)
{
        systemd_notify("WATCHDOG=1");
}

static void on_rest(uv_timer_t *timer)
{
        exchange_free_all(&shim_of((uv_handle_t *)timer)->worker);
        process_trim();
}

/* A while after requests came, not after each of them. */
static void on_request_settled(struct gateway *g)
{
        struct shim *s = CONTAINER_OF(g, struct shim, gateway);

        if (!s->stopping && !uv_is_active((uv_handle_t *)&s->rest))
                uv_timer_start(&s->rest, on_rest, REST_MS, 0);
}

static int handles_start(struct shim *s)
{
        uint64_t patience_us = systemd_watchdog_us();
        int r = 0;

        uv_timer_init(&s->loop, &s->drain);
        uv_timer_init(&s->loop, &s->watchdog);
        uv_timer_init(&s->loop, &s->rest);
        for (size_t i = 0; i < N_ELEMENTS(stop_signals); i++)
                uv_signal_init(&s->loop, &s->signals[i]);
        for (size_t i = 0; i < N_ELEMENTS(stop_signals) && r == 0; i++)
                r = uv_signal_start(&s->signals[i], on_signal, stop_signals[i]);
        if (patience_us > 0)
                uv_timer_start(&s->watchdog, on_watchdog, 0, MAX(patience_us / 2000, 1U));
        return r < 0 ? fault(r) : 0;
}

/* Everything that may fail. */
static int shim_start(struct shim *s)
{
        const struct config *c = s->config;
        int r;

        s->gateway = (struct gateway){ .config = c,
                                       .uplink = s->uplink,
                                       .on_settled = on_request_settled };
        r = worker_init(&s->worker, &s->loop, 0, &c->net, &gateway_program, &s->gateway);
        if (r < 0)
                return r;
        s->worker.dialler = &s->uplink->dial.dialler;
        s->worker.on_stopped = on_worker_stopped;
        s->workers[0] = &s->worker;
        acceptor_init(&s->acceptor, &s->loop, s->workers, 1);
        r = handles_start(s);
        if (r < 0)
                return r;
        s->uplink->on_settled = on_uplink_settled;
        s->uplink->on_moved = on_uplink_moved;
        s->uplink->on_changed = on_uplink_changed;
        return uplink_start(s->uplink, &s->loop, c);
}

static int shim_serve(struct shim *s)
{
        int r = shim_start(s);

        if (r < 0) {
                fail(s, strerror(-r));
                cut_off(s);
                return s->status;
        }
        uv_run(&s->loop, UV_RUN_DEFAULT);
        log_event(&STOPPED, NUMBER("requests", s->gateway.n_requests),
                  NUMBER("cut_off", s->worker.n_clients));
        if (!s->cut_off)
                worker_done(&s->worker);
        return s->status;
}

/* Memory that handles may still point to stays; the process ends anyway. */
static int shim_end(struct shim *s)
{
        int status = s->status;

        if (s->cut_off)
                _exit(status);
        uv_loop_close(&s->loop);
        free(s);
        return status;
}

int shim_run(const struct config *c, struct uplink *u)
{
        struct shim *s = calloc(1, sizeof(*s));
        char why[LISTENING_WHY_MAX];
        int r;

        if (!s || uv_loop_init(&s->loop) < 0) {
                free(s);
                return EX_OSERR;
        }
        s->loop.data = s;
        s->config = c;
        s->uplink = u;
        r = listening_open(&s->listening, c, why);
        if (r < 0)
                fail(s, why);
        else
                (void)shim_serve(s);
        listening_done(&s->listening);
        return shim_end(s);
}
