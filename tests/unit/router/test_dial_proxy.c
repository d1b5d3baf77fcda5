/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dials through an HTTP proxy, which here is a listener on the test's own loop: it takes one
 * request head a connection, says what the test told it to say, and keeps the connection or closes
 * it.
 */
#include "dial_rig.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "loop.h"
#include "router/config.h"
#include "tests/unit/settings/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#define TUNNEL "HTTP/1.1 200 Connection established\r\n\r\n"
#define PEERS_MAX 64

struct stub_proxy {
        uv_tcp_t listener, peers[PEERS_MAX];
        unsigned n_peers;
        uint16_t port;
        const char *answer; /* to a whole head; NULL: silence */
        bool closes;        /* behind the answer */
        char heard[4096];   /* of the last connection */
        size_t n_heard;
        bool answered;
        char seen[ADDR_TEXT_MAX]; /* where it came from */
};

static void on_buffer(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
        struct stub_proxy *p = handle->data;

        *buffer = uv_buf_init(p->heard + p->n_heard, (unsigned)(sizeof(p->heard) - 1 - p->n_heard));
}

static void peer_close(uv_handle_t *peer)
{
        if (!uv_is_closing(peer))
                uv_close(peer, NULL);
}

static void on_heard(uv_stream_t *peer, ssize_t n, const uv_buf_t *buffer)
{
        struct stub_proxy *p = peer->data;

        if (n < 0) {
                peer_close((uv_handle_t *)peer);
                return;
        }
        p->n_heard += (size_t)n;
        p->heard[p->n_heard] = 0;
        if (p->answered || !strstr(p->heard, "\r\n\r\n"))
                return;
        p->answered = true;
        if (p->answer && p->answer[0]) {
                uv_buf_t text = uv_buf_init((char *)p->answer, (unsigned)strlen(p->answer));

                assert_int_equal(uv_try_write(peer, &text, 1), strlen(p->answer));
        }
        if (p->closes)
                peer_close((uv_handle_t *)peer);
}

static void on_connection(uv_stream_t *listener, int status)
{
        struct stub_proxy *p = listener->data;
        struct sockaddr_storage name;
        int length = sizeof(name);
        struct addr a;
        uint16_t port;
        uv_tcp_t *peer;

        assert_int_equal(status, 0);
        assert_true(p->n_peers < PEERS_MAX);
        peer = &p->peers[p->n_peers++];
        assert_int_equal(uv_tcp_init(listener->loop, peer), 0);
        peer->data = p;
        assert_int_equal(uv_accept(listener, (uv_stream_t *)peer), 0);
        assert_int_equal(uv_tcp_getpeername(peer, (struct sockaddr *)&name, &length), 0);
        assert_true(addr_from_sockaddr((struct sockaddr *)&name, &a, &port));
        addr_format(&a, p->seen);
        p->n_heard = 0;
        p->answered = false;
        p->heard[0] = 0;
        assert_int_equal(uv_read_start((uv_stream_t *)peer, on_buffer, on_heard), 0);
}

static void proxy_start(struct stub_proxy *p, struct site *s, const char *address)
{
        memset(p, 0, sizeof(*p));
        p->answer = TUNNEL;
        p->listener.data = p;
        assert_int_equal(uv_tcp_init(&s->loop, &p->listener), 0);
        assert_int_equal(uv_tcp_open(&p->listener, socket_open(address, 0, &p->port)), 0);
        assert_int_equal(uv_listen((uv_stream_t *)&p->listener, 8, on_connection), 0);
}

static void proxy_stop(struct stub_proxy *p)
{
        peer_close((uv_handle_t *)&p->listener);
        for (unsigned i = 0; i < p->n_peers; i++)
                peer_close((uv_handle_t *)&p->peers[i]);
}

/* A site whose vendors are behind a proxy on `address`, known to the dialler as `name`. */
static void proxied_start(struct site *s, struct stub_proxy *p, const char *address,
                          const char *name)
{
        site_start(s);
        proxy_start(p, s, address);
        stub_dns_add(&s->dns, "proxy.example", "127.0.0.1", NULL);
        site_know(s, name);
        assert_int_equal(dial_curl_set_proxy(s->dialler, name, p->port), 0);
}

static void proxied_stop(struct site *s, struct stub_proxy *p)
{
        proxy_stop(p);
        site_stop(s);
}

/* What the last proxy_refused said. */
static unsigned n_refused;
static int64_t refused_status;
static char refused_host[64], refused_proxy[64];

static void on_event(const struct event *event, const struct field *fields, size_t n_fields,
                     struct slice line)
{
        if (strcmp(event->name, "proxy_refused") != 0)
                return;
        assert_int_equal(n_fields, 3);
        n_refused++;
        snprintf(refused_proxy, sizeof(refused_proxy), "%s", fields[0].text.data);
        snprintf(refused_host, sizeof(refused_host), "%s", fields[1].text.data);
        refused_status = fields[2].number;
}

static void the_proxy_is_asked_for_the_vendor_by_name_and_told_nothing_else(void **state)
{
        static const struct {
                const char *listens, *proxy, *vendor, *source, *asked, *seen;
        } rows[] = {
                { "127.0.0.1", "127.0.0.1", "vendor.example", "127.0.0.5", "vendor.example:443",
                  "127.0.0.5" },
                { "127.0.0.1", "proxy.example", "vendor.example", "127.0.0.6", "vendor.example:443",
                  "127.0.0.6" },
                { "127.0.0.1", "proxy.example", "vendor.example", NULL, "vendor.example:443",
                  "127.0.0.1" },
                { "127.0.0.1", "::ffff:127.0.0.1", "vendor.example", "127.0.0.5",
                  "vendor.example:443", "127.0.0.5" },
                { "::1", "::1", "vendor.example", "::1", "vendor.example:443", "::1" },
                { "127.0.0.1", "127.0.0.1", "2001:db8::7", "127.0.0.5", "[2001:db8::7]:443",
                  "127.0.0.5" }, /* the source is of the proxy's family, not the vendor's */
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct stub_proxy p;
                char expected[256];
                struct site s;
                struct call c;

                proxied_start(&s, &p, rows[i].listens, rows[i].proxy);
                assert_int_equal(call_make(&c, &s, rows[i].vendor, 443, rows[i].source), DIAL_OK);
                snprintf(expected, sizeof(expected), "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n",
                         rows[i].asked, rows[i].asked);
                assert_string_equal(p.heard, expected);
                assert_string_equal(p.seen, rows[i].seen);
                assert_int_equal(p.n_peers, 1);
                assert_int_equal(s.dns.n_strangers, 0); /* the vendor's name was not asked for */
                call_close(&c);
                proxied_stop(&s, &p);
        }
}

static void the_tunnel_is_a_socket_ready_for_the_engine(void **state)
{
        static const char *const answers[] = {
                TUNNEL "early",
                "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nearly",
                "HTTP/1.1 204 Fine\r\nVia: proxy\r\nTransfer-Encoding: chunked\r\n\r\nearly",
        };
        struct stub_proxy p;
        struct site s;

        proxied_start(&s, &p, "127.0.0.1", "127.0.0.1");
        for (size_t i = 0; i < N_ELEMENTS(answers); i++) {
                char text[16] = "";
                struct call c;

                p.answer = answers[i];
                assert_int_equal(call_make(&c, &s, "vendor.example", 443, "127.0.0.5"), DIAL_OK);
                assert_true(fcntl(c.fd, F_GETFL) & O_NONBLOCK);
                assert_true(fcntl(c.fd, F_GETFD) & FD_CLOEXEC);
                assert_true(option_of(c.fd, IPPROTO_TCP, TCP_NODELAY) > 0);
                /* behind the proxy's head all is the vendor's, whatever the head says of lengths
                 * (RFC 9110 section 9.3.6) */
                assert_int_equal(read(c.fd, text, sizeof(text)), 5);
                assert_string_equal(text, "early");
                assert_int_equal(write(c.fd, "x", 1), 1);
                assert_int_equal(dial_curl_n_under_way(s.dialler), 0);
                call_close(&c);
        }
        proxied_stop(&s, &p);
}

static void a_proxy_that_gives_no_tunnel_is_told_as_refused(void **state)
{
        static const struct {
                const char *answer;
                bool closes;
                long status;
        } rows[] = {
                { "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", false, 403 },
                { "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\n"
                  "Content-Length: 0\r\n\r\n",
                  false, 407 },
                { "HTTP/1.1 407 Who\r\nProxy-Authenticate: Negotiate\r\n\r\n", true, 407 },
                { "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nsorry", true, 502 },
                { "HTTP/1.1 504 Late\r\n\r\n", true, 504 },
                { "HTTP/1.0 503 Busy\r\nConnection: close\r\n\r\n", true, 503 },
                { "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: "
                  "0\r\n\r\n",
                  false, 302 },
                { "", true, 0 },                            /* closes without a word */
                { "HTTP/1.1 200 Connection est", true, 0 }, /* or in the middle of one */
                { "220 mail.example at your service\r\n\r\n", true, 0 },
        };
        struct stub_proxy p;
        struct site s;

        proxied_start(&s, &p, "127.0.0.1", "proxy.example");
        log_set_sink(on_event);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                unsigned n_before = n_refused;
                struct call c;

                p.answer = rows[i].answer;
                p.closes = rows[i].closes;
                assert_int_equal(call_make(&c, &s, "vendor.example", 443, "127.0.0.5"),
                                 DIAL_E_REFUSED);
                if (n_refused != n_before + 1 || refused_status != rows[i].status)
                        fail_msg("row %zu: %u events, status %ld", i, n_refused - n_before,
                                 (long)refused_status);
                assert_string_equal(refused_host, "vendor.example");
                assert_non_null(strstr(refused_proxy, "proxy.example:"));
                assert_int_equal(p.n_peers, 2 * i + 1); /* asked once, and nowhere else */
                p.answer = TUNNEL;
                p.closes = false;
                assert_int_equal(call_make(&c, &s, "vendor.example", 443, "127.0.0.5"), DIAL_OK);
                call_close(&c);
        }
        log_set_sink(NULL);
        proxied_stop(&s, &p);
}

static void a_proxy_that_hangs_is_left_at_the_deadline(void **state)
{
        static const char *const answers[] = { NULL, "HTTP/1.1 200 Connec",
                                               "HTTP/1.1 200 OK\r\nA: b\r\n" };
        struct stub_proxy p;
        struct site s;

        proxied_start(&s, &p, "127.0.0.1", "127.0.0.1");
        for (size_t i = 0; i < N_ELEMENTS(answers); i++) {
                uint64_t begin_ms = clock_monotonic_ms();
                struct call c;

                p.answer = answers[i];
                call_init(&c, &s, "vendor.example", 443, "127.0.0.5", 60);
                call_start(&c);
                loop_until(&s.loop, is_done, &c);
                assert_int_equal(c.outcome, DIAL_E_TIMEOUT);
                assert_true(clock_monotonic_ms() - begin_ms >= 60);
                assert_true(clock_monotonic_ms() - begin_ms < 60 + 3000);
        }
        proxied_stop(&s, &p);
}

/* libcurl keeps a line of the answer at a time, and 16 KiB of it at most. */
static void a_line_without_end_is_not_waited_for(void **state)
{
        static char head[65536];
        struct stub_proxy p;
        struct site s;
        struct call c;

        memset(head, 'x', sizeof(head) - 1);
        memcpy(head, "HTTP/1.1 200 OK\r\nX: ", 20);
        proxied_start(&s, &p, "127.0.0.1", "127.0.0.1");
        p.answer = head;
        log_set_sink(on_event);
        assert_int_equal(call_make(&c, &s, "vendor.example", 443, "127.0.0.5"), DIAL_E_REFUSED);
        log_set_sink(NULL);
        proxied_stop(&s, &p);
}

static void a_proxy_that_cannot_be_reached_is_told_as_the_vendor_would_be(void **state)
{
        static const struct {
                const char *proxy, *source;
                enum dial_outcome outcome;
        } rows[] = {
                { "127.0.0.1", "127.0.0.5", DIAL_E_REFUSED },
                { "proxy.example", NULL, DIAL_E_REFUSED },
                { "stranger.example", NULL, DIAL_E_NAME }, /* not registered: never looked up */
                { "proxy.example", "::1", DIAL_E_NAME },   /* has IPv4 only */
                { "127.0.0.1", "::1", DIAL_E_NAME },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                uint16_t port;
                int unheard = socket_open("127.0.0.1", -1, &port);
                unsigned n_before = n_refused;
                struct site s;
                struct call c;

                site_start(&s);
                stub_dns_add(&s.dns, "proxy.example", "127.0.0.1", NULL);
                site_know(&s, "proxy.example");
                assert_int_equal(dial_curl_set_proxy(s.dialler, rows[i].proxy, port), 0);
                log_set_sink(on_event);
                assert_int_equal(call_make(&c, &s, "127.0.0.1", 443, rows[i].source),
                                 rows[i].outcome);
                log_set_sink(NULL);
                assert_int_equal(n_refused, n_before); /* it was never asked */
                assert_int_equal(s.dns.n_strangers, 0);
                close(unheard);
                site_stop(&s);
        }
}

static void the_environment_knows_no_exception(void **state)
{
        static const char *const names[] = { "no_proxy", "NO_PROXY" };
        struct stub_proxy p;
        struct site s;
        struct call c;

        proxied_start(&s, &p, "127.0.0.1", "127.0.0.1");
        for (size_t i = 0; i < N_ELEMENTS(names); i++)
                setenv(names[i], "*", 1);
        assert_int_equal(call_make(&c, &s, "127.0.0.1", 443, "127.0.0.5"), DIAL_OK);
        for (size_t i = 0; i < N_ELEMENTS(names); i++)
                unsetenv(names[i]);
        assert_int_equal(p.n_peers, 1);
        call_close(&c);
        proxied_stop(&s, &p);
}

static bool proxy_has_heard(void *context)
{
        const struct stub_proxy *p = context;

        return strstr(p->heard, "\r\n\r\n");
}

static void a_dial_is_cancelled_while_the_proxy_thinks(void **state)
{
        struct stub_proxy p;
        unsigned descriptors;
        struct site s;
        struct call c;

        proxied_start(&s, &p, "127.0.0.1", "127.0.0.1");
        p.answer = NULL;
        descriptors = n_descriptors();
        call_init(&c, &s, "vendor.example", 443, "127.0.0.5", PATIENCE_MS);
        call_start(&c);
        loop_until(&s.loop, proxy_has_heard, &p);
        s.dialler->cancel(s.dialler, &c.dial);
        assert_null(c.dial.state);
        assert_int_equal(dial_curl_n_under_way(s.dialler), 0);
        uv_run(&s.loop, UV_RUN_NOWAIT); /* the proxy sees the end and closes too */
        uv_run(&s.loop, UV_RUN_NOWAIT);
        assert_int_equal(c.n_done, 0);
        assert_int_equal(n_descriptors(), descriptors);
        proxied_stop(&s, &p);
}

static void the_dialler_can_go_while_the_proxy_thinks(void **state)
{
        struct stub_proxy p;
        struct site s;
        struct call c;

        proxied_start(&s, &p, "127.0.0.1", "127.0.0.1");
        p.answer = NULL;
        call_init(&c, &s, "vendor.example", 443, "127.0.0.5", PATIENCE_MS);
        call_start(&c);
        loop_until(&s.loop, proxy_has_heard, &p);
        proxied_stop(&s, &p);
        assert_int_equal(c.n_done, 0);
}

static void a_proxys_name_too_long_for_dns_is_not_taken(void **state)
{
        char host[400];
        struct site s;

        memset(host, 'a', sizeof(host) - 1);
        host[sizeof(host) - 1] = 0;
        site_start(&s);
        assert_int_equal(dial_curl_set_proxy(s.dialler, host, 3128), -EINVAL);
        site_stop(&s);
}

/* Loads a file with this value of `proxy`; *ret_findings is the caller's. */
static int setting_load(const char *value, struct config **ret, char **ret_findings)
{
        char text[1024];
        struct folder f;
        struct diag d;
        int r;

        snprintf(text, sizeof(text),
                 "policy = \"/p\"; listen_plain = [ \"127.0.0.1:0\" ];\nproxy = \"%s\";\n", value);
        folder_init(&f);
        diag_init(&d);
        r = config_load(folder_put(&f, "keyrouterd.cfg", text), &d, ret);
        *ret_findings = folder_findings(&f, &d);
        diag_done(&d);
        folder_done(&f);
        return r;
}

static void the_setting_names_a_host_and_its_port(void **state)
{
        static const struct {
                const char *value, *host;
                uint16_t port;
        } rows[] = {
                { "proxy.example.com:3128", "proxy.example.com", 3128 },
                { "proxy:1", "proxy", 1 },
                { "Proxy_1.example-2:65535", "Proxy_1.example-2", 65535 },
                { "10.20.0.9:8080", "10.20.0.9", 8080 },
                { "[2001:DB8::5]:3128", "2001:db8::5", 3128 },
                { "1proxy.4you:80", "1proxy.4you", 80 },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                CLEANUP(config_freep) struct config *c = NULL;
                CLEANUP(freep) char *findings = NULL;

                assert_int_equal(setting_load(rows[i].value, &c, &findings), 0);
                assert_string_equal(findings, "");
                assert_string_equal(c->proxy_host, rows[i].host);
                assert_int_equal(c->proxy_port, rows[i].port);
        }
}

static void any_other_text_is_refused_and_not_repeated(void **state)
{
        static const char *const values[] = {
                "proxy.example.com",       /* no port */
                "proxy.example.com:",      /* none either */
                ":3128",                   /* no host */
                "proxy.example.com:0",     /* no port to connect to */
                "proxy.example.com:65536", /* more than a port holds */
                "proxy.example.com:31x8",
                "proxy.example.com:-1",
                "http://proxy.example.com:3128",
                "user:word@proxy.example.com:3128",
                "http://user:word@proxy.example.com:3128",
                "proxy.example.com:3128/",
                "proxy..example:3128",
                ".proxy.example:3128",
                "proxy.example.:3128",
                "pro xy:3128",
                "10.20.0:3128", /* a misspelt address is no name */
                "10.20.0.256:3128",
                "0.0.0.0:3128", /* nobody's address */
                "[::]:3128",
                "::1:3128", /* brackets are missing */
                "[proxy]:3128",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:3128", /* 65 */
        };

        for (size_t i = 0; i < N_ELEMENTS(values); i++) {
                CLEANUP(config_freep) struct config *c = NULL;
                CLEANUP(freep) char *findings = NULL;

                if (setting_load(values[i], &c, &findings) != -EINVAL)
                        fail_msg("\"%s\" is taken", values[i]);
                if (!strstr(findings, ":2:9: error: proxy is no host with a port"))
                        fail_msg("row %zu: %s", i, findings);
                assert_null(strstr(findings, "word@"));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_proxy_is_asked_for_the_vendor_by_name_and_told_nothing_else),
                cmocka_unit_test(the_tunnel_is_a_socket_ready_for_the_engine),
                cmocka_unit_test(a_proxy_that_gives_no_tunnel_is_told_as_refused),
                cmocka_unit_test(a_proxy_that_hangs_is_left_at_the_deadline),
                cmocka_unit_test(a_line_without_end_is_not_waited_for),
                cmocka_unit_test(a_proxy_that_cannot_be_reached_is_told_as_the_vendor_would_be),
                cmocka_unit_test(the_environment_knows_no_exception),
                cmocka_unit_test(a_dial_is_cancelled_while_the_proxy_thinks),
                cmocka_unit_test(the_dialler_can_go_while_the_proxy_thinks),
                cmocka_unit_test(a_proxys_name_too_long_for_dns_is_not_taken),
                cmocka_unit_test(the_setting_names_a_host_and_its_port),
                cmocka_unit_test(any_other_text_is_refused_and_not_repeated),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
