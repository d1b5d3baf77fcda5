/* SPDX-License-Identifier: Apache-2.0 */
#include "router/dial.h"

#include "lib/base/clock.h"
#include "loop.h"
#include "router/resolver.h"
#include "stub_dns.h"

#include <dirent.h>
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

#define PATIENCE_MS 15000

struct site {
        uv_loop_t loop;
        struct stub_dns dns;
        struct resolver *resolver;
        struct dialler *dialler;
};

/* A dial and what became of it. */
struct call {
        struct dial dial;
        struct origin origin;
        unsigned n_done;
        enum dial_outcome outcome;
        int fd;
        struct site *site;
        struct call *then_start, *then_cancel; /* from within on_done */
};

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

static void site_start(struct site *s)
{
        struct resolver_options options = { .ttl_min_ms = 60000 };

        memset(s, 0, sizeof(*s));
        assert_int_equal(uv_loop_init(&s->loop), 0);
        stub_dns_start(&s->dns, &s->loop);
        options.servers = s->dns.servers;
        assert_int_equal(resolver_new(&s->loop, &options, &s->resolver), 0);
        assert_int_equal(dial_curl_new(&s->loop, s->resolver, &s->dialler), 0);
}

static void site_stop(struct site *s)
{
        dial_curl_free(s->dialler);
        resolver_free(s->resolver);
        stub_dns_stop(&s->dns);
        loop_close(&s->loop);
}

static bool resolver_has_settled(void *context)
{
        return resolver_is_settled(context);
}

/* Makes `name` known to the dialler. */
static void site_know(struct site *s, const char *name)
{
        assert_int_equal(resolver_set_hosts(s->resolver, &name, 1), 0);
        loop_until(&s->loop, resolver_has_settled, s->resolver);
}

static struct addr address_of(const char *text)
{
        struct addr a = { 0 };

        if (text)
                assert_int_equal(addr_parse(slice_of(text), &a), 0);
        return a;
}

/* Bound to `address`; with a backlog it listens. */
static int socket_open(const char *address, int backlog, uint16_t *ret_port)
{
        struct addr a = address_of(address), bound;
        struct sockaddr_storage name;
        socklen_t length = addr_to_sockaddr(&a, 0, &name);
        int fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&name, length), 0);
        if (backlog >= 0)
                assert_int_equal(listen(fd, backlog), 0);
        length = sizeof(name);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
        assert_true(addr_from_sockaddr((struct sockaddr *)&name, &bound, ret_port));
        return fd;
}

/* Listens, and its queue is full: what comes now gets no answer (tcp(7): the SYN is dropped). */
struct black_hole {
        int listener, filler[8];
        uint16_t port;
};

static void black_hole_open(struct black_hole *b)
{
        struct addr a = address_of("127.0.0.1");
        struct sockaddr_storage name;
        socklen_t length;

        b->listener = socket_open("127.0.0.1", 0, &b->port);
        length = addr_to_sockaddr(&a, b->port, &name);
        for (size_t i = 0; i < N_ELEMENTS(b->filler); i++) {
                b->filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                assert_true(b->filler[i] >= 0);
                (void)connect(b->filler[i], (struct sockaddr *)&name, length);
        }
}

static void black_hole_close(struct black_hole *b)
{
        for (size_t i = 0; i < N_ELEMENTS(b->filler); i++)
                close(b->filler[i]);
        close(b->listener);
}

static void on_done(struct dial *d, int fd, enum dial_outcome outcome)
{
        struct call *c = CONTAINER_OF(d, struct call, dial);
        struct dialler *dialler = c->site->dialler;

        assert_null(d->state);
        assert_true((fd >= 0) == (outcome == DIAL_OK));
        c->n_done++;
        c->outcome = outcome;
        c->fd = fd;
        if (c->then_cancel)
                dialler->cancel(dialler, &c->then_cancel->dial);
        if (c->then_start)
                assert_int_equal(dialler->start(dialler, &c->then_start->dial), 0);
}

static void call_init(struct call *c, struct site *s, const char *host, uint16_t port,
                      const char *source, uint64_t patience_ms)
{
        *c = (struct call){ .site = s, .fd = -1, .origin = { .host = host, .port = port } };
        c->dial = (struct dial){ .origin = &c->origin,
                                 .source = address_of(source),
                                 .deadline_ms = clock_monotonic_ms() + patience_ms,
                                 .on_done = on_done };
}

static void call_start(struct call *c)
{
        assert_int_equal(c->site->dialler->start(c->site->dialler, &c->dial), 0);
        assert_int_equal(c->n_done, 0); /* from the loop only */
        assert_non_null(c->dial.state);
}

static bool is_done(void *context)
{
        struct call *c = context;

        return c->n_done > 0;
}

static enum dial_outcome call_make(struct call *c, struct site *s, const char *host, uint16_t port,
                                   const char *source)
{
        call_init(c, s, host, port, source, PATIENCE_MS);
        call_start(c);
        loop_until(&s->loop, is_done, c);
        assert_int_equal(c->n_done, 1);
        return c->outcome;
}

static void call_close(struct call *c)
{
        if (c->fd >= 0)
                close(c->fd);
        c->fd = -1;
}

/* The address that the other end of the next connection comes from. */
static const char *peer_seen(int listener)
{
        static char text[ADDR_TEXT_MAX];
        struct sockaddr_storage name;
        socklen_t length = sizeof(name);
        struct addr a;
        uint16_t port;
        int fd = accept4(listener, (struct sockaddr *)&name, &length, SOCK_CLOEXEC);

        assert_true(fd >= 0);
        close(fd);
        assert_true(addr_from_sockaddr((struct sockaddr *)&name, &a, &port));
        return addr_format(&a, text);
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

static int option_of(int fd, int level, int option)
{
        int value = -1;
        socklen_t length = sizeof(value);

        assert_int_equal(getsockopt(fd, level, option, &value, &length), 0);
        return value;
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

/* Takes CAP_NET_ADMIN and CAP_NET_RAW away, or gives them back: with them any address can be bound. */
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

static unsigned n_descriptors(void)
{
        DIR *d = opendir("/proc/self/fd");
        unsigned n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

static unsigned n_threads(void)
{
        FILE *f = fopen("/proc/self/status", "re");
        char line[256];
        unsigned n = 0;

        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                if (sscanf(line, "Threads: %u", &n) == 1)
                        break;
        fclose(f);
        return n;
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

static void five_hundred_dials_start_no_thread_and_leave_no_descriptor(void **state)
{
        unsigned threads, descriptors, most_threads = 0;
        struct site s;
        uint16_t port;
        int listener;

        site_start(&s);
        stub_dns_add(&s.dns, "vendor.example", "127.0.0.1", NULL);
        site_know(&s, "vendor.example");
        listener = socket_open("127.0.0.1", 64, &port);
        threads = n_threads();
        descriptors = n_descriptors();
        for (unsigned i = 0; i < 500; i++) {
                char source[ADDR_TEXT_MAX];
                struct call c;

                snprintf(source, sizeof(source), "127.1.%u.%u", i / 250, 1 + i % 250);
                call_init(&c, &s, "vendor.example", port, source, PATIENCE_MS);
                call_start(&c);
                most_threads = MAX(most_threads, n_threads());
                loop_until(&s.loop, is_done, &c);
                most_threads = MAX(most_threads, n_threads());
                assert_int_equal(c.outcome, DIAL_OK);
                assert_string_equal(peer_seen(listener), source);
                call_close(&c);
        }
        assert_int_equal(most_threads, threads);
        assert_int_equal(n_descriptors(), descriptors);
        close(listener);
        site_stop(&s);
}

static void dials_under_way_are_bounded_and_can_all_be_cancelled(void **state)
{
        struct call *calls = calloc(DIAL_MAX_UNDER_WAY + 1, sizeof(*calls));
        struct rlimit before, wide;
        struct black_hole hole;
        unsigned descriptors;
        struct site s;

        assert_non_null(calls);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        wide = (struct rlimit){ MIN((rlim_t)4096, before.rlim_max), before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &wide), 0);
        site_start(&s);
        black_hole_open(&hole);
        descriptors = n_descriptors();
        for (unsigned i = 0; i <= DIAL_MAX_UNDER_WAY; i++)
                call_init(&calls[i], &s, "127.0.0.1", hole.port, "127.0.0.5", PATIENCE_MS);
        for (unsigned i = 0; i < DIAL_MAX_UNDER_WAY; i++)
                call_start(&calls[i]);
        assert_int_equal(s.dialler->start(s.dialler, &calls[DIAL_MAX_UNDER_WAY].dial), -EAGAIN);
        assert_null(calls[DIAL_MAX_UNDER_WAY].dial.state);
        for (unsigned i = 0; i < 5; i++)
                uv_run(&s.loop, UV_RUN_NOWAIT);
        assert_int_equal(dial_curl_n_under_way(s.dialler), DIAL_MAX_UNDER_WAY);
        for (unsigned i = 0; i < DIAL_MAX_UNDER_WAY; i++) {
                s.dialler->cancel(s.dialler, &calls[i].dial);
                s.dialler->cancel(s.dialler, &calls[i].dial); /* harmless */
                assert_null(calls[i].dial.state);
        }
        assert_int_equal(dial_curl_n_under_way(s.dialler), 0);
        for (unsigned i = 0; i < 5; i++)
                uv_run(&s.loop, UV_RUN_NOWAIT);
        assert_int_equal(n_descriptors(), descriptors);
        for (unsigned i = 0; i <= DIAL_MAX_UNDER_WAY; i++)
                assert_int_equal(calls[i].n_done, 0);
        black_hole_close(&hole);
        site_stop(&s);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        free(calls);
}

static void a_dial_is_cancelled_before_the_loop_turns_or_with_its_result_on_the_way(void **state)
{
        struct site s;
        struct call c;
        uint16_t port;
        int listener;

        site_start(&s);
        listener = socket_open("127.0.0.1", 64, &port);
        for (unsigned turns = 0; turns < 4; turns++) {
                call_init(&c, &s, turns == 3 ? "stranger.example" : "127.0.0.1", port, NULL,
                          PATIENCE_MS);
                call_start(&c);
                for (unsigned i = 0; i < turns && !c.n_done; i++)
                        uv_run(&s.loop, UV_RUN_NOWAIT);
                if (!c.n_done)
                        s.dialler->cancel(s.dialler, &c.dial);
                assert_null(c.dial.state);
                call_close(&c);
        }
        uv_run(&s.loop, UV_RUN_NOWAIT);
        assert_int_equal(dial_curl_n_under_way(s.dialler), 0);
        close(listener);
        site_stop(&s);
}

static void on_done_may_dial_and_cancel(void **state)
{
        static const char *const firsts[] = { "127.0.0.1", "stranger.example" };
        struct site s;
        uint16_t port;
        int listener;

        site_start(&s);
        listener = socket_open("127.0.0.1", 64, &port);
        for (size_t i = 0; i < N_ELEMENTS(firsts); i++) {
                struct call first, rival, second, strange;

                call_init(&first, &s, firsts[i], port, NULL, PATIENCE_MS);
                call_init(&rival, &s, firsts[i], port, NULL, PATIENCE_MS);
                call_init(&strange, &s, "stranger.example", port, NULL, PATIENCE_MS);
                call_init(&second, &s, "127.0.0.1", port, NULL, PATIENCE_MS);
                first.then_cancel = &rival;
                rival.then_cancel = &first;
                first.then_start = rival.then_start = &strange;
                strange.then_start = &second;
                call_start(&first);
                call_start(&rival);
                loop_until(&s.loop, is_done, &second);
                assert_int_equal(first.n_done + rival.n_done, 1);
                assert_int_equal(strange.outcome, DIAL_E_NAME);
                assert_int_equal(second.outcome, DIAL_OK);
                call_close(&first);
                call_close(&rival);
                call_close(&second);
        }
        close(listener);
        site_stop(&s);
}

static void a_dial_begun_again_at_once_leaves_the_loop_to_others(void **state)
{
        struct site s;
        struct call again;

        site_start(&s);
        call_init(&again, &s, "stranger.example", 9, NULL, PATIENCE_MS);
        again.then_start = &again;
        call_start(&again);
        for (unsigned turns = 1; turns <= 30; turns++) {
                uv_run(&s.loop, UV_RUN_ONCE);
                assert_true(again.n_done <= 2 * turns); /* a turn looks at timers twice */
        }
        assert_true(again.n_done > 0);
        s.dialler->cancel(s.dialler, &again.dial);
        site_stop(&s);
}

static void the_dialler_can_go_with_dials_under_way(void **state)
{
        struct black_hole hole;
        struct call under_way, nameless;
        struct site s;

        site_start(&s);
        black_hole_open(&hole);
        call_init(&under_way, &s, "127.0.0.1", hole.port, "127.0.0.5", PATIENCE_MS);
        call_init(&nameless, &s, "stranger.example", hole.port, "127.0.0.5", PATIENCE_MS);
        call_start(&under_way);
        uv_run(&s.loop, UV_RUN_NOWAIT);
        call_start(&nameless);
        site_stop(&s);
        assert_int_equal(under_way.n_done + nameless.n_done, 0);
        black_hole_close(&hole);
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
                cmocka_unit_test(a_connection_from_another_address_is_never_handed_on),
                cmocka_unit_test(without_descriptors_a_dial_is_broken_and_the_next_works),
                cmocka_unit_test(a_proxy_in_the_environment_changes_nothing),
                cmocka_unit_test(five_hundred_dials_start_no_thread_and_leave_no_descriptor),
                cmocka_unit_test(dials_under_way_are_bounded_and_can_all_be_cancelled),
                cmocka_unit_test(
                        a_dial_is_cancelled_before_the_loop_turns_or_with_its_result_on_the_way),
                cmocka_unit_test(on_done_may_dial_and_cancel),
                cmocka_unit_test(a_dial_begun_again_at_once_leaves_the_loop_to_others),
                cmocka_unit_test(the_dialler_can_go_with_dials_under_way),
                cmocka_unit_test(every_outcome_has_its_sentence),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
