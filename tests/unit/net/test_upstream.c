/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool. A connection lent to the wrong request would be a silent, intermittent 401, so the
 * vendor looks at who calls each time.
 */
#include "tests/unit/net/check.h"
#include "tests/unit/net/rig.h"

#include <stdio.h>

/* "/ORIGIN/ADDRESS": the origin's number and the source address. */
static void decide_by_path(struct exchange *x, struct verdict *ret)
{
        struct slice path = x->request.head.path;

        *ret = (struct verdict){ .kind = VERDICT_FORWARD,
                                 .deadline_ms = 8000,
                                 .max_body_bytes = 10 };
        assert(path.length > 3);
        ret->origin = &rig_of(x)->origins[path.data[1] - '0'];
        if (addr_parse(slice_from(path, 3), &ret->source) != 0)
                ret->kind = VERDICT_REPLY;
}

static struct peer *begin(struct rig *r)
{
        r->program.decide = decide_by_path;
        rig_start(r);
        return peer_connect(NULL, r->port, NULL);
}

/* One request by a connection that the vendor has already, or by a new one (NULL). */
static struct peer *request(struct rig *r, struct peer *client, struct peer *vendor,
                            unsigned origin, const char *source)
{
        static unsigned n;
        bool fresh = !vendor;
        char path[64], text[64], body[32];

        snprintf(path, sizeof(path), "/%u/%s", origin, source);
        snprintf(body, sizeof(body), "answer %u", n++);
        client_get(client, path);
        if (fresh)
                vendor = peer_accept(r->vendors[origin], origin == RIG_TLS ? r->vendor_tls : NULL);
        assert_non_null(strstr(peer_head(vendor), path));
        assert_string_equal(peer_address(vendor, text), source);
        vendor_answer(vendor, body);
        answer_expect(client, "GET", 200, body);
        if (peer_knocks(r->vendors[origin]))
                fail_msg("a new connection where there was one");
        return vendor;
}

static void a_connection_serves_its_source_and_origin_only(void **state)
{
        struct rig *r = *state;
        struct peer *client = begin(r), *a, *b, *c;

        a = request(r, client, NULL, RIG_PLAIN, "127.0.0.2");
        b = request(r, client, NULL, RIG_PLAIN, "127.0.0.3");
        c = request(r, client, NULL, RIG_OTHER, "127.0.0.2");
        request(r, client, a, RIG_PLAIN, "127.0.0.2");
        request(r, client, b, RIG_PLAIN, "127.0.0.3");
        request(r, client, c, RIG_OTHER, "127.0.0.2");
        request(r, client, a, RIG_PLAIN, "127.0.0.2");
        peer_close(client);
        peer_close(a);
        peer_close(b);
        peer_close(c);
}

/* Sources and origins whose buckets may well be the same: 300 of them, each with its connection. */
static void many_sources_never_get_each_others_connection(void **state)
{
        struct rig *r = *state;
        struct peer *client, *vendors[300];
        char source[32];

        r->settings.n_upstreams_idle = 400;
        client = begin(r);
        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 300; i++) {
                        snprintf(source, sizeof(source), "127.1.%d.%d", i % 3, i / 3 + 1);
                        vendors[i] =
                                request(r, client, round ? vendors[i] : NULL, RIG_PLAIN, source);
                }
        }
        peer_close(client);
        for (int i = 0; i < 300; i++)
                peer_close(vendors[i]);
}

/* The table puts origins 0 and 3 of one address into the same bucket, or into neighbours. */
static void origins_of_one_bucket_never_get_each_others_connection(void **state)
{
        struct rig *r = *state;
        struct peer *client, *plain[16], *other[16];
        char source[32];

        r->settings.n_upstreams_idle = 32;
        r->origins[RIG_OTHER].id = 3;
        client = begin(r);
        for (int i = 0; i < 16; i++) {
                snprintf(source, sizeof(source), "127.0.1.%d", i + 1);
                plain[i] = request(r, client, NULL, RIG_PLAIN, source);
                other[i] = request(r, client, NULL, RIG_OTHER, source);
        }
        peer_close(client);
        for (int i = 0; i < 16; i++) {
                peer_close(plain[i]);
                peer_close(other[i]);
        }
}

static struct peer *leaving; /* a vendor's end */

static void decide_while_the_vendor_leaves(struct exchange *x, struct verdict *ret)
{
        decide_by_path(x, ret);
        if (slice_is(x->request.head.method, "POST"))
                peer_close(leaving);
}

/* Its end has come and the loop has not looked yet: a POST would be lost on it. */
static void a_connection_that_has_just_ended_is_not_used(void **state)
{
        static const char post[] = "POST /0/127.0.0.2 HTTP/1.1\r\nHost: vendor.test\r\n"
                                   "Content-Length: 0\r\n\r\n";
        struct rig *r = *state;
        struct peer *client, *vendor;

        r->program.decide = decide_while_the_vendor_leaves;
        rig_start(r);
        client = peer_connect(NULL, r->port, NULL);
        leaving = request(r, client, NULL, RIG_PLAIN, "127.0.0.2");
        peer_send(client, post);
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        assert_non_null(strstr(peer_head(vendor), "POST /0/127.0.0.2"));
        vendor_answer(vendor, "on a fresh one");
        answer_expect(client, "POST", 200, "on a fresh one");
        peer_close(client);
        peer_close(vendor);
}

static void the_session_of_an_origin_is_resumed(void **state)
{
        struct rig *r = *state;
        struct peer *client = begin(r), *first, *second;

        first = request(r, client, NULL, RIG_TLS, "127.0.0.2");
        assert_false(SSL_session_reused(first->ssl));
        second = request(r, client, NULL, RIG_TLS, "127.0.0.3");
        assert_true(SSL_session_reused(second->ssl));
        peer_close(client);
        peer_close(first);
        peer_close(second);
}

static void a_worn_connection_is_not_used_again(void **state)
{
        struct rig *r = *state;
        struct peer *client, *first, *second;

        r->settings.upstream_life_ms = 0;
        client = begin(r);
        first = request(r, client, NULL, RIG_PLAIN, "127.0.0.2");
        assert_int_equal(peer_end(first, NULL), PEER_END_CLEAN);
        second = request(r, client, NULL, RIG_PLAIN, "127.0.0.2");
        peer_close(client);
        peer_close(first);
        peer_close(second);
}

static void a_connection_that_wore_out_at_rest_is_not_used_again(void **state)
{
        struct rig *r = *state;
        struct peer *client, *first, *second;

        r->settings.upstream_life_ms = 150;
        client = begin(r);
        first = request(r, client, NULL, RIG_PLAIN, "127.0.0.2");
        peer_has_input(client, 200); /* nothing comes: the time passes */
        second = request(r, client, NULL, RIG_PLAIN, "127.0.0.2");
        assert_int_equal(peer_end(first, NULL), PEER_END_CLEAN);
        peer_close(client);
        peer_close(first);
        peer_close(second);
}

static void a_connection_that_rests_too_long_is_closed(void **state)
{
        struct rig *r = *state;
        struct peer *client, *first;

        r->settings.upstream_idle_ms = 10;
        client = begin(r);
        first = request(r, client, NULL, RIG_TLS, "127.0.0.2");
        assert_int_equal(peer_end(first, NULL), PEER_END_CLEAN);
        peer_close(client);
        peer_close(first);
}

static void the_longest_idle_connection_goes_first(void **state)
{
        struct rig *r = *state;
        struct peer *client, *a, *b, *c;

        r->settings.n_upstreams_idle = 2;
        client = begin(r);
        a = request(r, client, NULL, RIG_PLAIN, "127.0.0.2");
        b = request(r, client, NULL, RIG_PLAIN, "127.0.0.3");
        request(r, client, a, RIG_PLAIN, "127.0.0.2");
        c = request(r, client, NULL, RIG_PLAIN, "127.0.0.4");
        assert_int_equal(peer_end(b, NULL), PEER_END_CLEAN);
        request(r, client, a, RIG_PLAIN, "127.0.0.2");
        request(r, client, c, RIG_PLAIN, "127.0.0.4");
        peer_close(client);
        peer_close(a);
        peer_close(b);
        peer_close(c);
}

static void at_the_cap_an_idle_connection_makes_room(void **state)
{
        struct rig *r = *state;
        struct peer *client, *a, *b, *c;

        r->settings.n_upstreams = 2;
        client = begin(r);
        a = request(r, client, NULL, RIG_PLAIN, "127.0.0.2");
        b = request(r, client, NULL, RIG_PLAIN, "127.0.0.3");
        c = request(r, client, NULL, RIG_PLAIN, "127.0.0.4");
        assert_int_equal(peer_end(a, NULL), PEER_END_CLEAN);
        request(r, client, b, RIG_PLAIN, "127.0.0.3");
        peer_close(client);
        peer_close(a);
        peer_close(b);
        peer_close(c);
}

static void no_idle_connection_is_kept_where_none_is_wanted(void **state)
{
        struct rig *r = *state;
        struct peer *client, *a;

        r->settings.n_upstreams_idle = 0;
        client = begin(r);
        a = request(r, client, NULL, RIG_PLAIN, "127.0.0.2");
        assert_int_equal(peer_end(a, NULL), PEER_END_CLEAN);
        peer_close(client);
        peer_close(a);
}

static void count_blocks(struct rig *r, void *context)
{
        *(unsigned *)context = r->worker.blocks.n_used;
}

static void idle_connections_hold_no_buffers(void **state)
{
        struct rig *r = *state;
        struct peer *client = begin(r), *a, *b;
        unsigned n_blocks;

        a = request(r, client, NULL, RIG_PLAIN, "127.0.0.2");
        b = request(r, client, NULL, RIG_TLS, "127.0.0.2");
        rig_settled(r, 1);
        rig_on_thread(r, count_blocks, &n_blocks);
        assert_int_equal(n_blocks, 0);
        peer_close(client);
        peer_close(a);
        peer_close(b);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(a_connection_serves_its_source_and_origin_only),
                CASE(many_sources_never_get_each_others_connection),
                CASE(origins_of_one_bucket_never_get_each_others_connection),
                CASE(a_connection_that_has_just_ended_is_not_used),
                CASE(the_session_of_an_origin_is_resumed),
                CASE(a_worn_connection_is_not_used_again),
                CASE(a_connection_that_wore_out_at_rest_is_not_used_again),
                CASE(a_connection_that_rests_too_long_is_closed),
                CASE(the_longest_idle_connection_goes_first),
                CASE(at_the_cap_an_idle_connection_makes_room),
                CASE(no_idle_connection_is_kept_where_none_is_wanted),
                CASE(idle_connections_hold_no_buffers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
