/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each head has one meaning or none. Every refusal is tried with the smallest head that must be
 * refused for it, every acceptance is compared with what llhttp alone says of the same bytes.
 */
#include "lib/net/message.h"
#include "tests/unit/net/check.h"

#include <stdio.h>

static const struct message_limits limits = { .head_bytes = 16384, .target_bytes = 8192 };

struct row {
        const char *sentence;
        const char *text;
        enum head_answer expected;
};

struct parsed {
        struct block_pool pool;
        struct buffer in;
        struct message message;
        enum head_answer why;
        int result;
};

static void parse(struct parsed *p, enum message_kind kind, struct slice text, bool to_head)
{
        block_pool_init(&p->pool, 0);
        buffer_init(&p->in, &p->pool);
        message_init(&p->message, &p->pool);
        assert_int_equal(buffer_put_slice(&p->in, text), 0);
        p->why = HEAD_OK;
        p->result = message_begin(&p->message, kind, to_head, &limits, &p->in, &p->why);
}

static void parsed_done(struct parsed *p)
{
        message_done(&p->message);
        buffer_release(&p->in);
        block_pool_done(&p->pool);
}

#define HOST "Host: vendor.test\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST

static const struct row refused_requests[] = {
        /* Content-Length and Transfer-Encoding */
        { "both framings", POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
          HEAD_E_CODING_PLACE },
        { "both framings, the other way round",
          POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n", HEAD_E_CODING_PLACE },
        { "a length of zero beside chunked",
          POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", HEAD_E_CODING_PLACE },
        { "two lengths that differ", POST "Content-Length: 4\r\nContent-Length: 5\r\n\r\n",
          HEAD_E_LENGTH },
        { "two lengths that are the same", POST "Content-Length: 4\r\nContent-Length: 4\r\n\r\n",
          HEAD_E_LENGTH },
        { "a list of lengths", POST "Content-Length: 4, 4\r\n\r\n", HEAD_E_LENGTH },
        { "a length with a sign", POST "Content-Length: +5\r\n\r\n", HEAD_E_LENGTH },
        { "a negative length", POST "Content-Length: -1\r\n\r\n", HEAD_E_LENGTH },
        { "an empty length", POST "Content-Length: \r\n\r\n", HEAD_E_LENGTH },
        { "a length in hexadecimal", POST "Content-Length: 0x5\r\n\r\n", HEAD_E_LENGTH },
        { "a length with a blank inside", POST "Content-Length: 1 0\r\n\r\n", HEAD_E_LENGTH },
        { "a length with a fraction", POST "Content-Length: 1.0\r\n\r\n", HEAD_E_LENGTH },
        { "a length over 64 bits", POST "Content-Length: 18446744073709551617\r\n\r\n",
          HEAD_E_LENGTH },
        { "a length over what is sane", POST "Content-Length: 9999999999999999999\r\n\r\n",
          HEAD_E_LENGTH },
        { "an unknown coding", POST "Transfer-Encoding: xchunked\r\n\r\n", HEAD_E_CODING },
        { "a coding behind chunked", POST "Transfer-Encoding: chunked, gzip\r\n\r\n",
          HEAD_E_CODING },
        { "a coding before chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n",
          HEAD_E_CODING },
        { "chunked twice in a list", POST "Transfer-Encoding: chunked, chunked\r\n\r\n",
          HEAD_E_CODING },
        { "chunked in two lines",
          POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", HEAD_E_CODING },
        { "identity", POST "Transfer-Encoding: identity\r\n\r\n", HEAD_E_CODING },
        { "an empty coding", POST "Transfer-Encoding: \r\n\r\n", HEAD_E_CODING },
        { "a quoted coding", POST "Transfer-Encoding: \"chunked\"\r\n\r\n", HEAD_E_CODING },
        { "a coding with a vertical tab",
          POST "Transfer-Encoding: \x0b"
               "chunked\r\n\r\n",
          HEAD_E_BYTES },
        { "chunked in HTTP/1.0", "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
          HEAD_E_CODING_PLACE },
        /* bytes */
        { "a control character in a value",
          GET "X: a\x01"
              "b\r\n\r\n",
          HEAD_E_BYTES },
        { "DEL in a value",
          GET "X: a\x7f"
              "b\r\n\r\n",
          HEAD_E_BYTES },
        { "a bare CR in a value", GET "X: a\rb\r\n\r\n", HEAD_E_BYTES },
        { "a bare CR before the line end", GET "X: a\r\r\n\r\n", HEAD_E_BYTES },
        { "a bare LF behind the request line", "GET / HTTP/1.1\n" HOST "\r\n", HEAD_E_BYTES },
        { "a bare LF behind a header", "GET / HTTP/1.1\r\nHost: vendor.test\n\r\n", HEAD_E_BYTES },
        { "bare LFs only", "GET / HTTP/1.1\nHost: vendor.test\n\n", HEAD_E_BYTES },
        { "an empty line of one LF", GET "X: a\r\n\n", HEAD_E_BYTES },
        { "a header hidden behind a bare LF", GET "X: a\nContent-Length: 5\r\n\r\n", HEAD_E_BYTES },
        { "a folded header line", GET "X: a\r\n b\r\n\r\n", HEAD_E_FOLDED },
        { "a folded line of a tab", GET "X: a\r\n\tb\r\n\r\n", HEAD_E_FOLDED },
        { "a blank before the first header", "GET / HTTP/1.1\r\n Host: vendor.test\r\n\r\n",
          HEAD_E_FOLDED },
        { "a blank before the colon", GET "X : a\r\n\r\n", HEAD_E_NAME },
        { "a blank before the colon of a length", POST "Content-Length : 4\r\n\r\n", HEAD_E_NAME },
        { "a tab before the colon of a coding", POST "Transfer-Encoding\t: chunked\r\n\r\n",
          HEAD_E_NAME },
        { "a header without a colon", GET "X\r\n\r\n", HEAD_E_NAME },
        { "a header without a name", GET ": a\r\n\r\n", HEAD_E_NAME },
        { "a header name with a slash", GET "X/Y: a\r\n\r\n", HEAD_E_NAME },
        { "a header name with a high byte", GET "X\xff: a\r\n\r\n", HEAD_E_NAME },
        { "a header name with a colon before", GET ":X: a\r\n\r\n", HEAD_E_NAME },
        /* the request line */
        { "no version", "GET /\r\n" HOST "\r\n", HEAD_E_TARGET },
        { "no target", "GET HTTP/1.1\r\n" HOST "\r\n", HEAD_E_TARGET },
        { "two blanks before the target", "GET  / HTTP/1.1\r\n" HOST "\r\n", HEAD_E_TARGET },
        { "two blanks behind the target", "GET /  HTTP/1.1\r\n" HOST "\r\n", HEAD_E_SYNTAX },
        { "a tab for a blank", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", HEAD_E_SYNTAX },
        { "a blank before the method", " GET / HTTP/1.1\r\n" HOST "\r\n", HEAD_E_SYNTAX },
        { "a blank behind the version", "GET / HTTP/1.1 \r\n" HOST "\r\n", HEAD_E_SYNTAX },
        { "words behind the version", "GET / HTTP/1.1 x\r\n" HOST "\r\n", HEAD_E_SYNTAX },
        { "a blank in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", HEAD_E_SYNTAX },
        { "a high byte in the target", "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", HEAD_E_TARGET },
        { "a control character in the target", "GET /\x01 HTTP/1.1\r\n" HOST "\r\n",
          HEAD_E_TARGET },
        { "a fragment in the target", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", HEAD_E_TARGET },
        { "a backslash in the target", "GET /a\\b HTTP/1.1\r\n" HOST "\r\n", HEAD_E_TARGET },
        { "a target without a slash", "GET a HTTP/1.1\r\n" HOST "\r\n", HEAD_E_TARGET },
        { "an unknown method", "BREW / HTTP/1.1\r\n" HOST "\r\n", HEAD_E_METHOD },
        { "a method in lower case", "get / HTTP/1.1\r\n" HOST "\r\n", HEAD_E_METHOD },
        { "another protocol", "GET / HTTQ/1.1\r\n" HOST "\r\n", HEAD_E_SYNTAX },
        { "a protocol in lower case", "GET / http/1.1\r\n" HOST "\r\n", HEAD_E_SYNTAX },
        { "HTTP/2.0", "GET / HTTP/2.0\r\n" HOST "\r\n", HEAD_E_VERSION },
        { "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\n", HEAD_E_VERSION },
        { "HTTP/1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", HEAD_E_VERSION },
        { "HTTP/0.9", "GET / HTTP/0.9\r\n" HOST "\r\n", HEAD_E_VERSION },
        { "HTTP/1.10", "GET / HTTP/1.10\r\n" HOST "\r\n", HEAD_E_SYNTAX },
        { "two empty lines before the request", "\r\n\r\n" GET "\r\n", HEAD_E_SYNTAX },
        /* Host and target */
        { "no Host", "GET / HTTP/1.1\r\n\r\n", HEAD_E_HOST },
        { "two Hosts", GET HOST "\r\n", HEAD_E_HOST },
        { "two Hosts that differ", GET "Host: other.test\r\n\r\n", HEAD_E_HOST },
        { "an empty Host", "GET / HTTP/1.1\r\nHost: \r\n\r\n", HEAD_E_HOST },
        { "Host with userinfo", "GET / HTTP/1.1\r\nHost: a@vendor.test\r\n\r\n", HEAD_E_HOST },
        { "Host with a path", "GET / HTTP/1.1\r\nHost: vendor.test/x\r\n\r\n", HEAD_E_HOST },
        { "Host with a list", "GET / HTTP/1.1\r\nHost: vendor.test, a.test\r\n\r\n", HEAD_E_HOST },
        { "Host with a blank", "GET / HTTP/1.1\r\nHost: vendor.test a.test\r\n\r\n", HEAD_E_HOST },
        { "Host with a port that is no number", "GET / HTTP/1.1\r\nHost: vendor.test:x\r\n\r\n",
          HEAD_E_HOST },
        { "Host with two ports", "GET / HTTP/1.1\r\nHost: vendor.test:80:90\r\n\r\n", HEAD_E_HOST },
        { "Host with a port alone", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", HEAD_E_HOST },
        { "Host with an empty address", "GET / HTTP/1.1\r\nHost: []\r\n\r\n", HEAD_E_HOST },
        { "Host with an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", HEAD_E_HOST },
        { "Host with a percent escape", "GET / HTTP/1.1\r\nHost: vendor%2etest\r\n\r\n",
          HEAD_E_HOST },
        { "HTTP/1.0 with two Hosts", "GET / HTTP/1.0\r\n" HOST HOST "\r\n", HEAD_E_HOST },
        { "Host is not the target's", "GET http://other.test/ HTTP/1.1\r\n" HOST "\r\n",
          HEAD_E_MISDIRECTED },
        { "Host has another port than the target",
          "GET http://vendor.test:81/ HTTP/1.1\r\n" HOST "\r\n", HEAD_E_MISDIRECTED },
        { "a target with userinfo", "GET http://a@vendor.test/ HTTP/1.1\r\n" HOST "\r\n",
          HEAD_E_TARGET },
        { "a target of another scheme", "GET ftp://vendor.test/ HTTP/1.1\r\n" HOST "\r\n",
          HEAD_E_TARGET },
        { "a target with an empty authority", "GET http:/// HTTP/1.1\r\n" HOST "\r\n",
          HEAD_E_TARGET },
        { "an asterisk for GET", "GET * HTTP/1.1\r\n" HOST "\r\n", HEAD_E_TARGET },
        { "CONNECT without a port", "CONNECT vendor.test HTTP/1.1\r\n" HOST "\r\n", HEAD_E_TARGET },
        { "CONNECT with a path", "CONNECT /a HTTP/1.1\r\n" HOST "\r\n", HEAD_E_TARGET },
        { "another expectation", POST "Content-Length: 1\r\nExpect: 200-ok\r\n\r\n",
          HEAD_E_EXPECT },
};

static const struct row refused_answers[] = {
        { "a coding with a tab behind it",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n", HEAD_E_SYNTAX },
        { "both framings",
          "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
          HEAD_E_CODING_PLACE },
        { "two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n",
          HEAD_E_LENGTH },
        { "a length with a sign", "HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\n", HEAD_E_LENGTH },
        { "another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", HEAD_E_CODING },
        { "chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
          HEAD_E_CODING_PLACE },
        { "switching protocols", "HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
          HEAD_E_STATUS },
        { "a status of 600", "HTTP/1.1 600 Odd\r\n\r\n", HEAD_E_STATUS },
        { "a status of 099", "HTTP/1.1 099 Odd\r\n\r\n", HEAD_E_STATUS },
        { "a status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", HEAD_E_SYNTAX },
        { "a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", HEAD_E_SYNTAX },
        { "a folded header line", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", HEAD_E_FOLDED },
        { "a bare LF", "HTTP/1.1 200 OK\nX: a\r\n\r\n", HEAD_E_BYTES },
        { "a bare CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n", HEAD_E_BYTES },
        { "a control character in the reason", "HTTP/1.1 200 O\x02K\r\n\r\n", HEAD_E_BYTES },
        { "another version", "HTTP/2.0 200 OK\r\n\r\n", HEAD_E_VERSION },
        { "another protocol", "ICY 200 OK\r\n\r\n", HEAD_E_SYNTAX },
        { "an empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", HEAD_E_SYNTAX },
        { "text", "hello\r\n\r\n", HEAD_E_SYNTAX },
};

static void expect_refused(const struct row *row, enum message_kind kind)
{
        struct parsed p;

        parse(&p, kind, slice_of(row->text), false);
        if (p.result != MESSAGE_E_HEAD || p.why != row->expected)
                fail_msg("%s: result %d, %s", row->sentence, p.result, head_answer_explain(p.why));
        parsed_done(&p);
}

static void bad_requests_are_refused_for_the_right_reason(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(refused_requests); i++)
                expect_refused(&refused_requests[i], MESSAGE_REQUEST);
}

static void bad_answers_are_refused_for_the_right_reason(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(refused_answers); i++)
                expect_refused(&refused_answers[i], MESSAGE_ANSWER);
}

/* Each control character at each place of a head. */
static void no_control_character_passes_anywhere(void **state)
{
        static const char good[] = "GET /a HTTP/1.1\r\nHost: vendor.test\r\nX: y\r\n\r\n";
        size_t n = sizeof(good) - 1;

        for (int c = 0; c < 0x21; c++) {
                for (size_t at = 0; at < n; at++) {
                        char text[sizeof(good)];
                        struct parsed p;

                        if (c == '\t' || c == ' ' || (c == 0x20 && good[at] == ' '))
                                continue; /* blanks have their rows */
                        if (good[at] == c || good[at] == '\r' || good[at] == '\n')
                                continue;
                        memcpy(text, good, sizeof(good));
                        text[at] = (char)c;
                        parse(&p, MESSAGE_REQUEST, (struct slice){ text, n }, false);
                        if (p.result != MESSAGE_E_HEAD)
                                fail_msg("byte %d at offset %zu: result %d", c, at, p.result);
                        parsed_done(&p);
                }
        }
}

struct meaning {
        const char *sentence;
        const char *text;
        enum framing framing;
        uint64_t length;
        bool keep_alive;
        const char *host, *path, *query; /* of a request */
};

static const struct meaning requests[] = {
        { "a plain GET", GET "\r\n", FRAMING_NONE, 0, true, "vendor.test", "/", NULL },
        { "an empty line before it", "\r\n" GET "\r\n", FRAMING_NONE, 0, true, "vendor.test", "/",
          NULL },
        { "a query", "GET /a?b=c&d HTTP/1.1\r\n" HOST "\r\n", FRAMING_NONE, 0, true, "vendor.test",
          "/a", "b=c&d" },
        { "an empty query", "GET /a? HTTP/1.1\r\n" HOST "\r\n", FRAMING_NONE, 0, true,
          "vendor.test", "/a", "" },
        { "a length", POST "Content-Length: 12\r\n\r\n", FRAMING_SIZED, 12, true, "vendor.test",
          "/", NULL },
        { "a length with blanks around", POST "Content-Length:  12 \r\n\r\n", FRAMING_SIZED, 12,
          true, "vendor.test", "/", NULL },
        { "a length with zeros before", POST "Content-Length: 0012\r\n\r\n", FRAMING_SIZED, 12,
          true, "vendor.test", "/", NULL },
        { "a length of zero", POST "Content-Length: 0\r\n\r\n", FRAMING_NONE, 0, true,
          "vendor.test", "/", NULL },
        { "a POST without framing", POST "\r\n", FRAMING_NONE, 0, true, "vendor.test", "/", NULL },
        { "chunked", POST "Transfer-Encoding: chunked\r\n\r\n", FRAMING_CHUNKED, 0, true,
          "vendor.test", "/", NULL },
        { "Chunked", POST "Transfer-Encoding: Chunked\r\n\r\n", FRAMING_CHUNKED, 0, true,
          "vendor.test", "/", NULL },
        { "chunked with a blank behind", POST "Transfer-Encoding: chunked \r\n\r\n",
          FRAMING_CHUNKED, 0, true, "vendor.test", "/", NULL },
        { "HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", FRAMING_NONE, 0, false, "", "/", NULL },
        { "a port in Host", "GET / HTTP/1.1\r\nHost: vendor.test:8443\r\n\r\n", FRAMING_NONE, 0,
          true, "vendor.test", "/", NULL },
        { "blanks behind Host", "GET / HTTP/1.1\r\nHost: vendor.test  \r\n\r\n", FRAMING_NONE, 0,
          true, "vendor.test", "/", NULL },
        { "Host is an IPv6 address", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", FRAMING_NONE, 0,
          true, "[::1]", "/", NULL },
        { "absolute form", "GET http://vendor.test/a?b HTTP/1.1\r\n" HOST "\r\n", FRAMING_NONE, 0,
          true, "vendor.test", "/a", "b" },
        { "absolute form without a path", "GET http://vendor.test HTTP/1.1\r\n" HOST "\r\n",
          FRAMING_NONE, 0, true, "vendor.test", "/", NULL },
        { "absolute form with a query alone", "GET http://vendor.test?b HTTP/1.1\r\n" HOST "\r\n",
          FRAMING_NONE, 0, true, "vendor.test", "/", "b" },
        { "absolute form in another case", "GET HTTP://VENDOR.test/ HTTP/1.1\r\n" HOST "\r\n",
          FRAMING_NONE, 0, true, "VENDOR.test", "/", NULL },
        { "CONNECT", "CONNECT vendor.test:443 HTTP/1.1\r\n" HOST "\r\n", FRAMING_NONE, 0, true,
          "vendor.test", "", NULL },
        { "OPTIONS *", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", FRAMING_NONE, 0, true, "vendor.test",
          "", NULL },
        { "close", GET "Connection: close\r\n\r\n", FRAMING_NONE, 0, false, "vendor.test", "/",
          NULL },
        { "close in a list", GET "Connection: x, Close\r\n\r\n", FRAMING_NONE, 0, false,
          "vendor.test", "/", NULL },
        { "an upgrade that we do not make", GET "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
          FRAMING_NONE, 0, true, "vendor.test", "/", NULL },
        { "an upgrade with a body",
          POST "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\n", FRAMING_SIZED, 3,
          true, "vendor.test", "/", NULL },
        { "a value of high bytes", GET "X: \xc3\xa4\r\n\r\n", FRAMING_NONE, 0, true, "vendor.test",
          "/", NULL },
        { "an empty value", GET "X:\r\nY: \r\n\r\n", FRAMING_NONE, 0, true, "vendor.test", "/",
          NULL },
        { "every character that a target may have",
          "GET /-._~!$&'()*+,;=:@%41[]/?/? HTTP/1.1\r\n" HOST "\r\n", FRAMING_NONE, 0, true,
          "vendor.test", "/-._~!$&'()*+,;=:@%41[]/", "/?" },
};

static const struct meaning answers[] = {
        { "a length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", FRAMING_SIZED, 3, true, NULL,
          NULL, NULL },
        { "chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", FRAMING_CHUNKED, 0,
          true, NULL, NULL, NULL },
        { "until the end", "HTTP/1.1 200 OK\r\n\r\n", FRAMING_UNTIL_CLOSE, 0, false, NULL, NULL,
          NULL },
        { "a length of zero", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", FRAMING_NONE, 0, true,
          NULL, NULL, NULL },
        { "204", "HTTP/1.1 204 No Content\r\n\r\n", FRAMING_NONE, 0, true, NULL, NULL, NULL },
        { "304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
          FRAMING_NONE, 9, true, NULL, NULL, NULL },
        { "100", "HTTP/1.1 100 Continue\r\n\r\n", FRAMING_NONE, 0, true, NULL, NULL, NULL },
        { "no reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", FRAMING_NONE, 0, true, NULL,
          NULL, NULL },
        { "no reason and no blank", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", FRAMING_NONE, 0,
          true, NULL, NULL, NULL },
        { "a reason of high bytes", "HTTP/1.1 200 \xc3\xa4\r\nContent-Length: 0\r\n\r\n",
          FRAMING_NONE, 0, true, NULL, NULL, NULL },
        { "HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", FRAMING_SIZED, 3, false, NULL,
          NULL, NULL },
        { "close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\n",
          FRAMING_SIZED, 3, false, NULL, NULL, NULL },
        { "an upgrade that is offered",
          "HTTP/1.1 200 OK\r\nUpgrade: h2\r\nConnection: Upgrade\r\n"
          "Content-Length: 3\r\n\r\n",
          FRAMING_SIZED, 3, true, NULL, NULL, NULL },
};

struct verdict_of_llhttp {
        llhttp_t parser;
        bool headed, ended, chunked, until_close;
        uint64_t length;
};

static int note_head(llhttp_t *parser)
{
        struct verdict_of_llhttp *v = CONTAINER_OF(parser, struct verdict_of_llhttp, parser);

        v->headed = true;
        v->length = parser->content_length;
        v->chunked = parser->flags & F_CHUNKED;
        parser->upgrade = 0;
        return parser->type == HTTP_RESPONSE &&
               parser->status_code == 304; /* the caller's to know */
}

static int note_end(llhttp_t *parser)
{
        CONTAINER_OF(parser, struct verdict_of_llhttp, parser)->ended = true;
        return HPE_PAUSED;
}

static void compare_with_llhttp(const struct meaning *m, const struct head *h, llhttp_type_t type)
{
        static const llhttp_settings_t settings = { .on_headers_complete = note_head,
                                                    .on_message_complete = note_end };
        struct verdict_of_llhttp v = { .headed = false };

        llhttp_init(&v.parser, type, &settings);
        llhttp_execute(&v.parser, m->text, strlen(m->text));
        v.until_close = !v.ended && llhttp_message_needs_eof(&v.parser);
        if (!v.headed || v.ended != (h->framing == FRAMING_NONE) ||
            v.chunked != (h->framing == FRAMING_CHUNKED) ||
            v.until_close != (h->framing == FRAMING_UNTIL_CLOSE) ||
            (h->framing == FRAMING_SIZED && v.length != h->content_length))
                fail_msg("%s: llhttp means something else", m->sentence);
}

static void expect_slice(const char *sentence, const char *what, struct slice s,
                         const char *expected)
{
        if (!s.data != !expected || (expected && !slice_is(s, expected)))
                fail_msg("%s: %s is '%.*s'", sentence, what, (int)s.length, s.data ? s.data : "");
}

static void expect_meaning(const struct meaning *m, enum message_kind kind)
{
        struct parsed p;
        const struct head *h = &p.message.head;

        parse(&p, kind, slice_of(m->text), false);
        if (p.result != 0)
                fail_msg("%s: result %d, %s", m->sentence, p.result, head_answer_explain(p.why));
        if (h->framing != m->framing || h->keep_alive != m->keep_alive ||
            (h->framing == FRAMING_SIZED && h->content_length != m->length))
                fail_msg("%s: framing %d, length %llu, keep-alive %d", m->sentence, h->framing,
                         (unsigned long long)h->content_length, h->keep_alive);
        assert_int_equal(p.message.complete, h->framing == FRAMING_NONE);
        assert_int_equal(buffer_length(&p.in), 0);
        if (kind == MESSAGE_REQUEST) {
                expect_slice(m->sentence, "host", h->host, m->host);
                expect_slice(m->sentence, "path", h->path, m->path);
                expect_slice(m->sentence, "query", h->query, m->query);
        }
        compare_with_llhttp(m, h, kind == MESSAGE_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE);
        parsed_done(&p);
}

/* Values are looked at eight bytes at a time: each byte must count the same wherever it stands, and
 * whatever stands beside it. */
static void each_byte_of_a_value_is_judged_by_itself(void **state)
{
        static const char fillers[] = { 'a', ' ', '\t', (char)0x80, (char)0xff };

        for (size_t f = 0; f < sizeof(fillers); f++) {
                for (size_t at = 0; at < 19; at++) {
                        for (unsigned c = 1; c < 256; c++) {
                                char text[128] = "GET / HTTP/1.1\r\nX: ";
                                size_t start = strlen(text);
                                bool fits = c == '\t' || (c >= 0x20 && c != 0x7f);

                                memset(text + start, fillers[f], 19);
                                text[start + at] = (char)c;
                                strcpy(text + start + 19, "\r\n\r\n");
                                if ((head_check(slice_of(text), true) == HEAD_OK) != fits)
                                        fail_msg("byte 0x%02x at %zu among 0x%02x", c, at,
                                                 (unsigned char)fillers[f]);
                        }
                }
        }
}

static void good_requests_mean_what_llhttp_means(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(requests); i++)
                expect_meaning(&requests[i], MESSAGE_REQUEST);
}

static void good_answers_mean_what_llhttp_means(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(answers); i++)
                expect_meaning(&answers[i], MESSAGE_ANSWER);
}

static void an_answer_to_head_has_no_body_whatever_it_says(void **state)
{
        static const char *const texts[] = {
                "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                "HTTP/1.1 200 OK\r\n\r\n",
        };
        struct parsed p;

        for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
                parse(&p, MESSAGE_ANSWER, slice_of(texts[i]), true);
                assert_int_equal(p.result, 0);
                assert_true(p.message.complete);
                assert_int_equal(p.message.head.framing, FRAMING_NONE);
                parsed_done(&p);
        }
}

static void hop_by_hop_headers_are_marked_and_others_are_not(void **state)
{
        static const struct {
                const char *name;
                bool hop;
        } rows[] = {
                { "Connection", true },
                { "Keep-Alive", true },
                { "TE", true },
                { "Proxy-Connection", true },
                { "Proxy-Authorization", true },
                { "Upgrade", true },
                { "Trailer", true },
                { "HTTP2-Settings", true },
                { "X-Named", true },
                { "x-later", true },
                { "X-Kept", false },
                { "Host", false },
                { "Authorization", false },
        };
        char text[2048] =
                GET "X-Named: 1\r\nConnection: x-named, X-Later\r\nX-Later: 1\r\nX-Kept: 1\r\n"
                    "Keep-Alive: 1\r\nTE: x\r\nProxy-Connection: 1\r\nProxy-Authorization: 1\r\n"
                    "Upgrade: x\r\nTrailer: x\r\nHTTP2-Settings: x\r\nAuthorization: x\r\n\r\n";
        struct parsed p;

        parse(&p, MESSAGE_REQUEST, slice_of(text), false);
        assert_int_equal(p.result, 0);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                const struct head *h = &p.message.head;
                unsigned k = 0;

                while (k < h->n_headers && !slice_is_nocase(h->headers[k].name, rows[i].name))
                        k++;
                assert_true(k < h->n_headers);
                if (h->headers[k].hop != rows[i].hop)
                        fail_msg("%s: hop-by-hop is %d", rows[i].name, h->headers[k].hop);
        }
        parsed_done(&p);
}

/* A head of `n_headers` lines, with `pad` bytes in the last, and a target of `target` bytes. */
static int parse_sized(unsigned n_headers, size_t pad, size_t target, enum head_answer *ret_why)
{
        static char text[2 * BLOCK_BYTES];
        size_t n = (size_t)sprintf(text, "GET /%.*s HTTP/1.1\r\nHost: vendor.test\r\n", 0, "");
        struct parsed p;
        int result;

        n = (size_t)sprintf(text, "GET /");
        memset(text + n, 'a', target - 1);
        n += target - 1;
        n += (size_t)sprintf(text + n, " HTTP/1.1\r\nHost: vendor.test\r\n");
        for (unsigned i = 2; i < n_headers; i++)
                n += (size_t)sprintf(text + n, "X: y\r\n");
        if (n_headers > 1) {
                n += (size_t)sprintf(text + n, "Z: ");
                memset(text + n, 'z', pad);
                n += pad;
                n += (size_t)sprintf(text + n, "\r\n");
        }
        n += (size_t)sprintf(text + n, "\r\n");
        parse(&p, MESSAGE_REQUEST, (struct slice){ text, MIN(n, BLOCK_BYTES) }, false);
        *ret_why = p.why;
        result = p.result;
        parsed_done(&p);
        return result;
}

static void the_limits_of_a_head_are_exact_enough(void **state)
{
        enum head_answer why;

        assert_int_equal(parse_sized(HEAD_MAX_HEADERS, 1, 10, &why), 0);
        assert_int_equal(parse_sized(HEAD_MAX_HEADERS + 1, 1, 10, &why), MESSAGE_E_HEAD);
        assert_int_equal(why, HEAD_E_HEADERS);
        assert_int_equal(parse_sized(2, 16000, 10, &why), 0);
        assert_int_equal(parse_sized(2, 16384, 10, &why), MESSAGE_E_TOO_LONG);
        assert_int_equal(parse_sized(2, 20000, 10, &why), MESSAGE_E_TOO_LONG);
        assert_int_equal(parse_sized(1, 0, 8192, &why), 0);
        assert_int_equal(parse_sized(1, 0, 8192 + 64, &why), MESSAGE_E_TARGET_TOO_LONG);
}

static void a_long_target_is_refused_behind_an_empty_line_too(void **state)
{
        static char text[BLOCK_BYTES] = "\r\nGET /";
        struct parsed p;

        memset(text + 7, 'a', 9000);
        parse(&p, MESSAGE_REQUEST, (struct slice){ text, 9007 }, false);
        assert_int_equal(p.result, MESSAGE_E_TARGET_TOO_LONG);
        parsed_done(&p);
}

/* Everything before the last byte is "more", whatever the split: nothing is decided too early. */
static void a_head_in_pieces_is_waited_for(void **state)
{
        static const char text[] = "\r\nPOST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n";
        size_t n = sizeof(text) - 1;

        for (size_t at = 0; at < n; at++) {
                struct parsed p;

                parse(&p, MESSAGE_REQUEST, (struct slice){ text, at }, false);
                if (p.result != MESSAGE_E_MORE)
                        fail_msg("%zu of %zu bytes: result %d", at, n, p.result);
                assert_int_equal(buffer_length(&p.in), at);
                assert_int_equal(buffer_put_slice(&p.in, (struct slice){ text + at, n - at }), 0);
                assert_int_equal(message_begin(&p.message, MESSAGE_REQUEST, false, &limits, &p.in,
                                               &p.why),
                                 0);
                parsed_done(&p);
        }
}

static void every_answer_has_a_status_and_a_sentence(void **state)
{
        for (enum head_answer a = HEAD_E_SYNTAX; a <= HEAD_E_STATUS; a++) {
                assert_in_range(head_answer_status(a), 400, 599);
                assert_true(strlen(head_answer_explain(a)) > 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bad_requests_are_refused_for_the_right_reason),
                cmocka_unit_test(bad_answers_are_refused_for_the_right_reason),
                cmocka_unit_test(no_control_character_passes_anywhere),
                cmocka_unit_test(each_byte_of_a_value_is_judged_by_itself),
                cmocka_unit_test(good_requests_mean_what_llhttp_means),
                cmocka_unit_test(good_answers_mean_what_llhttp_means),
                cmocka_unit_test(an_answer_to_head_has_no_body_whatever_it_says),
                cmocka_unit_test(hop_by_hop_headers_are_marked_and_others_are_not),
                cmocka_unit_test(the_limits_of_a_head_are_exact_enough),
                cmocka_unit_test(a_long_target_is_refused_behind_an_empty_line_too),
                cmocka_unit_test(a_head_in_pieces_is_waited_for),
                cmocka_unit_test(every_answer_has_a_status_and_a_sentence),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
