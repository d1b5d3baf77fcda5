/* SPDX-License-Identifier: Apache-2.0 */
#include "router/watch.h"

#include "lib/base/fault.h"

#include <errno.h>
#include <fcntl.h>

struct watch {
        uv_poll_t poll;
        watch_event_fn *on_event;
        void *owner;
        int fd;      /* the library's: a number, no more */
        int doubled; /* ours, the one that is polled */
};

static void on_closed(uv_handle_t *handle)
{
        free(handle->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
        struct watch *w = poll->data;

        w->on_event(w->owner, w->fd, events & UV_READABLE, events & UV_WRITABLE, status < 0);
}

int watch_new(uv_loop_t *loop, int fd, watch_event_fn *on_event, void *owner, struct watch **ret)
{
        CLEANUP(closep) int doubled = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        CLEANUP(freep) struct watch *w = calloc(1, sizeof(*w));
        int r;

        if (doubled < 0)
                return fault(-errno);
        if (!w)
                return fault(-ENOMEM);
        r = uv_poll_init(loop, &w->poll, doubled);
        if (r < 0)
                return fault(r); /* libuv's codes are negative errno on this platform */
        w->poll.data = w;
        w->on_event = on_event;
        w->owner = owner;
        w->fd = fd;
        w->doubled = TAKE_FD(doubled);
        *ret = TAKE(w);
        return 0;
}

void watch_free(struct watch *w)
{
        if (!w)
                return;
        uv_close((uv_handle_t *)&w->poll, on_closed); /* off epoll at once: uv_poll_t's manual */
        close(w->doubled);
}

int watch_set(struct watch *w, bool readable, bool writable)
{
        int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
        int r = events ? uv_poll_start(&w->poll, events, on_poll) : uv_poll_stop(&w->poll);

        return r < 0 ? fault(r) : 0;
}

int watch_fd(const struct watch *w)
{
        return w->fd;
}
