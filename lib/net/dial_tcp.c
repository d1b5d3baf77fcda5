/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net/dial_tcp.h"

#include "lib/base/fault.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define MAX_OPEN 1024

/* One connection being made. Freed when both handles are closed. */
struct attempt {
        struct dial_tcp *owner;
        struct dial *dial; /* NULL: cancelled */
        uv_poll_t poll;
        uv_timer_t timer;
        int fd;
        enum dial_outcome known; /* to be reported at once; DIAL_OK: nothing yet */
        unsigned n_handles;
};

static void on_closed(struct attempt *a)
{
        if (--a->n_handles > 0)
                return;
        a->owner->n_open--;
        free(a);
}

static void on_poll_closed(uv_handle_t *handle)
{
        on_closed(CONTAINER_OF((uv_poll_t *)handle, struct attempt, poll));
}

static void on_timer_closed(uv_handle_t *handle)
{
        on_closed(CONTAINER_OF((uv_timer_t *)handle, struct attempt, timer));
}

/* Ends the attempt; the descriptor goes to the caller, or is closed. */
static int attempt_end(struct attempt *a)
{
        int fd = TAKE_FD(a->fd);

        if (a->dial)
                a->dial->state = NULL;
        a->dial = NULL;
        uv_poll_stop(&a->poll);
        uv_timer_stop(&a->timer);
        uv_close((uv_handle_t *)&a->poll, on_poll_closed);
        uv_close((uv_handle_t *)&a->timer, on_timer_closed);
        return fd;
}

static void attempt_report(struct attempt *a, enum dial_outcome outcome)
{
        struct dial *d = a->dial;
        int fd = attempt_end(a);

        if (outcome != DIAL_OK) {
                close(fd);
                fd = -1;
        }
        d->on_done(d, fd, outcome);
}

static enum dial_outcome outcome_of(int error)
{
        switch (error) {
        case 0:
                return DIAL_OK;
        case ETIMEDOUT:
                return DIAL_E_TIMEOUT;
        case EADDRNOTAVAIL:
                return DIAL_E_SOURCE;
        case EMFILE:
        case ENFILE:
        case ENOMEM:
                return DIAL_E_BROKEN;
        default:
                return DIAL_E_REFUSED;
        }
}

static void on_connected(uv_poll_t *poll, int status, int events)
{
        struct attempt *a = CONTAINER_OF(poll, struct attempt, poll);
        socklen_t length = sizeof(int);
        int error = 0;

        if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
                error = errno;
        attempt_report(a, outcome_of(error));
}

/* Also the way to report what was known at once: never from within start. */
static void on_timer(uv_timer_t *timer)
{
        struct attempt *a = CONTAINER_OF(timer, struct attempt, timer);

        attempt_report(a, a->known ? a->known : DIAL_E_TIMEOUT);
}

/* *ret_known: what became of it already, DIAL_OK while it is under way. */
static int socket_open(const struct dial_tcp *t, const struct dial *d, enum dial_outcome *ret_known)
{
        CLEANUP(closep) int fd = -1;
        struct sockaddr_storage sa;
        socklen_t length;
        int one = 1;

        length = addr_to_sockaddr(&t->address, d->origin->port, &sa);
        fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return fault(-errno);
        *ret_known = t->has_address ? DIAL_OK : DIAL_E_NAME;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (!*ret_known && !addr_is_unspecified(&d->source)) {
                struct sockaddr_storage source;
                socklen_t n = addr_to_sockaddr(&d->source, 0, &source);

                setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
                if (bind(fd, (struct sockaddr *)&source, n) < 0)
                        *ret_known = DIAL_E_SOURCE;
        }
        if (!*ret_known && connect(fd, (struct sockaddr *)&sa, length) < 0 && errno != EINPROGRESS)
                *ret_known = outcome_of(errno);
        return TAKE_FD(fd);
}

static int dial_tcp_start(struct dialler *self, struct dial *d)
{
        struct dial_tcp *t = CONTAINER_OF(self, struct dial_tcp, dialler);
        uint64_t now = uv_now(t->loop);
        struct attempt *a;
        int r;

        if (t->n_open >= MAX_OPEN)
                return -EAGAIN;
        a = calloc(1, sizeof(*a));
        if (!a)
                return fault(-ENOMEM);
        a->fd = socket_open(t, d, &a->known);
        r = a->fd < 0 ? a->fd : uv_poll_init(t->loop, &a->poll, a->fd);
        if (r < 0) {
                if (a->fd >= 0)
                        close(a->fd);
                free(a);
                return r;
        }
        uv_timer_init(t->loop, &a->timer);
        a->owner = t;
        a->dial = d;
        a->n_handles = 2;
        t->n_open++;
        d->state = a;
        if (!a->known)
                uv_poll_start(&a->poll, UV_WRITABLE, on_connected);
        uv_timer_start(&a->timer, on_timer,
                       a->known || d->deadline_ms <= now ? 0 : d->deadline_ms - now, 0);
        return 0;
}

static void dial_tcp_cancel(struct dialler *self, struct dial *d)
{
        struct attempt *a = d->state;

        if (a)
                close(attempt_end(a));
}

void dial_tcp_init(struct dial_tcp *t, uv_loop_t *loop)
{
        *t = (struct dial_tcp){ .loop = loop };
        t->dialler.start = dial_tcp_start;
        t->dialler.cancel = dial_tcp_cancel;
}

void dial_tcp_set_address(struct dial_tcp *t, const struct addr *address)
{
        t->has_address = address != NULL;
        if (address)
                t->address = *address;
}
