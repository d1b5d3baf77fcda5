/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends are streams, on one loop that is hardly turned: what a stream says must be right
 * without any event.
 */
#include "lib/net/stream.h"
#include "lib/net/tls.h"
#include "tests/unit/net/certificates.h"
#include "tests/unit/net/check.h"
#include "tests/unit/net/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

struct pair {
        uv_loop_t loop;
        struct certificates certificates;
        struct tls_server *server_tls;
        struct tls_client *client_tls;
        SSL_SESSION *kept;
        struct stream client, server;
        struct block_pool pool;
        struct buffer buffer;
        unsigned n_events; /* of the client */
};

static void on_client_event(struct stream *s)
{
        CONTAINER_OF(s, struct pair, client)->n_events++;
}

static void on_server_event(struct stream *s)
{
}

static int setup(void **state)
{
        struct pair *p = calloc(1, sizeof(*p));
        char why[TLS_WHY_MAX];

        assert_non_null(p);
        signal(SIGPIPE, SIG_IGN);
        certificates_init(&p->certificates);
        assert_int_equal(tls_server_new(p->certificates.leaf, p->certificates.leaf_key,
                                        &p->server_tls, why),
                         0);
        assert_int_equal(tls_client_new(false, p->certificates.ca, &p->client_tls, why), 0);
        uv_loop_init(&p->loop);
        block_pool_init(&p->pool, 4);
        buffer_init(&p->buffer, &p->pool);
        *state = p;
        return 0;
}

static int teardown(void **state)
{
        struct pair *p = *state;

        buffer_release(&p->buffer);
        block_pool_done(&p->pool);
        uv_run(&p->loop, UV_RUN_NOWAIT);
        assert_int_equal(uv_loop_close(&p->loop), 0);
        SSL_SESSION_free(p->kept);
        tls_server_free(p->server_tls);
        tls_client_free(p->client_tls);
        certificates_done(&p->certificates);
        free(p);
        return 0;
}

/* Over loopback TCP, so that a reset is one. */
static void connect_pair(struct pair *p, const char *tls_host)
{
        uint16_t port;
        int listener = peer_listen(&port), fds[2];
        struct peer *to = peer_connect(NULL, port, NULL), *from = peer_accept(listener, NULL);
        SSL *client_ssl = NULL, *server_ssl = NULL;

        fds[0] = fcntl(to->fd, F_DUPFD_CLOEXEC, 0);
        fds[1] = fcntl(from->fd, F_DUPFD_CLOEXEC, 0);
        for (int i = 0; i < 2; i++)
                fcntl(fds[i], F_SETFL, O_NONBLOCK);
        peer_cut(to);
        peer_cut(from);
        close(listener);
        if (tls_host) {
                client_ssl = tls_connect_new(p->client_tls, fds[0], tls_host, &p->kept);
                server_ssl = tls_accept_new(p->server_tls, fds[1]);
                assert_non_null(client_ssl);
                assert_non_null(server_ssl);
        }
        assert_int_equal(stream_init(&p->client, &p->loop, fds[0], client_ssl, on_client_event), 0);
        assert_int_equal(stream_init(&p->server, &p->loop, fds[1], server_ssl, on_server_event), 0);
}

static void close_pair(struct pair *p)
{
        if (p->client.fd >= 0)
                stream_close(&p->client, STREAM_CLOSE_CLEAN, NULL);
        if (p->server.fd >= 0)
                stream_close(&p->server, STREAM_CLOSE_CLEAN, NULL);
        uv_run(&p->loop, UV_RUN_NOWAIT);
}

/* Both sides until both are done or one refuses; the client's last answer. */
static int shake_hands(struct pair *p)
{
        int client = STREAM_E_AGAIN, server = STREAM_E_AGAIN;

        for (int i = 0; i < 1000 && (client == STREAM_E_AGAIN || server == STREAM_E_AGAIN); i++) {
                struct pollfd fds[2] = { { .fd = p->client.fd, .events = POLLIN },
                                         { .fd = p->server.fd, .events = POLLIN } };

                if (client == STREAM_E_AGAIN)
                        client = stream_handshake(&p->client);
                if (server == STREAM_E_AGAIN)
                        server = stream_handshake(&p->server);
                if (client != 0 && client != STREAM_E_AGAIN)
                        break;
                if (client == STREAM_E_AGAIN || server == STREAM_E_AGAIN)
                        poll(fds, 2, 1000);
        }
        return client;
}

static void send_all(struct stream *s, const void *data, size_t size)
{
        size_t n = 0;

        assert_int_equal(stream_write(s, data, size, &n), 0);
        assert_int_equal(n, size);
}

static bool wait_readable(struct stream *s)
{
        struct pollfd fd = { .fd = s->fd, .events = POLLIN };

        return poll(&fd, 1, 5000) == 1;
}

/* stream_read() that waits. */
static int read_waiting(struct stream *s, void *data, size_t size, size_t *ret_n)
{
        int r;

        while ((r = stream_read(s, data, size, ret_n)) == STREAM_E_AGAIN)
                assert_true(wait_readable(s));
        return r;
}

static void a_plain_stream_ends_cleanly_with_fin(void **state)
{
        struct pair *p = *state;
        char data[8];
        size_t n;

        connect_pair(p, NULL);
        assert_int_equal(shake_hands(p), 0);
        assert_int_equal(stream_read(&p->client, data, sizeof(data), &n), STREAM_E_AGAIN);
        send_all(&p->server, "abc", 3);
        stream_end(&p->server);
        assert_int_equal(read_waiting(&p->client, data, sizeof(data), &n), 0);
        assert_int_equal(n, 3);
        assert_int_equal(read_waiting(&p->client, data, sizeof(data), &n), STREAM_E_END);
        send_all(&p->client, "d", 1); /* the other direction is still open */
        assert_int_equal(read_waiting(&p->server, data, sizeof(data), &n), 0);
        close_pair(p);
}

static void a_plain_stream_is_cut_by_a_reset(void **state)
{
        struct pair *p = *state;
        char data[8];
        size_t n;

        connect_pair(p, NULL);
        stream_close(&p->server, STREAM_CLOSE_RESET, NULL);
        assert_int_equal(read_waiting(&p->client, data, sizeof(data), &n), STREAM_E_CUT);
        assert_int_equal(stream_write(&p->client, "x", 1, &n), STREAM_E_CUT);
        close_pair(p);
}

static void a_tls_stream_ends_cleanly_with_close_notify(void **state)
{
        struct pair *p = *state;
        char data[8];
        size_t n;

        connect_pair(p, "vendor.test");
        assert_int_equal(shake_hands(p), 0);
        send_all(&p->server, "abc", 3);
        stream_end(&p->server);
        assert_int_equal(read_waiting(&p->client, data, sizeof(data), &n), 0);
        assert_int_equal(read_waiting(&p->client, data, sizeof(data), &n), STREAM_E_END);
        close_pair(p);
}

static void a_tls_stream_without_close_notify_is_cut(void **state)
{
        static const enum stream_close how[] = { STREAM_CLOSE_CLEAN, STREAM_CLOSE_RESET };
        struct pair *p = *state;
        char data[8];
        size_t n;

        for (int i = 0; i < 2; i++) {
                connect_pair(p, "vendor.test");
                assert_int_equal(shake_hands(p), 0);
                stream_close(&p->server, how[i], NULL);
                assert_int_equal(read_waiting(&p->client, data, sizeof(data), &n), STREAM_E_CUT);
                close_pair(p);
        }
}

static void bytes_above_a_quiet_descriptor_are_told_of(void **state)
{
        static char record[16384];
        struct pair *p = *state;
        struct pollfd fd;
        size_t n, total = 0;
        char piece[100];

        connect_pair(p, "vendor.test");
        assert_int_equal(shake_hands(p), 0);
        send_all(&p->server, record, sizeof(record));
        assert_int_equal(read_waiting(&p->client, piece, sizeof(piece), &n), 0);
        total = n;
        fd = (struct pollfd){ .fd = p->client.fd, .events = POLLIN };
        assert_int_equal(poll(&fd, 1, 0), 0); /* the trap: no event will tell of the rest */
        assert_true(stream_has_more(&p->client));
        while (stream_read(&p->client, piece, sizeof(piece), &n) == 0)
                total += n;
        assert_int_equal(total, sizeof(record));
        assert_false(stream_has_more(&p->client));
        close_pair(p);
}

static void two_small_records_in_one_read_are_both_told_of(void **state)
{
        struct pair *p = *state;
        char data[64];
        size_t n;

        connect_pair(p, "vendor.test");
        assert_int_equal(shake_hands(p), 0);
        send_all(&p->server, "one", 3);
        send_all(&p->server, "two", 3);
        assert_true(wait_readable(&p->client));
        assert_int_equal(read_waiting(&p->client, data, sizeof(data), &n), 0);
        assert_int_equal(n, 3);
        assert_true(stream_has_more(&p->client));
        assert_int_equal(read_waiting(&p->client, data, sizeof(data), &n), 0);
        assert_memory_equal(data, "two", 3);
        close_pair(p);
}

static void a_late_session_ticket_leaves_a_connection_quiet(void **state)
{
        struct pair *p = *state;

        connect_pair(p, "vendor.test");
        assert_int_equal(shake_hands(p), 0);
        assert_true(wait_readable(&p->client)); /* the ticket */
        assert_null(p->kept);
        assert_true(stream_is_quiet(&p->client));
        assert_non_null(p->kept);
        assert_true(stream_is_quiet(&p->client));
        close_pair(p);
}

static void one_byte_unasked_is_not_quiet_and_stays_in_place(void **state)
{
        static const char *const hosts[] = { NULL, "vendor.test" };
        struct pair *p = *state;
        char data[8];
        size_t n;

        for (size_t i = 0; i < N_ELEMENTS(hosts); i++) {
                connect_pair(p, hosts[i]);
                assert_int_equal(shake_hands(p), 0);
                assert_true(stream_is_quiet(&p->client));
                send_all(&p->server, "x", 1);
                assert_true(wait_readable(&p->client));
                assert_false(stream_is_quiet(&p->client));
                assert_int_equal(read_waiting(&p->client, data, sizeof(data), &n), 0);
                assert_int_equal(n, 1);
                assert_int_equal(data[0], 'x');
                close_pair(p);
        }
}

static void an_end_is_not_quiet(void **state)
{
        static const char *const hosts[] = { NULL, "vendor.test" };
        struct pair *p = *state;

        for (size_t i = 0; i < N_ELEMENTS(hosts); i++) {
                connect_pair(p, hosts[i]);
                assert_int_equal(shake_hands(p), 0);
                assert_true(stream_is_quiet(&p->client));
                stream_close(&p->server, STREAM_CLOSE_CLEAN, NULL);
                assert_true(wait_readable(&p->client));
                assert_false(stream_is_quiet(&p->client));
                close_pair(p);
        }
}

static void the_second_connection_resumes_the_session_of_the_first(void **state)
{
        struct pair *p = *state;

        for (int i = 0; i < 3; i++) {
                connect_pair(p, "vendor.test");
                assert_int_equal(shake_hands(p), 0);
                assert_int_equal(SSL_session_reused(p->client.ssl), i > 0);
                assert_true(wait_readable(&p->client));
                assert_true(stream_is_quiet(&p->client)); /* takes the ticket */
                close_pair(p);
        }
}

static void the_certificate_must_carry_the_name_or_the_address(void **state)
{
        static const struct {
                const char *host;
                bool good;
        } rows[] = {
                { "vendor.test", true },    { "VENDOR.test", true }, { "a.wild.test", true },
                { "127.0.0.1", true },      { "other.test", false }, { "xvendor.test", false },
                { "a.vendor.test", false }, { "wild.test", false },  { "a.b.wild.test", false },
                { "127.0.0.2", false },     { "::1", false },
        };
        struct pair *p = *state;
        char why[TLS_WHY_MAX];

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                int r;

                connect_pair(p, rows[i].host);
                r = shake_hands(p);
                if (r != (rows[i].good ? 0 : STREAM_E_TLS))
                        fail_msg("%s: %d", rows[i].host, r);
                if (r == STREAM_E_TLS)
                        assert_non_null(strstr(tls_explain(p->client.ssl, why), "certificate: "));
                close_pair(p);
                SSL_SESSION_free(p->kept);
                p->kept = NULL;
        }
}

static void other_certificate(struct pair *p, const char *server_certificate, const char *ca)
{
        char why[TLS_WHY_MAX];

        tls_server_free(p->server_tls);
        tls_client_free(p->client_tls);
        assert_int_equal(tls_server_new(server_certificate, p->certificates.leaf_key,
                                        &p->server_tls, why),
                         0);
        assert_int_equal(tls_client_new(false, ca, &p->client_tls, why), 0);
}

static void strangers_and_expired_certificates_are_refused(void **state)
{
        struct pair *p = *state;
        char why[TLS_WHY_MAX];

        other_certificate(p, p->certificates.expired, p->certificates.ca);
        connect_pair(p, "vendor.test");
        assert_int_equal(shake_hands(p), STREAM_E_TLS);
        assert_non_null(strstr(tls_explain(p->client.ssl, why), "expired"));
        close_pair(p);
        other_certificate(p, p->certificates.leaf, p->certificates.stranger_ca);
        connect_pair(p, "vendor.test");
        assert_int_equal(shake_hands(p), STREAM_E_TLS);
        assert_non_null(strstr(tls_explain(p->client.ssl, why), "certificate: "));
        close_pair(p);
}

/* A write that stops in the middle goes on with a buffer that has moved meanwhile. */
static void a_blocked_write_goes_on_from_a_moved_buffer(void **state)
{
        static const char *const hosts[] = { NULL, "vendor.test" };
        static unsigned char received[1 << 25];
        struct pair *p = *state;

        for (size_t i = 0; i < N_ELEMENTS(hosts); i++) {
                size_t n_sent = 0, n_received = 0, n;
                int r = 0, n_blocked = 0;

                connect_pair(p, hosts[i]);
                assert_int_equal(shake_hands(p), 0);
                while (n_blocked < 3) {
                        size_t room;
                        char *tail = buffer_tail(&p->buffer, &room);

                        for (size_t k = 0; tail && k < room; k++)
                                tail[k] = (char)((n_sent + k) % 251);
                        if (tail)
                                buffer_grew(&p->buffer, room);
                        n_sent += tail ? room : 0;
                        assert_true(n_sent < sizeof(received) - 65536);
                        r = stream_drain(&p->client, &p->buffer);
                        if (r == 0)
                                continue;
                        assert_int_equal(r, STREAM_E_AGAIN);
                        n_blocked++;
                        while (stream_read(&p->server, received + n_received, 65536, &n) == 0)
                                n_received += n;
                }
                while (n_received < n_sent) {
                        r = stream_drain(&p->client, &p->buffer);
                        assert_true(r == 0 || r == STREAM_E_AGAIN);
                        assert_int_equal(read_waiting(&p->server, received + n_received, 65536, &n),
                                         0);
                        n_received += n;
                }
                for (size_t k = 0; k < n_sent; k++) {
                        if (received[k] != k % 251)
                                fail_msg("byte %zu differs", k);
                }
                buffer_release(&p->buffer);
                close_pair(p);
        }
}

static void a_watch_tells_of_input_until_it_is_taken_back(void **state)
{
        struct pair *p = *state;

        connect_pair(p, NULL);
        send_all(&p->server, "x", 1);
        stream_watch(&p->client, true, false);
        uv_run(&p->loop, UV_RUN_ONCE);
        assert_true(p->n_events > 0);
        stream_watch(&p->client, false, false);
        p->n_events = 0;
        uv_run(&p->loop, UV_RUN_NOWAIT);
        assert_int_equal(p->n_events, 0);
        stream_watch(&p->client, false, true);
        uv_run(&p->loop, UV_RUN_ONCE);
        assert_true(p->n_events > 0);
        close_pair(p);
}

static void a_fill_without_room_says_so(void **state)
{
        static char filler[BLOCK_BYTES];
        struct pair *p = *state;

        connect_pair(p, NULL);
        assert_int_equal(buffer_put(&p->buffer, filler, BLOCK_BYTES), 0);
        assert_int_equal(stream_fill(&p->client, &p->buffer), -ENOBUFS);
        buffer_release(&p->buffer);
        assert_int_equal(stream_fill(&p->client, &p->buffer), STREAM_E_AGAIN);
        assert_null(p->buffer.data); /* an idle connection holds no buffer */
        close_pair(p);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(a_plain_stream_ends_cleanly_with_fin),
                CASE(a_plain_stream_is_cut_by_a_reset),
                CASE(a_tls_stream_ends_cleanly_with_close_notify),
                CASE(a_tls_stream_without_close_notify_is_cut),
                CASE(bytes_above_a_quiet_descriptor_are_told_of),
                CASE(two_small_records_in_one_read_are_both_told_of),
                CASE(a_late_session_ticket_leaves_a_connection_quiet),
                CASE(one_byte_unasked_is_not_quiet_and_stays_in_place),
                CASE(an_end_is_not_quiet),
                CASE(the_second_connection_resumes_the_session_of_the_first),
                CASE(the_certificate_must_carry_the_name_or_the_address),
                CASE(strangers_and_expired_certificates_are_refused),
                CASE(a_blocked_write_goes_on_from_a_moved_buffer),
                CASE(a_watch_tells_of_input_until_it_is_taken_back),
                CASE(a_fill_without_room_says_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
