/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes wrong between client and vendor. Each test looks at the client's answer, at what the
 * vendor saw, and at the reason in the record.
 */
#include "tests/unit/net/check.h"
#include "tests/unit/net/rig.h"

/* Cut after each byte; `n_whole` bytes are an answer. */
static void cut_everywhere(struct rig *r, const char *answer, size_t n_whole, bool tls,
                           void (*cut)(struct peer *p))
{
        for (size_t n = 0; n < n_whole; n++) {
                struct peer *client = peer_connect(NULL, r->port, NULL), *vendor;
                enum peer_end end;
                struct answer a;

                peer_send(client, tls ? "POST /tls HTTP/1.1\r\nHost: vendor.test\r\n\r\n"
                                      : "POST / HTTP/1.1\r\nHost: vendor.test\r\n\r\n");
                vendor = peer_accept(r->vendors[tls ? RIG_TLS : RIG_PLAIN],
                                     tls ? r->vendor_tls : NULL);
                peer_head(vendor);
                peer_send_bytes(vendor, answer, n);
                cut(vendor);
                answer_read(client, "POST", &a);
                if (a.complete && a.status != 502)
                        fail_msg("cut after %zu bytes: the client has a whole answer of %u, '%s'",
                                 n, a.status, a.body);
                end = a.complete ? PEER_END_CUT : peer_end(client, NULL);
                if (end != PEER_END_CUT)
                        fail_msg("cut after %zu bytes: the client's connection ended cleanly", n);
                answer_done(&a);
                peer_close(client);
        }
}

static void a_sized_answer_that_is_cut_never_looks_whole(void **state)
{
        static const char answer[] =
                "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789abcdefghij";

        rig_start(*state);
        cut_everywhere(*state, answer, sizeof(answer) - 1, false, peer_close);
}

static void a_sized_answer_that_is_reset_never_looks_whole(void **state)
{
        static const char answer[] =
                "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789abcdefghij";

        rig_start(*state);
        cut_everywhere(*state, answer, sizeof(answer) - 1, false, peer_reset);
}

static void a_chunked_answer_that_is_cut_never_looks_whole(void **state)
{
        static const char answer[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                     "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX: y\r\n\r\n";

        rig_start(*state);
        cut_everywhere(*state, answer, sizeof(answer) - 1, false, peer_close);
}

static void an_answer_until_the_end_over_tls_needs_close_notify(void **state)
{
        static const char answer[] = "HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello world";

        rig_start(*state);
        cut_everywhere(*state, answer, sizeof(answer) - 1, true, peer_cut);
}

static void a_reset_answer_until_the_end_never_looks_whole(void **state)
{
        static const char answer[] = "HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello world";

        rig_start(*state);
        cut_everywhere(*state, answer, sizeof(answer) - 1, false, peer_reset);
}

static void an_answer_until_the_end_over_tls_with_close_notify_is_whole(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;

        client_get(client, "/tls");
        vendor = peer_accept(r->vendors[RIG_TLS], r->vendor_tls);
        peer_head(vendor);
        peer_send(vendor, "HTTP/1.1 200 OK\r\n\r\nhello world");
        peer_close(vendor);
        answer_expect(client, "GET", 200, "hello world");
        peer_close(client);
}

/* Answers that must become 502 and end the connection to the vendor. */
static const struct {
        const char *sentence;
        const char *answer;
        const char *reason;
} malformed[] = {
        { "both framings",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          "Transfer-Encoding" },
        { "two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
          "Content-Length" },
        { "a coding of its own", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "coding" },
        { "switching protocols", "HTTP/1.1 101 Switching\r\n\r\n", "status" },
        { "a folded header", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "folded" },
        { "a bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "line end" },
        { "no HTTP at all", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "malformed" },
        { "HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", "version" },
};

static void a_malformed_answer_is_a_bad_gateway(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r);

        for (unsigned i = 0; i < N_ELEMENTS(malformed); i++) {
                struct peer *vendor;
                struct answer a;

                client_get(client, "/");
                vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
                peer_head(vendor);
                peer_send(vendor, malformed[i].answer);
                answer_read(client, "GET", &a);
                if (!a.complete || a.status != 502)
                        fail_msg("%s: status %u", malformed[i].sentence, a.status);
                rig_expect(r, i, 502, malformed[i].reason);
                peer_end(vendor, NULL);
                answer_done(&a);
                peer_close(vendor);
        }
        peer_close(client);
}

static void an_answer_head_without_end_is_a_bad_gateway(void **state)
{
        static char flood[65536];
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;

        client_get(client, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_send(vendor, "HTTP/1.1 200 OK\r\nX: ");
        memset(flood, 'x', sizeof(flood));
        peer_send_until_blocked(vendor, flood, sizeof(flood), 50);
        answer_expect(client, "GET", 502, NULL);
        rig_expect(r, 0, 502, "head that is too long");
        peer_close(client);
        peer_close(vendor);
}

static void a_flood_of_interim_answers_ends(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;

        client_get(client, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        for (int i = 0; i < 9; i++)
                peer_send(vendor, "HTTP/1.1 103 Early Hints\r\n\r\n");
        answer_expect(client, "GET", 502, NULL);
        rig_expect(r, 0, 502, "too many interim answers");
        peer_end(vendor, NULL);
        peer_close(client);
        peer_close(vendor);
}

static const char *const bad_bodies[] = { "5\r\nhelloX", "5\nhello\r\n0\r\n\r\n", "z\r\n",
                                          "fffffffffffffffff\r\nx" };
static const char chunked_head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

static void chunks_that_break_off_or_break_rules_never_look_whole(void **state)
{
        struct rig *r = *state;

        rig_start(r);
        for (size_t i = 0; i < N_ELEMENTS(bad_bodies); i++) {
                struct peer *client = peer_connect(NULL, r->port, NULL), *vendor;

                client_get(client, "/");
                vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
                peer_head(vendor);
                peer_send(vendor, chunked_head);
                peer_head(client);
                peer_send(vendor, bad_bodies[i]);
                assert_int_equal(peer_end(client, NULL), PEER_END_CUT);
                rig_expect(r, (unsigned)i, 200, "broke off its answer");
                peer_end(vendor, NULL);
                peer_close(vendor);
                peer_close(client);
        }
}

static void an_answer_that_breaks_before_a_byte_of_it_left_is_a_502(void **state)
{
        struct rig *r = *state;

        rig_start(r);
        for (size_t i = 0; i < N_ELEMENTS(bad_bodies); i++) {
                struct peer *client = peer_connect(NULL, r->port, NULL), *vendor;
                char answer[128];

                client_get(client, "/");
                vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
                peer_head(vendor);
                snprintf(answer, sizeof(answer), "%s%s", chunked_head, bad_bodies[i]);
                peer_send(vendor, answer);
                answer_expect(client, "GET", 502, NULL);
                rig_expect(r, (unsigned)i, 502, "broke off its answer");
                peer_end(vendor, NULL);
                peer_close(vendor);
                peer_close(client);
        }
}

static void what_is_no_answer_is_not_waited_for(void **state)
{
        static const char *const garbage[] = { "<", "SSH-2.0", "HTTQ", "\r\n", "\x16\x03\x01" };
        struct rig *r = *state;

        rig_start(r);
        for (size_t i = 0; i < N_ELEMENTS(garbage); i++) {
                struct peer *client = peer_connect(NULL, r->port, NULL), *vendor;

                client_get(client, "/");
                vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
                peer_head(vendor);
                peer_send(vendor, garbage[i]);
                answer_expect(client, "GET", 502, NULL);
                rig_expect(r, (unsigned)i, 502, "sent a bad answer: malformed message head");
                peer_end(vendor, NULL);
                peer_close(vendor);
                peer_close(client);
        }
}

/* 413 before the body is out; the vendor then closes, with bytes of ours unread. */
static void an_early_answer_reaches_a_client_that_still_sends(void **state)
{
        static char piece[4096];
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;
        struct answer a;

        peer_send(client,
                  "POST / HTTP/1.1\r\nHost: vendor.test\r\nContent-Length: 1000000\r\n\r\n");
        peer_send_bytes(client, piece, sizeof(piece));
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_send(vendor, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
        answer_read(client, "POST", &a);
        assert_int_equal(a.status, 413);
        assert_true(a.complete);
        assert_non_null(strstr(a.head, "Connection: close\r\n"));
        answer_done(&a);
        assert_int_equal(peer_end(client, NULL), PEER_END_CLEAN);
        peer_end(vendor, NULL); /* not reused: it still expects the rest of the body */
        peer_close(client);
        peer_close(vendor);
}

static void an_early_answer_behind_a_closed_side_is_still_read(void **state)
{
        size_t n = 32 << 20;
        char *body = calloc(1, n);
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;

        peer_send(client,
                  "POST / HTTP/1.1\r\nHost: vendor.test\r\nContent-Length: 33554432\r\n\r\n");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_send_until_blocked(client, body, n, 100); /* the vendor does not read: all is stuck */
        peer_send(vendor, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        answer_expect(client, "POST", 403, "no");
        rig_expect(r, 0, 403, "");
        free(body);
        peer_close(client);
        peer_close(vendor);
}

struct collision {
        struct peer *client, *vendor;
};

/* On the engine's thread, so that the loop finds it all at once: more of the body first, and the
 * vendor has answered and reset meanwhile. */
static void send_answer_and_reset(struct rig *r, void *context)
{
        struct collision *c = context;

        peer_send(c->client, "more of the body");
        peer_send(c->vendor, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
        peer_reset(c->vendor);
}

static void an_early_answer_before_a_reset_is_still_read(void **state)
{
        struct rig *r = *state;
        struct collision c = { .client = rig_begin(r) };

        peer_send(c.client,
                  "POST / HTTP/1.1\r\nHost: vendor.test\r\nContent-Length: 1000000\r\n\r\n");
        c.vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(c.vendor);
        rig_on_thread(r, send_answer_and_reset, &c);
        answer_expect(c.client, "POST", 413, "big");
        rig_expect(r, 0, 413, "");
        peer_close(c.client);
}

static void a_client_that_goes_away_cancels_the_request(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;

        client_get(client, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_close(client);
        rig_expect(r, 0, 499, "client closed");
        peer_end(vendor, NULL);
        peer_close(vendor);
}

static void a_client_that_resets_in_its_body_cancels_the_request(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;
        size_t n;

        peer_send(client,
                  "POST / HTTP/1.1\r\nHost: vendor.test\r\nContent-Length: 1000\r\n\r\nhello");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_reset(client);
        rig_expect(r, 0, 499, "client closed");
        peer_end(vendor, &n);
        assert_true(n < 1000);
        peer_close(vendor);
}

static void a_client_that_goes_away_in_its_answer_cancels_the_rest(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;
        struct settled s;

        client_get(client, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_send(vendor, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin");
        peer_head(client);
        peer_reset(client);
        s = rig_settled(r, 0);
        assert_int_equal(s.status, 499);
        assert_int_equal(s.n_answer_bytes, 5);
        peer_end(vendor, NULL);
        peer_close(vendor);
}

static void half_a_request_and_an_end_is_no_request(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r);

        peer_send(client, "GET / HTTP/1.1\r\nHost: ven");
        peer_close(client);
        rig_expect(r, 0, 499, "before its request head was whole");
        assert_int_equal(atomic_load(&r->n_decided), 0);
}

/* A vendor's certificate that must not be believed: nothing of the request goes out. */
static void expect_distrust(struct rig *r, SSL_CTX *tls)
{
        struct peer *client = rig_begin(r), *vendor;
        size_t n;

        client_get(client, "/tls");
        vendor = peer_accept(r->vendors[RIG_TLS], tls);
        answer_expect(client, "GET", 502, NULL);
        rig_expect(r, 0, 502, "certificate");
        peer_end(vendor, &n);
        assert_int_equal(n, 0);
        peer_close(client);
        peer_cut(vendor);
}

static void an_expired_certificate_gets_no_request(void **state)
{
        struct rig *r = *state;

        assert_int_equal(SSL_CTX_use_certificate_file(r->vendor_tls, r->certificates.expired,
                                                      SSL_FILETYPE_PEM),
                         1);
        expect_distrust(r, r->vendor_tls);
}

static void a_certificate_for_another_name_gets_no_request(void **state)
{
        struct rig *r = *state;

        r->origins[RIG_TLS].host = "other.test";
        expect_distrust(r, r->vendor_tls);
}

static void a_certificate_of_an_unknown_ca_gets_no_request(void **state)
{
        struct rig *r = *state;
        char why[TLS_WHY_MAX];

        tls_client_free(r->tls_client);
        assert_int_equal(tls_client_new(false, r->certificates.stranger_ca, &r->tls_client, why),
                         0);
        r->origins[RIG_TLS].tls = r->tls_client;
        expect_distrust(r, r->vendor_tls);
}

static void a_vendor_that_speaks_no_tls_is_a_bad_gateway(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;

        client_get(client, "/tls");
        vendor = peer_accept(r->vendors[RIG_TLS], NULL);
        peer_send(vendor, "HTTP/1.1 400 Bad Request\r\n\r\n");
        answer_expect(client, "GET", 502, NULL);
        rig_expect(r, 0, 502, "TLS");
        peer_close(client);
        peer_reset(vendor);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(a_sized_answer_that_is_cut_never_looks_whole),
                CASE(a_sized_answer_that_is_reset_never_looks_whole),
                CASE(a_chunked_answer_that_is_cut_never_looks_whole),
                CASE(an_answer_until_the_end_over_tls_needs_close_notify),
                CASE(a_reset_answer_until_the_end_never_looks_whole),
                CASE(an_answer_until_the_end_over_tls_with_close_notify_is_whole),
                CASE(a_malformed_answer_is_a_bad_gateway),
                CASE(an_answer_head_without_end_is_a_bad_gateway),
                CASE(a_flood_of_interim_answers_ends),
                CASE(chunks_that_break_off_or_break_rules_never_look_whole),
                CASE(an_answer_that_breaks_before_a_byte_of_it_left_is_a_502),
                CASE(what_is_no_answer_is_not_waited_for),
                CASE(an_early_answer_reaches_a_client_that_still_sends),
                CASE(an_early_answer_behind_a_closed_side_is_still_read),
                CASE(an_early_answer_before_a_reset_is_still_read),
                CASE(a_client_that_goes_away_cancels_the_request),
                CASE(a_client_that_resets_in_its_body_cancels_the_request),
                CASE(a_client_that_goes_away_in_its_answer_cancels_the_rest),
                CASE(half_a_request_and_an_end_is_no_request),
                CASE(an_expired_certificate_gets_no_request),
                CASE(a_certificate_for_another_name_gets_no_request),
                CASE(a_certificate_of_an_unknown_ca_gets_no_request),
                CASE(a_vendor_that_speaks_no_tls_is_a_bad_gateway),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
