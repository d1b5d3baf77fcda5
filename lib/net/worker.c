/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net/worker.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/net/client.h"
#include "lib/net/exchange.h"
#include "lib/net/upstream.h"

#include <errno.h>
#include <openssl/rand.h>

#define LOG_WAIT_MS 20

static void on_handle_closed(uv_handle_t *handle)
{
        struct worker *w = handle->data;

        if (--w->n_handles == 0 && w->on_stopped)
                w->on_stopped(w);
}

static void stop_if_done(struct worker *w)
{
        if (!w->stopping || w->n_clients > 0 || upstream_pool_count(w->pool) > 0 ||
            uv_is_closing((uv_handle_t *)&w->wake))
                return;
        uv_close((uv_handle_t *)&w->wake, on_handle_closed);
        uv_close((uv_handle_t *)&w->turn, on_handle_closed);
        uv_close((uv_handle_t *)&w->before_wait, on_handle_closed);
        uv_close((uv_handle_t *)&w->flush, on_handle_closed);
        upstream_pool_stop(w->pool);
}

void worker_released(struct worker *w)
{
        stop_if_done(w);
}

static void begin_stop(struct worker *w)
{
        w->stopping = true;
        for (unsigned i = 0; i < w->clients.n_buckets; i++) {
                LIST_EACH (node, following, &w->clients.buckets[i])
                        client_stop(LIST_ENTRY(node, struct client, link));
        }
        upstream_pool_clear(w->pool);
        stop_if_done(w);
}

void worker_take(struct worker *w, const struct accepted *a)
{
        if (w->stopping)
                close(a->fd);
        else
                client_accept(w, a);
}

static void on_wake(uv_async_t *wake)
{
        struct worker *w = CONTAINER_OF(wake, struct worker, wake);
        struct accepted batch[WORKER_QUEUE];
        bool stop;
        unsigned n;

        pthread_mutex_lock(&w->queue_lock);
        n = w->n_queued;
        memcpy(batch, w->queue, n * sizeof(batch[0]));
        w->n_queued = 0;
        stop = w->stop_asked;
        pthread_mutex_unlock(&w->queue_lock);
        for (unsigned i = 0; i < n; i++)
                worker_take(w, &batch[i]);
        if (stop && !w->stopping)
                begin_stop(w);
}

bool worker_adopt(struct worker *w, const struct accepted *a)
{
        bool taken;

        pthread_mutex_lock(&w->queue_lock);
        taken = w->n_queued < WORKER_QUEUE && !w->stop_asked;
        if (taken)
                w->queue[w->n_queued++] = *a;
        pthread_mutex_unlock(&w->queue_lock);
        if (taken)
                uv_async_send(&w->wake);
        else
                close(a->fd);
        return taken;
}

void worker_stop(struct worker *w)
{
        pthread_mutex_lock(&w->queue_lock);
        w->stop_asked = true;
        pthread_mutex_unlock(&w->queue_lock);
        uv_async_send(&w->wake);
}

static void on_turn(uv_idle_t *turn)
{
        struct worker *w = CONTAINER_OF(turn, struct worker, turn);
        struct list batch;

        /* what becomes ready meanwhile waits for the next turn */
        list_init(&batch);
        if (!list_is_empty(&w->ready)) {
                list_insert_between(&batch, w->ready.previous, w->ready.next);
                list_init(&w->ready);
        }
        while (!list_is_empty(&batch)) {
                struct ready *r = LIST_ENTRY(batch.next, struct ready, link);

                list_remove(&r->link);
                r->run(r);
        }
        if (list_is_empty(&w->ready))
                uv_idle_stop(&w->turn);
}

void worker_ready(struct worker *w, struct ready *r)
{
        if (!list_is_empty(&r->link))
                return;
        list_push_back(&w->ready, &r->link);
        uv_idle_start(&w->turn, on_turn);
}

static void on_flush(uv_timer_t *flush)
{
        struct worker *w = CONTAINER_OF(flush, struct worker, flush);

        log_flush();
        w->n_flushed = w->n_requests;
}

/* Under load a write to the log for each turn of the loop would cost more than the line: then it
 * waits for others, at most LOG_WAIT_MS. Once no new requests have come since, it goes out at
 * once. */
static void on_before_wait(uv_prepare_t *prepare)
{
        struct worker *w = CONTAINER_OF(prepare, struct worker, before_wait);

        if (w->n_requests == w->n_flushed || w->stopping)
                log_flush();
        else if (!uv_is_active((uv_handle_t *)&w->flush))
                uv_timer_start(&w->flush, on_flush, LOG_WAIT_MS, 0);
}

static int handles_init(struct worker *w)
{
        int r;

        r = uv_async_init(w->loop, &w->wake, on_wake);
        if (r == 0)
                r = uv_idle_init(w->loop, &w->turn);
        if (r == 0)
                r = uv_prepare_init(w->loop, &w->before_wait);
        if (r == 0)
                r = uv_timer_init(w->loop, &w->flush);
        if (r == 0)
                r = uv_prepare_start(&w->before_wait, on_before_wait);
        if (r < 0)
                return fault(r);
        w->wake.data = w->turn.data = w->before_wait.data = w->flush.data = w;
        w->n_handles = 4;
        return 0;
}

int worker_init(struct worker *w, uv_loop_t *loop, unsigned index,
                const struct net_settings *settings, const struct program *program,
                void *program_state)
{
        memset(w, 0, sizeof(*w));
        w->loop = loop;
        w->index = index;
        w->settings = settings;
        w->program = program;
        w->program_state = program_state;
        block_pool_init(&w->blocks, settings->n_kept);
        if (!list_table_init(&w->clients, settings->n_connections))
                return fault(-ENOMEM);
        list_init(&w->exchanges_free);
        list_init(&w->ready);
        pthread_mutex_init(&w->queue_lock, NULL);
        if (RAND_bytes((unsigned char *)&w->id_base, sizeof(w->id_base)) != 1)
                return fault(-EIO);
        w->pool = upstream_pool_new(w);
        if (!w->pool)
                return fault(-ENOMEM);
        return handles_init(w);
}

void worker_done(struct worker *w)
{
        for (unsigned i = 0; i < w->n_queued; i++)
                close(w->queue[i].fd);
        exchange_free_all(w);
        upstream_pool_free(w->pool);
        list_table_done(&w->clients);
        block_pool_done(&w->blocks);
        pthread_mutex_destroy(&w->queue_lock);
}
