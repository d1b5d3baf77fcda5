/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/check.h"
#include "tests/unit/net/rig.h"

#include <stdio.h>

static int setup(void **state)
{
        *state = rig_new();
        return 0;
}

static int teardown(void **state)
{
        rig_free(*state);
        return 0;
}

static void one_request_goes_through_and_the_connections_stay(void **state)
{
        struct rig *r = *state;
        struct peer *client, *vendor;
        const char *head;

        rig_start(r);
        client = peer_connect(NULL, r->port, NULL);
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(one_request_goes_through_and_the_connections_stay,
                                                setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
