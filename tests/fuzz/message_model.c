/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/message_model.h"

#include <stdio.h>

#define TOKEN_MARKS "!#$%&'*+-.^_`|~" /* RFC 9110 section 5.6.2, besides letters and digits */

static bool is_in(char c, const char *set)
{
        return c && strchr(set, c);
}

static bool is_alnum(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool all_are(struct slice s, const char *others)
{
        for (size_t i = 0; i < s.length; i++)
                if (!is_alnum(s.data[i]) && !is_in(s.data[i], others))
                        return false;
        return s.length > 0;
}

static bool is_field_text(struct slice s)
{
        for (size_t i = 0; i < s.length; i++) {
                unsigned char c = (unsigned char)s.data[i];

                if (c != '\t' && (c < ' ' || c == 0x7f))
                        return false;
        }
        return true;
}

/* Where `text` stands in `s`, or its length. */
static size_t place_of(struct slice s, const char *text)
{
        const char *at = s.length ? memmem(s.data, s.length, text, strlen(text)) : NULL;

        return at ? (size_t)(at - s.data) : s.length;
}

/* Cuts up to `separator`, or all of it, off *rest. */
static struct slice cut(struct slice *rest, const char *separator)
{
        size_t n = place_of(*rest, separator);
        struct slice part = { rest->data, n };

        *rest = n == rest->length ? slice_from(*rest, n) : slice_from(*rest, n + strlen(separator));
        return part;
}

static void start_read(struct model *m, struct slice line, bool is_request)
{
        m->start[0] = cut(&line, " ");
        m->start[1] = cut(&line, " ");
        m->start[2] = line;
        if (is_request) {
                m->is_strict = all_are(m->start[0], TOKEN_MARKS) && m->start[1].length > 0 &&
                               (slice_is(line, "HTTP/1.1") || slice_is(line, "HTTP/1.0"));
                m->is_plain = slice_is(line, "HTTP/1.1") && m->start[1].data[0] == '/' &&
                              all_are(m->start[1], "/?&=.-_~%;:,+") &&
                              (slice_is(m->start[0], "GET") || slice_is(m->start[0], "POST") ||
                               slice_is(m->start[0], "HEAD") || slice_is(m->start[0], "DELETE"));
                return;
        }
        m->is_strict = (slice_is(m->start[0], "HTTP/1.1") || slice_is(m->start[0], "HTTP/1.0")) &&
                       m->start[1].length == 3 && all_are(m->start[1], "") && is_field_text(line);
        m->is_plain = m->is_strict && slice_is(m->start[0], "HTTP/1.1") &&
                      is_in(m->start[1].data[0], "2345") &&
                      is_in(m->start[1].data[1], "0123456789") &&
                      is_in(m->start[1].data[2], "0123456789");
}

static void header_read(struct model *m, struct slice line)
{
        size_t n = place_of(line, ":");
        struct slice name = { line.data, n };

        if (n == line.length || !all_are(name, TOKEN_MARKS) || !is_field_text(line))
                m->is_strict = false;
        else if (m->n_headers < HEAD_MAX_HEADERS)
                m->headers[m->n_headers] =
                        (struct header){ .name = name,
                                         .value = slice_trim(slice_from(line, n + 1)) };
        /* llhttp takes no tab behind a length, though it may stand there (section 5.6.3) */
        m->is_plain = m->is_plain && !memchr(line.data, '\t', line.length);
        m->n_headers++;
}

static unsigned count_of(const struct model *m, const char *name, struct slice *ret_last)
{
        unsigned n = 0;

        for (unsigned i = 0; i < m->n_headers; i++)
                if (slice_is_nocase(m->headers[i].name, name)) {
                        *ret_last = m->headers[i].value;
                        n++;
                }
        return n;
}

/* "Keep_Alive" is "Keep-Alive" for some servers, and goes no further either. */
static bool is_name(struct slice name, const char *text)
{
        size_t n = strlen(text);

        for (size_t i = 0; i < n && name.length == n; i++)
                if ((name.data[i] == '_' ? '-' : name.data[i] | 0x20) != text[i])
                        return false;
        return name.length == n;
}

static void hops_read(struct model *m)
{
        static const char *const always[] = { "connection",
                                              "keep-alive",
                                              "proxy-connection",
                                              "te",
                                              "trailer",
                                              "transfer-encoding",
                                              "upgrade",
                                              "proxy-authenticate",
                                              "http2-settings",
                                              "proxy-authorization",
                                              "proxy-authentication-info" };

        for (unsigned i = 0; i < m->n_headers; i++)
                for (size_t k = 0; k < N_ELEMENTS(always); k++)
                        if (is_name(m->headers[i].name, always[k]))
                                m->headers[i].hop = true;
        for (unsigned i = 0; i < m->n_headers; i++) {
                struct slice rest = m->headers[i].value;

                if (!slice_is_nocase(m->headers[i].name, "connection"))
                        continue;
                while (rest.length > 0) {
                        struct slice option = slice_trim(cut(&rest, ","));

                        m->says_close = m->says_close || slice_is_nocase(option, "close");
                        for (unsigned k = 0; option.length && k < m->n_headers; k++)
                                if (slice_equal_nocase(m->headers[k].name, option))
                                        m->headers[k].hop = true;
                }
        }
}

/* Section 6.3, for a message whose fields do not contradict each other. */
static void framing_read(struct model *m, bool is_request, bool to_head)
{
        struct slice value = { NULL, 0 };
        char digits[20] = "";
        unsigned status;

        m->framing = is_request ? FRAMING_NONE : FRAMING_UNTIL_CLOSE;
        if (count_of(m, "content-length", &value) > 0) {
                snprintf(digits, sizeof(digits), "%.*s", (int)MIN(value.length, 18U), value.data);
                m->content_length = strtoull(digits, NULL, 10);
                m->framing = m->content_length ? FRAMING_SIZED : FRAMING_NONE;
                m->is_plain = m->is_plain && value.length > 0 && value.length < 6 &&
                              count_of(m, "content-length", &value) == 1 &&
                              strspn(digits, "0123456789") == value.length;
        }
        if (count_of(m, "transfer-encoding", &value) > 0) {
                m->framing = FRAMING_CHUNKED;
                m->is_plain = m->is_plain && slice_is(value, "chunked") &&
                              count_of(m, "transfer-encoding", &value) == 1 &&
                              count_of(m, "content-length", &value) == 0;
        }
        if (is_request || m->start[1].length != 3)
                return;
        status = (unsigned)strtoul(m->start[1].data, NULL, 10);
        if (to_head || status < 200 || status == 204 || status == 304)
                m->framing = FRAMING_NONE;
}

void model_read(struct model *m, struct slice input, bool is_request, bool to_head)
{
        struct slice host = { NULL, 0 }, rest;

        memset(m, 0, sizeof(*m));
        if (is_request && input.length >= 2 && memcmp(input.data, "\r\n", 2) == 0)
                m->skip = 2;
        rest = slice_from(input, m->skip);
        if (place_of(rest, "\r\n\r\n") == rest.length)
                return;
        rest.length = place_of(rest, "\r\n\r\n") + 2;
        m->head_length = rest.length + 2;
        start_read(m, cut(&rest, "\r\n"), is_request);
        while (rest.length > 0)
                header_read(m, cut(&rest, "\r\n"));
        if (m->n_headers > HEAD_MAX_HEADERS || !m->is_strict) {
                m->is_strict = m->is_plain = false;
                return;
        }
        hops_read(m);
        framing_read(m, is_request, to_head);
        if (is_request)
                m->is_plain = m->is_plain && count_of(m, "host", &host) == 1 &&
                              all_are(host, "-._") && count_of(m, "expect", &host) == 0;
}

static int digit_of(char c)
{
        const char *digits = "0123456789abcdef";

        return is_in((char)(c | 0x20), digits) && is_alnum(c)
                       ? (int)(strchr(digits, c | 0x20) - digits)
                       : -1;
}

static bool is_trailer(struct slice line)
{
        size_t n = place_of(line, ":");

        return n < line.length && is_field_text(line) &&
               all_are((struct slice){ line.data, n }, TOKEN_MARKS);
}

/* A chunk's size line with its line end; 0: not whole (section 7.1). */
static size_t size_line(struct model_body *b, struct slice s, uint64_t *ret_size)
{
        size_t end = place_of(s, "\r\n"), n = 0;

        *ret_size = 0;
        if (end == s.length)
                return 0;
        for (; n < end && digit_of(s.data[n]) >= 0; n++)
                *ret_size = *ret_size * 16 + (unsigned)digit_of(s.data[n]);
        if (n == 0 || (n < end && s.data[n] != ';') ||
            !is_field_text((struct slice){ s.data, end }))
                b->is_strict = false;
        return end + 2;
}

/* Trailers, up to an empty line. */
static void trailers_read(struct model_body *b, struct slice *s)
{
        size_t end;

        do {
                end = place_of(*s, "\r\n");
                if (end == s->length)
                        return;
                if (end > 0 && !is_trailer((struct slice){ s->data, end }))
                        b->is_strict = false;
                *s = slice_from(*s, end + 2);
        } while (end > 0);
        b->is_complete = true;
}

static void chunks_read(struct model_body *b, struct slice s)
{
        size_t n, n_all = s.length;
        uint64_t size;

        b->n_used = n_all;
        while ((n = size_line(b, s, &size)) > 0 && size > 0) {
                s = slice_from(s, n);
                n = (size_t)MIN(size, (uint64_t)s.length);
                memcpy(b->data + b->length, s.data, n);
                b->length += n;
                s = slice_from(s, n);
                if (s.length < 2)
                        return;
                b->is_strict = b->is_strict && memcmp(s.data, "\r\n", 2) == 0;
                s = slice_from(s, 2);
        }
        if (n == 0)
                return;
        s = slice_from(s, n);
        trailers_read(b, &s);
        if (b->is_complete)
                b->n_used = n_all - s.length;
}

void model_read_body(const struct model *m, struct slice input, struct model_body *b)
{
        struct slice s = slice_from(input, m->skip + m->head_length);

        b->length = b->n_used = 0;
        b->is_strict = true;
        b->is_complete = m->framing == FRAMING_NONE;
        if (m->framing == FRAMING_CHUNKED) {
                chunks_read(b, s);
                return;
        }
        if (m->framing == FRAMING_SIZED)
                b->length = (size_t)MIN(m->content_length, (uint64_t)s.length);
        else if (m->framing == FRAMING_UNTIL_CLOSE)
                b->length = s.length;
        memcpy(b->data, s.data, b->length);
        b->n_used = b->length;
        if (m->framing == FRAMING_SIZED)
                b->is_complete = b->length == m->content_length;
}
