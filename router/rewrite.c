/* SPDX-License-Identifier: Apache-2.0 */
#include "router/rewrite.h"

#include "lib/base/secret.h"
#include "lib/base/text.h"
#include "router/cors.h"

#include <errno.h>

const struct placement *call_placement(const struct call *call)
{
        const struct vault *vault = call->snapshot->vault;

        return call->route.kind == ROUTE_KEY ? vault_key(vault, call->route.key)
                                             : vault_backend(vault, call->route.backend);
}

const struct redaction *rewrite_redaction(struct exchange *x)
{
        const struct call *call = call_of(x);
        const struct vault *vault = call->snapshot->vault;

        return call->route.kind == ROUTE_KEY ? vault_key_redaction(vault, call->route.key)
                                             : vault_backend_redaction(vault, call->route.backend);
}

/* "?" and what is left of the caller's query, then the credential's part. */
static int put_query(struct exchange *x, struct buffer *out)
{
        const struct call *call = call_of(x);
        const struct placement *placement = call_placement(call);
        struct slice query = x->request.head.query;
        unsigned n_stripped;
        size_t room, n = 0;
        char *tail;
        int r;

        if (query.length > 0) {
                r = buffer_put(out, "?", 1);
                if (r != 0)
                        return r;
                tail = buffer_tail(out, &room);
                if (!tail || room < query.length)
                        return -ENOBUFS;
                n = query_strip(call->provider, query, tail, &n_stripped);
                buffer_grew(out, n);
                if (n == 0)
                        out->end--; /* nothing left: no '?' either */
        }
        if (!placement->query)
                return 0;
        r = buffer_put(out, n == 0 ? "?" : "&", 1);
        return r ? r : buffer_put_slice(out, secret_reveal(placement->query));
}

static int put_host(const struct call *call, struct buffer *out)
{
        char port[1 + DECIMAL_MAX + 2 + 1];
        struct text t = text_begin(port, sizeof(port));
        int r;

        if (call->provider->port != 443) {
                text_put_string(&t, ":");
                text_put_number(&t, (uint64_t)call->provider->port);
        }
        text_put_string(&t, "\r\n");
        r = buffer_put_text(out, "Host: ");
        if (r == 0)
                r = buffer_put_text(out, call->api->host);
        return r ? r : buffer_put_text(out, text_end(&t));
}

static bool drop_request_header(void *context, struct slice name)
{
        const struct call *call = context;
        const struct class_rules *rules = &call->provider->classes[call->route.class];

        if (call->wants_body && slice_is_nocase(name, "Accept-Encoding"))
                return true;
        for (size_t i = 0; i < rules->n_headers; i++) {
                if (slice_is_nocase(name, rules->headers[i].name))
                        return true; /* the provider's own value goes out instead */
        }
        return header_is_stripped(call->provider, call->route.class, name);
}

/* The desk's public address, where the vendor answers by place (smarty: prefer_geolocation). An
 * address that means nothing outside the site is not told. */
static int put_forwarded_for(struct exchange *x, struct buffer *out)
{
        const struct call *call = call_of(x);
        struct addr router = { 0 }, source, seen;
        char text[ADDR_TEXT_MAX];

        if (!call->provider->classes[call->route.class].forwarded_for || !call->group)
                return 0;
        egress_of(call->group, &x->client->peer, &router, &source, &seen);
        if (addr_is_unspecified(&seen) || addr_is_private(&seen))
                return 0;
        return buffer_printf(out, "X-Forwarded-For: %s\r\n", addr_format(&seen, text));
}

int rewrite_request(struct exchange *x, struct buffer *out)
{
        struct call *call = call_of(x);
        const struct placement *placement = call_placement(call);
        int r;

        r = buffer_put_slice(out, x->request.head.method);
        if (r == 0)
                r = buffer_put(out, " ", 1);
        if (r == 0)
                r = buffer_put_slice(out, call->path);
        if (r == 0)
                r = put_query(x, out);
        if (r == 0)
                r = buffer_put_text(out, " HTTP/1.1\r\n");
        if (r == 0)
                r = put_host(call, out);
        if (r == 0)
                r = headers_put(&x->request.head, out, drop_request_header, call);
        if (r == 0 && call->wants_body)
                r = buffer_put_text(out, "Accept-Encoding: identity\r\n");
        if (r == 0)
                r = put_forwarded_for(x, out);
        if (r == 0 && placement->headers)
                r = buffer_put_slice(out, secret_reveal(placement->headers));
        return r;
}

static bool drop_answer_header(void *context, struct slice name)
{
        if (slice_starts_nocase(name, SLICE_LITERAL("Access-Control-")))
                return true; /* made here, for the origin that we took out */
        if (slice_is_nocase(name, "X-Request-Id"))
                return true; /* ours is the one in the log */
        if (slice_is_nocase(name, "Retry-After"))
                return true; /* put_retry_after() */
        return slice_is_nocase(name, "Location") || slice_is_nocase(name, "Content-Location");
}

/* A vendor that redirects may repeat our query: the credential's parameters are taken out. */
static int put_location(struct exchange *x, struct buffer *out, const char *name)
{
        struct slice value = head_header(&x->answer.head, name);
        const char *mark;
        unsigned n_stripped;
        size_t room;
        char *tail;
        int r;

        if (!value.data)
                return 0;
        mark = value.length ? memchr(value.data, '?', value.length) : NULL;
        r = buffer_printf(out, "%s: ", name);
        if (r == 0)
                r = buffer_put(out, value.data,
                               mark ? (size_t)(mark + 1 - value.data) : value.length);
        if (r == 0 && mark) {
                struct slice query = slice_from(value, (size_t)(mark + 1 - value.data));

                tail = buffer_tail(out, &room);
                if (!tail || room < query.length)
                        return -ENOBUFS;
                buffer_grew(out, query_strip(call_of(x)->provider, query, tail, &n_stripped));
        }
        return r ? r : buffer_put(out, "\r\n", 2);
}

/* Vendors' SDKs read Retry-After of a 429 without looking whether it is there and a whole
 * number: the Python SDK fails with KeyError, the Java SDK on a date (vendor's SDKs, retry
 * code). */
static int put_retry_after(struct exchange *x, struct buffer *out)
{
        struct slice value = head_header(&x->answer.head, "Retry-After");
        unsigned status = x->answer.head.status;
        bool is_number = value.length > 0 && value.length <= 9;

        for (size_t i = 0; i < value.length; i++)
                is_number = is_number && value.data[i] >= '0' && value.data[i] <= '9';
        if (!is_number && (status == 429 || status == 503))
                value = SLICE_LITERAL("1");
        else if (!value.data)
                return 0;
        return buffer_printf(out, "Retry-After: %.*s\r\n", (int)value.length, value.data);
}

int rewrite_answer(struct exchange *x, struct buffer *out)
{
        int r;

        r = headers_put(&x->answer.head, out, drop_answer_header, NULL);
        if (r == 0)
                r = put_retry_after(x, out);
        if (r == 0)
                r = put_location(x, out, "Location");
        if (r == 0)
                r = put_location(x, out, "Content-Location");
        return r ? r : cors_put(call_of(x), out);
}
