/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the process has no descriptor left, accept() fails and the listener stays readable: without
 * a pause the loop would spin. Accepting resumes a little later.
 */
#include "lib/net/acceptor.h"

#include "lib/base/fault.h"
#include "lib/base/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define BATCH 64 /* connections taken before the loop turns */
#define PAUSE_MS 100
#define BACKLOG 4096

static const struct event ACCEPT_PAUSED = { "accept_paused", LOG_LEVEL_WARNING };

static void on_listener(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
        struct acceptor *a = CONTAINER_OF(timer, struct acceptor, pause);

        a->paused = false;
        for (unsigned i = 0; i < a->n_listeners; i++)
                uv_poll_start(&a->listeners[i].poll, UV_READABLE, on_listener);
}

static void acceptor_pause(struct acceptor *a, int error)
{
        log_event(&ACCEPT_PAUSED, TEXT("reason", strerror(error)));
        a->paused = true;
        for (unsigned i = 0; i < a->n_listeners; i++)
                uv_poll_stop(&a->listeners[i].poll);
        uv_timer_start(&a->pause, on_pause_over, PAUSE_MS, 0);
}

/* The connections of one turn for the worker on the acceptor's own loop. They wait until those for
 * others are handed over: to begin with one takes a TLS handshake's time. */
struct own_batch {
        struct worker *worker;
        struct accepted connections[BATCH];
        unsigned n;
};

static void hand_over(struct listener *l, int fd, const struct sockaddr *sa, struct own_batch *own)
{
        struct acceptor *a = l->acceptor;
        struct accepted accepted = { .fd = fd, .tls = l->tls };
        struct worker *w;
        uint16_t port;
        int one = 1;

        if (!addr_from_sockaddr(sa, &accepted.peer, &port)) {
                close(fd);
                return;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        w = a->workers[addr_hash(&accepted.peer) % a->n_workers];
        if (w->loop != a->loop) {
                worker_adopt(w, &accepted);
                return;
        }
        own->worker = w;
        own->connections[own->n++] = accepted;
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
        struct listener *l = CONTAINER_OF(poll, struct listener, poll);
        struct own_batch own = { .n = 0 };

        for (int i = 0; i < BATCH; i++) {
                struct sockaddr_storage peer;
                socklen_t length = sizeof(peer);
                int fd = accept4(l->fd, (struct sockaddr *)&peer, &length,
                                 SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (fd >= 0) {
                        hand_over(l, fd, (struct sockaddr *)&peer, &own);
                        continue;
                }
                if (errno == ECONNABORTED || errno == EINTR)
                        continue;
                if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                        acceptor_pause(l->acceptor, errno);
                break;
        }
        for (unsigned i = 0; i < own.n; i++)
                worker_take(own.worker, &own.connections[i]);
}

void acceptor_init(struct acceptor *a, uv_loop_t *loop, struct worker **workers, unsigned n_workers)
{
        a->loop = loop;
        a->workers = workers;
        a->n_workers = n_workers;
        a->n_listeners = 0;
        a->paused = false;
        uv_timer_init(loop, &a->pause);
}

int acceptor_open(const struct addr *address, uint16_t port)
{
        CLEANUP(closep) int fd = -1;
        struct sockaddr_storage sa;
        socklen_t length = addr_to_sockaddr(address, port, &sa);
        int one = 1;

        fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return fault(-errno);
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
            bind(fd, (struct sockaddr *)&sa, length) < 0 || listen(fd, BACKLOG) < 0)
                return fault(-errno);
        return TAKE_FD(fd);
}

int acceptor_add(struct acceptor *a, int fd, struct tls_server *tls)
{
        struct listener *l = &a->listeners[a->n_listeners];
        int r;

        if (a->n_listeners == ACCEPTOR_MAX_LISTENERS)
                return fault(-ENOSPC);
        *l = (struct listener){ .acceptor = a, .fd = fd, .tls = tls };
        r = uv_poll_init(a->loop, &l->poll, fd);
        if (r == 0)
                r = uv_poll_start(&l->poll, UV_READABLE, on_listener);
        if (r < 0)
                return fault(r);
        a->n_listeners++;
        return 0;
}

int acceptor_address(int fd, struct addr *ret, uint16_t *ret_port)
{
        struct sockaddr_storage sa;
        socklen_t length = sizeof(sa);

        if (getsockname(fd, (struct sockaddr *)&sa, &length) < 0)
                return fault(-errno);
        return addr_from_sockaddr((struct sockaddr *)&sa, ret, ret_port) ? 0 : fault(-EAFNOSUPPORT);
}

void acceptor_stop(struct acceptor *a)
{
        for (unsigned i = 0; i < a->n_listeners; i++) {
                struct listener *l = &a->listeners[i];

                uv_poll_stop(&l->poll);
                uv_close((uv_handle_t *)&l->poll, NULL);
                close(l->fd);
        }
        uv_timer_stop(&a->pause);
        uv_close((uv_handle_t *)&a->pause, NULL);
}
