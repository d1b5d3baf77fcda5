/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net/client.h"

#include "lib/base/log.h"
#include "lib/net/exchange.h"
#include "lib/net/tls.h"

#include <errno.h>

#define LINGER_MAX_BYTES ((size_t)256 * 1024)

static const struct event CONNECTION_REFUSED = { "connection_refused", LOG_LEVEL_WARNING };
static const struct event CONNECTION_CLOSED = { "connection_closed", LOG_LEVEL_INFO };

static void log_connection(const struct event *event, const struct addr *peer, const char *reason)
{
        char text[ADDR_TEXT_MAX];

        log_event(event, TEXT("client", addr_format(peer, text)), TEXT("reason", reason));
}

static void on_handle_closed(struct client *c)
{
        struct worker *w = c->worker;

        if (--c->n_handles > 0)
                return;
        free(c);
        w->n_clients--;
        worker_released(w);
}

static void on_stream_closed(uv_handle_t *handle)
{
        struct stream *s = CONTAINER_OF((uv_poll_t *)handle, struct stream, poll);

        on_handle_closed(CONTAINER_OF(s, struct client, stream));
}

static void on_deadline_closed(uv_handle_t *handle)
{
        struct deadline *d = CONTAINER_OF((uv_timer_t *)handle, struct deadline, timer);

        on_handle_closed(CONTAINER_OF(d, struct client, deadline));
}

static void client_close(struct client *c, enum stream_close how)
{
        assert(!c->closing && !c->exchange);
        c->closing = true;
        list_remove(&c->link);
        list_remove(&c->ready.link);
        buffer_release(&c->in);
        buffer_release(&c->out);
        if (how == STREAM_CLOSE_CLEAN && c->connected && !c->lingering)
                stream_end(&c->stream);
        stream_close(&c->stream, how, on_stream_closed);
        deadline_close(&c->deadline, on_deadline_closed);
}

/* Closing a socket with unread input sends RST, which may overtake our last answer (RFC 9112
 * section 9.6): end our side, read on for a while, then close. */
static void client_linger(struct client *c)
{
        size_t room, n;
        char *tail;
        int r = 0;

        buffer_release(&c->in);
        while (c->n_lingered_bytes < LINGER_MAX_BYTES && (tail = buffer_tail(&c->in, &room))) {
                r = stream_read(&c->stream, tail, room, &n);
                if (r != 0)
                        break;
                c->n_lingered_bytes += n;
        }
        buffer_release(&c->in);
        if (r == STREAM_E_AGAIN)
                stream_watch(&c->stream, true, false);
        else
                client_close(c, STREAM_CLOSE_CLEAN);
}

static void client_finish(struct client *c)
{
        c->lingering = true;
        stream_end(&c->stream);
        deadline_set(&c->deadline, uv_now(c->worker->loop) + c->worker->settings->linger_ms);
        client_linger(c);
}

static void client_begin(struct client *c)
{
        if (c->n_requests > 0)
                deadline_set(&c->deadline,
                             uv_now(c->worker->loop) + c->worker->settings->head_ms);
        c->exchange = exchange_new(c);
        if (!c->exchange) {
                client_close(c, STREAM_CLOSE_RESET);
                return;
        }
        c->n_requests++;
        exchange_run(c->exchange);
}

static void client_greet(struct client *c)
{
        int r = stream_handshake(&c->stream);
        char why[TLS_WHY_MAX];

        if (r == 0) {
                c->connected = true;
        } else if (r == STREAM_E_AGAIN) {
                stream_watch(&c->stream, true, false);
        } else {
                log_connection(&CONNECTION_CLOSED, &c->peer,
                               r == STREAM_E_TLS ? tls_explain(NULL, why)
                                                 : "closed during the TLS handshake");
                client_close(c, STREAM_CLOSE_CLEAN);
        }
}

/* At rest: the first byte of a request, or the end. */
static void client_wake(struct client *c)
{
        int r = 0;

        if (!c->connected) {
                client_greet(c);
                if (c->closing || !c->connected)
                        return;
        }
        if (buffer_length(&c->in) == 0)
                r = stream_fill(&c->stream, &c->in);
        if (r == 0)
                client_begin(c);
        else if (r == STREAM_E_AGAIN)
                stream_watch(&c->stream, true, false);
        else
                client_close(c, STREAM_CLOSE_CLEAN);
}

void client_sip(struct client *c)
{
        int r;

        if (c->gone || buffer_room(&c->in) == 0)
                return;
        r = stream_fill(&c->stream, &c->in);
        if (r != 0 && r != STREAM_E_AGAIN)
                c->gone = true;
}

static void on_client_event(struct stream *s)
{
        struct client *c = CONTAINER_OF(s, struct client, stream);

        if (c->exchange)
                exchange_on_client(c->exchange);
        else if (c->lingering)
                client_linger(c);
        else
                client_wake(c);
}

static void on_ready(struct ready *ready)
{
        on_client_event(&CONTAINER_OF(ready, struct client, ready)->stream);
}

static void on_deadline(struct deadline *d)
{
        struct client *c = CONTAINER_OF(d, struct client, deadline);

        if (c->exchange) {
                exchange_expire(c->exchange);
                return;
        }
        if (!c->connected)
                log_connection(&CONNECTION_CLOSED, &c->peer, "TLS handshake took too long");
        else if (c->n_requests == 0)
                log_connection(&CONNECTION_CLOSED, &c->peer, "no request came");
        client_close(c, STREAM_CLOSE_CLEAN);
}

static struct list *bucket_of(struct worker *w, const struct addr *peer)
{
        return list_table_bucket(&w->clients, addr_hash(peer));
}

static bool has_room(struct worker *w, const struct addr *peer)
{
        unsigned n = 0;

        if (w->n_clients >= w->settings->n_connections) {
                log_connection(&CONNECTION_REFUSED, peer, "too many connections");
                return false;
        }
        LIST_EACH (node, following, bucket_of(w, peer)) {
                if (addr_equal(&LIST_ENTRY(node, struct client, link)->peer, peer))
                        n++;
        }
        if (n >= w->settings->n_connections_per_address) {
                log_connection(&CONNECTION_REFUSED, peer, "too many connections of one address");
                return false;
        }
        return true;
}

static int client_new(struct worker *w, const struct accepted *a, struct client **ret)
{
        struct client *c = calloc(1, sizeof(*c));
        SSL *ssl = NULL;
        int r = -ENOMEM;

        if (c && (!a->tls || (ssl = tls_accept_new(a->tls, a->fd))))
                r = stream_init(&c->stream, w->loop, a->fd, ssl, on_client_event);
        if (r < 0) {
                SSL_free(ssl);
                free(c);
                return r;
        }
        deadline_init(&c->deadline, w->loop, on_deadline);
        c->n_handles = 2;
        c->worker = w;
        c->peer = a->peer;
        c->ready.run = on_ready;
        list_init(&c->ready.link);
        buffer_init(&c->in, &w->blocks);
        buffer_init(&c->out, &w->blocks);
        list_push_back(bucket_of(w, &c->peer), &c->link);
        w->n_clients++;
        *ret = c;
        return 0;
}

void client_accept(struct worker *w, const struct accepted *a)
{
        struct client *c;

        if (!has_room(w, &a->peer) || client_new(w, a, &c) < 0) {
                close(a->fd);
                return;
        }
        deadline_set(&c->deadline, uv_now(w->loop) + w->settings->head_ms);
        client_wake(c);
}

void client_stop(struct client *c)
{
        if (!c->exchange && !c->lingering && !c->closing)
                client_close(c, STREAM_CLOSE_CLEAN);
}

void client_settled(struct client *c, enum client_next next)
{
        c->exchange = NULL;
        if (next == CLIENT_KEEP && (c->gone || c->worker->stopping))
                next = CLIENT_FINISH;
        if (next == CLIENT_RESET) {
                client_close(c, STREAM_CLOSE_RESET);
                return;
        }
        if (next == CLIENT_FINISH) {
                client_finish(c);
                return;
        }
        if (buffer_length(&c->out) == 0)
                buffer_release(&c->out);
        deadline_set(&c->deadline, uv_now(c->worker->loop) + c->worker->settings->idle_ms);
        if (buffer_length(&c->in) > 0 || stream_has_more(&c->stream)) {
                worker_ready(c->worker, &c->ready);
                return;
        }
        buffer_release(&c->in);
        stream_watch(&c->stream, true, false);
}
