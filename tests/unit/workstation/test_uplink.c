/* SPDX-License-Identifier: Apache-2.0 */
#include "workstation/uplink.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static unsigned n_settled, n_moved, n_changed;

/* The loop has nothing left to do once the lookup's timer is gone. */
static void on_settled(struct uplink *u)
{
        n_settled++;
        assert_true(uplink_stop(u));
}

static void on_moved(struct uplink *u)
{
        n_moved++;
}

static void on_changed(struct uplink *u)
{
        n_changed++;
}

static void uplink_run(struct uplink *u, const struct config *c)
{
        uv_loop_t loop;

        n_settled = n_moved = n_changed = 0;
        *u = (struct uplink){ .origin = { .host = "router.example" },
                              .on_settled = on_settled,
                              .on_moved = on_moved,
                              .on_changed = on_changed };
        assert_int_equal(uv_loop_init(&loop), 0);
        assert_int_equal(uplink_start(u, &loop, c), 0);
        assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(uv_loop_close(&loop), 0);
}

static struct addr address_of(const char *text)
{
        struct addr a;

        assert_int_equal(addr_parse(slice_of(text), &a), 0);
        return a;
}

static void an_address_needs_no_lookup(void **state)
{
        struct config c = { .router_is_address = true, .router_address = address_of("127.0.0.9") };
        char text[UPLINK_TEXT_MAX];
        struct uplink u;

        uplink_run(&u, &c);
        assert_int_equal(n_settled, 1);
        assert_true(u.dial.has_address);
        assert_true(addr_equal(&u.dial.address, &c.router_address));
        assert_string_equal(uplink_describe(&u, text), "router router.example at 127.0.0.9");
}

/* getaddrinfo() takes addresses as names, without any server. */
static void a_name_is_looked_up(void **state)
{
        struct config c = { .router_host = "127.0.0.8" };
        struct addr expected = address_of("127.0.0.8");
        struct uplink u;

        uplink_run(&u, &c);
        assert_int_equal(n_settled, 1);
        assert_int_equal(n_changed, 1);
        assert_int_equal(n_moved, 0);
        assert_int_equal(u.n_addresses, 1);
        assert_true(addr_equal(&u.dial.address, &expected));
        assert_false(u.is_failing);
}

static void a_name_without_address_settles_too(void **state)
{
        struct config c = { .router_host = "127.0.0.8", .source = address_of("2001:db8::1") };
        char text[UPLINK_TEXT_MAX];
        struct uplink u;

        uplink_run(&u, &c);
        assert_int_equal(n_settled, 1);
        assert_int_equal(u.n_addresses, 0);
        assert_true(u.is_failing);
        assert_false(u.dial.has_address);
        assert_string_equal(uplink_describe(&u, text),
                            "router router.example: its name does not resolve");
}

static void three_addresses(struct uplink *u)
{
        *u = (struct uplink){ .origin = { .host = "router.example" },
                              .n_addresses = 3,
                              .on_settled = on_settled,
                              .on_moved = on_moved,
                              .on_changed = on_changed,
                              .settled = true };
        u->addresses[0] = address_of("10.0.0.1");
        u->addresses[1] = address_of("10.0.0.2");
        u->addresses[2] = address_of("10.0.0.3");
        n_settled = n_moved = n_changed = 0;
}

static void an_address_that_refuses_is_left_once(void **state)
{
        unsigned turn;
        struct uplink u;

        three_addresses(&u);
        turn = u.turn;
        assert_true(uplink_avoid(&u, turn));
        assert_int_equal(u.current, 1);
        assert_true(addr_equal(&u.dial.address, &u.addresses[1]));
        /* another request that met the first address */
        assert_true(uplink_avoid(&u, turn));
        assert_int_equal(u.current, 1);
        assert_true(uplink_avoid(&u, u.turn));
        assert_true(uplink_avoid(&u, u.turn));
        assert_int_equal(u.current, 0);
}

static void the_only_address_is_kept(void **state)
{
        struct uplink u;

        three_addresses(&u);
        u.n_addresses = 1;
        assert_false(uplink_avoid(&u, u.turn));
        assert_int_equal(u.current, 0);
}

static void answers_keep_what_still_holds(void **state)
{
        struct addr shuffled[] = { address_of("10.0.0.9"), address_of("10.0.0.2") };
        struct addr others[] = { address_of("10.0.0.7") };
        char text[UPLINK_TEXT_MAX];
        struct uplink u;

        three_addresses(&u);
        (void)uplink_avoid(&u, u.turn);
        uplink_take(&u, shuffled, 2, NULL);
        assert_int_equal(n_moved, 0);
        assert_string_equal(uplink_describe(&u, text), "router router.example at 10.0.0.2");
        uplink_take(&u, NULL, 0, "no answer");
        assert_int_equal(n_moved, 0);
        assert_string_equal(uplink_describe(&u, text),
                            "router router.example at 10.0.0.2, its name does not resolve now");
        uplink_take(&u, others, 1, NULL);
        assert_int_equal(n_moved, 1);
        assert_string_equal(uplink_describe(&u, text), "router router.example at 10.0.0.7");
        assert_int_equal(n_changed, 3);
        assert_int_equal(n_settled, 0);
}

static void a_ca_file_that_is_none_is_told(void **state)
{
        struct config c = { .router_name = "router.example",
                            .ca_file = "no-such-ca.pem",
                            .ca_at = { "keyshim.cfg", 7 } };
        struct uplink u;
        struct diag d;

        diag_init(&d);
        assert_int_equal(uplink_init(&u, &c, &d), -EINVAL);
        assert_int_equal(d.n_errors, 1);
        assert_int_equal(d.findings[0].line, 7);
        assert_non_null(strstr(d.findings[0].message, "no-such-ca.pem"));
        uplink_done(&u);
        diag_done(&d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_address_needs_no_lookup),
                cmocka_unit_test(a_name_is_looked_up),
                cmocka_unit_test(a_name_without_address_settles_too),
                cmocka_unit_test(an_address_that_refuses_is_left_once),
                cmocka_unit_test(the_only_address_is_kept),
                cmocka_unit_test(answers_keep_what_still_holds),
                cmocka_unit_test(a_ca_file_that_is_none_is_told),
        };

        log_set_level(LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
