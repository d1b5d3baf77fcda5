/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/peer.h"

#include "lib/base/cleanup.h"
#include "tests/unit/net/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static struct sockaddr_in loopback(const char *address, uint16_t port)
{
        struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };

        assert_int_equal(inet_pton(AF_INET, address, &sa.sin_addr), 1);
        return sa;
}

int peer_listen(uint16_t *ret_port)
{
        struct sockaddr_in sa = loopback("127.0.0.1", 0);
        socklen_t length = sizeof(sa);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
        assert_int_equal(listen(fd, 512), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &length), 0);
        *ret_port = ntohs(sa.sin_port);
        return fd;
}

struct peer *peer_adopt(int fd, SSL *ssl)
{
        struct timeval patience = { .tv_sec = PEER_PATIENCE_S };
        struct peer *p = calloc(1, sizeof(*p));
        int one = 1;

        assert_non_null(p);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        p->fd = fd;
        p->ssl = ssl;
        return p;
}

static struct peer *peer_open(const char *from, uint16_t port, SSL_CTX *tls, int receive_bytes)
{
        struct sockaddr_in to = loopback("127.0.0.1", port), source;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct peer *p;

        assert_true(fd >= 0);
        if (receive_bytes)
                setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
        if (from) {
                source = loopback(from, 0);
                assert_int_equal(bind(fd, (struct sockaddr *)&source, sizeof(source)), 0);
        }
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
        p = peer_adopt(fd, NULL);
        if (tls) {
                p->ssl = SSL_new(tls);
                SSL_set_fd(p->ssl, fd);
                SSL_set_tlsext_host_name(p->ssl, "vendor.test");
                SSL_set1_host(p->ssl, "vendor.test");
                if (SSL_connect(p->ssl) != 1)
                        fail_msg("TLS handshake as client failed");
        }
        return p;
}

struct peer *peer_connect(const char *from, uint16_t port, SSL_CTX *tls)
{
        return peer_open(from, port, tls, 0);
}

struct peer *peer_connect_narrow(uint16_t port)
{
        return peer_open(NULL, port, NULL, 4096);
}

bool peer_knocks(int listener)
{
        struct pollfd p = { .fd = listener, .events = POLLIN };

        return poll(&p, 1, 0) == 1;
}

struct peer *peer_accept(int listener, SSL_CTX *tls)
{
        struct pollfd poller = { .fd = listener, .events = POLLIN };
        struct peer *p;
        int fd;

        if (poll(&poller, 1, PEER_PATIENCE_S * 1000) != 1)
                fail_msg("nobody connected");
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(fd >= 0);
        p = peer_adopt(fd, NULL);
        if (tls) {
                p->ssl = SSL_new(tls);
                SSL_set_fd(p->ssl, fd);
                if (SSL_accept(p->ssl) != 1) { /* the caller asks with peer_head() or peer_end() */
                        ERR_clear_error();
                        SSL_set_quiet_shutdown(p->ssl, 1);
                }
        }
        return p;
}

static void peer_free(struct peer *p)
{
        SSL_free(p->ssl);
        close(p->fd);
        free(p->data);
        free(p->head);
        free(p);
}

void peer_close(struct peer *p)
{
        if (p->ssl && SSL_is_init_finished(p->ssl))
                SSL_shutdown(p->ssl);
        ERR_clear_error();
        peer_free(p);
}

void peer_cut(struct peer *p)
{
        peer_free(p);
}

void peer_reset(struct peer *p)
{
        struct linger now = { .l_onoff = 1, .l_linger = 0 };

        setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        peer_free(p);
}

void peer_half_close(struct peer *p)
{
        if (p->ssl)
                SSL_shutdown(p->ssl);
        shutdown(p->fd, SHUT_WR);
}

static bool send_all(struct peer *p, const char *from, size_t n)
{
        while (n > 0) {
                ssize_t sent = p->ssl ? SSL_write(p->ssl, from, n > 1 << 20 ? 1 << 20 : (int)n)
                                      : send(p->fd, from, n, MSG_NOSIGNAL);

                if (sent <= 0)
                        return false;
                from += sent;
                n -= (size_t)sent;
        }
        return true;
}

void peer_send_bytes(struct peer *p, const void *data, size_t n)
{
        if (!send_all(p, data, n))
                fail_msg("sending failed: %s", strerror(errno));
}

struct peer_sender {
        pthread_t thread;
        struct peer *peer;
        const void *data;
        size_t n;
        bool sent;
};

static void *run_sender(void *state)
{
        struct peer_sender *s = state;

        s->sent = send_all(s->peer, s->data, s->n);
        return NULL;
}

struct peer_sender *peer_send_aside(struct peer *p, const void *data, size_t n)
{
        struct peer_sender *s = malloc(sizeof(*s));

        assert_non_null(s);
        *s = (struct peer_sender){ .peer = p, .data = data, .n = n };
        assert_int_equal(pthread_create(&s->thread, NULL, run_sender, s), 0);
        return s;
}

void peer_sender_join(struct peer_sender *s)
{
        bool sent;

        pthread_join(s->thread, NULL);
        sent = s->sent;
        free(s);
        if (!sent)
                fail_msg("sending aside failed");
}

void peer_send(struct peer *p, const char *text)
{
        peer_send_bytes(p, text, strlen(text));
}

size_t peer_send_until_blocked(struct peer *p, const void *data, size_t n, int quiet_ms)
{
        struct pollfd poller = { .fd = p->fd, .events = POLLOUT };
        size_t total = 0;

        assert_null(p->ssl);
        while (total < n && poll(&poller, 1, quiet_ms) == 1) {
                ssize_t sent = send(p->fd, (const char *)data + total, n - total,
                                    MSG_NOSIGNAL | MSG_DONTWAIT);

                if (sent < 0 && errno == EAGAIN)
                        continue;
                if (sent <= 0)
                        break;
                total += (size_t)sent;
        }
        return total;
}

static int peer_fill_once(struct peer *p)
{
        ssize_t n;

        if (p->size - p->end < 65536) {
                p->size = p->size * 2 + 131072;
                p->data = realloc(p->data, p->size);
                assert_non_null(p->data);
        }
        if (p->ssl) {
                ERR_clear_error();
                n = SSL_read(p->ssl, p->data + p->end, 65536);
                if (n <= 0 && SSL_get_error(p->ssl, (int)n) == SSL_ERROR_ZERO_RETURN)
                        return 0;
        } else {
                n = recv(p->fd, p->data + p->end, 65536, 0);
                if (n == 0)
                        return 0;
        }
        if (n <= 0) {
                if (errno == EAGAIN && !(p->ssl && SSL_get_shutdown(p->ssl)))
                        fail_msg("nothing came for %d s", PEER_PATIENCE_S);
                return -1;
        }
        p->end += (size_t)n;
        return 1;
}

/* One read behind what is there. 1, 0 at a clean end, -1 at another. */
static int peer_fill(struct peer *p)
{
        int r = p->ended ? MIN(p->ended, 0) : peer_fill_once(p);

        if (r <= 0)
                p->ended = r == 0 ? 1 : -1;
        return r;
}

static char *copy_text(const void *data, size_t n)
{
        char *text = malloc(n + 1);

        assert_non_null(text);
        memcpy(text, data, n);
        text[n] = 0;
        return text;
}

const char *peer_head_or_end(struct peer *p)
{
        for (;;) {
                size_t n = p->end - p->start;
                char *found = n ? memmem(p->data + p->start, n, "\r\n\r\n", 4) : NULL;

                if (found) {
                        n = (size_t)((unsigned char *)found - p->data) + 4 - p->start;
                        free(p->head);
                        p->head = copy_text(p->data + p->start, n);
                        p->start += n;
                        return p->head;
                }
                if (peer_fill(p) <= 0)
                        return NULL;
        }
}

const char *peer_head(struct peer *p)
{
        const char *head = peer_head_or_end(p);

        if (!head)
                fail_msg("the connection ended before a head was whole, after %zu bytes",
                         p->end - p->start);
        return head;
}

size_t peer_take_until_end(struct peer *p, void *data, size_t n, enum peer_end *ret_end)
{
        while (p->end - p->start < n) {
                int r = peer_fill(p);

                if (r <= 0) {
                        *ret_end = r == 0 ? PEER_END_CLEAN : PEER_END_CUT;
                        n = p->end - p->start;
                }
        }
        if (n > 0)
                memcpy(data, p->data + p->start, n);
        p->start += n;
        if (p->start == p->end)
                p->start = p->end = 0;
        return n;
}

void peer_take(struct peer *p, void *data, size_t n)
{
        enum peer_end end;
        size_t there = peer_take_until_end(p, data, n, &end);

        if (there < n)
                fail_msg("the connection ended %zu bytes early", n - there);
}

enum peer_end peer_end(struct peer *p, size_t *ret_n)
{
        size_t n = p->end - p->start;
        int r;

        for (;;) {
                p->start = p->end = 0;
                r = peer_fill(p);
                if (r <= 0)
                        break;
                n += p->end;
        }
        if (ret_n)
                *ret_n = n;
        return r == 0 ? PEER_END_CLEAN : PEER_END_CUT;
}

bool peer_has_input(struct peer *p, int wait_ms)
{
        struct pollfd poller = { .fd = p->fd, .events = POLLIN };

        return p->end > p->start || (p->ssl && SSL_has_pending(p->ssl)) ||
               poll(&poller, 1, wait_ms) == 1;
}

void peer_drain(struct peer *p, int quiet_ms)
{
        while (peer_has_input(p, quiet_ms)) {
                p->start = p->end = 0;
                if (peer_fill(p) <= 0)
                        fail_msg("the connection ended while it was emptied");
                p->start = p->end = 0;
        }
}

const char *peer_address(struct peer *p, char text[static 64])
{
        struct sockaddr_in sa;
        socklen_t length = sizeof(sa);

        assert_int_equal(getpeername(p->fd, (struct sockaddr *)&sa, &length), 0);
        assert_non_null(inet_ntop(AF_INET, &sa.sin_addr, text, 64));
        return text;
}
