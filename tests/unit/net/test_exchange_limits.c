/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing is unbounded: time, memory, connections. The engine's loop is counted as well: what waits
 * must not spin.
 */
#include "tests/unit/net/check.h"
#include "tests/unit/net/rig.h"

#include <stdio.h>
#include <sys/socket.h>

/* Turns of the loop while nothing moves; asking costs a few itself. */
static void expect_calm(struct rig *r, struct peer *idle)
{
        unsigned long before = atomic_load(&r->n_turns), after;

        if (peer_has_input(idle, 200))
                fail_msg("something came while everything waited");
        after = atomic_load(&r->n_turns);
        if (after - before > 20)
                fail_msg("the loop turned %lu times while everything waited", after - before);
}

static void note_blocks(struct rig *r, void *context)
{
        *(unsigned *)context = r->worker.blocks.n_used;
}

static void a_client_that_does_not_read_makes_the_vendor_wait(void **state)
{
        size_t n = 64 << 20, sent;
        struct rig *r = *state;
        struct peer *client, *vendor;
        char *body = calloc(1, n);
        unsigned n_blocks;

        rig_start(r);
        client = peer_connect_narrow(r->port);
        client_get(client, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_send(vendor, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
        sent = peer_send_until_blocked(vendor, body, n, 300);
        if (sent > n / 2)
                fail_msg("%zu of %zu bytes were taken in for a client that does not read", sent, n);
        rig_on_thread(r, note_blocks, &n_blocks);
        assert_in_range(n_blocks, 1, 8);
        expect_calm(r, vendor);
        peer_reset(client);
        rig_expect(r, 0, 499, "client closed");
        free(body);
        peer_close(vendor);
}

static void a_vendor_that_does_not_read_makes_the_client_wait(void **state)
{
        size_t n = 64 << 20, sent;
        struct rig *r = *state;
        struct peer *client, *vendor;
        char *body = calloc(1, n);
        unsigned n_blocks;

        r->settings.body_ms = 1500;
        client = rig_begin(r);
        peer_send(client,
                  "POST / HTTP/1.1\r\nHost: vendor.test\r\nContent-Length: 67108864\r\n\r\n");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        sent = peer_send_until_blocked(client, body, n, 300);
        if (sent > n / 2)
                fail_msg("%zu of %zu bytes were taken in for a vendor that does not read", sent, n);
        rig_on_thread(r, note_blocks, &n_blocks);
        assert_in_range(n_blocks, 1, 8);
        expect_calm(r, client);
        peer_reset(client);
        rig_expect(r, 0, 499,
                   "client closed"); /* seen at the deadline: what fills the buffer hides it */
        free(body);
        peer_close(vendor);
}

static void decide_with_a_short_deadline(struct exchange *x, struct verdict *ret)
{
        *ret = (struct verdict){ .kind = VERDICT_FORWARD,
                                 .origin = &rig_of(x)->origins[RIG_PLAIN],
                                 .deadline_ms = 1000 };
}

static void pipelined_requests_wait_without_spinning(void **state)
{
        size_t n = 4 << 20;
        struct rig *r = *state;
        struct peer *client, *vendor;
        char *more = malloc(n);
        unsigned n_blocks;

        r->program.decide = decide_with_a_short_deadline;
        client = rig_begin(r);
        for (size_t at = 0; at + 64 < n; at += 64)
                snprintf(more + at, 65,
                         "GET /%015zu HTTP/1.1\r\nHost: vendor.test\r\nX: 123\r\n\r\n", at);
        client_get(client, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_send_until_blocked(client, more, n - 64, 100);
        rig_on_thread(r, note_blocks, &n_blocks);
        assert_in_range(n_blocks, 1, 8);
        expect_calm(r, vendor);
        free(more);
        peer_reset(client);
        rig_expect(r, 0, 499, "client closed");
        peer_close(vendor);
}

/* The vendor's early answer, and more of the request than anybody takes. */
static void an_early_answer_to_a_stuck_body_does_not_spin(void **state)
{
        size_t n = 64 << 20;
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;
        char *body = calloc(1, n), half[4];

        peer_send(client,
                  "POST / HTTP/1.1\r\nHost: vendor.test\r\nContent-Length: 67108864\r\n\r\n");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_send_until_blocked(client, body, n, 100);
        peer_send(vendor, "HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nhalf");
        peer_head(client);
        peer_take(client, half, sizeof(half));
        peer_drain(vendor, 50); /* there is room for more, which nobody sends now */
        expect_calm(r, client);
        peer_send(vendor, "ANDEND");
        rig_expect(r, 0, 403, "");
        free(body);
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

static const struct {
        const char *sentence;
        const char *request;
        unsigned status;
} too_long[] = {
        { "a length over the limit is refused before the vendor is called",
          "POST / HTTP/1.1\r\nHost: vendor.test\r\nContent-Length: 11\r\n\r\nhello world", 413 },
        { "chunks over the limit are refused while they pass",
          "POST / HTTP/1.1\r\nHost: vendor.test\r\nTransfer-Encoding: chunked\r\n\r\n"
          "6\r\nhello \r\n6\r\nworld!\r\n",
          413 },
        { "one byte over the limit is over it",
          "POST / HTTP/1.1\r\nHost: vendor.test\r\nTransfer-Encoding: chunked\r\n\r\n"
          "6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n",
          413 },
};

static void a_body_over_the_limit_is_refused(void **state)
{
        struct rig *r = *state;

        r->program.decide = decide_soon;
        rig_start(r);
        for (unsigned i = 0; i < N_ELEMENTS(too_long); i++) {
                struct peer *client = peer_connect(NULL, r->port, NULL);

                peer_send(client, too_long[i].request);
                answer_expect(client, "POST", too_long[i].status, NULL);
                rig_expect(r, i, too_long[i].status, "longer than 10 bytes");
                if (i == 0 && peer_knocks(r->vendors[RIG_PLAIN]))
                        fail_msg("%s: it was called", too_long[i].sentence);
                assert_int_equal(peer_end(client, NULL), PEER_END_CLEAN);
                peer_close(client);
        }
}

static void connections_to_vendors_are_capped_dials_included(void **state)
{
        struct rig *r = *state;
        struct peer *clients[5], *vendors[2];
        unsigned n_refused = 0;

        r->settings.n_upstreams = 2;
        rig_start(r);
        for (int i = 0; i < 5; i++) {
                clients[i] = peer_connect(NULL, r->port, NULL);
                client_get(clients[i], "/");
        }
        for (unsigned i = 0; i < 3; i++)
                n_refused += rig_settled(r, i).status == 503;
        assert_int_equal(n_refused, 3);
        rig_expect(r, 0, 503, "too many connections");
        for (int i = 0; i < 2; i++) {
                vendors[i] = peer_accept(r->vendors[RIG_PLAIN], NULL);
                peer_head(vendors[i]);
                vendor_answer(vendors[i], "ok");
        }
        rig_settled(r, 4);
        assert_false(peer_knocks(r->vendors[RIG_PLAIN]));
        for (int i = 0; i < 5; i++) {
                struct answer a;
                char value[8];

                answer_read(clients[i], "GET", &a);
                assert_true(a.complete);
                assert_int_equal(a.status == 503,
                                 header_find(a.head, "Retry-After", value, sizeof(value)));
                answer_done(&a);
                peer_close(clients[i]);
        }
        peer_close(vendors[0]);
        peer_close(vendors[1]);
}

static void connections_of_one_address_are_capped(void **state)
{
        struct rig *r = *state;
        struct peer *clients[3], *stranger, *other, *vendor;
        size_t n;

        r->settings.n_connections_per_address = 3;
        r->settings.head_ms = 60000; /* nobody is closed for another reason */
        rig_start(r);
        for (int i = 0; i < 3; i++)
                clients[i] = peer_connect("127.0.0.2", r->port, NULL);
        stranger = peer_connect("127.0.0.2", r->port, NULL);
        peer_end(stranger, &n);
        assert_int_equal(n, 0);
        other = peer_connect("127.0.0.3", r->port, NULL);
        client_get(other, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        vendor_answer(vendor, "not affected");
        answer_expect(other, "GET", 200, "not affected");
        for (int i = 0; i < 3; i++)
                peer_close(clients[i]);
        peer_close(stranger);
        peer_close(other);
        peer_close(vendor);
}

static void connections_of_a_worker_are_capped(void **state)
{
        struct rig *r = *state;
        struct peer *first, *second, *stranger, *vendor;
        size_t n;

        r->settings.n_connections = 2;
        r->settings.head_ms = 60000;
        rig_start(r);
        first = peer_connect("127.0.0.2", r->port, NULL);
        second = peer_connect("127.0.0.3", r->port, NULL);
        stranger = peer_connect("127.0.0.4", r->port, NULL);
        peer_end(stranger, &n);
        assert_int_equal(n, 0);
        client_get(second, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        vendor_answer(vendor, "the last one in");
        answer_expect(second, "GET", 200, "the last one in");
        peer_close(first);
        peer_close(second);
        peer_close(stranger);
        peer_close(vendor);
}

static bool one_client_left(struct rig *r)
{
        return r->worker.n_clients == 1;
}

static void a_place_that_was_given_up_can_be_taken_again(void **state)
{
        struct rig *r = *state;
        struct peer *first, *second, *third, *vendor;

        r->settings.n_connections_per_address = 2;
        rig_start(r);
        first = peer_connect(NULL, r->port, NULL);
        second = peer_connect(NULL, r->port, NULL);
        peer_close(first);
        rig_wait_for(r, one_client_left);
        third = peer_connect(NULL, r->port, NULL);
        client_get(third, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        vendor_answer(vendor, "ok");
        answer_expect(third, "GET", 200, "ok");
        peer_close(second);
        peer_close(third);
        peer_close(vendor);
}

static void a_stop_lets_what_is_under_way_finish(void **state)
{
        struct rig *r = *state;
        struct peer *busy = rig_begin(r), *idle, *vendor;

        client_get(busy, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        idle = peer_connect(NULL, r->port, NULL);
        rig_stop(r);
        assert_int_equal(peer_end(idle, NULL), PEER_END_CLEAN);
        vendor_answer(vendor, "the last");
        answer_expect(busy, "GET", 200, "the last");
        assert_int_equal(peer_end(busy, NULL), PEER_END_CLEAN);
        peer_close(busy);
        peer_close(idle);
        rig_wait_stopped(r);
        peer_end(vendor, NULL);
        peer_close(vendor);
}

static struct peer *stop_vendor; /* answers when the stop comes */

/* From a socket's event, so that the loop finds both at its next turn: the answer, then the
 * stop. */
static void decide_answer_and_stop(struct exchange *x, struct verdict *ret)
{
        struct rig *r = rig_of(x);

        if (!slice_is(x->request.head.path, "/stop")) {
                decide_with_a_short_deadline(x, ret);
                ret->deadline_ms = 8000;
                return;
        }
        vendor_answer(stop_vendor, "ok");
        worker_stop(&r->worker);
        ret->status = 204;
}

/* A pipelined request waits for its turn when the stop comes; another exchange is under way. */
static void a_stop_between_pipelined_requests_is_survived(void **state)
{
        struct rig *r = *state;
        struct peer *busy, *held, *client, *vendor, *admin;

        r->program.decide = decide_answer_and_stop;
        rig_start(r);
        busy = peer_connect("127.0.0.2", r->port, NULL);
        client_get(busy, "/");
        held = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(held);
        client = peer_connect(NULL, r->port, NULL);
        peer_send(client, "GET /0 HTTP/1.1\r\nHost: vendor.test\r\n\r\n"
                          "GET /1 HTTP/1.1\r\nHost: vendor.test\r\n\r\n");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        stop_vendor = vendor;
        admin = peer_connect(NULL, r->port, NULL);
        rig_catch_up(r);
        client_get(admin, "/stop");
        answer_expect(admin, "GET", 204, "");
        answer_expect(client, "GET", 200, "ok");
        assert_int_equal(peer_end(client, NULL), PEER_END_CLEAN);
        vendor_answer(held, "ok");
        answer_expect(busy, "GET", 200, "ok");
        assert_int_equal(peer_end(busy, NULL), PEER_END_CLEAN);
        peer_close(busy);
        peer_close(admin);
        peer_close(client);
        rig_wait_stopped(r);
        peer_close(vendor);
        peer_close(held);
}

static void serve(struct peer *client, struct peer *vendor, unsigned n)
{
        static const char request[] =
                "GET /street-address?street=1 HTTP/1.1\r\nHost: vendor.test\r\n\r\n";
        static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

        for (unsigned i = 0; i < n; i++) {
                peer_send_bytes(client, request, sizeof(request) - 1);
                peer_head(vendor);
                peer_send_bytes(vendor, answer, sizeof(answer) - 1);
                answer_expect(client, "GET", 200, "hello");
        }
}

static void ten_thousand_requests_leave_nothing_behind(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;
        unsigned n_blocks;

        client_get(client, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        vendor_answer(vendor, "first");
        answer_expect(client, "GET", 200, "first");
        serve(client, vendor, 10000);
        rig_settled(r, 10000);
        rig_on_thread(r, note_blocks, &n_blocks);
        assert_int_equal(n_blocks, 0);
        assert_false(peer_knocks(r->vendors[RIG_PLAIN]));
        peer_close(client);
        peer_close(vendor);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(a_client_that_does_not_read_makes_the_vendor_wait),
                CASE(a_vendor_that_does_not_read_makes_the_client_wait),
                CASE(pipelined_requests_wait_without_spinning),
                CASE(an_early_answer_to_a_stuck_body_does_not_spin),
                CASE(a_body_over_the_limit_is_refused),
                CASE(connections_to_vendors_are_capped_dials_included),
                CASE(connections_of_a_worker_are_capped),
                CASE(connections_of_one_address_are_capped),
                CASE(a_place_that_was_given_up_can_be_taken_again),
                CASE(a_stop_lets_what_is_under_way_finish),
                CASE(a_stop_between_pipelined_requests_is_survived),
                CASE(ten_thousand_requests_leave_nothing_behind),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
