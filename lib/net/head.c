/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net/head.h"

#include "lib/base/cleanup.h"
#include "lib/base/header_name.h"

static const struct {
        unsigned status;
        const char *sentence;
} answers[] = {
        { 200, "" },
#define X(name, status, sentence) { status, sentence },
        HEAD_ANSWERS(X)
#undef X
};

unsigned head_answer_status(enum head_answer a)
{
        return answers[a].status;
}

const char *head_answer_explain(enum head_answer a)
{
        return answers[a].sentence;
}

struct slice head_header(const struct head *h, const char *name)
{
        struct slice wanted = slice_of(name);

        for (unsigned i = 0; i < h->n_headers; i++) {
                if (slice_equal_nocase(h->headers[i].name, wanted))
                        return h->headers[i].value;
        }
        return (struct slice){ NULL, 0 };
}

bool head_is_of_blind_page(const struct head *h)
{
        struct slice site = head_header(h, "Sec-Fetch-Site");

        if (!site.data || head_header(h, "Origin").data)
                return false;
        return !slice_is_nocase(site, "none") && !slice_is_nocase(site, "same-origin");
}

static bool is_hop_by_hop(struct slice name)
{
        static const struct slice names[] = {
                SLICE_LITERAL("Connection"),
                SLICE_LITERAL("Keep-Alive"),
                SLICE_LITERAL("Proxy-Connection"),
                SLICE_LITERAL("Proxy-Authenticate"),
                SLICE_LITERAL("Proxy-Authorization"),
                SLICE_LITERAL("Proxy-Authentication-Info"),
                SLICE_LITERAL("TE"),
                SLICE_LITERAL("Trailer"),
                SLICE_LITERAL("Transfer-Encoding"),
                SLICE_LITERAL("Upgrade"),
                SLICE_LITERAL("HTTP2-Settings"),
        };

        return header_in(name, names, N_ELEMENTS(names));
}

/* Connection = #connection-option (RFC 9110 section 7.6.1). */
static void apply_connection(struct head *h, struct slice value)
{
        struct slice part;

        while (slice_split(&value, ',', &part)) {
                part = slice_trim(part);
                if (slice_is_nocase(part, "close"))
                        h->keep_alive = false;
                for (unsigned i = 0; part.length && i < h->n_headers; i++) {
                        if (slice_equal_nocase(h->headers[i].name, part))
                                h->headers[i].hop = true;
                }
        }
}

/* 1*DIGIT that fits; nothing else: no sign, no list (RFC 9112 section 6.3 allows refusal). */
static bool length_parse(struct slice text, uint64_t *ret)
{
        uint64_t value = 0;

        if (text.length == 0 || text.length > 18)
                return false;
        for (size_t i = 0; i < text.length; i++) {
                if (text.data[i] < '0' || text.data[i] > '9')
                        return false;
                value = value * 10 + (uint64_t)(text.data[i] - '0');
        }
        *ret = value;
        return true;
}

struct fields {
        unsigned n_host, n_length, n_coding;
        struct slice host, length, coding, expect;
        bool has_expect;
};

static void collect(struct head *h, struct fields *f)
{
        *f = (struct fields){ 0 };
        for (unsigned i = 0; i < h->n_headers; i++) {
                struct header *header = &h->headers[i];

                header->value = slice_trim(header->value); /* llhttp leaves blanks behind it */
                header->hop = header->hop || is_hop_by_hop(header->name);
                if (slice_is_nocase(header->name, "Host")) {
                        f->host = header->value;
                        f->n_host++;
                } else if (slice_is_nocase(header->name, "Content-Length")) {
                        f->length = header->value;
                        f->n_length++;
                } else if (slice_is_nocase(header->name, "Transfer-Encoding")) {
                        f->coding = header->value;
                        f->n_coding++;
                } else if (slice_is_nocase(header->name, "Connection")) {
                        apply_connection(h, header->value);
                } else if (slice_is_nocase(header->name, "Expect")) {
                        f->expect = header->value;
                        f->has_expect = true;
                }
        }
}

static enum head_answer interpret_framing(struct head *h, const struct fields *f)
{
        if (f->n_coding > 0) {
                if (f->n_length > 0 || h->minor == 0)
                        return HEAD_E_CODING_PLACE;
                if (f->n_coding > 1 || !slice_is_nocase(f->coding, "chunked"))
                        return HEAD_E_CODING;
                h->framing = FRAMING_CHUNKED;
                return HEAD_OK;
        }
        if (f->n_length > 0) {
                if (f->n_length > 1 || !length_parse(f->length, &h->content_length))
                        return HEAD_E_LENGTH;
                h->framing = h->content_length ? FRAMING_SIZED : FRAMING_NONE;
                return HEAD_OK;
        }
        h->framing = h->is_request ? FRAMING_NONE : FRAMING_UNTIL_CLOSE;
        return HEAD_OK;
}

static bool host_byte(unsigned char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '-' || c == '.' || c == '_';
}

/* uri-host [ ":" port ] without userinfo; IPv6 in brackets (RFC 9110 section 7.2). */
static bool authority_parse(struct slice text, struct slice *ret_host, struct slice *ret_port)
{
        size_t n = 0;

        if (text.length && text.data[0] == '[') {
                const char *end = memchr(text.data, ']', text.length);

                if (!end || end == text.data + 1)
                        return false;
                n = (size_t)(end - text.data) + 1;
                for (size_t i = 1; i + 1 < n; i++) {
                        if (!strchr("0123456789abcdefABCDEF:.", text.data[i]))
                                return false;
                }
        } else {
                while (n < text.length && host_byte((unsigned char)text.data[n]))
                        n++;
        }
        *ret_host = (struct slice){ text.data, n };
        *ret_port = (struct slice){ NULL, 0 };
        if (n == 0)
                return false;
        if (n == text.length)
                return true;
        if (text.data[n] != ':' || text.length - n > 6)
                return false;
        *ret_port = slice_from(text, n + 1);
        for (size_t i = 0; i < ret_port->length; i++) {
                if (ret_port->data[i] < '0' || ret_port->data[i] > '9')
                        return false;
        }
        return true;
}

static void split_query(struct head *h, struct slice target)
{
        const char *mark = target.length ? memchr(target.data, '?', target.length) : NULL;

        h->path = target;
        h->query = (struct slice){ NULL, 0 };
        if (mark) {
                h->path.length = (size_t)(mark - target.data);
                h->query = slice_from(target, h->path.length + 1);
        }
        if (h->path.length == 0)
                h->path = SLICE_LITERAL("/");
}

/* Is Host the same as host and port of the target? A scheme's own port may be left out. */
static bool same_authority(struct slice text, struct slice host, struct slice port,
                           const char *scheme_port)
{
        struct slice other_host, other_port;

        if (!authority_parse(text, &other_host, &other_port) ||
            !slice_equal_nocase(host, other_host))
                return false;
        if (port.length == 0)
                port = slice_of(scheme_port);
        if (other_port.length == 0)
                other_port = slice_of(scheme_port);
        return slice_equal(port, other_port);
}

/* http://authority/path: the authority replaces Host (RFC 9112 section 3.2.2); where both are given
 * and differ, somebody was confused, and we do not take sides. */
static enum head_answer interpret_absolute(struct head *h, struct slice target, bool is_tls,
                                           const struct fields *f)
{
        struct slice authority = slice_from(target, is_tls ? 8 : 7), host, port;
        size_t n = 0;

        while (n < authority.length && authority.data[n] != '/' && authority.data[n] != '?')
                n++;
        split_query(h, slice_from(authority, n));
        authority.length = n;
        if (!authority_parse(authority, &host, &port))
                return HEAD_E_TARGET;
        if (f->n_host && !same_authority(f->host, host, port, is_tls ? "443" : "80"))
                return HEAD_E_MISDIRECTED;
        h->form = TARGET_ABSOLUTE;
        h->host = host;
        return HEAD_OK;
}

static enum head_answer interpret_target(struct head *h, struct slice target,
                                         const struct fields *f)
{
        struct slice port;

        if (f->n_host > 1 || (f->n_host == 0 && h->minor == 1))
                return HEAD_E_HOST;
        if (f->n_host && !authority_parse(f->host, &h->host, &port))
                return HEAD_E_HOST;
        if (slice_is(h->method, "CONNECT")) {
                if (!authority_parse(target, &h->host, &port) || !port.length)
                        return HEAD_E_TARGET;
                h->form = TARGET_AUTHORITY;
                return HEAD_OK;
        }
        if (target.data[0] == '/') {
                h->form = TARGET_ORIGIN;
                split_query(h, target);
                return HEAD_OK;
        }
        if (slice_is(target, "*")) {
                h->form = TARGET_ASTERISK;
                return slice_is(h->method, "OPTIONS") ? HEAD_OK : HEAD_E_TARGET;
        }
        if (slice_starts_nocase(target, SLICE_LITERAL("http://")))
                return interpret_absolute(h, target, false, f);
        if (slice_starts_nocase(target, SLICE_LITERAL("https://")))
                return interpret_absolute(h, target, true, f);
        return HEAD_E_TARGET;
}

/* RFC 9112 section 6.3: these end with their head whatever their fields say. */
static bool answer_has_no_body(const struct head *h, bool to_head)
{
        return to_head || h->status < 200 || h->status == 204 || h->status == 304;
}

enum head_answer head_interpret(struct head *h, struct slice target, bool to_head)
{
        enum head_answer a;
        struct fields f;

        h->keep_alive = h->minor == 1;
        collect(h, &f);
        a = interpret_framing(h, &f);
        if (a)
                return a;
        if (!h->is_request) {
                if (h->status < 100 || h->status > 599 || h->status == 101)
                        return HEAD_E_STATUS;
                if (answer_has_no_body(h, to_head))
                        h->framing = FRAMING_NONE;
                /* what a 204 announces may come all the same, as if it were the next answer */
                if (h->framing == FRAMING_UNTIL_CLOSE ||
                    (h->status == 204 && (f.n_coding > 0 || h->content_length > 0)))
                        h->keep_alive = false;
                return HEAD_OK;
        }
        if (f.has_expect) {
                if (!slice_is_nocase(f.expect, "100-continue"))
                        return HEAD_E_EXPECT;
                h->expects_continue = h->minor == 1;
        }
        return interpret_target(h, target, &f);
}
