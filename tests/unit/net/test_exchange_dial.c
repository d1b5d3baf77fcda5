/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vendors that cannot be reached: the client's answer says so, and the reason says why.
 */
#include "tests/unit/net/check.h"
#include "tests/unit/net/rig.h"

static void client_post(struct peer *client)
{
        peer_send(client, "POST / HTTP/1.1\r\nHost: vendor.test\r\nContent-Length: 5\r\n\r\nhello");
}

static enum judgement judge_dial_again(struct exchange *x, enum dial_outcome outcome)
{
        return x->attempt == 0 ? JUDGE_AGAIN : JUDGE_PASS;
}

static void a_refused_dial_is_a_bad_gateway(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r);

        close(r->vendors[RIG_PLAIN]);
        r->vendors[RIG_PLAIN] = -1;
        client_get(client, "/");
        answer_expect(client, "GET", 502, NULL);
        rig_expect(r, 0, 502, dial_explain(DIAL_E_REFUSED));
        peer_close(client);
}

static void a_refused_dial_may_fall_back_for_a_request_without_body_only(void **state)
{
        struct rig *r = *state;
        struct peer *client, *other;

        r->program.judge_dial = judge_dial_again;
        client = rig_begin(r);
        close(r->vendors[RIG_PLAIN]);
        r->vendors[RIG_PLAIN] = -1;
        client_get(client, "/");
        other = peer_accept(r->vendors[RIG_OTHER], NULL);
        peer_head(other);
        vendor_answer(other, "ok");
        answer_expect(client, "GET", 200, "ok");
        client_post(client);
        answer_expect(client, "POST", 502, NULL);
        peer_close(client);
        peer_close(other);
}

static void decide_bad_source(struct exchange *x, struct verdict *ret)
{
        *ret = (struct verdict){ .kind = VERDICT_FORWARD,
                                 .origin = &rig_of(x)->origins[RIG_PLAIN],
                                 .deadline_ms = 8000 };
        if (addr_parse(slice_of("192.0.2.1"), &ret->source) != 0)
                ret->kind = VERDICT_REPLY;
}

static void a_source_address_that_is_not_ours_is_told(void **state)
{
        struct rig *r = *state;
        struct peer *client;

        r->program.decide = decide_bad_source;
        client = rig_begin(r);
        client_get(client, "/");
        answer_expect(client, "GET", 502, NULL);
        rig_expect(r, 0, 502, dial_explain(DIAL_E_SOURCE));
        assert_false(peer_knocks(r->vendors[RIG_PLAIN]));
        peer_close(client);
}

static void a_name_without_an_address_is_told(void **state)
{
        struct rig *r = *state;
        struct peer *client = rig_begin(r);

        dial_tcp_set_address(&r->dial_tcp, NULL);
        client_get(client, "/");
        answer_expect(client, "GET", 502, NULL);
        rig_expect(r, 0, 502, dial_explain(DIAL_E_NAME));
        peer_close(client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(a_refused_dial_is_a_bad_gateway),
                CASE(a_refused_dial_may_fall_back_for_a_request_without_body_only),
                CASE(a_source_address_that_is_not_ours_is_told),
                CASE(a_name_without_an_address_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
