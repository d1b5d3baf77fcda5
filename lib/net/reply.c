/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers made here: errors in the vendor's shape, and answers without a body. Every 429 and 503
 * has an integer Retry-After: vendors' SDKs read it without looking whether it is there.
 */
#include "lib/base/header_name.h"
#include "lib/net/exchange.h"

#define ERROR_BODY_MAX 1024

static const struct {
        unsigned status;
        const char *text;
} statuses[] = {
        { 204, "No Content" },
        { 400, "Bad Request" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 417, "Expectation Failed" },
        { 421, "Misdirected Request" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
};

const char *status_text(unsigned status)
{
        for (size_t i = 0; i < N_ELEMENTS(statuses); i++) {
                if (statuses[i].status == status)
                        return statuses[i].text;
        }
        return "";
}

/* The connection can go on only where the request was read to its end and understood. */
static enum client_next next_of(const struct exchange *x)
{
        const struct message *m = &x->request;

        if (x->state == EXCHANGE_HEAD || !m->parsed || !m->complete || m->bad_framing)
                return CLIENT_FINISH;
        return m->head.keep_alive ? CLIENT_KEEP : CLIENT_FINISH;
}

static int reply_head_put(struct exchange *x)
{
        struct buffer *out = &x->client->out;
        unsigned wait_s = x->verdict.retry_after_s ? x->verdict.retry_after_s : 1;
        int r;

        r = buffer_printf(out, "HTTP/1.1 %u %s\r\nX-Request-Id: %s\r\n", x->status,
                          status_text(x->status), x->id);
        if (r == 0 && (x->status == 429 || x->status == 503))
                r = buffer_printf(out, "Retry-After: %u\r\n", wait_s);
        if (r == 0 && x->status == 405 && x->verdict.allow)
                r = buffer_printf(out, "Allow: %s\r\n", x->verdict.allow);
        if (r == 0)
                r = x->worker->program->decorate(x, out);
        if (r == 0 && x->next != CLIENT_KEEP)
                r = buffer_put_text(out, "Connection: close\r\n");
        return r;
}

int reply_put(struct exchange *x)
{
        struct buffer *out = &x->client->out;
        bool decided = x->verdict.kind == VERDICT_REPLY && x->verdict.message[0];
        const char *message = decided ? x->verdict.message : x->reason;
        char body[ERROR_BODY_MAX];
        size_t n = 0;
        int r;

        x->next = next_of(x);
        r = reply_head_put(x);
        if (r != 0)
                return r;
        if (x->status < 300) {
                r = framing_put(out, x->status == 204 ? FRAMING_NONE : FRAMING_SIZED, 0);
                x->answered = r == 0;
                return r;
        }
        n = x->worker->program->error_body(x, x->status, message, body, sizeof(body));
        r = buffer_put_text(out, "Content-Type: application/json\r\n");
        if (r == 0)
                r = framing_put(out, FRAMING_SIZED, n);
        if (r == 0 && !(x->request.parsed && slice_is(x->request.head.method, "HEAD")))
                r = buffer_put(out, body, n);
        x->answered = r == 0;
        return r;
}

int headers_put(const struct head *h, struct buffer *out, header_drop_fn *drop, void *context)
{
        static const struct slice ours[] = { SLICE_LITERAL("Content-Length"), SLICE_LITERAL("Host"),
                                             SLICE_LITERAL("Expect") };
        int r = 0;

        for (unsigned i = 0; i < h->n_headers && r == 0; i++) {
                const struct header *header = &h->headers[i];

                if (header->hop || header_in(header->name, ours, N_ELEMENTS(ours)) ||
                    (drop && drop(context, header->name)))
                        continue;
                r = buffer_put_slice(out, header->name);
                if (r == 0)
                        r = buffer_put(out, ": ", 2);
                if (r == 0)
                        r = buffer_put_slice(out, header->value);
                if (r == 0)
                        r = buffer_put(out, "\r\n", 2);
        }
        return r;
}
