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
        gateway_adopt(&m->gateway);
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
                r = gateway_init(&m->gateway, options->snapshot, &options->source);
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

static int member_add(struct crew *c, const struct crew_options *options)
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
        return 0;
}

static int member_start(struct member *m)
{
        int r;

        atomic_fetch_add(&m->crew->n_running, 1);
        m->beat_ms = clock_monotonic_ms();
        r = thread_start(&m->thread, member_main, m);
        m->started = r == 0;
        if (r < 0)
                atomic_fetch_sub(&m->crew->n_running, 1);
        return r;
}

static void acceptor_end(struct crew *c)
{
        acceptor_stop(&c->acceptor);
        uv_close((uv_handle_t *)&c->acceptor_stop, NULL);
}

static void on_acceptor_stop(uv_async_t *async)
{
        acceptor_end(CONTAINER_OF(async, struct crew, acceptor_stop));
}

int crew_init(struct crew *c, const struct crew_options *options)
{
        unsigned n = MIN(MAX(options->n_workers, 1U), (unsigned)CREW_MAX_WORKERS);
        int r;

        memset(c, 0, sizeof(*c));
        c->settings = options->settings;
        c->on_ended = options->on_ended;
        share_out(&c->settings, n);
        r = member_add(c, options);
        if (r == 0)
                r = uv_async_init(&c->members[0]->loop, &c->acceptor_stop, on_acceptor_stop);
        if (r < 0)
                return fault(r);
        acceptor_init(&c->acceptor, &c->members[0]->loop, c->workers, n);
        c->has_acceptor = true;
        while (c->n_members < n && r == 0)
                r = member_add(c, options);
        return r;
}

int crew_listen(struct crew *c, int fd, struct tls_server *tls)
{
        return acceptor_add(&c->acceptor, fd, tls);
}

/* The first one last: nothing is accepted before all are there. */
int crew_start(struct crew *c)
{
        int r = 0;

        for (unsigned i = c->n_members; i > 0 && r == 0; i--)
                r = member_start(c->members[i - 1]);
        return r;
}

void crew_swap(struct crew *c, struct snapshot *s)
{
        for (unsigned i = 0; i < c->n_members; i++) {
                gateway_swap(&c->members[i]->gateway, s);
                uv_async_send(&c->members[i]->beat); /* old credentials go, asked or not */
        }
}

bool crew_is_alive(struct crew *c, uint64_t within_ms)
{
        uint64_t now = clock_monotonic_ms();
        bool alive = true;

        for (unsigned i = 0; i < c->n_members; i++) {
                if (!c->members[i]->started)
                        continue;
                if (now - atomic_load(&c->members[i]->beat_ms) > within_ms)
                        alive = false;
                uv_async_send(&c->members[i]->beat);
        }
        return alive;
}

void crew_stop(struct crew *c)
{
        if (c->has_acceptor && c->members[0]->started)
                uv_async_send(&c->acceptor_stop);
        else if (c->has_acceptor)
                acceptor_end(c);
        for (unsigned i = 0; i < c->n_members; i++)
                worker_stop(&c->members[i]->worker);
        if (atomic_load(&c->n_running) == 0)
                uv_async_send(c->on_ended);
}

void crew_done(struct crew *c)
{
        for (unsigned i = 0; i < c->n_members; i++) {
                struct member *m = c->members[i];

                if (m->started)
                        pthread_join(m->thread, NULL);
                else
                        uv_run(&m->loop, UV_RUN_DEFAULT); /* only to its end */
                worker_done(&m->worker);
                gateway_done(&m->gateway);
                uv_loop_close(&m->loop);
                free(m);
        }
}
