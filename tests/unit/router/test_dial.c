/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One dial: where it comes from, what its socket is like, what it ends with.
 */
#include "dial_rig.h"

#include "lib/base/clock.h"
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cmocka.h>

static bool getsockname_lies;
int __real_getsockname(int fd, struct sockaddr *address, socklen_t *length);
int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *length);

int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
        int r = __real_getsockname(fd, address, length);

        if (getsockname_lies)
                ((struct sockaddr_in *)address)->sin_addr.s_addr ^= htonl(1);
        return r;
}

static void the_vendor_sees_the_source_that_was_asked_for(void **state)
{
        static const struct {
                const char *host, *source, *seen;
        } rows[] = {
                { "127.0.0.1", "127.10.20.30", "127.10.20.30" },
                { "127.0.0.1", "127.0.0.1", "127.0.0.1" },
                { "127.0.0.1", NULL, "127.0.0.1" }, /* the system chooses */
                { "::1", "::1", "::1" },
                { "::1", NULL, "::1" },
                { "::ffff:127.0.0.1", "127.0.0.9", "127.0.0.9" },
                { "vendor.example", "127.3.2.1", "127.3.2.1" },
                { "vendor.example", NULL, "127.0.0.1" },
                { "VENDOR.example", "127.3.2.1", "127.3.2.1" },
        };
        struct site s;

        site_start(&s);
        stub_dns_add(&s.dns, "vendor.example", "127.0.0.1", NULL);
        site_know(&s, "vendor.example");
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                bool six = rows[i].host[0] == ':' && strcmp(rows[i].host, "::1") == 0;
                uint16_t port;
                int listener = socket_open(six ? "::1" : "127.0.0.1", 8, &port);
                struct call c;

                assert_int_equal(call_make(&c, &s, rows[i].host, port, rows[i].source), DIAL_OK);
                assert_string_equal(peer_seen(listener), rows[i].seen);
                call_close(&c);
                close(listener);
        }
        site_stop(&s);
}

static void the_socket_is_ready_for_the_engine(void **state)
{
        struct site s;
        struct call c;
        uint16_t port;
        int listener, peer;
        char byte = 0;

        site_start(&s);
        listener = socket_open("127.0.0.1", 8, &port);
        assert_int_equal(call_make(&c, &s, "127.0.0.1", port, "127.0.0.5"), DIAL_OK);
        assert_true(fcntl(c.fd, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(c.fd, F_GETFD) & FD_CLOEXEC);
        assert_true(option_of(c.fd, IPPROTO_TCP, TCP_NODELAY) > 0);
        /* one port for each remote address, not one for all */
        assert_int_equal(option_of(c.fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT), 1);
        peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        assert_true(peer >= 0);
        assert_int_equal(read(peer, &byte, 1), -1); /* nobody has sent anything, nor closed */
        assert_int_equal(errno, EAGAIN);
        assert_int_equal(write(c.fd, "x", 1), 1);
        assert_int_equal(dial_curl_n_under_way(s.dialler), 0);
        close(peer);
        call_close(&c);
        close(listener);
        site_stop(&s);
}

static void a_host_without_a_usable_address_is_told_as_that(void **state)
{
        static const struct {
                const char *host, *source;
        } rows[] = {
                { "four.example", "::1" }, /* has IPv4 only */
                { "127.0.0.1", "::1" },
                { "::1", "127.0.0.1" },
                { "stranger.example", NULL }, /* not registered: never looked up */
                { "stranger.example", "127.0.0.1" },
        };
        struct site s;

        site_start(&s);
        stub_dns_add(&s.dns, "four.example", "127.0.0.1", NULL);
        site_know(&s, "four.example");
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct call c;

                assert_int_equal(call_make(&c, &s, rows[i].host, 9, rows[i].source), DIAL_E_NAME);
        }
        assert_int_equal(s.dns.n_strangers, 0);
        site_stop(&s);
}

static void a_host_name_too_long_for_dns_is_a_name_without_address(void **state)
{
        char host[400];
        struct site s;
        struct call c;

        memset(host, 'a', sizeof(host) - 1);
        host[sizeof(host) - 1] = 0;
        site_start(&s);
        assert_int_equal(call_make(&c, &s, host, 9, NULL), DIAL_E_NAME);
        site_stop(&s);
}

static void a_closed_port_is_refused(void **state)
{
        struct site s;
        struct call c;
        uint16_t port;
        int unheard;

        site_start(&s);
        unheard = socket_open("127.0.0.1", -1, &port); /* bound, so that nobody else gets it */
        assert_int_equal(call_make(&c, &s, "127.0.0.1", port, NULL), DIAL_E_REFUSED);
        assert_int_equal(call_make(&c, &s, "127.0.0.1", port, "127.0.0.77"), DIAL_E_REFUSED);
        close(unheard);
        site_stop(&s);
}

static void a_dead_address_of_several_costs_no_failure(void **state)
{
        struct site s;
        struct stub_host *h;
        uint16_t port;
        int listener;

        site_start(&s);
        h = stub_dns_add(&s.dns, "vendor.example", "127.0.0.1", NULL);
        h->a[1] = "127.0.0.2"; /* nobody listens there */
        site_know(&s, "vendor.example");
        listener = socket_open("127.0.0.1", 8, &port);
        for (unsigned i = 0; i < 4; i++) { /* whichever of the two a dial begins with */
                struct call c;

                assert_int_equal(call_make(&c, &s, "vendor.example", port, "127.0.0.5"), DIAL_OK);
                call_close(&c);
        }
        close(listener);
        site_stop(&s);
}

static void no_answer_ends_at_the_deadline(void **state)
{
        static const uint64_t patience_ms[] = { 0, 1, 60 };
        struct black_hole hole;
        struct site s;

        site_start(&s);
        black_hole_open(&hole);
        for (size_t i = 0; i < N_ELEMENTS(patience_ms); i++) {
                uint64_t begin_ms = clock_monotonic_ms();
                struct call c;

                call_init(&c, &s, "127.0.0.1", hole.port, "127.0.0.5", patience_ms[i]);
                call_start(&c);
                loop_until(&s.loop, is_done, &c);
                assert_int_equal(c.outcome, DIAL_E_TIMEOUT);
                assert_true(clock_monotonic_ms() - begin_ms >= patience_ms[i]);
                assert_true(clock_monotonic_ms() - begin_ms < patience_ms[i] + 3000);
        }
        black_hole_close(&hole);
        site_stop(&s);
}

/* Takes CAP_NET_ADMIN and CAP_NET_RAW away, or gives them back: with them any address can be
 * bound. */
static bool capabilities_set(bool back)
{
        static struct __user_cap_data_struct before[2];
        struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
        struct __user_cap_data_struct without[2];

        if (back)
                return syscall(SYS_capset, &header, before) == 0;
        if (syscall(SYS_capget, &header, before) != 0)
                return false;
        memcpy(without, before, sizeof(without));
        without[0].effective &= ~(1U << CAP_NET_ADMIN | 1U << CAP_NET_RAW);
        return syscall(SYS_capset, &header, without) == 0;
}

static void a_source_that_is_not_ours_is_told_as_that(void **state)
{
        struct site s;
        uint16_t port;
        int listener;

        site_start(&s);
        listener = socket_open("127.0.0.1", 8, &port);
        assert_true(capabilities_set(false));
        for (unsigned i = 0; i < 2; i++) {
                struct call c;

                assert_int_equal(call_make(&c, &s, "127.0.0.1", port, "192.0.2.55"), DIAL_E_SOURCE);
                /* without the privilege a local address works all the same */
                assert_int_equal(call_make(&c, &s, "127.0.0.1", port, "127.0.0.55"), DIAL_OK);
                assert_string_equal(peer_seen(listener), "127.0.0.55");
                call_close(&c);
        }
        assert_true(capabilities_set(true));
        close(listener);
        site_stop(&s);
}

/* IP_TRANSPARENT takes CAP_NET_ADMIN or CAP_NET_RAW (ip(7)). */
static bool transparent_is_allowed(void)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
        bool allowed;

        assert_true(fd >= 0);
        allowed = setsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, sizeof(on)) == 0;
        close(fd);
        return allowed;
}

static void only_a_transparent_dial_may_use_anothers_address(void **state)
{
        static const struct {
                const char *host, *source;
                bool transparent;
                int level, option;
        } rows[] = {
                { "127.0.0.1", "127.0.0.5", true, SOL_IP, IP_TRANSPARENT },
                { "127.0.0.1", "127.0.0.5", false, SOL_IP, IP_TRANSPARENT },
                { "::1", "::1", true, SOL_IPV6, IPV6_TRANSPARENT },
                { "::1", "::1", false, SOL_IPV6, IPV6_TRANSPARENT },
        };
        struct site s;

        if (!transparent_is_allowed())
                skip();
        site_start(&s);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                uint16_t port;
                int listener = socket_open(rows[i].host, 8, &port);
                struct call c;

                call_init(&c, &s, rows[i].host, port, rows[i].source, PATIENCE_MS);
                c.dial.transparent = rows[i].transparent;
                call_start(&c);
                loop_until(&s.loop, is_done, &c);
                assert_int_equal(c.outcome, DIAL_OK);
                assert_int_equal(option_of(c.fd, rows[i].level, rows[i].option),
                                 rows[i].transparent);
                call_close(&c);
                close(listener);
        }
        site_stop(&s);
}

static void a_connection_from_another_address_is_never_handed_on(void **state)
{
        struct site s;
        struct call c;
        uint16_t port;
        int listener;

        site_start(&s);
        listener = socket_open("127.0.0.1", 8, &port);
        getsockname_lies = true;
        assert_int_equal(call_make(&c, &s, "127.0.0.1", port, "127.0.0.5"), DIAL_E_BROKEN);
        getsockname_lies = false;
        close(listener);
        site_stop(&s);
}

static void without_descriptors_a_dial_is_broken_and_the_next_works(void **state)
{
        struct rlimit before, tight;
        struct site s;
        struct call c;
        uint16_t port;
        int listener, lowest;

        site_start(&s);
        listener = socket_open("127.0.0.1", 8, &port);
        assert_int_equal(call_make(&c, &s, "127.0.0.1", port, NULL), DIAL_OK);
        call_close(&c);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        lowest = dup(listener);
        close(lowest);
        for (rlim_t spare = 0; spare < 2; spare++) { /* none for the socket; none for its double */
                tight = (struct rlimit){ (rlim_t)lowest + spare, before.rlim_max };
                call_init(&c, &s, "127.0.0.1", port, "127.0.0.5", PATIENCE_MS);
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
                call_start(&c);
                loop_until(&s.loop, is_done, &c);
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
                assert_int_equal(c.outcome, DIAL_E_BROKEN);
        }
        assert_int_equal(call_make(&c, &s, "127.0.0.1", port, NULL), DIAL_OK);
        call_close(&c);
        close(listener);
        site_stop(&s);
}

static void a_proxy_in_the_environment_changes_nothing(void **state)
{
        static const char *const names[] = { "http_proxy", "all_proxy", "ALL_PROXY" };
        char proxy[64];
        uint16_t port, unheard_port;
        int listener, unheard;
        struct site s;
        struct call c;

        site_start(&s);
        stub_dns_add(&s.dns, "vendor.example", "127.0.0.1", NULL);
        site_know(&s, "vendor.example");
        listener = socket_open("127.0.0.1", 8, &port);
        unheard = socket_open("127.0.0.1", -1, &unheard_port);
        snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", unheard_port);
        for (size_t i = 0; i < N_ELEMENTS(names); i++)
                setenv(names[i], proxy, 1);
        assert_int_equal(call_make(&c, &s, "vendor.example", port, "127.0.0.5"), DIAL_OK);
        for (size_t i = 0; i < N_ELEMENTS(names); i++)
                unsetenv(names[i]);
        call_close(&c);
        close(unheard);
        close(listener);
        site_stop(&s);
}

static void every_outcome_has_its_sentence(void **state)
{
        for (unsigned i = 0; i < N_DIAL_OUTCOMES; i++) {
                assert_true(strlen(dial_explain((enum dial_outcome)i)) > 5);
                for (unsigned j = 0; j < i; j++)
                        assert_string_not_equal(dial_explain((enum dial_outcome)i),
                                                dial_explain((enum dial_outcome)j));
        }
        assert_string_equal(dial_explain(N_DIAL_OUTCOMES), "unknown");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_vendor_sees_the_source_that_was_asked_for),
                cmocka_unit_test(the_socket_is_ready_for_the_engine),
                cmocka_unit_test(a_host_without_a_usable_address_is_told_as_that),
                cmocka_unit_test(a_host_name_too_long_for_dns_is_a_name_without_address),
                cmocka_unit_test(a_closed_port_is_refused),
                cmocka_unit_test(a_dead_address_of_several_costs_no_failure),
                cmocka_unit_test(no_answer_ends_at_the_deadline),
                cmocka_unit_test(a_source_that_is_not_ours_is_told_as_that),
                cmocka_unit_test(only_a_transparent_dial_may_use_anothers_address),
                cmocka_unit_test(a_connection_from_another_address_is_never_handed_on),
                cmocka_unit_test(without_descriptors_a_dial_is_broken_and_the_next_works),
                cmocka_unit_test(a_proxy_in_the_environment_changes_nothing),
                cmocka_unit_test(every_outcome_has_its_sentence),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
