/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An idle connection stays watched, so that one which the vendor closes goes away at once. That
 * event may still be on its way when the connection is wanted: hence the look before use, a
 * one-byte read that must say "would block". It is for requests that may be sent again as well:
 * bytes that nobody asked for would be taken for their answer. Idle times and life are swept by one
 * timer a pool.
 */
#include "lib/net/upstream.h"

#include "lib/base/fault.h"
#include "lib/net/exchange.h"
#include "lib/net/tls.h"

#include <errno.h>

#define POOL_ORIGINS 1024
#define SWEEP_MS 1000

struct upstream_pool {
        struct worker *worker;
        struct list_table idle; /* by origin and source */
        struct list ages;
        unsigned n_idle;
        unsigned n_all;
        SSL_SESSION *sessions[POOL_ORIGINS]; /* by origin id */
        uv_timer_t sweep;
};

static struct list *bucket_of(struct upstream_pool *p, const struct origin *origin,
                              const struct addr *source)
{
        return list_table_bucket(&p->idle, addr_hash(source) + origin->id * 0x9e3779b97f4a7c15U);
}

static void on_closed(uv_handle_t *handle)
{
        struct stream *s = CONTAINER_OF((uv_poll_t *)handle, struct stream, poll);
        struct upstream *u = CONTAINER_OF(s, struct upstream, stream);
        struct worker *w = u->worker;

        free(u);
        w->pool->n_all--;
        worker_released(w);
}

static void upstream_close(struct upstream *u)
{
        buffer_wipe(&u->out);
        buffer_release(&u->in);
        stream_close(&u->stream, STREAM_CLOSE_CLEAN, on_closed);
}

static void idle_remove(struct upstream *u)
{
        list_remove(&u->bucket);
        list_remove(&u->age);
        u->worker->pool->n_idle--;
}

static void idle_close(struct upstream *u)
{
        idle_remove(u);
        stream_end(&u->stream);
        upstream_close(u);
}

static bool is_worn(const struct upstream *u, uint64_t now)
{
        return now - u->opened_ms >= u->worker->settings->upstream_life_ms;
}

/* All idle ones are equally patient, so the oldest idle is first; the life cap is looked at on use
 * and here. */
static void on_sweep(uv_timer_t *timer)
{
        struct upstream_pool *p = CONTAINER_OF(timer, struct upstream_pool, sweep);
        const struct net_settings *settings = p->worker->settings;
        uint64_t now = uv_now(timer->loop);

        LIST_EACH (node, following, &p->ages) {
                struct upstream *u = LIST_ENTRY(node, struct upstream, age);

                if (now - u->idle_since_ms < settings->upstream_idle_ms && !is_worn(u, now))
                        break;
                idle_close(u);
        }
        if (p->n_idle == 0)
                uv_timer_stop(timer);
}

/* Anything but session tickets on an idle connection means that it is over. */
static void on_upstream_event(struct stream *s)
{
        struct upstream *u = CONTAINER_OF(s, struct upstream, stream);

        if (u->exchange)
                exchange_run(u->exchange);
        else if (!stream_is_quiet(&u->stream))
                idle_close(u);
}

struct upstream_pool *upstream_pool_new(struct worker *w)
{
        struct upstream_pool *p = calloc(1, sizeof(*p));

        if (!p)
                return NULL;
        p->worker = w;
        if (!list_table_init(&p->idle, w->settings->n_upstreams_idle)) {
                free(p);
                return NULL;
        }
        list_init(&p->ages);
        uv_timer_init(w->loop, &p->sweep);
        return p;
}

void upstream_pool_free(struct upstream_pool *p)
{
        assert(p->n_all == 0);
        for (unsigned i = 0; i < POOL_ORIGINS; i++)
                SSL_SESSION_free(p->sessions[i]);
        list_table_done(&p->idle);
        free(p);
}

void upstream_pool_clear(struct upstream_pool *p)
{
        LIST_EACH (node, following, &p->ages)
                idle_close(LIST_ENTRY(node, struct upstream, age));
}

void upstream_pool_stop(struct upstream_pool *p)
{
        uv_timer_stop(&p->sweep);
        uv_close((uv_handle_t *)&p->sweep, NULL);
}

unsigned upstream_pool_count(const struct upstream_pool *p)
{
        return p->n_all;
}

struct upstream *upstream_take(struct worker *w, const struct origin *origin,
                               const struct addr *source, struct exchange *x)
{
        uint64_t now = uv_now(w->loop);

        LIST_EACH (node, following, bucket_of(w->pool, origin, source)) {
                struct upstream *u = LIST_ENTRY(node, struct upstream, bucket);

                if (u->origin != origin || !addr_equal(&u->source, source))
                        continue;
                idle_remove(u);
                if (is_worn(u, now) || !stream_is_quiet(&u->stream)) {
                        upstream_close(u);
                        continue;
                }
                u->exchange = x;
                return u;
        }
        return NULL;
}

bool upstream_may_open(struct worker *w)
{
        struct upstream_pool *p = w->pool;

        if (p->n_all + w->n_dials < w->settings->n_upstreams)
                return true;
        if (list_is_empty(&p->ages))
                return false;
        idle_close(LIST_ENTRY(p->ages.next, struct upstream, age));
        return true;
}

static SSL *upstream_tls(struct upstream_pool *p, const struct origin *origin, int fd)
{
        assert(origin->id < POOL_ORIGINS);
        return tls_connect_new(origin->tls, fd, origin->host, &p->sessions[origin->id]);
}

int upstream_new(struct worker *w, const struct origin *origin, const struct addr *source, int fd,
                 struct exchange *x, struct upstream **ret)
{
        struct upstream *u = calloc(1, sizeof(*u));
        SSL *ssl = NULL;
        int r = -ENOMEM;

        if (u && (!origin->tls || (ssl = upstream_tls(w->pool, origin, fd))))
                r = stream_init(&u->stream, w->loop, fd, ssl, on_upstream_event);
        if (r < 0) {
                SSL_free(ssl);
                free(u);
                close(fd);
                return fault(r);
        }
        u->worker = w;
        u->origin = origin;
        u->source = *source;
        u->exchange = x;
        u->opened_ms = uv_now(w->loop);
        buffer_init(&u->in, &w->blocks);
        buffer_init(&u->out, &w->blocks);
        list_init(&u->bucket);
        list_init(&u->age);
        w->pool->n_all++;
        *ret = u;
        return 0;
}

void upstream_release(struct upstream *u, bool reusable)
{
        struct worker *w = u->worker;
        struct upstream_pool *p = w->pool;

        u->exchange = NULL;
        reusable = reusable && u->connected && buffer_length(&u->in) == 0 &&
                   buffer_length(&u->out) == 0 && !w->stopping &&
                   w->settings->n_upstreams_idle > 0 && !is_worn(u, uv_now(w->loop));
        /* what lies in the TLS layer brings no event: look at it now */
        if (reusable && stream_has_more(&u->stream))
                reusable = stream_is_quiet(&u->stream);
        if (!reusable) {
                upstream_close(u);
                return;
        }
        buffer_wipe(&u->out);
        buffer_release(&u->in);
        if (p->n_idle >= w->settings->n_upstreams_idle)
                idle_close(LIST_ENTRY(p->ages.next, struct upstream, age));
        u->idle_since_ms = uv_now(w->loop);
        list_push_front(bucket_of(p, u->origin, &u->source), &u->bucket);
        list_push_back(&p->ages, &u->age);
        p->n_idle++;
        stream_watch(&u->stream, true, false);
        if (!uv_is_active((uv_handle_t *)&p->sweep))
                uv_timer_start(&p->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
}
