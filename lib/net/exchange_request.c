/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way out: HEAD, ROUTE, DIAL, SEND.
 *
 * A request goes out a second time only without a body and only before its answer began: once on a
 * fresh connection when the first was stale or broke, once by another route when the program says
 * so. A POST is never sent twice.
 */
#include "lib/base/clock.h"
#include "lib/net/exchange.h"
#include "lib/net/tls.h"

#include <errno.h>

static bool may_send_again(const struct exchange *x)
{
        return x->request.head.framing == FRAMING_NONE && !slice_is(x->request.head.method, "POST") &&
               !slice_is(x->request.head.method, "PATCH");
}

static enum step head_refused(struct exchange *x, int r, enum head_answer why)
{
        if (r == MESSAGE_E_TARGET_TOO_LONG)
                return exchange_refuse(x, 414, "request target is too long");
        if (r == MESSAGE_E_TOO_LONG)
                return exchange_refuse(x, 431, "request head is too long");
        if (r == MESSAGE_E_HEAD)
                return exchange_refuse(x, head_answer_status(why), "%s", head_answer_explain(why));
        return exchange_refuse(x, 503, "out of memory");
}

enum step exchange_head(struct exchange *x)
{
        struct client *c = x->client;
        enum head_answer why = HEAD_OK;
        int r;

        for (;;) {
                r = message_begin(&x->request, MESSAGE_REQUEST, false,
                                  &x->worker->settings->message, &c->in, &why);
                if (r != MESSAGE_E_MORE)
                        break;
                r = stream_fill(&c->stream, &c->in);
                if (r == STREAM_E_AGAIN)
                        return STEP_WAIT;
                if (r != 0) {
                        c->gone = true;
                        x->next = CLIENT_RESET;
                        x->status = 499;
                        strcpy(x->reason, "client closed before its request head was whole");
                        return exchange_move(x, EXCHANGE_SETTLE);
                }
        }
        x->began_us = x->asked_us = clock_monotonic_us();
        if (r != 0)
                return head_refused(x, r, why);
        return exchange_move(x, EXCHANGE_ROUTE);
}

enum step exchange_route(struct exchange *x)
{
        const struct head *h = &x->request.head;
        struct verdict *v = &x->verdict;

        *v = (struct verdict){ .kind = VERDICT_REPLY };
        x->worker->program->decide(x, v);
        if (v->kind == VERDICT_REPLY)
                return exchange_refuse(x, v->status, "%.*s", REASON_MAX - 1, x->reason);
        if (h->framing == FRAMING_SIZED && h->content_length > (uint64_t)v->max_body_bytes)
                return exchange_refuse(x, 413, "request body is longer than %lld bytes",
                                       (long long)v->max_body_bytes);
        deadline_set(&x->client->deadline, exchange_deadline_ms(x));
        return exchange_move(x, EXCHANGE_DIAL);
}

static enum step dial_failed(struct exchange *x, enum dial_outcome outcome)
{
        if (x->attempt + 1 < EXCHANGE_MAX_ATTEMPTS && x->request.head.framing == FRAMING_NONE &&
            x->worker->program->judge_dial(x, outcome) == JUDGE_AGAIN) {
                x->attempt++;
                x->retried = false;
                return exchange_move(x, EXCHANGE_ROUTE);
        }
        return exchange_refuse(x, outcome == DIAL_E_TIMEOUT ? 504 : 502, "%s",
                               dial_explain(outcome));
}

static void on_dialled(struct dial *d, int fd, enum dial_outcome outcome)
{
        struct exchange *x = CONTAINER_OF(d, struct exchange, dial);

        exchange_set_dialling(x, false);
        if (outcome == DIAL_OK &&
            upstream_new(x->worker, d->origin, &d->source, fd, x, &x->upstream) < 0)
                outcome = DIAL_E_BROKEN;
        if (outcome != DIAL_OK)
                dial_failed(x, outcome);
        exchange_run(x);
}

static enum step dial_begin(struct exchange *x)
{
        const struct verdict *v = &x->verdict;
        struct worker *w = x->worker;
        int r;

        x->sent_us = 0;
        if (!x->retried)
                x->upstream = upstream_take(w, v->origin, &v->source, x);
        if (x->upstream)
                return exchange_move(x, EXCHANGE_SEND);
        if (!upstream_may_open(w))
                return exchange_refuse(x, 503, "too many connections to the %s",
                                       w->program->origin_noun);
        x->dial = (struct dial){ .origin = v->origin,
                                 .source = v->source,
                                 .transparent = v->transparent,
                                 .deadline_ms = exchange_deadline_ms(x),
                                 .on_done = on_dialled };
        r = w->dialler->start(w->dialler, &x->dial);
        if (r == -EAGAIN)
                return exchange_refuse(x, 503, "too many connections to the %s are being opened",
                                       w->program->origin_noun);
        if (r < 0)
                return dial_failed(x, DIAL_E_BROKEN);
        exchange_set_dialling(x, true);
        return STEP_WAIT;
}

enum step exchange_dial(struct exchange *x)
{
        struct upstream *u = x->upstream;
        char why[TLS_WHY_MAX];
        int r;

        if (x->dialling)
                return STEP_WAIT;
        if (!u)
                return dial_begin(x);
        r = stream_handshake(&u->stream);
        if (r == STREAM_E_AGAIN)
                return STEP_WAIT;
        if (r == STREAM_E_TLS)
                return exchange_refuse(x, 502, "%s: %.120s", x->worker->program->origin_noun,
                                       tls_explain(u->stream.ssl, why));
        if (r != 0)
                return exchange_refuse(x, 502, "%s closed during the TLS handshake",
                                       x->worker->program->origin_noun);
        u->connected = true;
        return exchange_move(x, EXCHANGE_SEND);
}

enum step exchange_upstream_lost(struct exchange *x, const char *what)
{
        if (may_send_again(x) && !x->retried) {
                exchange_drop_upstream(x, false);
                x->retried = x->was_retried = true;
                return exchange_move(x, EXCHANGE_DIAL);
        }
        return exchange_refuse(x, 502, "%s %s", x->worker->program->origin_noun, what);
}

static bool expects_content(struct slice method)
{
        return slice_is(method, "POST") || slice_is(method, "PUT") || slice_is(method, "PATCH");
}

static int request_put(struct exchange *x)
{
        const struct head *h = &x->request.head;
        struct buffer *out = &x->upstream->out;
        enum framing framing = h->framing;
        int r;

        r = x->worker->program->rewrite(x, out);
        if (r < 0)
                return r;
        /* RFC 9110 section 8.6: a method that has a meaning for content says that there is none */
        if (framing == FRAMING_NONE && expects_content(h->method))
                framing = FRAMING_SIZED;
        return framing_put(out, framing, h->content_length);
}

/* Invites the body (RFC 9110 section 10.1.1), unless it is on its way already. */
static void put_continue(struct exchange *x)
{
        struct client *c = x->client;

        if (!x->request.head.expects_continue || buffer_length(&c->in) > 0)
                return;
        x->request.head.expects_continue = false;
        if (buffer_put_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n") == 0)
                x->client_blocked = stream_drain(&c->stream, &c->out) == STREAM_E_AGAIN;
}

/* False: refused. */
static bool send_begin(struct exchange *x)
{
        int r = request_put(x);

        if (r == -ENOBUFS)
                exchange_refuse(x, 431, "request head is too long to be sent on");
        else if (r < 0)
                exchange_refuse(x, 502, "request cannot be written");
        if (r < 0)
                return false;
        if (!x->request.complete) {
                deadline_set(&x->client->deadline,
                             uv_now(x->worker->loop) + x->worker->settings->body_ms);
                put_continue(x);
        }
        x->sent_us = clock_monotonic_us();
        return true;
}

/* An answer, or the end, may come before the body is out: a vendor refuses early, and may have
 * closed its side already (`broken`). */
static enum step send_blocked(struct exchange *x, bool broken)
{
        struct upstream *u = x->upstream;
        int r = buffer_room(&u->in) > 0 ? stream_fill(&u->stream, &u->in) : 0;

        if (r == STREAM_E_AGAIN && !broken)
                return STEP_WAIT;
        if (r != 0)
                return exchange_upstream_lost(x, "closed while the request was sent");
        return exchange_move(x, EXCHANGE_ANSWER);
}

/* The credential leaves our memory with the request. An answer is not there yet: not even worth
 * a try, unless the TLS layer or the buffer holds something. */
static enum step send_finish(struct exchange *x)
{
        struct upstream *u = x->upstream;

        buffer_wipe(&u->out);
        x->sent_us = clock_monotonic_us();
        if (x->request.head.framing != FRAMING_NONE) {
                x->asked_us = x->sent_us;
                deadline_set(&x->client->deadline, exchange_deadline_ms(x));
        }
        exchange_move(x, EXCHANGE_ANSWER);
        return buffer_length(&u->in) > 0 || stream_has_more(&u->stream) ? STEP_NEXT : STEP_WAIT;
}

/* Body bytes from the client's buffer to the upstream's. 0, or the status to refuse with. */
static int send_pump(struct exchange *x)
{
        struct message *m = &x->request;

        if (message_pump(m, &x->client->in, &x->upstream->out, m->head.framing) != 0)
                return 400;
        return m->n_body_bytes > (uint64_t)x->verdict.max_body_bytes ? 413 : 0;
}

enum step exchange_send(struct exchange *x)
{
        struct client *c = x->client;
        struct upstream *u = x->upstream;
        int r;

        if (x->sent_us == 0 && !send_begin(x))
                return STEP_NEXT;
        for (;;) {
                r = x->request.complete ? 0 : send_pump(x);
                if (r == 413)
                        return exchange_refuse(x, 413, "request body is longer than %lld bytes",
                                               (long long)x->verdict.max_body_bytes);
                if (r != 0)
                        return exchange_refuse(x, 400, "malformed chunked body");
                r = stream_drain(&u->stream, &u->out);
                x->upstream_blocked = r == STREAM_E_AGAIN;
                if (r != 0)
                        return send_blocked(x, r != STREAM_E_AGAIN);
                if (x->request.complete)
                        return send_finish(x);
                if (buffer_length(&c->in) > 0)
                        continue;
                r = stream_fill(&c->stream, &c->in);
                if (r == STREAM_E_AGAIN)
                        return send_blocked(x, false);
                if (r == -ENOMEM)
                        return exchange_refuse(x, 503, "out of memory");
                if (r != 0)
                        c->gone = true;
                if (c->gone)
                        return STEP_NEXT;
        }
}
