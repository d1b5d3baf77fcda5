/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Second tries: which request goes out again, and on which connection. A POST is never sent twice.
 */
#include "tests/unit/net/check.h"
#include "tests/unit/net/rig.h"

static void client_post(struct peer *client)
{
        peer_send(client, "POST / HTTP/1.1\r\nHost: vendor.test\r\nContent-Length: 5\r\n\r\nhello");
}

/* A vendor connection that was used once and rests in the pool. */
static struct peer *used_vendor(struct rig *r, struct peer *client)
{
        struct peer *vendor;

        client_get(client, "/first");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        vendor_answer(vendor, "first");
        answer_expect(client, "GET", 200, "first");
        rig_settled(r, 0);
        return vendor;
}

static void a_get_on_a_connection_that_just_died_is_sent_again_once(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor = used_vendor(r, client), *fresh;

        client_get(client, "/second");
        peer_head(vendor); /* it has the request, and closes without a word */
        peer_close(vendor);
        fresh = peer_accept(r->vendors[RIG_PLAIN], NULL);
        assert_non_null(strstr(peer_head(fresh), "GET /second "));
        vendor_answer(fresh, "second");
        answer_expect(client, "GET", 200, "second");
        assert_true(rig_settled(r, 1).retried);
        assert_false(peer_knocks(r->vendors[RIG_PLAIN]));
        peer_close(client);
        peer_close(fresh);
}

/* Another connection of the pool may be as stale as the first. */
static void the_second_try_goes_out_on_a_fresh_connection(void **state)
{
        struct rig *r = *state;
        struct peer *clients[2], *vendors[2], *fresh;

        rig_start(r);
        for (int i = 0; i < 2; i++) {
                clients[i] = peer_connect(NULL, r->port, NULL);
                client_get(clients[i], "/first");
                vendors[i] = peer_accept(r->vendors[RIG_PLAIN], NULL);
                peer_head(vendors[i]);
        }
        for (int i = 0; i < 2; i++) {
                vendor_answer(vendors[i], "first");
                answer_expect(clients[i], "GET", 200, "first");
        }
        client_get(clients[0], "/second");
        peer_head(vendors[1]); /* the one used last */
        peer_close(vendors[1]);
        fresh = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(fresh);
        vendor_answer(fresh, "second");
        answer_expect(clients[0], "GET", 200, "second");
        assert_false(peer_has_input(vendors[0], 0));
        peer_close(clients[0]);
        peer_close(clients[1]);
        peer_close(vendors[0]);
        peer_close(fresh);
}

static void a_get_is_sent_twice_at_most(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor = used_vendor(r, client), *fresh;

        client_get(client, "/second");
        peer_head(vendor);
        peer_reset(vendor);
        fresh = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(fresh);
        peer_reset(fresh);
        answer_expect(client, "GET", 502, NULL);
        rig_expect(r, 1, 502, "vendor closed before it answered");
        assert_false(peer_knocks(r->vendors[RIG_PLAIN]));
        peer_close(client);
}

static void a_post_is_never_sent_twice(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor = used_vendor(r, client);
        char body[5];

        client_post(client);
        peer_head(vendor);
        peer_take(vendor, body, 5);
        peer_reset(vendor);
        answer_expect(client, "POST", 502, NULL);
        rig_expect(r, 1, 502, "vendor closed");
        assert_false(peer_knocks(r->vendors[RIG_PLAIN]));
        assert_false(rig_settled(r, 1).retried);
        peer_close(client);
}

static void a_post_without_body_is_never_sent_twice_either(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor = used_vendor(r, client);

        peer_send(client, "POST / HTTP/1.1\r\nHost: vendor.test\r\nContent-Length: 0\r\n\r\n");
        peer_head(vendor);
        peer_reset(vendor);
        answer_expect(client, "POST", 502, NULL);
        assert_false(peer_knocks(r->vendors[RIG_PLAIN]));
        peer_close(client);
}

static bool pool_is_empty(struct rig *r)
{
        return upstream_pool_count(r->worker.pool) == 0;
}

/* It closed while it rested: noticed without a request, and a POST simply dials. */
static void a_connection_that_closed_at_rest_is_not_used(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor = used_vendor(r, client), *fresh;
        char body[5];

        peer_close(vendor);
        rig_wait_for(r, pool_is_empty);
        client_post(client);
        fresh = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(fresh);
        peer_take(fresh, body, 5);
        vendor_answer(fresh, "ok");
        answer_expect(client, "POST", 200, "ok");
        peer_close(client);
        peer_close(fresh);
}

static void a_vendor_that_speaks_unasked_is_left(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor = used_vendor(r, client);

        vendor_answer(vendor, "for somebody else");
        rig_wait_for(r, pool_is_empty);
        client_get(client, "/second");
        peer_close(vendor);
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        vendor_answer(vendor, "second");
        answer_expect(client, "GET", 200, "second");
        peer_close(client);
        peer_close(vendor);
}

static void a_second_answer_behind_the_first_is_never_delivered(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor;

        client_get(client, "/first");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_send(vendor, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"
                          "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
        answer_expect(client, "GET", 200, "first");
        rig_wait_for(r, pool_is_empty);
        peer_close(vendor);
        client_get(client, "/second");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        vendor_answer(vendor, "second");
        answer_expect(client, "GET", 200, "second");
        peer_close(client);
        peer_close(vendor);
}

static enum judgement judge_status(struct exchange *x, struct slice body, bool shown)
{
        return x->attempt == 0 && x->answer.head.status == 401 ? JUDGE_AGAIN : JUDGE_PASS;
}

/* What the event tells is of the whole exchange, not of its last attempt. */
static void a_second_try_is_told_behind_a_fallback_too(void **state)
{
        struct rig *r = *state;
        struct peer *client, *vendor, *fresh, *other;

        r->program.judge = judge_status;
        client = rig_begin(r);
        vendor = used_vendor(r, client);
        client_get(client, "/second");
        peer_head(vendor);
        peer_close(vendor);
        fresh = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(fresh);
        peer_send(fresh, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
        other = peer_accept(r->vendors[RIG_OTHER], NULL);
        peer_head(other);
        vendor_answer(other, "yes");
        answer_expect(client, "GET", 200, "yes");
        assert_int_equal(rig_settled(r, 1).attempt, 1);
        assert_true(rig_settled(r, 1).retried);
        peer_close(client);
        peer_close(fresh);
        peer_close(other);
}

/* Of a refusal that is thrown away, the rest may still be on its way. */
static void a_connection_with_half_an_answer_is_not_used_again(void **state)
{
        struct rig *r = *state;
        struct peer *client, *vendor, *other, *fresh;

        r->program.judge = judge_status;
        client = rig_begin(r);
        client_get(client, "/first");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_send(vendor, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 20\r\n\r\nno");
        other = peer_accept(r->vendors[RIG_OTHER], NULL);
        peer_head(other);
        vendor_answer(other, "yes");
        answer_expect(client, "GET", 200, "yes");
        client_get(client, "/second");
        fresh = peer_accept(r->vendors[RIG_PLAIN], NULL);
        assert_non_null(strstr(peer_head(fresh), "GET /second "));
        vendor_answer(fresh, "second");
        answer_expect(client, "GET", 200, "second");
        peer_close(client);
        peer_close(vendor);
        peer_close(other);
        peer_close(fresh);
}

static void a_connection_that_the_vendor_will_close_is_not_used_again(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r), *vendor, *fresh;

        client_get(client, "/first");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        peer_send(vendor, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nfirst");
        answer_expect(client, "GET", 200, "first");
        client_get(client, "/second"); /* the vendor has not closed yet */
        fresh = peer_accept(r->vendors[RIG_PLAIN], NULL);
        assert_non_null(strstr(peer_head(fresh), "GET /second "));
        vendor_answer(fresh, "second");
        answer_expect(client, "GET", 200, "second");
        assert_false(rig_settled(r, 1).retried);
        peer_close(client);
        peer_close(vendor);
        peer_close(fresh);
}

struct crossing {
        struct peer *client, *vendor;
};

static void send_both(struct rig *r, void *context)
{
        struct crossing *c = context;

        client_get(c->client, "/second");
        vendor_answer(c->vendor, "for somebody else");
}

/* In one turn of the loop: the connection's own event is still on its way when the request is
 * decided. */
static void an_answer_that_nobody_asked_for_is_delivered_to_nobody(void **state)
{
        struct rig *r = *state;
        struct crossing c = { .client = rig_begin(r) };
        struct peer *fresh;

        c.vendor = used_vendor(r, c.client);
        rig_on_thread(r, send_both, &c);
        fresh = peer_accept(r->vendors[RIG_PLAIN], NULL);
        assert_non_null(strstr(peer_head(fresh), "GET /second "));
        vendor_answer(fresh, "second");
        answer_expect(c.client, "GET", 200, "second");
        peer_close(c.client);
        peer_close(c.vendor);
        peer_close(fresh);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(an_answer_that_nobody_asked_for_is_delivered_to_nobody),
                CASE(a_second_try_is_told_behind_a_fallback_too),
                CASE(a_connection_with_half_an_answer_is_not_used_again),
                CASE(a_connection_that_the_vendor_will_close_is_not_used_again),
                CASE(a_get_on_a_connection_that_just_died_is_sent_again_once),
                CASE(the_second_try_goes_out_on_a_fresh_connection),
                CASE(a_get_is_sent_twice_at_most),
                CASE(a_post_is_never_sent_twice),
                CASE(a_post_without_body_is_never_sent_twice_either),
                CASE(a_connection_that_closed_at_rest_is_not_used),
                CASE(a_vendor_that_speaks_unasked_is_left),
                CASE(a_second_answer_behind_the_first_is_never_delivered),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
