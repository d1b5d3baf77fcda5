/* SPDX-License-Identifier: Apache-2.0 */
#include "workstation/gateway.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/net/exchange.h"
#include "lib/net/upstream.h"
#include "workstation/destination.h"

#include <stdio.h>

#define REQUEST_ID_MAX 64
#define ORIGIN_MAX_BYTES 512 /* of a browser's Origin that is repeated in an answer */
#define RETRY_AFTER_S 5

/* Of one exchange, in exchange->program_state. */
struct passage {
        const struct api *api; /* NULL: not for the router */
        struct slice path;
        unsigned turn; /* of the uplink, when the request was handed to it */
        char router_request[REQUEST_ID_MAX];
        size_t router_request_length;
};

static_assert(sizeof(struct passage) <= PROGRAM_STATE_BYTES, "a passage fits its exchange");

static const struct event EXCHANGE = { "exchange", LOG_LEVEL_INFO };
static const struct event EXCHANGE_FAILED = { "exchange", LOG_LEVEL_WARNING };

static struct gateway *gateway_of(const struct exchange *x)
{
        return x->worker->program_state;
}

static struct passage *passage_of(struct exchange *x)
{
        return (struct passage *)x->program_state;
}

static void reply(struct exchange *x, struct verdict *v, unsigned status, const char *reason)
{
        v->kind = VERDICT_REPLY;
        v->status = status;
        v->allow = destination_methods;
        v->retry_after_s = RETRY_AFTER_S;
        snprintf(x->reason, sizeof(x->reason), "%s", reason);
}

/* As many names as fit, whole ones. */
static void names_put(const struct provider *apis, char *text, size_t size)
{
        size_t used = (size_t)snprintf(text, size, "path does not begin with the name of an API:");

        for (size_t i = 0; i < apis->n_apis; i++) {
                const char *name = apis->apis[i].name;

                if (used + strlen(name) + sizeof(", ...") >= size) {
                        snprintf(text + used, size - used, " ...");
                        return;
                }
                used += (size_t)snprintf(text + used, size - used, "%s %s", i ? "," : "", name);
        }
}

static void forward(struct exchange *x, struct verdict *v, const struct destination *to)
{
        struct passage *p = passage_of(x);
        struct gateway *g = gateway_of(x);

        p->api = to->api;
        p->path = to->path;
        p->turn = g->uplink->turn;
        if (g->uplink->n_addresses == 0) {
                reply(x, v, 503, "the router's name does not resolve");
                return;
        }
        v->kind = VERDICT_FORWARD;
        v->origin = &g->uplink->origin;
        v->source = g->config->source;
        v->deadline_ms = g->config->deadline_ms;
        v->max_body_bytes = g->config->max_body_bytes;
}

static void gateway_decide(struct exchange *x, struct verdict *v)
{
        const struct provider *apis = &gateway_of(x)->config->apis;
        struct destination to;

        destination_find(apis, &x->request.head, &to);
        if (to.kind == DESTINATION_API)
                forward(x, v, &to);
        else
                reply(x, v, to.kind == DESTINATION_HERE ? 204 : to.status, to.reason);
        if (to.names_help)
                names_put(apis, v->message, sizeof(v->message));
}

static int gateway_rewrite(struct exchange *x, struct buffer *out)
{
        const struct head *h = &x->request.head;
        const struct passage *p = passage_of(x);
        int r;

        r = buffer_printf(out, "%.*s %.*s%s%.*s HTTP/1.1\r\nHost: %s\r\n", (int)h->method.length,
                          h->method.data, (int)p->path.length, p->path.data,
                          h->query.data ? "?" : "", (int)h->query.length,
                          h->query.data ? h->query.data : "", p->api->host);
        return r < 0 ? r : headers_put(h, out, NULL, NULL);
}

static enum judgement gateway_judge(struct exchange *x, struct slice body, bool shown)
{
        return JUDGE_PASS;
}

static enum judgement gateway_judge_dial(struct exchange *x, enum dial_outcome outcome)
{
        bool another = false;

        if (x->attempt > 0)
                return JUDGE_PASS;
        if (outcome == DIAL_E_REFUSED || outcome == DIAL_E_TIMEOUT)
                another = uplink_avoid(gateway_of(x)->uplink, passage_of(x)->turn);
        return another && outcome == DIAL_E_REFUSED ? JUDGE_AGAIN : JUDGE_PASS;
}

/* The engine gives each answer an id of its own; the router's goes to the event. */
static bool is_request_id(void *context, struct slice name)
{
        return slice_is_nocase(name, "X-Request-Id");
}

static int gateway_answer(struct exchange *x, struct buffer *out)
{
        struct slice id = head_header(&x->answer.head, "X-Request-Id");
        struct passage *p = passage_of(x);

        p->router_request_length = MIN(id.length, sizeof(p->router_request));
        if (id.data)
                memcpy(p->router_request, id.data, p->router_request_length);
        return headers_put(&x->answer.head, out, is_request_id, NULL);
}

/*
 * A page must be able to read that the router cannot be reached. That tells it nothing that is
 * worth hiding; whether the page may read a vendor's answer is the router's decision.
 */
static int gateway_decorate(struct exchange *x, struct buffer *out)
{
        struct slice origin = { NULL, 0 };

        if (x->request.parsed && x->status >= 502 && x->status <= 504)
                origin = head_header(&x->request.head, "Origin");
        if (origin.length == 0 || origin.length > ORIGIN_MAX_BYTES)
                return 0;
        return buffer_printf(out, "Access-Control-Allow-Origin: %.*s\r\nVary: Origin\r\n",
                             (int)origin.length, origin.data);
}

static size_t gateway_error_body(struct exchange *x, unsigned status, const char *message,
                                 char *out, size_t size)
{
        return provider_error_body(error_shape_default, status, message, out, size);
}

static struct slice router_request_of(const struct passage *p)
{
        size_t n = p->router_request_length;

        return (struct slice){ n ? p->router_request : NULL, n };
}

static void exchange_tell(struct exchange *x)
{
        static const struct slice none = { NULL, 0 };
        const struct passage *p = passage_of(x);
        bool failed = x->own && x->status >= 500;
        uint64_t took_us = x->began_us ? clock_monotonic_us() - x->began_us : 0;
        char client[ADDR_TEXT_MAX];

        log_event(failed ? &EXCHANGE_FAILED : &EXCHANGE, TEXT("request", x->id),
                  SLICE("router_request", router_request_of(p)),
                  TEXT("client", addr_format(&x->client->peer, client)),
                  TEXT("api", p->api ? p->api->name : NULL),
                  SLICE("method", x->request.parsed ? x->request.head.method : none),
                  NUMBER("status", x->status),
                  TEXT("reason", x->reason[0] ? x->reason : "router answered"),
                  NUMBER("duration_ms", took_us / 1000),
                  NUMBER("upstream_ms", x->upstream_us / 1000),
                  NUMBER("answer_bytes", x->n_answer_bytes));
}

/*
 * A router that lost its power leaves connections that look alive; after the first that did not
 * answer, none of the others is worth a request of its own.
 */
static void gateway_settle(struct exchange *x)
{
        struct gateway *g = gateway_of(x);

        g->n_requests++;
        exchange_tell(x);
        if (x->own && x->status == 504)
                upstream_pool_clear(x->worker->pool);
        g->on_settled(g);
}

const struct program gateway_program = {
        .origin_noun = "router",
        .decide = gateway_decide,
        .rewrite = gateway_rewrite,
        .judge = gateway_judge,
        .judge_dial = gateway_judge_dial,
        .answer = gateway_answer,
        .decorate = gateway_decorate,
        .error_body = gateway_error_body,
        .settle = gateway_settle,
};
