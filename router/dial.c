/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An attempt is one dial under way with its easy handle. Finished attempts wait in a short list for
 * the next dial: the options that never change are set once.
 *
 *   start() -> curl_multi_add_handle -> (timer, poll) -> curl_multi_socket_action -> harvest -> on_done
 *
 * Results are only taken in harvest(), which runs behind curl_multi_socket_action() and never within
 * a callback of libcurl; on_done may therefore start and cancel dials. A failure that libcurl does not
 * know of (no address; no memory for a watch) marks the attempt and is taken up on the loop's next
 * turn by the `late` timer.
 *
 * Through a proxy libcurl asks for a tunnel (CONNECT, RFC 9110 section 9.3.6) before it reports
 * success. It reads the answer byte by byte, so that what the vendor says stays in the socket.
 *
 * libcurl (7.88) closes the socket of a dial that is cancelled or late while it connects before it says
 * so (CURL_POLL_REMOVE), and without CURLOPT_CLOSESOCKETFUNCTION: by then another thread may have its
 * number. Nothing here therefore depends on the order: a watch looks through a double (router/watch.h),
 * and a finished dial hands on a double too.
 */
#include "router/dial.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "router/attempt.h"
#include "router/watch.h"

#include <errno.h>

#define IDLE_ATTEMPTS_MAX 64

struct dial_curl {
        struct dialler dialler;
        uv_loop_t *loop;
        struct resolver *resolver;
        struct hop proxy; /* no host: none */
        struct curl_slist *proxy_headers;
        CURLM *multi;
        uv_timer_t timer; /* libcurl's */
        uv_timer_t late;
        unsigned n_handles; /* of the two timers, not closed yet */
        struct attempt *under_way, *idle;
        unsigned n_under_way, n_idle, n_late;
        unsigned turn; /* where in a host's addresses the next dial begins */
        bool harvesting;
};

static struct dial_curl *from_dialler(const struct dialler *dialler)
{
        return CONTAINER_OF(dialler, struct dial_curl, dialler);
}

static void attempt_link(struct dial_curl *self, struct attempt *a)
{
        a->previous = NULL;
        a->next = self->under_way;
        if (a->next)
                a->next->previous = a;
        self->under_way = a;
        self->n_under_way++;
}

static void attempt_unlink(struct dial_curl *self, struct attempt *a)
{
        if (a->previous)
                a->previous->next = a->next;
        else
                self->under_way = a->next;
        if (a->next)
                a->next->previous = a->previous;
        self->n_under_way--;
}

/* Ends an attempt: libcurl closes its sockets, the dial is free. */
static void attempt_retire(struct attempt *a)
{
        struct dial_curl *self = a->owner;

        if (a->added)
                curl_multi_remove_handle(self->multi, a->easy);
        a->added = false;
        self->n_late -= a->late;
        a->late = false;
        attempt_unlink(self, a);
        attempt_rest(a);
        a->dial->state = NULL;
        a->dial = NULL;
        if (self->n_idle >= IDLE_ATTEMPTS_MAX) {
                attempt_free(a);
                return;
        }
        a->next = self->idle;
        self->idle = a;
        self->n_idle++;
}

static void attempt_finish(struct attempt *a, enum dial_outcome outcome)
{
        struct dial *d = a->dial;
        int fd = -1;

        if (outcome == DIAL_OK)
                outcome = attempt_take_socket(a, &fd);
        attempt_retire(a);
        d->on_done(d, fd, outcome);
}

static void harvest(struct dial_curl *self)
{
        CURLMsg *message;
        int n_left;

        self->harvesting = true;
        while ((message = curl_multi_info_read(self->multi, &n_left))) {
                CURLcode code = message->data.result; /* the message goes with its handle */
                struct attempt *a = NULL;

                if (message->msg != CURLMSG_DONE)
                        continue;
                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&a);
                attempt_finish(a, a->late ? a->outcome : attempt_judge(a, code));
        }
        self->harvesting = false;
}

static struct attempt *late_find(const struct dial_curl *self)
{
        for (struct attempt *a = self->under_way; a; a = a->next)
                if (a->late)
                        return a;
        return NULL;
}

/* As many as there were: an on_done that dials again at once must not keep the loop here. */
static void on_late(uv_timer_t *timer)
{
        struct dial_curl *self = timer->data;
        struct attempt *a;
        unsigned n = self->n_late;

        self->harvesting = true;
        for (; n > 0 && (a = late_find(self)); n--)
                attempt_finish(a, a->outcome);
        self->harvesting = false;
}

/* A millisecond and not zero: a timer of zero fires again in the same turn. */
static void attempt_fail_late(struct attempt *a, enum dial_outcome outcome)
{
        a->owner->n_late += !a->late;
        a->late = true;
        a->outcome = outcome;
        uv_timer_start(&a->owner->late, on_late, 1, 0);
}

static void act(struct dial_curl *self, curl_socket_t fd, int events)
{
        int n_running;

        (void)curl_multi_socket_action(self->multi, fd, events, &n_running);
        harvest(self);
}

static void on_curl_timer(uv_timer_t *timer)
{
        act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wanted(CURLM *multi, long timeout_ms, void *context)
{
        struct dial_curl *self = context;

        if (timeout_ms < 0)
                uv_timer_stop(&self->timer);
        else
                uv_timer_start(&self->timer, on_curl_timer, (uint64_t)timeout_ms, 0);
        return 0;
}

static void on_watch(void *owner, int fd, bool readable, bool writable, bool failed)
{
        int events = (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0) |
                     (failed ? CURL_CSELECT_ERR : 0);

        act(owner, fd, events);
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *context, void *watched)
{
        struct dial_curl *self = context;
        struct watch *w = watched;
        struct attempt *a = NULL;
        int r = 0;

        if (what == CURL_POLL_REMOVE) {
                watch_free(w);
                curl_multi_assign(self->multi, fd, NULL);
                return 0;
        }
        if (!w) {
                r = watch_new(self->loop, fd, on_watch, self, &w);
                if (r == 0)
                        curl_multi_assign(self->multi, fd, w);
        }
        if (r == 0)
                r = watch_set(w, what & CURL_POLL_IN, what & CURL_POLL_OUT);
        if (r < 0) { /* -1 from here would end every dial of the worker, not this one */
                curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&a);
                attempt_fail_late(a, DIAL_E_BROKEN);
        }
        return 0;
}

static const struct hop *proxy_of(const struct dial_curl *self)
{
        return self->proxy.host[0] ? &self->proxy : NULL;
}

static struct attempt *attempt_get(struct dial_curl *self)
{
        struct attempt *a = self->idle;

        if (!a)
                return attempt_new(self, proxy_of(self), self->proxy_headers);
        self->idle = a->next;
        self->n_idle--;
        return a;
}

static int attempt_begin(struct attempt *a, const struct hop *vendor, const struct hop *first,
                         const struct addresses *addrs, uint64_t left_ms)
{
        struct dial_curl *self = a->owner;

        if (!attempt_aim(a, vendor, first, addrs, self->turn++, left_ms))
                return fault(-ENOMEM);
        if (curl_multi_add_handle(self->multi, a->easy) != CURLM_OK)
                return fault(-ENOMEM);
        a->added = true;
        return 0;
}

static int dial_start(struct dialler *dialler, struct dial *d)
{
        struct dial_curl *self = from_dialler(dialler);
        uint64_t now_ms = clock_monotonic_ms();
        struct hop vendor;
        const struct hop *proxy = proxy_of(self), *first = proxy ? proxy : &vendor;
        struct addresses addrs;
        struct attempt *a;
        int r = 0;

        assert(!d->state);
        if (self->n_under_way >= DIAL_MAX_UNDER_WAY)
                return -EAGAIN;
        a = attempt_get(self);
        if (!a)
                return fault(-ENOMEM);
        a->dial = d;
        d->state = a;
        attempt_link(self, a);
        if (d->deadline_ms <= now_ms)
                attempt_fail_late(a, DIAL_E_TIMEOUT);
        else if (!hop_init(&vendor, d->origin->host, d->origin->port) ||
                 !hop_find(first, self->resolver, &d->source, &addrs))
                attempt_fail_late(a, DIAL_E_NAME);
        else
                r = attempt_begin(a, &vendor, first, &addrs, d->deadline_ms - now_ms);
        if (r < 0)
                attempt_retire(a);
        return r;
}

static void dial_cancel(struct dialler *dialler, struct dial *d)
{
        if (d->state)
                attempt_retire(d->state);
}

unsigned dial_curl_n_under_way(const struct dialler *dialler)
{
        return from_dialler(dialler)->n_under_way;
}

static void on_timer_closed(uv_handle_t *handle)
{
        struct dial_curl *self = handle->data;

        if (--self->n_handles == 0)
                free(self);
}

static void timer_open(struct dial_curl *self, uv_timer_t *timer)
{
        uv_timer_init(self->loop, timer); /* cannot fail */
        timer->data = self;
        self->n_handles++;
}

static bool multi_set(struct dial_curl *self)
{
        CURLM *m = self->multi;

        return curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, on_socket_wanted) == CURLM_OK &&
               curl_multi_setopt(m, CURLMOPT_SOCKETDATA, self) == CURLM_OK &&
               curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_timer_wanted) == CURLM_OK &&
               curl_multi_setopt(m, CURLMOPT_TIMERDATA, self) == CURLM_OK;
}

int dial_curl_new(uv_loop_t *loop, struct resolver *resolver, struct dialler **ret)
{
        struct dial_curl *self;

        if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK)
                return fault(-ENOMEM);
        self = calloc(1, sizeof(*self));
        if (self)
                self->multi = curl_multi_init();
        if (!self || !self->multi || !multi_set(self)) {
                if (self && self->multi)
                        curl_multi_cleanup(self->multi);
                free(self);
                curl_global_cleanup();
                return fault(-ENOMEM);
        }
        self->loop = loop;
        self->resolver = resolver;
        self->dialler = (struct dialler){ .start = dial_start, .cancel = dial_cancel };
        timer_open(self, &self->timer);
        timer_open(self, &self->late);
        *ret = &self->dialler;
        return 0;
}

int dial_curl_set_proxy(struct dialler *dialler, const char *host, uint16_t port)
{
        struct dial_curl *self = from_dialler(dialler);

        assert(!self->under_way && !self->idle && !self->proxy.host[0]);
        self->proxy_headers =
                curl_slist_append(NULL, "Proxy-Connection:"); /* takes libcurl's away */
        if (!self->proxy_headers)
                return fault(-ENOMEM);
        return hop_init(&self->proxy, host, port) ? 0 : -EINVAL;
}

void dial_curl_free(struct dialler *dialler)
{
        struct dial_curl *self = from_dialler(dialler);

        assert(!self->harvesting);
        while (self->under_way)
                attempt_retire(self->under_way);
        while (self->idle) {
                struct attempt *a = self->idle;

                self->idle = a->next;
                attempt_free(a);
        }
        curl_slist_free_all(self->proxy_headers);
        curl_multi_cleanup(self->multi);
        curl_global_cleanup();
        uv_close((uv_handle_t *)&self->timer, on_timer_closed);
        uv_close((uv_handle_t *)&self->late, on_timer_closed);
}
