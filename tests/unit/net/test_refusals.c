/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that must be refused, through the whole engine: the status, a clean end of the
 * connection, and not one byte to the vendor. In one piece and byte by byte.
 */
#include "tests/unit/net/check.h"
#include "tests/unit/net/rig.h"

#include <stdio.h>
#include <sys/socket.h>

#define GET "GET / HTTP/1.1\r\nHost: vendor.test\r\n"
#define POST "POST / HTTP/1.1\r\nHost: vendor.test\r\n"
/* Bytes that a confused reader would take for the next request. */
#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: vendor.test\r\n\r\n"

static const struct {
        const char *sentence;
        const char *request;
        unsigned status;
} rows[] = {
        { "both framings",
          POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED, 400 },
        { "two lengths", POST "Content-Length: 5\r\nContent-Length: 0\r\n\r\n" SMUGGLED, 400 },
        { "a list of lengths", POST "Content-Length: 5, 5\r\n\r\nhello", 400 },
        { "a length with a sign", POST "Content-Length: +5\r\n\r\nhello", 400 },
        { "a negative length", POST "Content-Length: -5\r\n\r\n", 400 },
        { "a length that overflows", POST "Content-Length: 99999999999999999999\r\n\r\n", 400 },
        { "an unknown coding", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501 },
        { "chunked is not the last coding",
          POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 501 },
        { "chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          400 },
        { "a control character", GET "X: \x01\r\n\r\n", 400 },
        { "a bare CR", GET "X: a\rb\r\n\r\n", 400 },
        { "bare LFs", "GET / HTTP/1.1\nHost: vendor.test\n\n", 400 },
        { "a folded line", GET "X: a\r\n b\r\n\r\n", 400 },
        { "a blank before the colon", GET "X : a\r\n\r\n", 400 },
        { "no Host", "GET / HTTP/1.1\r\n\r\n", 400 },
        { "two Hosts", GET "Host: vendor.test\r\n\r\n", 400 },
        { "Host with userinfo", "GET / HTTP/1.1\r\nHost: a@vendor.test\r\n\r\n", 400 },
        { "Host is not the target's", "GET http://a.test/ HTTP/1.1\r\nHost: vendor.test\r\n\r\n",
          421 },
        { "HTTP/2 by prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
        { "an unknown method", "BREW / HTTP/1.1\r\nHost: vendor.test\r\n\r\n", 501 },
        { "another expectation", POST "Content-Length: 1\r\nExpect: rain\r\n\r\n", 417 },
        { "no HTTP at all", "\x16\x03\x01\x02\n\r\n", 400 },
};

static int setup(void **state)
{
        *state = rig_new();
        rig_start(*state);
        return 0;
}

static int teardown(void **state)
{
        rig_free(*state);
        return 0;
}

static void expect_refused(struct rig *r, unsigned n, const char *sentence, struct peer *client,
                           unsigned status)
{
        struct settled s = rig_settled(r, n);
        struct answer a;
        size_t more;

        answer_read(client, "GET", &a);
        if (!a.complete || a.status != status)
                fail_msg("%s: status %u", sentence, a.status);
        if (s.status != status || !s.reason[0])
                fail_msg("%s: settled with %u, '%s'", sentence, s.status, s.reason);
        answer_done(&a);
        if (peer_end(client, &more) != PEER_END_CLEAN || more > 0)
                fail_msg("%s: no clean end, %zu more bytes", sentence, more);
        peer_close(client);
}

static void a_bad_request_is_refused_and_nothing_goes_on(void **state)
{
        struct rig *r = *state;

        for (unsigned i = 0; i < N_ELEMENTS(rows); i++) {
                struct peer *client = peer_connect(NULL, r->port, NULL);

                peer_send(client, rows[i].request);
                expect_refused(r, i, rows[i].sentence, client, rows[i].status);
        }
        assert_int_equal(atomic_load(&r->n_decided), 0);
        assert_false(peer_knocks(r->vendors[RIG_PLAIN]));
}

static void a_bad_request_byte_by_byte_is_refused_as_well(void **state)
{
        struct rig *r = *state;

        for (unsigned i = 0; i < N_ELEMENTS(rows); i++) {
                struct peer *client = peer_connect(NULL, r->port, NULL);

                /* the answer may come, and the rest be in vain, before all is sent */
                for (const char *p = rows[i].request; *p; p++)
                        send(client->fd, p, 1, MSG_NOSIGNAL);
                expect_refused(r, i, rows[i].sentence, client, rows[i].status);
        }
        assert_int_equal(atomic_load(&r->n_decided), 0);
}

static void a_nul_is_refused(void **state)
{
        static const char request[] = GET "X: a\0b\r\n\r\n";
        struct rig *r = *state;
        struct peer *client = peer_connect(NULL, r->port, NULL);

        peer_send_bytes(client, request, sizeof(request) - 1);
        expect_refused(r, 0, "NUL", client, 400);
}

static void long_heads_have_statuses_of_their_own(void **state)
{
        static char long_text[20000];
        struct rig *r = *state;
        struct peer *client;

        memset(long_text, 'a', sizeof(long_text));
        client = peer_connect(NULL, r->port, NULL);
        peer_send(client, "GET /");
        peer_send_bytes(client, long_text, sizeof(long_text));
        expect_refused(r, 0, "a long target", client, 414);
        client = peer_connect(NULL, r->port, NULL);
        peer_send(client, GET "X: ");
        peer_send_bytes(client, long_text, sizeof(long_text));
        expect_refused(r, 1, "a long header", client, 431);
        client = peer_connect(NULL, r->port, NULL);
        peer_send(client, GET);
        for (int i = 0; i < 101; i++)
                peer_send(client, "X: y\r\n");
        peer_send(client, "\r\n");
        expect_refused(r, 2, "many headers", client, 431);
}

static const char *const broken_bodies[] = {
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "fffffffffffffffff\r\nx",
        "-1\r\nx",
        "5;\x01\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
};

static void a_broken_chunk_is_refused_and_the_vendor_s_request_broken_off(void **state)
{
        struct rig *r = *state;

        for (unsigned i = 0; i < N_ELEMENTS(broken_bodies); i++) {
                struct peer *client = peer_connect(NULL, r->port, NULL), *vendor;
                enum peer_end end;
                char seen[256];
                size_t n;

                peer_send(client, POST "Transfer-Encoding: chunked\r\n\r\n");
                vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
                peer_head(vendor);
                peer_send(client, broken_bodies[i]);
                expect_refused(r, i, broken_bodies[i], client, 400);
                n = peer_take_until_end(vendor, seen, sizeof(seen), &end);
                if (memmem(seen, n, "\r\n0\r\n\r\n", 7))
                        fail_msg("%s: the vendor has a whole request", broken_bodies[i]);
                peer_close(vendor);
        }
}

/* A good request first: the refusal of the second does not spoil the first. */
static void a_bad_request_behind_a_good_one_is_refused_in_its_turn(void **state)
{
        struct rig *r = *state;
        struct peer *client = peer_connect(NULL, r->port, NULL), *vendor;

        peer_send(client,
                  GET "\r\n" POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        vendor_answer(vendor, "good");
        answer_expect(client, "GET", 200, "good");
        expect_refused(r, 1, "the second", client, 400);
        assert_int_equal(atomic_load(&r->n_decided), 1);
        peer_close(vendor);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(a_bad_request_is_refused_and_nothing_goes_on),
                CASE(a_bad_request_byte_by_byte_is_refused_as_well),
                CASE(a_nul_is_refused),
                CASE(long_heads_have_statuses_of_their_own),
                CASE(a_broken_chunk_is_refused_and_the_vendor_s_request_broken_off),
                CASE(a_bad_request_behind_a_good_one_is_refused_in_its_turn),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
