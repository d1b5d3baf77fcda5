/* SPDX-License-Identifier: Apache-2.0 */
/*
 * llhttp runs over the head in one call (it is whole and contiguous, so that each field is one
 * span) and later over pieces of the body. It calls back with body data; the bytes between two
 * pieces of data are framing (chunk sizes, extensions, trailers), and framing_scan() checks them
 * for what llhttp lets pass: line ends that are not CR LF, controls, and framing without end.
 *
 * A body that is redacted lags behind: its end, as far as a trace could begin with it, is held back
 * until the next piece shows what it is.
 */
#include "lib/net/message.h"

#include "lib/base/text.h"

#include <errno.h>
#include <stdio.h>

#define FRAMING_MAX_BYTES 4096 /* in a row, without data: an extension or the trailers */
#define CHUNK_ROOM 8           /* "ffff\r\n" before and "\r\n" behind */
#define LAST_CHUNK "0\r\n\r\n"

static struct message *message_of(llhttp_t *parser)
{
        return CONTAINER_OF(parser, struct message, parser);
}

static int on_target(llhttp_t *parser, const char *at, size_t length)
{
        struct message *m = message_of(parser);

        m->target = m->target.data ? (struct slice){ m->target.data, m->target.length + length }
                                   : (struct slice){ at, length };
        return 0;
}

static int on_method(llhttp_t *parser, const char *at, size_t length)
{
        message_of(parser)->head.method = (struct slice){ at, length };
        return 0;
}

static int on_reason(llhttp_t *parser, const char *at, size_t length)
{
        message_of(parser)->head.reason = (struct slice){ at, length };
        return 0;
}

static int on_name(llhttp_t *parser, const char *at, size_t length)
{
        struct message *m = message_of(parser);

        if (m->parsed)
                return 0; /* a trailer: not kept, RFC 9110 section 6.5.1 */
        if (m->head.n_headers == HEAD_MAX_HEADERS)
                return HPE_USER;
        m->head.headers[m->head.n_headers++] = (struct header){ .name = { at, length } };
        m->value_open = false;
        return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t length)
{
        struct message *m = message_of(parser);
        struct slice *value;

        if (m->parsed)
                return 0;
        if (m->head.n_headers == 0)
                return HPE_USER;
        value = &m->head.headers[m->head.n_headers - 1].value;
        *value = m->value_open ? (struct slice){ value->data, value->length + length }
                               : (struct slice){ at, length };
        m->value_open = true;
        return 0;
}

static int on_head_complete(llhttp_t *parser)
{
        struct message *m = message_of(parser);

        m->parsed = true;
        parser->upgrade = 0; /* never: Upgrade is hop-by-hop and is not sent on */
        if (parser->type == HTTP_RESPONSE &&
            (m->to_head || parser->status_code < 200 || parser->status_code == 204 ||
             parser->status_code == 304))
                return 1;
        return 0;
}

/* `c` stands in a size, an extension, a trailer or a line end; `before` is the byte before it. */
static bool is_bad_framing(char before, unsigned char c)
{
        if ((c == '\n') != (before == '\r'))
                return true;
        if (before == '\n' && (c == ' ' || c == '\t'))
                return true; /* a folded trailer */
        if (before == '\n' && c == ':')
                return true; /* a trailer without a name */
        return c >= 0x7f || (c < 0x20 && c != '\t' && c != '\r' && c != '\n');
}

static void framing_scan(struct message *m, const char *end)
{
        for (const char *p = m->scanned; p < end; p++) {
                if (is_bad_framing(m->last_framing, (unsigned char)*p) ||
                    ++m->n_framing > FRAMING_MAX_BYTES)
                        m->bad_framing = true;
                m->last_framing = *p;
        }
        m->scanned = end;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
        struct message *m = message_of(parser);

        if (m->head.framing == FRAMING_CHUNKED) {
                framing_scan(m, at);
                m->scanned = at + length;
                m->n_framing = 0;
                m->last_framing = 0;
        }
        m->n_body_bytes += length;
        return buffer_put(m->sink, at, length) == 0 ? 0 : HPE_USER;
}

static int on_complete(llhttp_t *parser)
{
        message_of(parser)->complete = true;
        return HPE_PAUSED; /* what follows is the next message */
}

static const llhttp_settings_t callbacks = {
        .on_url = on_target,
        .on_method = on_method,
        .on_status = on_reason,
        .on_header_field = on_name,
        .on_header_value = on_value,
        .on_headers_complete = on_head_complete,
        .on_body = on_body,
        .on_message_complete = on_complete,
};

static void message_clear(struct message *m)
{
        struct head *h = &m->head;

        h->is_request = true;
        h->minor = h->status = h->n_headers = 0;
        h->framing = FRAMING_NONE;
        h->content_length = 0;
        h->keep_alive = h->expects_continue = false;
        h->form = TARGET_ORIGIN;
        h->host = h->path = h->method = h->reason = SLICE_LITERAL("");
        h->query = m->target = (struct slice){ NULL, 0 };
        m->text = NULL;
        m->parsed = m->complete = false;
        m->n_body_bytes = 0;
        m->n_redacted = 0;
        explicit_bzero(m->open_end, m->n_open_end);
        m->n_open_end = 0;
        m->n_framing = 0;
        m->last_framing = 0;
        m->bad_framing = m->value_open = false;
}

void message_init(struct message *m, struct block_pool *pool)
{
        m->pool = pool;
        m->redaction = NULL;
        m->n_open_end = 0;
        message_clear(m);
}

void message_done(struct message *m)
{
        if (m->text)
                block_put(m->pool, m->text);
        message_clear(m);
}

static void message_reset(struct message *m, enum message_kind kind, bool to_head)
{
        message_done(m);
        m->head.is_request = kind == MESSAGE_REQUEST;
        m->to_head = to_head;
        llhttp_init(&m->parser, kind == MESSAGE_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &callbacks);
}

/* llhttp's error for what its strict mode refuses and head_check() does not know. */
static enum head_answer answer_of_llhttp(llhttp_errno_t e, const struct head *h)
{
        switch (e) {
        case HPE_INVALID_METHOD:
                return HEAD_E_METHOD;
        case HPE_INVALID_VERSION:
                return HEAD_E_VERSION;
        case HPE_INVALID_URL:
                return HEAD_E_TARGET;
        case HPE_INVALID_CONTENT_LENGTH:
                return HEAD_E_LENGTH;
        case HPE_UNEXPECTED_CONTENT_LENGTH:
                return head_header(h, "Transfer-Encoding").data ? HEAD_E_CODING_PLACE
                                                                : HEAD_E_LENGTH;
        case HPE_INVALID_TRANSFER_ENCODING:
                return HEAD_E_CODING;
        case HPE_INVALID_STATUS:
                return HEAD_E_STATUS;
        default:
                return HEAD_E_SYNTAX;
        }
}

/*
 * Do the parser, which will decode the body, and the fields as they were read here mean the same
 * body? Of "Transfer-Encoding: chunked" with a tab behind it llhttp makes another coding, and of an
 * answer with such a body that goes on until the connection closes.
 */
static bool is_agreed(const struct message *m)
{
        if (m->complete || m->head.framing == FRAMING_NONE)
                return m->complete && m->head.framing == FRAMING_NONE;
        if (m->head.framing == FRAMING_SIZED && m->parser.content_length != m->head.content_length)
                return false;
        return (m->head.framing == FRAMING_CHUNKED) == ((m->parser.flags & F_CHUNKED) != 0);
}

static enum head_answer head_parse(struct message *m, struct slice text)
{
        llhttp_errno_t e = llhttp_execute(&m->parser, text.data, text.length);
        enum head_answer a;

        if (e != HPE_OK && !(e == HPE_PAUSED && m->complete))
                return answer_of_llhttp(e, &m->head);
        if (!m->parsed)
                return HEAD_E_SYNTAX;
        m->head.minor = m->parser.http_minor;
        m->head.status = m->parser.status_code;
        a = head_interpret(&m->head, m->target, m->to_head);
        if (a)
                return a;
        return is_agreed(m) ? HEAD_OK : HEAD_E_SYNTAX;
}

static int head_find(enum message_kind kind, const struct message_limits *limits,
                     struct slice input, size_t *ret_skip, size_t *ret_length)
{
        const char *line_end;

        *ret_length = head_length(input, kind == MESSAGE_REQUEST, ret_skip);
        input = slice_from(input, *ret_skip);
        line_end = memchr(input.data, '\n', input.length);
        if (kind == MESSAGE_REQUEST &&
            (line_end ? (size_t)(line_end - input.data) : input.length) > limits->target_bytes + 32)
                return MESSAGE_E_TARGET_TOO_LONG;
        if (*ret_length > limits->head_bytes ||
            (*ret_length == 0 && input.length >= limits->head_bytes))
                return MESSAGE_E_TOO_LONG;
        return *ret_length == 0 ? MESSAGE_E_MORE : 0;
}

int message_begin(struct message *m, enum message_kind kind, bool to_head,
                  const struct message_limits *limits, struct buffer *in, enum head_answer *ret_why)
{
        size_t skip, length;
        int r;

        r = head_find(kind, limits, buffer_slice(in), &skip, &length);
        if (r)
                return r;
        message_reset(m, kind, to_head);
        m->text = block_get(m->pool);
        if (!m->text)
                return -ENOMEM;
        memcpy(m->text, buffer_slice(in).data + skip, length);
        buffer_consume(in, skip + length);
        *ret_why = head_check((struct slice){ m->text, length }, kind == MESSAGE_REQUEST);
        if (*ret_why == HEAD_OK)
                *ret_why = head_parse(m, (struct slice){ m->text, length });
        if (*ret_why == HEAD_OK && m->redaction)
                m->n_redacted += redact(m->redaction, m->text, length);
        return *ret_why == HEAD_OK ? 0 : MESSAGE_E_HEAD;
}

/* What is new in `out` behind its first `before` bytes, which begins with the end held back
 * before. */
static void body_redact(struct message *m, struct buffer *out, size_t before)
{
        struct slice fresh = slice_from(buffer_slice(out), before);

        m->n_redacted += redact(m->redaction, (char *)fresh.data, fresh.length);
        if (m->complete)
                return;
        m->n_open_end = redact_open_end(m->redaction, fresh.data, fresh.length);
        out->end -= m->n_open_end;
        memcpy(m->open_end, out->data + out->end, m->n_open_end);
}

int message_body(struct message *m, struct buffer *in, struct buffer *out, size_t max)
{
        struct slice input = buffer_slice(in);
        size_t before = buffer_length(out), used;
        llhttp_errno_t e;

        if (m->complete || input.length == 0 || buffer_room(out) <= m->n_open_end)
                return 0;
        if (buffer_put_slice(out, message_rest(m)) != 0)
                return MESSAGE_E_BODY;
        input.length = MIN(MIN(input.length, max), buffer_room(out));
        m->sink = out;
        m->scanned = input.data;
        e = llhttp_execute(&m->parser, input.data, input.length);
        if (e != HPE_OK && !(e == HPE_PAUSED && m->complete))
                return MESSAGE_E_BODY;
        used = e == HPE_OK ? input.length : (size_t)(llhttp_get_error_pos(&m->parser) - input.data);
        if (m->head.framing == FRAMING_CHUNKED)
                framing_scan(m, input.data + used);
        buffer_consume(in, used);
        if (m->redaction && buffer_length(out) > before)
                body_redact(m, out, before);
        return m->bad_framing ? MESSAGE_E_BODY : 0;
}

bool message_end(struct message *m)
{
        if (m->head.framing == FRAMING_UNTIL_CLOSE)
                m->complete = true;
        return m->complete;
}

struct slice message_rest(struct message *m)
{
        struct slice rest = { m->open_end, m->n_open_end };

        m->n_open_end = 0;
        return rest;
}

static int length_put(struct buffer *out, uint64_t content_length)
{
        char memory[DECIMAL_MAX + 24];
        struct text t = text_begin(memory, sizeof(memory));

        text_put_string(&t, "Content-Length: ");
        text_put_number(&t, content_length);
        text_put_string(&t, "\r\n\r\n");
        return buffer_put(out, memory, (size_t)(t.at - memory));
}

int framing_put(struct buffer *out, enum framing framing, uint64_t content_length)
{
        if (framing == FRAMING_SIZED)
                return length_put(out, content_length);
        if (framing == FRAMING_CHUNKED)
                return buffer_put_text(out, "Transfer-Encoding: chunked\r\n\r\n");
        return buffer_put_text(out, "\r\n");
}

/* Fills in the size of a chunk whose data was put behind a gap of six bytes at `gap` bytes after
 * the buffer's start; without data the gap is taken back. */
static int chunk_close(struct buffer *out, size_t gap)
{
        size_t n = buffer_length(out) - gap - 6;
        char size[24];

        if (n == 0) {
                out->end -= 6;
                return 0;
        }
        snprintf(size, sizeof(size), "%04zx\r\n", n);
        memcpy(out->data + out->start + gap, size, 6);
        return buffer_put(out, "\r\n", 2);
}

static int last_chunk_put(struct buffer *out, bool complete, enum framing framing)
{
        if (!complete || framing != FRAMING_CHUNKED)
                return 0;
        return buffer_put_text(out, LAST_CHUNK);
}

/*
 * A decoded piece is never longer than its input: with the input capped at the room less the
 * chunk's own bytes everything fits.
 */
static int pump_chunk(struct message *m, struct buffer *in, struct buffer *out)
{
        size_t gap = buffer_length(out), room = buffer_room(out);
        int r;

        if (room < 64 + m->n_open_end)
                return 0;
        room -= m->n_open_end;
        if (buffer_put(out, "0000\r\n", 6) != 0)
                return MESSAGE_E_BODY;
        r = message_body(m, in, out, room - CHUNK_ROOM - sizeof(LAST_CHUNK));
        if (r == 0)
                r = chunk_close(out, gap) == 0 ? 0 : MESSAGE_E_BODY;
        return r;
}

int message_pump(struct message *m, struct buffer *in, struct buffer *out, enum framing framing)
{
        bool was_complete = m->complete;
        int r;

        if (was_complete || buffer_length(in) == 0)
                return 0;
        r = framing == FRAMING_CHUNKED ? pump_chunk(m, in, out)
                                       : message_body(m, in, out, SIZE_MAX);
        if (r != 0)
                return r;
        return last_chunk_put(out, m->complete, framing) == 0 ? 0 : MESSAGE_E_BODY;
}

int held_put(struct buffer *out, struct slice held, bool complete, enum framing framing)
{
        size_t gap = buffer_length(out);
        int r = 0;

        if (held.length && framing == FRAMING_CHUNKED)
                r = buffer_put(out, "0000\r\n", 6);
        if (r == 0)
                r = buffer_put_slice(out, held);
        if (r == 0 && held.length && framing == FRAMING_CHUNKED)
                r = chunk_close(out, gap);
        return r ? r : last_chunk_put(out, complete, framing);
}
