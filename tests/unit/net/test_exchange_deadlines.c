/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines are absolute: who sends a byte now and then gains nothing.
 */
#include "lib/base/clock.h"
#include "tests/unit/net/check.h"
#include "tests/unit/net/rig.h"

#include <sys/socket.h>

static void a_head_that_does_not_end_in_time_is_a_time_out(void **state)
{
        struct rig *r = *state;
        struct peer *client;

        r->settings.head_ms = 60;
        client = rig_begin(r);
        peer_send(client, "GET / HTTP/1.1\r\nHost:");
        answer_expect(client, "GET", 408, NULL);
        rig_expect(r, 0, 408, "head came too slowly");
        assert_int_equal(peer_end(client, NULL), PEER_END_CLEAN);
        peer_close(client);
}

/* One byte now and then does not move the deadline: it is absolute. */
static void a_head_byte_by_byte_is_a_time_out_at_the_same_time(void **state)
{
        struct rig *r = *state;
        struct peer *client;
        uint64_t began;

        r->settings.head_ms = 150;
        client = rig_begin(r);
        began = clock_monotonic_ms();
        peer_send(client, "GET / HTTP/1.1\r\nX: ");
        while (!peer_has_input(client, 10))
                send(client->fd, "x", 1, MSG_NOSIGNAL);
        assert_in_range(clock_monotonic_ms() - began, 100, 3000);
        peer_end(client, NULL);
        rig_expect(r, 0, 408, "head came too slowly");
        peer_close(client);
}

static void a_body_that_does_not_end_in_time_is_a_time_out(void **state)
{
        struct rig *r = *state;
        struct peer *client, *vendor;

        r->settings.body_ms = 60;
        client = rig_begin(r);
        peer_send(client, "POST / HTTP/1.1\r\nHost: vendor.test\r\nContent-Length: 5\r\n\r\nhel");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        answer_expect(client, "POST", 408, NULL);
        rig_expect(r, 0, 408, "body came too slowly");
        peer_end(vendor, NULL);
        peer_close(client);
        peer_close(vendor);
}

static void nothing_at_all_is_closed_without_a_word(void **state)
{
        struct rig *r = *state;
        struct peer *client;
        size_t n;

        r->settings.head_ms = 60;
        client = rig_begin(r);
        peer_end(client, &n);
        assert_int_equal(n, 0);
        assert_int_equal(rig_n_settled(r), 0);
        peer_close(client);
}

static void a_handshake_that_stalls_is_closed(void **state)
{
        struct rig *r = *state;
        struct peer *client;
        size_t n;

        r->settings.head_ms = 60;
        rig_start(r);
        client = peer_connect(NULL, r->tls_port, NULL);
        peer_send_bytes(client, "\x16\x03\x01\x02\x00\x01", 6); /* the beginning of a ClientHello */
        peer_end(client, &n);
        assert_int_equal(n, 0);
        peer_close(client);
}

static void plain_text_to_the_tls_port_is_closed(void **state)
{
        struct rig *r = *state;
        struct peer *client;

        rig_start(r);
        client = peer_connect(NULL, r->tls_port, NULL);
        client_get(client, "/");
        peer_end(client, NULL);
        assert_int_equal(rig_n_settled(r), 0);
        peer_close(client);
}

static void a_client_at_rest_is_closed_after_its_time(void **state)
{
        struct rig *r = *state;
        struct peer *client, *vendor;
        size_t n;

        r->settings.idle_ms = 60;
        rig_start(r);
        client = peer_connect(NULL, r->tls_port, r->client_tls);
        client_get(client, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        vendor_answer(vendor, "ok");
        answer_expect(client, "GET", 200, "ok");
        assert_int_equal(peer_end(client, &n), PEER_END_CLEAN);
        assert_int_equal(n, 0);
        peer_close(client);
        peer_close(vendor);
}

static void decide_soon(struct exchange *x, struct verdict *ret)
{
        *ret = (struct verdict){
                .kind = VERDICT_FORWARD,
                .origin = &rig_of(x)->origins[slice_is(x->request.head.path, "/tls") ? RIG_TLS
                                                                                     : RIG_PLAIN],
                .deadline_ms = 80,
                .max_body_bytes = 10
        };
}

static void a_vendor_that_does_not_answer_in_time_is_a_time_out(void **state)
{
        struct rig *r = *state;
        struct peer *client, *vendor;

        r->program.decide = decide_soon;
        client = rig_begin(r);
        client_get(client, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_send(vendor, "HTTP/1.1 200");
        answer_expect(client, "GET", 504, NULL);
        rig_expect(r, 0, 504, "");
        peer_end(vendor, NULL);
        peer_close(vendor);
        client_get(client, "/the-client-stays");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        vendor_answer(vendor, "ok");
        answer_expect(client, "GET", 200, "ok");
        peer_close(client);
        peer_close(vendor);
}

static void a_vendor_that_stalls_its_handshake_is_a_time_out(void **state)
{
        struct rig *r = *state;
        struct peer *client;

        r->program.decide = decide_soon;
        client = rig_begin(r);
        client_get(client, "/tls"); /* the vendor's backlog accepts, nobody speaks */
        answer_expect(client, "GET", 504, NULL);
        rig_expect(r, 0, 504, "");
        peer_close(client);
}

static void an_answer_that_does_not_end_in_time_is_broken(void **state)
{
        struct rig *r = *state;
        struct peer *client, *vendor;
        struct answer a;

        r->settings.answer_ms = 80;
        client = rig_begin(r);
        client_get(client, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_send(vendor, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        answer_read(client, "GET", &a);
        assert_false(a.complete);
        assert_int_equal(peer_end(client, NULL), PEER_END_CUT);
        rig_expect(r, 0, 200, "vendor");
        answer_done(&a);
        peer_end(vendor, NULL);
        peer_close(client);
        peer_close(vendor);
}

static void a_client_that_takes_too_long_is_broken_off(void **state)
{
        size_t n = 32 << 20;
        struct rig *r = *state;
        struct peer *client, *vendor;
        char *body = calloc(1, n);

        r->settings.answer_ms = 150;
        rig_start(r);
        client = peer_connect_narrow(r->port);
        client_get(client, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_send(vendor, "HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n");
        peer_send_until_blocked(vendor, body, n, 2000);
        rig_expect(r, 0, 200, "client");
        assert_int_equal(peer_end(client, NULL), PEER_END_CUT);
        free(body);
        peer_close(client);
        peer_close(vendor);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(a_head_that_does_not_end_in_time_is_a_time_out),
                CASE(a_head_byte_by_byte_is_a_time_out_at_the_same_time),
                CASE(a_body_that_does_not_end_in_time_is_a_time_out),
                CASE(nothing_at_all_is_closed_without_a_word),
                CASE(a_handshake_that_stalls_is_closed),
                CASE(plain_text_to_the_tls_port_is_closed),
                CASE(a_client_at_rest_is_closed_after_its_time),
                CASE(a_vendor_that_does_not_answer_in_time_is_a_time_out),
                CASE(a_vendor_that_stalls_its_handshake_is_a_time_out),
                CASE(an_answer_that_does_not_end_in_time_is_broken),
                CASE(a_client_that_takes_too_long_is_broken_off),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
