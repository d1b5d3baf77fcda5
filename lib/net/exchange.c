/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver. Events only record facts; exchange_run() calls the state's function until it says
 * wait or done, and is not entered again from within. The two watches are set in one place
 * afterwards, from what the exchange can take in at that moment, so that back-pressure is nothing
 * but a full buffer.
 */
#include "lib/net/exchange.h"

#include <stdarg.h>
#include <stdio.h>

#define EDGE(to) (1U << EXCHANGE_##to)

static const unsigned legal[N_EXCHANGE_STATES] = {
        [EXCHANGE_HEAD] = EDGE(ROUTE) | EDGE(STREAM) | EDGE(SETTLE),
        [EXCHANGE_ROUTE] = EDGE(DIAL) | EDGE(STREAM) | EDGE(SETTLE),
        [EXCHANGE_DIAL] = EDGE(SEND) | EDGE(DIAL) | EDGE(ROUTE) | EDGE(STREAM) | EDGE(SETTLE),
        [EXCHANGE_SEND] = EDGE(ANSWER) | EDGE(DIAL) | EDGE(STREAM) | EDGE(SETTLE),
        [EXCHANGE_ANSWER] = EDGE(STREAM) | EDGE(SEND) | EDGE(ROUTE) | EDGE(DIAL) | EDGE(SETTLE),
        [EXCHANGE_STREAM] = EDGE(STREAM) | EDGE(SETTLE),
};

enum step exchange_move(struct exchange *x, enum exchange_state to)
{
        assert(legal[x->state] & (1U << to));
        x->state = to;
        return STEP_NEXT;
}

static void exchange_name(struct exchange *x)
{
        static const char hex[] = "0123456789abcdef";
        struct worker *w = x->worker;
        uint64_t id = w->id_base + (w->n_requests++ * 0x9e3779b97f4a7c15U);

        for (unsigned i = 0; i < 16; i++)
                x->id[i] = hex[(id >> (60 - 4 * i)) & 15];
}

struct exchange *exchange_new(struct client *c)
{
        struct worker *w = c->worker;
        struct exchange *x;

        if (!list_is_empty(&w->exchanges_free)) {
                x = LIST_ENTRY(w->exchanges_free.next, struct exchange, free_link);
                list_remove(&x->free_link);
                w->n_exchanges_free--;
        } else {
                x = calloc(1, sizeof(*x));
                if (!x)
                        return NULL;
        }
        x->state = EXCHANGE_HEAD;
        x->client = c;
        x->worker = w;
        x->verdict = (struct verdict){ 0 };
        x->attempt = 0;
        x->retried = x->was_retried = x->running = x->dialling = false;
        x->upstream = NULL;
        x->upstream_blocked = x->client_blocked = false;
        x->answered = x->begun = x->own = x->holding = false;
        x->n_before = 0;
        x->n_interim = 0;
        x->next = CLIENT_FINISH;
        x->status = 0;
        x->reason[0] = 0;
        x->began_us = x->asked_us = x->upstream_us = x->sent_us = x->n_answer_bytes = 0;
        memset(x->program_state, 0, sizeof(x->program_state));
        message_init(&x->request, &w->blocks);
        message_init(&x->answer, &w->blocks);
        buffer_init(&x->held, &w->blocks);
        exchange_name(x);
        return x;
}

static void exchange_put_back(struct exchange *x)
{
        struct worker *w = x->worker;

        message_done(&x->request);
        message_done(&x->answer);
        buffer_release(&x->held);
        if (w->n_exchanges_free >= w->settings->n_kept) {
                free(x);
                return;
        }
        list_push_front(&w->exchanges_free, &x->free_link);
        w->n_exchanges_free++;
}

void exchange_free_all(struct worker *w)
{
        LIST_EACH (node, following, &w->exchanges_free)
                free(LIST_ENTRY(node, struct exchange, free_link));
        list_init(&w->exchanges_free);
        w->n_exchanges_free = 0;
}

uint64_t exchange_deadline_ms(const struct exchange *x)
{
        return x->asked_us / 1000 + x->verdict.deadline_ms;
}

void exchange_set_dialling(struct exchange *x, bool dialling)
{
        assert(x->dialling != dialling);
        x->dialling = dialling;
        x->worker->n_dials += dialling ? 1 : -1;
}

void exchange_drop_upstream(struct exchange *x, bool reusable)
{
        if (x->dialling) {
                x->worker->dialler->cancel(x->worker->dialler, &x->dial);
                exchange_set_dialling(x, false);
        }
        if (x->upstream) {
                upstream_release(x->upstream, reusable);
                x->upstream = NULL;
                x->upstream_blocked = false;
        }
}

enum step exchange_refuse(struct exchange *x, unsigned status, const char *format, ...)
{
        char reason[REASON_MAX]; /* x->reason may be among the arguments */
        va_list args;

        va_start(args, format);
        vsnprintf(reason, sizeof(reason), format, args);
        va_end(args);
        memcpy(x->reason, reason, sizeof(reason));
        exchange_drop_upstream(x, false);
        if (x->answered) {
                x->next = CLIENT_RESET;
                return exchange_move(x, EXCHANGE_SETTLE);
        }
        x->status = status;
        x->own = true;
        deadline_set(&x->client->deadline,
                     uv_now(x->worker->loop) + x->worker->settings->answer_ms);
        if (reply_put(x) != 0) {
                x->next = CLIENT_RESET;
                return exchange_move(x, EXCHANGE_SETTLE);
        }
        return exchange_move(x, EXCHANGE_STREAM);
}

/* The client went away: nobody waits for the answer any more. */
static enum step exchange_abandon(struct exchange *x)
{
        exchange_drop_upstream(x, false);
        x->status = 499;
        snprintf(x->reason, sizeof(x->reason), "client closed before its answer was complete");
        x->next = CLIENT_RESET;
        return exchange_move(x, EXCHANGE_SETTLE);
}

static enum step exchange_settle(struct exchange *x)
{
        struct client *c = x->client;
        enum client_next next = x->next;

        assert(!x->upstream && !x->dialling);
        x->worker->program->settle(x);
        exchange_put_back(x);
        client_settled(c, next);
        return STEP_DONE;
}

static enum step run_state(struct exchange *x)
{
        switch (x->state) {
        case EXCHANGE_HEAD:
                return exchange_head(x);
        case EXCHANGE_ROUTE:
                return exchange_route(x);
        case EXCHANGE_DIAL:
                return exchange_dial(x);
        case EXCHANGE_SEND:
                return exchange_send(x);
        case EXCHANGE_ANSWER:
                return exchange_answer(x);
        case EXCHANGE_STREAM:
                return exchange_stream(x);
        default:
                return exchange_settle(x);
        }
}

/* The watch is level-triggered: to watch for what is not taken in would spin. */
static bool takes_from_upstream(const struct exchange *x)
{
        if (x->state == EXCHANGE_STREAM && buffer_room(&x->client->out) <= ANSWER_ROOM_MIN_BYTES)
                return false;
        return buffer_room(&x->upstream->in) > 0;
}

static void exchange_watch(struct exchange *x)
{
        struct client *c = x->client;

        stream_watch(&c->stream, !c->gone && buffer_room(&c->in) > 0, x->client_blocked);
        if (x->upstream)
                stream_watch(&x->upstream->stream, takes_from_upstream(x),
                             x->state == EXCHANGE_SEND && x->upstream_blocked);
}

void exchange_run(struct exchange *x)
{
        enum step step;

        if (x->running)
                return;
        x->running = true;
        do {
                if (x->client->gone && x->state != EXCHANGE_HEAD && x->state != EXCHANGE_SETTLE)
                        step = exchange_abandon(x);
                else
                        step = run_state(x);
        } while (step == STEP_NEXT);
        if (step == STEP_DONE)
                return;
        x->running = false;
        exchange_watch(x);
}

void exchange_on_client(struct exchange *x)
{
        bool reads_itself =
                x->state == EXCHANGE_HEAD || (x->state == EXCHANGE_SEND && !x->request.complete &&
                                              !x->upstream_blocked);

        if (!reads_itself)
                client_sip(x->client);
        if (x->client_blocked && x->state != EXCHANGE_STREAM) /* the rest of a 100 Continue */
                x->client_blocked = stream_drain(&x->client->stream, &x->client->out) == STREAM_E_AGAIN;
        exchange_run(x);
}

void exchange_expire(struct exchange *x)
{
        switch (x->state) {
        case EXCHANGE_HEAD:
                exchange_refuse(x, 408, "request head came too slowly");
                break;
        case EXCHANGE_STREAM:
                exchange_drop_upstream(x, false);
                x->next = CLIENT_RESET;
                snprintf(x->reason, sizeof(x->reason), "%s %s",
                         x->client_blocked ? "client" : x->worker->program->origin_noun,
                         x->client_blocked ? "took the answer too slowly"
                                           : "sent its answer too slowly");
                exchange_move(x, EXCHANGE_SETTLE);
                break;
        case EXCHANGE_SEND:
                if (!x->request.complete && !x->upstream_blocked) {
                        exchange_refuse(x, 408, "request body came too slowly");
                        break;
                }
                __attribute__((fallthrough));
        default:
                if (x->dialling)
                        exchange_refuse(x, 504, "%s", dial_explain(DIAL_E_TIMEOUT));
                else
                        exchange_refuse(x, 504, "%s did not answer in time",
                                        x->worker->program->origin_noun);
        }
        exchange_run(x);
}
