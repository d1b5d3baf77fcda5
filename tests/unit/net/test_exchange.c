/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proper course: what goes in comes out, framed anew, and connections stay for the next
 * request.
 */
#include "tests/unit/net/check.h"
#include "tests/unit/net/rig.h"

#include <stdio.h>

static void one_request_goes_through_and_the_connections_stay(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;
        const char *head;

        peer_send(client, "GET /a?b=c HTTP/1.1\r\nHost: vendor.test\r\nX-One: 1\r\n\r\n");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        head = peer_head(vendor);
        assert_non_null(strstr(head, "GET /a?b=c HTTP/1.1\r\nHost: vendor.test\r\nX-One: 1\r\n"));
        vendor_answer(vendor, "hello");
        answer_expect(client, "GET", 200, "hello");
        client_get(client, "/again");
        assert_non_null(strstr(peer_head(vendor), "GET /again "));
        vendor_answer(vendor, "once more");
        answer_expect(client, "GET", 200, "once more");
        assert_false(peer_knocks(r->vendors[RIG_PLAIN]));
        assert_int_equal(rig_settled(r, 1).status, 200);
        peer_close(client);
        peer_close(vendor);
}

static void tls_on_both_sides(void **state)
{
        struct rig *r = *state;
        struct peer *client, *vendor;

        rig_start(r);
        client = peer_connect(NULL, r->tls_port, r->client_tls);
        client_get(client, "/tls");
        vendor = peer_accept(r->vendors[RIG_TLS], r->vendor_tls);
        assert_string_equal(SSL_get_servername(vendor->ssl, TLSEXT_NAMETYPE_host_name),
                            "vendor.test");
        peer_head(vendor);
        vendor_answer(vendor, "sealed");
        answer_expect(client, "GET", 200, "sealed");
        client_get(client, "/tls");
        peer_head(vendor);
        vendor_answer(vendor, "again");
        answer_expect(client, "GET", 200, "again");
        peer_close(client);
        peer_close(vendor);
}

static void three_pipelined_requests_are_answered_in_their_order(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor = NULL;

        peer_send(client, "GET /0 HTTP/1.1\r\nHost: vendor.test\r\n\r\n"
                          "POST /1 HTTP/1.1\r\nHost: vendor.test\r\nContent-Length: 3\r\n\r\nabc"
                          "GET /2 HTTP/1.1\r\nHost: vendor.test\r\n\r\n");
        for (int i = 0; i < 3; i++) {
                char expected[16], body[3];

                vendor = vendor ? vendor : peer_accept(r->vendors[RIG_PLAIN], NULL);
                snprintf(expected, sizeof(expected), " /%d HTTP/1.1", i);
                assert_non_null(strstr(peer_head(vendor), expected));
                if (i == 1)
                        peer_take(vendor, body, 3);
                vendor_answer(vendor, expected);
        }
        answer_expect(client, "GET", 200, " /0 HTTP/1.1");
        answer_expect(client, "POST", 200, " /1 HTTP/1.1");
        answer_expect(client, "GET", 200, " /2 HTTP/1.1");
        peer_close(client);
        peer_close(vendor);
}

static void pipelined_requests_in_one_tls_record_are_all_answered(void **state)
{
        struct rig *r = *state;
        struct peer *client, *vendor;

        rig_start(r);
        client = peer_connect(NULL, r->tls_port, r->client_tls);
        peer_send(client, "GET /0 HTTP/1.1\r\nHost: vendor.test\r\n\r\n"
                          "GET /1 HTTP/1.1\r\nHost: vendor.test\r\n\r\n");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        for (int i = 0; i < 2; i++) {
                peer_head(vendor);
                vendor_answer(vendor, "ok");
                answer_expect(client, "GET", 200, "ok");
        }
        peer_close(client);
        peer_close(vendor);
}

static void send_two_records(struct rig *r, void *context)
{
        client_get(context, "/0");
        client_get(context, "/1");
}

/* Both are read from the socket at once, and the second stays above it while the first is
 * served. */
static void pipelined_requests_in_two_tls_records_are_all_answered(void **state)
{
        struct rig *r = *state;
        struct peer *client, *vendor;

        rig_start(r);
        client = peer_connect(NULL, r->tls_port, r->client_tls);
        rig_catch_up(r);
        rig_on_thread(r, send_two_records, client);
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        for (int i = 0; i < 2; i++) {
                peer_head(vendor);
                vendor_answer(vendor, "ok");
                answer_expect(client, "GET", 200, "ok");
        }
        peer_close(client);
        peer_close(vendor);
}

static void a_client_that_waits_is_told_to_continue(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;
        char body[5], value[16];
        const char *head;

        peer_send(client, "POST / HTTP/1.1\r\nHost: vendor.test\r\nContent-Length: 5\r\n"
                          "Expect: 100-continue\r\n\r\n");
        assert_string_equal(peer_head(client), "HTTP/1.1 100 Continue\r\n\r\n");
        peer_send(client, "hello");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        head = peer_head(vendor);
        assert_false(header_find(head, "Expect", value, sizeof(value)));
        peer_take(vendor, body, 5);
        assert_memory_equal(body, "hello", 5);
        vendor_answer(vendor, "done");
        answer_expect(client, "POST", 200, "done");
        peer_close(client);
        peer_close(vendor);
}

static void decide_refuse(struct exchange *x, struct verdict *ret)
{
        ret->status = 503;
        ret->retry_after_s = 7;
        strcpy(ret->message, "not today");
        strcpy(x->reason, "the program said no");
}

static void a_reply_has_shape_retry_after_and_reason(void **state)
{
        struct rig *r = *state;
        struct settled settled;
        struct peer *client;
        struct answer a;
        char value[32];

        r->program.decide = decide_refuse;
        client = rig_begin(r);
        client_get(client, "/");
        answer_read(client, "GET", &a);
        assert_true(a.complete);
        assert_int_equal(a.status, 503);
        assert_string_equal(a.body, "{\"errors\":[{\"id\":503,\"message\":\"not today\"}]}");
        assert_true(header_find(a.head, "Retry-After", value, sizeof(value)));
        assert_string_equal(value, "7");
        assert_true(header_find(a.head, "X-Decorated", value, sizeof(value)));
        assert_true(header_find(a.head, "X-Request-Id", value, sizeof(value)));
        assert_int_equal(strlen(value), 16);
        assert_false(header_find(a.head, "Connection", value, sizeof(value)));
        answer_done(&a);
        settled = rig_settled(r, 0);
        assert_string_equal(settled.reason, "the program said no");
        assert_true(settled.own);
        client_get(client, "/the-connection-is-still-good");
        answer_expect(client, "GET", 503, NULL);
        assert_false(peer_knocks(r->vendors[RIG_PLAIN]));
        peer_close(client);
}

static void decide_no_content(struct exchange *x, struct verdict *ret)
{
        ret->status = slice_is(x->request.head.path, "/ok") ? 200 : 204;
}

static void replies_without_a_body(void **state)
{
        struct rig *r = *state;
        struct peer *client;

        r->program.decide = decide_no_content;
        client = rig_begin(r);
        client_get(client, "/");
        answer_expect(client, "GET", 204, "");
        client_get(client, "/ok");
        answer_expect(client, "GET", 200, "");
        client_get(client, "/");
        answer_expect(client, "GET", 204, "");
        peer_close(client);
}

static void a_refused_expectation_is_answered_before_the_body_is_asked_for(void **state)
{
        struct rig *r = *state;
        struct peer *client;
        const char *head;

        r->program.decide = decide_refuse;
        client = rig_begin(r);
        peer_send(client, "POST / HTTP/1.1\r\nHost: vendor.test\r\nContent-Length: 5\r\n"
                          "Expect: 100-continue\r\n\r\n");
        head = peer_head(client);
        assert_non_null(strstr(head, "HTTP/1.1 503 "));
        assert_non_null(strstr(head, "Connection: close\r\n"));
        assert_int_equal(peer_end(client, NULL), PEER_END_CLEAN);
        peer_close(client);
}

static void a_chunked_request_is_framed_anew(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;
        char value[32], body[64];
        const char *head;

        peer_send(client,
                  "POST / HTTP/1.1\r\nHost: vendor.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        head = peer_head(vendor);
        assert_true(header_find(head, "Transfer-Encoding", value, sizeof(value)));
        peer_take(vendor, body, 6 + 11 + 2 + 5);
        assert_memory_equal(body, "000b\r\nhello world\r\n0\r\n\r\n", 24);
        vendor_answer(vendor, "ok");
        answer_expect(client, "POST", 200, "ok");
        peer_close(client);
        peer_close(vendor);
}

static void a_post_without_a_body_says_so(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;
        char value[8];

        peer_send(client, "POST / HTTP/1.1\r\nHost: vendor.test\r\n\r\n");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        assert_true(header_find(peer_head(vendor), "Content-Length", value, sizeof(value)));
        assert_string_equal(value, "0");
        vendor_answer(vendor, "ok");
        answer_expect(client, "POST", 200, "ok");
        peer_close(client);
        peer_close(vendor);
}

static void hop_by_hop_headers_stay_on_their_hop(void **state)
{
        static const char *const names[] = { "Connection", "Keep-Alive", "X-Named",
                                             "TE",         "Upgrade",    "Proxy-Authorization" };
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;
        struct answer a;
        const char *head;
        char value[64];

        peer_send(client, "GET / HTTP/1.1\r\nHost: vendor.test\r\nX-Named: 1\r\nTE: trailers\r\n"
                          "Connection: keep-alive, X-Named, TE, Upgrade\r\nUpgrade: h2c\r\n"
                          "Keep-Alive: 5\r\nProxy-Authorization: x\r\nX-Kept: 1\r\n\r\n");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        head = peer_head(vendor);
        for (size_t i = 0; i < N_ELEMENTS(names); i++) {
                if (header_find(head, names[i], value, sizeof(value)))
                        fail_msg("%s reached the vendor", names[i]);
        }
        assert_true(header_find(head, "X-Kept", value, sizeof(value)));
        peer_send(vendor, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Named: 1\r\nX-Kept: 1\r\n"
                          "Connection: X-Named\r\nKeep-Alive: 5\r\n\r\n");
        answer_read(client, "GET", &a);
        for (size_t i = 0; i < 3; i++) {
                if (header_find(a.head, names[i], value, sizeof(value)))
                        fail_msg("%s reached the client", names[i]);
        }
        assert_true(header_find(a.head, "X-Kept", value, sizeof(value)));
        answer_done(&a);
        peer_close(client);
        peer_close(vendor);
}

/* How an answer of the vendor reaches the client. */
static const struct {
        const char *sentence;
        const char *method, *version;
        const char *answer;
        unsigned status;
        const char *body;
        bool vendor_ends; /* behind the answer */
        bool chunked;     /* towards the client */
        bool stays;       /* the client's connection */
} answers[] = {
        { "sized", "GET", "1.1", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello",
          false, false, true },
        { "chunked with trailers", "GET", "1.1",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nX: y\r\n\r\n",
          200, "hello", false, true, true },
        { "until the end", "GET", "1.1", "HTTP/1.1 200 OK\r\n\r\nhello", 200, "hello", true, true,
          true },
        { "empty until the end", "GET", "1.1", "HTTP/1.1 200 OK\r\n\r\n", 200, "", true, true,
          true },
        { "empty", "GET", "1.1", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", false,
          false, true },
        { "204", "GET", "1.1", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", false, false, true },
        { "304", "GET", "1.1", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, "",
          false, false, true },
        { "HEAD", "HEAD", "1.1", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 200, "", false,
          false, true },
        { "HEAD, chunked", "HEAD", "1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
          200, "", false, false, true },
        { "HTTP/1.0 client, sized", "GET", "1.0",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", false, false, false },
        { "HTTP/1.0 client, chunked", "GET", "1.0",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200,
          "hello", false, false, false },
        { "HTTP/1.0 client, until the end", "GET", "1.0", "HTTP/1.1 200 OK\r\n\r\nhello", 200,
          "hello", true, false, false },
        { "HTTP/1.0 vendor", "GET", "1.1", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200,
          "hello", false, false, true },
        { "vendor closes", "GET", "1.1",
          "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", 200, "hello",
          false, false, true },
        { "interim answers before", "GET", "1.1",
          "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
          200, "hello", false, false, true },
        { "an error of the vendor", "GET", "1.1", "HTTP/1.1 422 Odd\r\nContent-Length: 2\r\n\r\nno",
          422, "no", false, false, true },
};

static void run_answer(struct rig *r, size_t i, unsigned n)
{
        struct peer *client = peer_connect(NULL, r->port, NULL), *vendor;
        struct answer a;
        char text[128];

        snprintf(text, sizeof(text), "%s / HTTP/%s\r\nHost: vendor.test\r\n\r\n", answers[i].method,
                 answers[i].version);
        peer_send(client, text);
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_send(vendor, answers[i].answer);
        if (answers[i].vendor_ends)
                peer_half_close(vendor);
        answer_read(client, answers[i].method, &a);
        if (!a.complete || a.status != answers[i].status || strcmp(a.body, answers[i].body) != 0 ||
            a.chunked != answers[i].chunked)
                fail_msg("%s: complete %d, status %u, chunked %d, body '%s'", answers[i].sentence,
                         a.complete, a.status, a.chunked, a.body);
        answer_done(&a);
        assert_int_equal(rig_settled(r, n).status, answers[i].status);
        if (!answers[i].stays && peer_end(client, NULL) != PEER_END_CLEAN)
                fail_msg("%s: no clean end", answers[i].sentence);
        if (answers[i].stays && peer_has_input(client, 0))
                fail_msg("%s: the client's connection did not stay", answers[i].sentence);
        peer_close(client);
        peer_reset(vendor); /* so that the next row has a connection of its own */
}

static bool no_upstream(struct rig *r)
{
        return upstream_pool_count(r->worker.pool) == 0;
}

static void answers_of_every_framing_reach_the_client(void **state)
{
        struct rig *r = *state;

        rig_start(r);
        for (unsigned i = 0; i < N_ELEMENTS(answers); i++) {
                run_answer(r, i, i);
                rig_wait_for(r, no_upstream);
        }
}

static void an_interim_answer_does_not_stop_the_body(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;
        char taken[1000];

        peer_send(client,
                  "POST / HTTP/1.1\r\nHost: vendor.test\r\nContent-Length: 4194304\r\n\r\n");
        peer_send(client, "first");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_take(vendor, taken, 5);
        peer_send(vendor, "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 2");
        rig_catch_up(r);
        peer_send(client, "second");
        peer_take(vendor, taken, 6);
        peer_send(vendor, "00 OK\r\nContent-Length: 2\r\n\r\nok");
        answer_expect(client, "POST", 200, "ok");
        peer_close(client);
        peer_close(vendor);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(one_request_goes_through_and_the_connections_stay),
                CASE(tls_on_both_sides),
                CASE(three_pipelined_requests_are_answered_in_their_order),
                CASE(pipelined_requests_in_one_tls_record_are_all_answered),
                CASE(pipelined_requests_in_two_tls_records_are_all_answered),
                CASE(a_client_that_waits_is_told_to_continue),
                CASE(a_reply_has_shape_retry_after_and_reason),
                CASE(replies_without_a_body),
                CASE(a_refused_expectation_is_answered_before_the_body_is_asked_for),
                CASE(a_chunked_request_is_framed_anew),
                CASE(a_post_without_a_body_says_so),
                CASE(hop_by_hop_headers_stay_on_their_hop),
                CASE(answers_of_every_framing_reach_the_client),
                CASE(an_interim_answer_does_not_stop_the_body),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
