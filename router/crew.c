/* SPDX-License-Identifier: Apache-2.0 */
#include "router/crew.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "router/dial.h"

#include <errno.h>
#include <signal.h>

static void share_out(struct net_settings *s, unsigned n)
{
        s->n_connections = MAX(s->n_connections / n, 1U);
        s->n_upstreams = MAX(s->n_upstreams / n, 1U);
        s->n_upstreams_idle = MAX(s->n_upstreams_idle / n, 1U);
}

static void on_beat(uv_async_t *beat)
{
        struct member *m = CONTAINER_OF(beat, struct member, beat);

        atomic_store(&m->beat_ms, clock_monotonic_ms());
}

/* The worker's last handle is gone: what is left of the loop is ours. */
static void on_worker_stopped(struct worker *w)
{
        struct member *m = CONTAINER_OF(w, struct member, worker);

        dial_curl_free(m->dialler);
        uv_close((uv_handle_t *)&m->beat, NULL);
}

static void *member_main(void *context)
{
        struct member *m = context;

        log_hold(true);
        uv_run(&m->loop, UV_RUN_DEFAULT);
        log_hold(false);
        atomic_fetch_sub(&m->crew->n_running, 1);
        uv_async_send(m->crew->on_ended);
        return NULL;
}

static int member_init(struct member *m, const struct crew_options *options)
{
        int r;

        r = uv_loop_init(&m->loop);
        if (r < 0)
                return fault(r);
        r = worker_init(&m->worker, &m->loop, m->crew->n_members, &m->crew->settings,
                        &gateway_program, &m->gateway);
        if (r == 0)
                r = gateway_init(&m->gateway, options->snapshot, &options->router, &options->source);
        if (r == 0)
                r = dial_curl_new(&m->loop, options->resolver, &m->dialler);
        if (r == 0 && options->proxy_host)
                r = dial_curl_set_proxy(m->dialler, options->proxy_host, options->proxy_port);
        if (r == 0)
                r = uv_async_init(&m->loop, &m->beat, on_beat);
        if (r < 0)
                return fault(r);
        m->worker.dialler = m->dialler;
        m->worker.on_stopped = on_worker_stopped;
        m->beat_ms = clock_monotonic_ms();
        return 0;
}

/* Signals are the main thread's: a new thread inherits the mask it is born with. */
static int thread_start(pthread_t *thread, void *(*run)(void *), void *context)
{
        sigset_t all, before;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(thread, NULL, run, context);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return r ? fault(-r) : 0;
}

static int member_start(struct crew *c, const struct crew_options *options)
{
        struct member *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return fault(-ENOMEM);
        m->crew = c;
        r = member_init(m, options);
        if (r < 0)
                return r; /* the process ends: nothing is worth taking apart */
        c->members[c->n_members] = m;
        c->workers[c->n_members++] = &m->worker;
        atomic_fetch_add(&c->n_running, 1);
        r = thread_start(&m->thread, member_main, m);
        m->started = r == 0;
        return r;
}

int crew_start(struct crew *c, const struct crew_options *options)
{
        unsigned n = MIN(MAX(options->n_workers, 1U), (unsigned)CREW_MAX_WORKERS);
        int r;

        memset(c, 0, sizeof(*c));
        c->settings = options->settings;
        c->on_ended = options->on_ended;
        share_out(&c->settings, n);
        r = uv_loop_init(&c->acceptor_loop);
        c->has_loop = r == 0;
        if (r == 0)
                acceptor_init(&c->acceptor, &c->acceptor_loop, c->workers, n);
        for (unsigned i = 0; i < n && r == 0; i++)
                r = member_start(c, options);
        return r < 0 ? fault(r) : 0;
}

int crew_listen(struct crew *c, int fd, struct tls_server *tls)
{
        return acceptor_add(&c->acceptor, fd, tls);
}

static void on_acceptor_stop(uv_async_t *async)
{
        struct crew *c = CONTAINER_OF(async, struct crew, acceptor_stop);

        acceptor_stop(&c->acceptor);
        uv_close((uv_handle_t *)async, NULL);
}

static void *acceptor_main(void *context)
{
        struct crew *c = context;

        uv_run(&c->acceptor_loop, UV_RUN_DEFAULT);
        return NULL;
}

int crew_accept(struct crew *c)
{
        int r = uv_async_init(&c->acceptor_loop, &c->acceptor_stop, on_acceptor_stop);

        if (r < 0)
                return fault(r);
        r = thread_start(&c->acceptor_thread, acceptor_main, c);
        c->acceptor_started = r == 0;
        return r;
}

void crew_swap(struct crew *c, struct snapshot *s)
{
        for (unsigned i = 0; i < c->n_members; i++)
                gateway_swap(&c->members[i]->gateway, s);
}

bool crew_is_alive(struct crew *c, uint64_t within_ms)
{
        uint64_t now = clock_monotonic_ms();
        bool alive = true;

        for (unsigned i = 0; i < c->n_members; i++) {
                if (now - atomic_load(&c->members[i]->beat_ms) > within_ms)
                        alive = false;
                uv_async_send(&c->members[i]->beat);
        }
        return alive;
}

void crew_stop(struct crew *c)
{
        if (c->acceptor_started)
                uv_async_send(&c->acceptor_stop);
        else if (c->has_loop)
                acceptor_stop(&c->acceptor);
        for (unsigned i = 0; i < c->n_members; i++)
                worker_stop(&c->members[i]->worker);
}

void crew_done(struct crew *c)
{
        if (c->acceptor_started)
                pthread_join(c->acceptor_thread, NULL);
        if (c->has_loop) {
                uv_run(&c->acceptor_loop, UV_RUN_DEFAULT); /* close callbacks that nobody ran yet */
                uv_loop_close(&c->acceptor_loop);
        }
        for (unsigned i = 0; i < c->n_members; i++) {
                struct member *m = c->members[i];

                if (m->started)
                        pthread_join(m->thread, NULL);
                worker_done(&m->worker);
                gateway_done(&m->gateway);
                uv_loop_close(&m->loop);
                free(m);
        }
}
