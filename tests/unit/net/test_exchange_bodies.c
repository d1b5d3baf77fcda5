/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of every size pass unchanged, and are shown to the program where it asks.
 */
#include "tests/unit/net/check.h"
#include "tests/unit/net/rig.h"

#include <stdio.h>

static unsigned char *pattern_new(size_t n)
{
        unsigned char *data = malloc(n);

        assert_non_null(data);
        for (size_t i = 0; i < n; i++)
                data[i] = (unsigned char)(i * 31 + (i >> 12));
        return data;
}

static void body_up(struct peer *client, struct peer *vendor, const unsigned char *data, size_t n)
{
        struct peer_sender *sender = peer_send_aside(client, data, n);
        unsigned char *received = malloc(n);

        peer_take(vendor, received, n);
        peer_sender_join(sender);
        assert_memory_equal(received, data, n);
        free(received);
}

static void body_down(struct peer *client, struct peer *vendor, const unsigned char *data, size_t n)
{
        struct peer_sender *sender;
        struct answer a;
        char head[128];

        snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", n);
        peer_send(vendor, head);
        sender = peer_send_aside(vendor, data, n);
        answer_read(client, "PUT", &a);
        peer_sender_join(sender);
        assert_true(a.complete);
        assert_int_equal(a.n_body, n);
        assert_memory_equal(a.body, data, n);
        answer_done(&a);
}

static void large_bodies(struct rig *r, bool tls)
{
        struct peer *client =
                peer_connect(NULL, tls ? r->tls_port : r->port, tls ? r->client_tls : NULL);
        size_t n = 3000017;
        unsigned char *data = pattern_new(n);
        struct peer *vendor;
        char head[256];

        snprintf(head, sizeof(head),
                 "PUT %s HTTP/1.1\r\nHost: vendor.test\r\nContent-Length: %zu\r\n\r\n",
                 tls ? "/tls" : "/", n);
        peer_send(client, head);
        vendor = tls ? peer_accept(r->vendors[RIG_TLS], r->vendor_tls)
                     : peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        body_up(client, vendor, data, n);
        body_down(client, vendor, data, n);
        client_get(client, tls ? "/tls" : "/");
        peer_head(vendor);
        vendor_answer(vendor, "still in step");
        answer_expect(client, "GET", 200, "still in step");
        free(data);
        peer_close(client);
        peer_close(vendor);
}

static void large_bodies_pass_both_ways_unchanged(void **state)
{
        rig_start(*state);
        large_bodies(*state, false);
}

static void large_bodies_pass_both_ways_over_tls(void **state)
{
        rig_start(*state);
        large_bodies(*state, true);
}

static void a_chunked_answer_of_odd_pieces_is_whole(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;
        size_t n = 200000, total = 0;
        unsigned char *data = pattern_new(n);
        struct answer a;
        char size[16];

        client_get(client, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_send(vendor, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (size_t piece = 1; total < n; piece = piece * 7 % 30011 + 1) {
                piece = MIN(piece, n - total);
                snprintf(size, sizeof(size), "%zx\r\n", piece);
                peer_send(vendor, size);
                peer_send_bytes(vendor, data + total, piece);
                peer_send(vendor, "\r\n");
                total += piece;
        }
        peer_send(vendor, "0\r\n\r\n");
        answer_read(client, "GET", &a);
        assert_true(a.complete);
        assert_int_equal(a.n_body, n);
        assert_memory_equal(a.body, data, n);
        assert_int_equal(rig_settled(r, 0).n_answer_bytes, n);
        answer_done(&a);
        free(data);
        peer_close(client);
        peer_close(vendor);
}

static enum judgement judge_body(struct exchange *x, struct slice body, bool shown)
{
        if (!shown)
                return JUDGE_MORE;
        if (body.length && body.data[0] == 'A' && x->attempt == 0)
                return JUDGE_AGAIN;
        return JUDGE_PASS;
}

/* The judge sees the beginning of the body; what it lets pass is whole. */
static void a_judged_body_reaches_the_client_whole(void **state)
{
        static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 30000 };
        struct rig *r = *state;
        struct peer *client, *vendor = NULL;
        char head[128];

        r->program.judge = judge_body;
        client = rig_begin(r);
        for (size_t i = 0; i < 2 * N_ELEMENTS(sizes); i++) {
                size_t n = sizes[i / 2];
                char *body = calloc(1, n + 1);

                memset(body, 'b', n);
                client_get(client, "/");
                vendor = vendor ? vendor : peer_accept(r->vendors[RIG_PLAIN], NULL);
                peer_head(vendor);
                snprintf(head, sizeof(head),
                         i & 1 ? "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n"
                               : "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
                         n);
                peer_send(vendor, head);
                peer_send(vendor, body);
                if (!(i & 1))
                        peer_send(vendor, n ? "\r\n0\r\n\r\n" : "\r\n");
                answer_expect(client, "GET", 200, body);
                free(body);
        }
        peer_close(client);
        peer_close(vendor);
}

static enum judgement judge_status(struct exchange *x, struct slice body, bool shown)
{
        return x->attempt == 0 && x->answer.head.status == 401 ? JUDGE_AGAIN : JUDGE_PASS;
}

static void a_refusal_falls_back_once_to_the_other_route(void **state)
{
        struct rig *r = *state;
        struct peer *client, *vendor, *other;
        struct settled settled;

        r->program.judge = judge_status;
        client = rig_begin(r);
        client_get(client, "/a");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_send(vendor, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
        other = peer_accept(r->vendors[RIG_OTHER], NULL);
        assert_non_null(strstr(peer_head(other), "GET /a HTTP/1.1"));
        peer_send(other, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nnope");
        answer_expect(client, "GET", 401, "nope");
        settled = rig_settled(r, 0);
        assert_int_equal(settled.attempt, 1);
        assert_int_equal(atomic_load(&r->n_decided), 2);
        assert_false(peer_knocks(r->vendors[RIG_OTHER]));
        /* the first connection was read to the end of the refusal: it serves again */
        client_get(client, "/b");
        assert_non_null(strstr(peer_head(vendor), "GET /b HTTP/1.1"));
        vendor_answer(vendor, "yes");
        answer_expect(client, "GET", 200, "yes");
        peer_close(client);
        peer_close(vendor);
        peer_close(other);
}

static void a_judged_body_can_fall_back_too(void **state)
{
        struct rig *r = *state;
        struct peer *client, *vendor, *other;

        r->program.judge = judge_body;
        client = rig_begin(r);
        client_get(client, "/a");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        vendor_answer(vendor, "A refusal");
        other = peer_accept(r->vendors[RIG_OTHER], NULL);
        peer_head(other);
        vendor_answer(other, "A second is passed on");
        answer_expect(client, "GET", 200, "A second is passed on");
        peer_close(client);
        peer_close(vendor);
        peer_close(other);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(large_bodies_pass_both_ways_unchanged),
                CASE(large_bodies_pass_both_ways_over_tls),
                CASE(a_chunked_answer_of_odd_pieces_is_whole),
                CASE(a_judged_body_reaches_the_client_whole),
                CASE(a_refusal_falls_back_once_to_the_other_route),
                CASE(a_judged_body_can_fall_back_too),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
