/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uv_poll_stop() takes the descriptor out of epoll before it is closed: its number may come back
 * with the very next accept(). The handle's memory stays until libuv's close callback.
 */
#include "lib/net/stream.h"

#include "lib/base/fault.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>

struct stream_ops {
        int (*handshake)(struct stream *s);
        int (*read)(struct stream *s, void *data, size_t size, size_t *ret_n);
        int (*write)(struct stream *s, const void *data, size_t size, size_t *ret_n);
        int (*peek)(struct stream *s);
        void (*end)(struct stream *s);
};

static int answer_of_errno(int error)
{
        switch (error) {
        case EAGAIN:
        case EINTR:
                return STREAM_E_AGAIN;
        case ECONNRESET:
        case EPIPE:
        case ETIMEDOUT:
        case EHOSTUNREACH:
        case ENETUNREACH:
                return STREAM_E_CUT;
        default:
                return fault(-error);
        }
}

static int plain_handshake(struct stream *s)
{
        return 0;
}

static int plain_read(struct stream *s, void *data, size_t size, size_t *ret_n)
{
        ssize_t n = recv(s->fd, data, size, 0);

        if (n < 0)
                return answer_of_errno(errno);
        if (n == 0)
                return STREAM_E_END;
        *ret_n = (size_t)n;
        return 0;
}

static int plain_write(struct stream *s, const void *data, size_t size, size_t *ret_n)
{
        ssize_t n = send(s->fd, data, size, MSG_NOSIGNAL);

        if (n < 0)
                return answer_of_errno(errno);
        *ret_n = (size_t)n;
        return 0;
}

static int plain_peek(struct stream *s)
{
        char byte;
        ssize_t n = recv(s->fd, &byte, 1, MSG_PEEK);

        return n < 0 ? answer_of_errno(errno) : n == 0 ? STREAM_E_END : 0;
}

static void plain_end(struct stream *s)
{
        shutdown(s->fd, SHUT_WR);
}

static const struct stream_ops plain_ops = {
        .handshake = plain_handshake,
        .read = plain_read,
        .write = plain_write,
        .peek = plain_peek,
        .end = plain_end,
};

/* After an SSL_ call that returned `r` <= 0. The error queue was empty before the call. */
static int tls_answer(struct stream *s, int r)
{
        int error = errno;

        switch (SSL_get_error(s->ssl, r)) {
        case SSL_ERROR_WANT_READ:
                s->tls_wants = UV_READABLE;
                return STREAM_E_AGAIN;
        case SSL_ERROR_WANT_WRITE:
                s->tls_wants = UV_WRITABLE;
                return STREAM_E_AGAIN;
        case SSL_ERROR_ZERO_RETURN:
                return STREAM_E_END;
        case SSL_ERROR_SYSCALL:
                ERR_clear_error();
                if (error == 0)
                        return STREAM_E_CUT;
                r = answer_of_errno(error);
                return r == STREAM_E_AGAIN ? STREAM_E_CUT : r;
        default:
                if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
                        ERR_clear_error();
                        return STREAM_E_CUT;
                }
                return STREAM_E_TLS;
        }
}

/* To look whether the error queue is empty costs a tenth of emptying it. */
static void tls_begin(struct stream *s)
{
        s->tls_wants = 0;
        errno = 0;
        if (ERR_peek_error() != 0)
                ERR_clear_error();
}

static int tls_handshake(struct stream *s)
{
        int r;

        tls_begin(s);
        r = SSL_do_handshake(s->ssl);
        return r == 1 ? 0 : tls_answer(s, r);
}

static int tls_read(struct stream *s, void *data, size_t size, size_t *ret_n)
{
        int r;

        tls_begin(s);
        r = SSL_read_ex(s->ssl, data, size, ret_n);
        return r == 1 ? 0 : tls_answer(s, r);
}

static int tls_write(struct stream *s, const void *data, size_t size, size_t *ret_n)
{
        int r;

        tls_begin(s);
        r = SSL_write_ex(s->ssl, data, size, ret_n);
        return r == 1 ? 0 : tls_answer(s, r);
}

/* With nothing in the TLS layer the socket alone answers: that is the rule, and spares the layer's
 * buffer. A record that lies there may be a session ticket, which the layer takes in. */
static int tls_peek(struct stream *s)
{
        size_t n;
        char byte;
        int r;

        if (!SSL_has_pending(s->ssl) && plain_peek(s) == STREAM_E_AGAIN)
                return STREAM_E_AGAIN;
        tls_begin(s);
        r = SSL_peek_ex(s->ssl, &byte, 1, &n);
        return r == 1 ? 0 : tls_answer(s, r);
}

static void tls_end(struct stream *s)
{
        tls_begin(s);
        if (SSL_is_init_finished(s->ssl))
                SSL_shutdown(s->ssl);
        ERR_clear_error();
        shutdown(s->fd, SHUT_WR);
}

static const struct stream_ops tls_ops = {
        .handshake = tls_handshake,
        .read = tls_read,
        .write = tls_write,
        .peek = tls_peek,
        .end = tls_end,
};

static void on_poll(uv_poll_t *poll, int status, int events)
{
        struct stream *s = CONTAINER_OF(poll, struct stream, poll);

        s->on_event(s); /* an error shows itself in the read or write that the owner tries */
}

int stream_init(struct stream *s, uv_loop_t *loop, int fd, SSL *ssl, stream_event_fn *on_event)
{
        int r;

        s->fd = fd;
        s->ssl = ssl;
        s->ops = ssl ? &tls_ops : &plain_ops;
        s->watched = 0;
        s->tls_wants = 0;
        s->on_event = on_event;
        r = uv_poll_init(loop, &s->poll, fd);
        return r < 0 ? fault(r) : 0;
}

int stream_handshake(struct stream *s)
{
        return s->ops->handshake(s);
}

int stream_read(struct stream *s, void *data, size_t size, size_t *ret_n)
{
        return s->ops->read(s, data, size, ret_n);
}

int stream_write(struct stream *s, const void *data, size_t size, size_t *ret_n)
{
        return s->ops->write(s, data, size, ret_n);
}

int stream_fill(struct stream *s, struct buffer *b)
{
        size_t room, n;
        char *tail = buffer_tail(b, &room);
        int r;

        if (!tail)
                return buffer_room(b) == 0 ? -ENOBUFS : -ENOMEM;
        r = stream_read(s, tail, room, &n);
        if (r == 0)
                buffer_grew(b, n);
        else if (buffer_length(b) == 0)
                buffer_release(b);
        return r;
}

int stream_drain(struct stream *s, struct buffer *b)
{
        while (buffer_length(b) > 0) {
                struct slice data = buffer_slice(b);
                size_t n;
                int r = stream_write(s, data.data, data.length, &n);

                if (r != 0)
                        return r;
                buffer_consume(b, n);
        }
        return 0;
}

bool stream_has_more(const struct stream *s)
{
        return s->ssl && SSL_has_pending(s->ssl);
}

bool stream_is_quiet(struct stream *s)
{
        return s->ops->peek(s) == STREAM_E_AGAIN;
}

void stream_end(struct stream *s)
{
        s->ops->end(s);
}

void stream_watch(struct stream *s, bool readable, bool writable)
{
        int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0) | s->tls_wants;

        if (!readable && !writable)
                events = 0;
        if (events == s->watched)
                return;
        if (events)
                uv_poll_start(&s->poll, events, on_poll);
        else
                uv_poll_stop(&s->poll);
        s->watched = events;
}

void stream_close(struct stream *s, enum stream_close how, uv_close_cb on_closed)
{
        uv_poll_stop(&s->poll);
        if (s->ssl) {
                /* without it OpenSSL takes the end for a failure and forgets the session */
                SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
                SSL_free(s->ssl);
                s->ssl = NULL;
        }
        if (how == STREAM_CLOSE_RESET) {
                struct linger now = { .l_onoff = 1, .l_linger = 0 };

                setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        }
        uv_close((uv_handle_t *)&s->poll, on_closed); /* which looks at the descriptor once more */
        close(s->fd);
        s->fd = -1;
}
