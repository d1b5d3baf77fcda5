/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three promises, each judged by doing the same in another way:
 *
 * - the pieces in which the bytes arrive change nothing: neither the verdict nor the body;
 * - what is accepted has one meaning: written anew from its parts it is accepted again, and means the
 *   same;
 * - the parts are clean: no line end, no NUL, no blank around a value, no odd byte in a name;
 * - a second reader (message_model.h) reads the same out of what is accepted: fields, framing, body, and
 *   where the next message begins; and a plain message, in which nothing is to object to, is accepted.
 */
#include "tests/fuzz/message_judge.h"

#include "tests/fuzz/message_model.h"

#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX_BYTES ((size_t)8192)
#define MUST(condition)                                                       \
        do {                                                                  \
                if (!(condition)) {                                           \
                        fprintf(stderr, "property broken: %s\n", #condition); \
                        abort();                                              \
                }                                                             \
        } while (0)

static const struct message_limits limits = { .head_bytes = 4096, .target_bytes = 2048 };

struct reading {
        struct block_pool pool;
        struct message message;
        struct buffer in, body;
        enum message_kind kind;
        bool to_head;
        int head;   /* of message_begin() */
        int broken; /* of message_body() */
        enum head_answer why;
};

static void reading_init(struct reading *r, enum message_kind kind, bool to_head)
{
        *r = (struct reading){ .kind = kind, .to_head = to_head, .head = MESSAGE_E_MORE };
        block_pool_init(&r->pool, 8);
        message_init(&r->message, &r->pool);
        buffer_init(&r->in, &r->pool);
        buffer_init(&r->body, &r->pool);
}

static void reading_done(struct reading *r)
{
        message_done(&r->message);
        buffer_release(&r->in);
        buffer_release(&r->body);
        block_pool_done(&r->pool);
}

/* As far as the bytes that are there lead. */
static void reading_go(struct reading *r)
{
        if (r->head == MESSAGE_E_MORE)
                r->head = message_begin(&r->message, r->kind, r->to_head, &limits, &r->in, &r->why);
        while (r->head == 0 && !r->broken && !r->message.complete && buffer_length(&r->in) > 0)
                r->broken = message_body(&r->message, &r->in, &r->body, SIZE_MAX);
}

static void reading_feed(struct reading *r, struct slice input, size_t piece)
{
        while (input.length > 0) {
                size_t n = MIN(piece, input.length);

                MUST(buffer_put(&r->in, input.data, n) == 0);
                input = slice_from(input, n);
                reading_go(r);
        }
}

static bool is_token(struct slice s)
{
        for (size_t i = 0; i < s.length; i++) {
                unsigned char c = (unsigned char)s.data[i];

                if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
                        return false;
        }
        return s.length > 0;
}

static bool is_clean(struct slice s)
{
        for (size_t i = 0; i < s.length; i++) {
                unsigned char c = (unsigned char)s.data[i];

                if ((c < 0x20 && c != '\t') || c == 0x7f)
                        return false;
        }
        return true;
}

static void judge_parts(const struct head *h)
{
        MUST(h->n_headers <= HEAD_MAX_HEADERS);
        for (unsigned i = 0; i < h->n_headers; i++) {
                struct slice value = h->headers[i].value, trimmed = slice_trim(value);

                MUST(is_token(h->headers[i].name));
                MUST(is_clean(value));
                MUST(trimmed.length == value.length);
        }
        if (h->is_request) {
                MUST(is_token(h->method));
                MUST(is_clean(h->path) && !memchr(h->path.data, ' ', h->path.length));
                MUST(h->framing != FRAMING_UNTIL_CLOSE);
        } else {
                MUST(h->status >= 100 && h->status <= 599);
                MUST(is_clean(h->reason));
        }
}

static void start_line_put(const struct message *m, struct buffer *out)
{
        const struct head *h = &m->head;

        if (h->is_request)
                MUST(buffer_printf(out, "%.*s %.*s HTTP/1.%u\r\n", (int)h->method.length,
                                   h->method.data, (int)m->target.length, m->target.data,
                                   h->minor) == 0);
        else
                MUST(buffer_printf(out, "HTTP/1.%u %03u %.*s\r\n", h->minor, h->status,
                                   (int)h->reason.length, h->reason.data) == 0);
}

/* The head from its parts, and the body that was read, framed by ourselves. */
static void write_anew(const struct reading *from, struct buffer *out)
{
        const struct head *h = &from->message.head;

        start_line_put(&from->message, out);
        for (unsigned i = 0; i < h->n_headers; i++) {
                MUST(buffer_put_slice(out, h->headers[i].name) == 0);
                MUST(buffer_put_text(out, ": ") == 0);
                MUST(buffer_put_slice(out, h->headers[i].value) == 0);
                MUST(buffer_put_text(out, "\r\n") == 0);
        }
        MUST(buffer_put_text(out, "\r\n") == 0);
        MUST(held_put(out, buffer_slice(&from->body), from->message.complete, h->framing) == 0);
}

static void judge_same_head(const struct head *a, const struct head *b)
{
        MUST(a->minor == b->minor && a->framing == b->framing && a->keep_alive == b->keep_alive);
        MUST(a->n_headers == b->n_headers && a->status == b->status && a->form == b->form);
        MUST(a->framing != FRAMING_SIZED || a->content_length == b->content_length);
        MUST(a->expects_continue == b->expects_continue);
        MUST(slice_equal(a->method, b->method) && slice_equal(a->host, b->host));
        MUST(slice_equal(a->path, b->path) && slice_equal(a->query, b->query));
        for (unsigned i = 0; i < a->n_headers; i++) {
                MUST(slice_equal(a->headers[i].name, b->headers[i].name));
                MUST(slice_equal(a->headers[i].value, b->headers[i].value));
                MUST(a->headers[i].hop == b->headers[i].hop);
        }
}

static void judge_rewritten(struct reading *first)
{
        struct reading second;

        reading_init(&second, first->kind, first->to_head);
        write_anew(first, &second.in);
        reading_go(&second);
        /* a blank more behind a name may pass the limit of a head that was just below it */
        if (second.head != MESSAGE_E_TOO_LONG) {
                MUST(second.head == 0 && second.broken == 0);
                judge_same_head(&first->message.head, &second.message.head);
                MUST(slice_equal(buffer_slice(&first->body), buffer_slice(&second.body)));
                MUST(first->message.complete == second.message.complete);
        }
        reading_done(&second);
}

static void judge_pieces(const struct reading *whole, struct slice input, size_t piece)
{
        struct reading parts;

        reading_init(&parts, whole->kind, whole->to_head);
        reading_feed(&parts, input, piece);
        MUST(parts.head == whole->head && parts.why == whole->why);
        if (whole->head == 0) {
                judge_same_head(&whole->message.head, &parts.message.head);
                MUST(parts.broken == whole->broken);
                /* of a broken body, less may have been read before the break was seen */
                if (!whole->broken) {
                        MUST(parts.message.complete == whole->message.complete);
                        MUST(slice_equal(buffer_slice(&whole->body), buffer_slice(&parts.body)));
                }
        }
        reading_done(&parts);
}

static void judge_fields(const struct head *h, const struct model *m)
{
        MUST(h->n_headers == m->n_headers && h->framing == m->framing);
        MUST(h->framing != FRAMING_SIZED || h->content_length == m->content_length);
        for (unsigned i = 0; i < h->n_headers; i++) {
                MUST(slice_equal(h->headers[i].name, m->headers[i].name));
                MUST(slice_equal(h->headers[i].value, m->headers[i].value));
                MUST(h->headers[i].hop == m->headers[i].hop);
        }
        MUST(!m->says_close || !h->keep_alive);
}

static void judge_start(const struct message *message, const struct model *m)
{
        const struct head *h = &message->head;
        struct slice version = m->start[h->is_request ? 2 : 0];
        char status[12];

        MUST(h->minor == (unsigned)(version.data[7] - '0'));
        if (h->is_request) {
                MUST(slice_equal(h->method, m->start[0]));
                MUST(slice_equal(message->target, m->start[1]));
                return;
        }
        snprintf(status, sizeof(status), "%03u", h->status);
        MUST(slice_is(m->start[1], status));
}

static void judge_body(const struct reading *r, const struct model *m, struct slice input)
{
        struct model_body b = { .data = malloc(input.length + 1) };

        MUST(b.data);
        model_read_body(m, input, &b);
        MUST(r->message.complete == b.is_complete);
        MUST(slice_equal(buffer_slice(&r->body), (struct slice){ b.data, b.length }));
        if (b.is_complete) {
                MUST(b.is_strict);
                MUST(slice_equal(buffer_slice(&r->in),
                                 slice_from(input, m->skip + m->head_length + b.n_used)));
        }
        free(b.data);
}

static void judge_by_model(const struct reading *r, struct slice input)
{
        struct model m;

        model_read(&m, input, r->kind == MESSAGE_REQUEST, r->to_head);
        if (m.is_plain && m.head_length <= limits.head_bytes && m.start[1].length < 1024)
                MUST(r->head == 0);
        if (r->head != 0)
                return;
        MUST(m.head_length > 0 && m.is_strict);
        judge_start(&r->message, &m);
        judge_fields(&r->message.head, &m);
        if (!r->broken)
                judge_body(r, &m, input);
}

void message_judge(enum message_kind kind, bool to_head, struct slice input)
{
        struct reading whole;

        input.length = MIN(input.length, INPUT_MAX_BYTES);
        reading_init(&whole, kind, to_head);
        reading_feed(&whole, input, SIZE_MAX);
        if (whole.head == 0) {
                judge_parts(&whole.message.head);
                if (!whole.broken)
                        judge_rewritten(&whole);
        }
        judge_by_model(&whole, input);
        judge_pieces(&whole, input, 1);
        judge_pieces(&whole, input, 7);
        reading_done(&whole);
}
