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
 * The socket of a finished dial is duplicated, then libcurl closes its own descriptor: the watch on it
 * goes first, because libcurl announces the close (CURL_POLL_REMOVE) before it closes.
 */
#include "router/dial.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "router/resolver.h"
#include "router/watch.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#define IDLE_ATTEMPTS_MAX 64
#define HOST_MAX_BYTES 253 /* RFC 1035 section 2.3.4 */

static const struct event PROXY_REFUSED = { "proxy_refused", LOG_LEVEL_WARNING };

struct attempt {
        struct dial_curl *owner;
        struct dial *dial; /* NULL while idle */
        CURL *easy;
        struct curl_slist *resolve;
        struct attempt *next, *previous; /* among those under way, or idle (next only) */
        int socket_errno;                /* why no socket could be made, or 0 */
        bool added;                      /* to the multi handle */
        bool late;                       /* `outcome` is decided without libcurl */
        enum dial_outcome outcome;
};

/* A host and port to connect to, or to have connected. */
struct hop {
        char host[HOST_MAX_BYTES + 1];
        char authority[HOST_MAX_BYTES + 16]; /* "HOST:PORT", IPv6 in brackets */
        struct addr literal;
        bool is_literal; /* `host` is an address in text: `literal` */
};

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

struct addresses {
        struct addr items[RESOLVER_MAX_ADDRESSES];
        size_t n_items;
};

static struct dial_curl *from_dialler(const struct dialler *dialler)
{
        return CONTAINER_OF(dialler, struct dial_curl, dialler);
}

static void attempt_free(struct attempt *a)
{
        curl_slist_free_all(a->resolve);
        curl_easy_cleanup(a->easy);
        free(a);
}

DEFINE_FREEP(struct attempt, attempt_free);

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
        curl_easy_setopt(a->easy, CURLOPT_RESOLVE, NULL);
        curl_slist_free_all(a->resolve);
        a->resolve = NULL;
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

static curl_socket_t on_open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *to)
{
        struct attempt *a = context;
        int fd = socket(to->family, to->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->protocol);

        if (fd < 0) {
                a->socket_errno = errno;
                return CURL_SOCKET_BAD;
        }
        return fd;
}

/*
 * Before the bind. The option lets the router use a workstation's address; it takes CAP_NET_ADMIN,
 * and without it the bind tells whether the address was local after all. libcurl itself sets
 * IP_BIND_ADDRESS_NO_PORT, so that a port is taken once for each remote address and not once for
 * all (ip(7)).
 */
static int on_socket_option(void *context, curl_socket_t fd, curlsocktype purpose)
{
        const struct attempt *a = context;
        const struct addr *source = &a->dial->source;
        int on = 1;

        if (!a->dial->transparent)
                return CURL_SOCKOPT_OK;
        if (addr_is_v4(source))
                (void)setsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, sizeof(on));
        else
                (void)setsockopt(fd, SOL_IPV6, IPV6_TRANSPARENT, &on, sizeof(on));
        return CURL_SOCKOPT_OK;
}

static bool socket_has_source(int fd, const struct addr *source)
{
        struct sockaddr_storage name;
        socklen_t length = sizeof(name);
        struct addr bound;
        uint16_t port;

        if (addr_is_unspecified(source))
                return true;
        return getsockname(fd, (struct sockaddr *)&name, &length) == 0 &&
               addr_from_sockaddr((struct sockaddr *)&name, &bound, &port) &&
               addr_equal(&bound, source);
}

/* A descriptor of our own on the connected socket, or DIAL_E_BROKEN. */
static enum dial_outcome socket_take(struct attempt *a, int *ret_fd)
{
        CLEANUP(closep) int fd = -1;
        curl_socket_t theirs = CURL_SOCKET_BAD;
        int on = 1, flags;

        if (curl_easy_getinfo(a->easy, CURLINFO_ACTIVESOCKET, &theirs) != CURLE_OK ||
            theirs == CURL_SOCKET_BAD)
                return DIAL_E_BROKEN;
        if (!socket_has_source(theirs, &a->dial->source))
                return DIAL_E_BROKEN;
        fd = fcntl(theirs, F_DUPFD_CLOEXEC, 0);
        if (fd < 0) {
                fault(-errno);
                return DIAL_E_BROKEN;
        }
        flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0) {
                fault(-errno);
                return DIAL_E_BROKEN;
        }
        *ret_fd = TAKE_FD(fd);
        return DIAL_OK;
}

static enum dial_outcome connect_classify(const struct attempt *a)
{
        long os_errno = 0;

        if (a->socket_errno)
                return DIAL_E_BROKEN;
        curl_easy_getinfo(a->easy, CURLINFO_OS_ERRNO, &os_errno);
        if (os_errno == EADDRNOTAVAIL)
                return DIAL_E_SOURCE;
        if (os_errno == ETIMEDOUT || clock_monotonic_ms() >= a->dial->deadline_ms)
                return DIAL_E_TIMEOUT;
        return DIAL_E_REFUSED;
}

/* The proxy took the connection and gave no tunnel. */
static enum dial_outcome tunnel_classify(const struct attempt *a)
{
        const struct dial_curl *self = a->owner;
        long status = 0;

        if (!self->proxy.host[0])
                return DIAL_E_BROKEN; /* nothing is said or heard without a proxy */
        curl_easy_getinfo(a->easy, CURLINFO_HTTP_CONNECTCODE, &status);
        log_event(&PROXY_REFUSED, TEXT("proxy", self->proxy.authority),
                  TEXT("host", a->dial->origin->host), NUMBER("status", status));
        return DIAL_E_REFUSED;
}

static enum dial_outcome result_classify(const struct attempt *a, CURLcode code)
{
        switch (code) {
        case CURLE_OK:
                return DIAL_OK;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
                return DIAL_E_NAME;
        case CURLE_INTERFACE_FAILED:
                return DIAL_E_SOURCE;
        case CURLE_OPERATION_TIMEDOUT:
                return DIAL_E_TIMEOUT;
        case CURLE_COULDNT_CONNECT:
                return connect_classify(a);
        case CURLE_RECV_ERROR: /* another status than 2xx, or closed, or no HTTP */
        case CURLE_SEND_ERROR:
        case CURLE_GOT_NOTHING:
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_PROXY:
                return tunnel_classify(a);
        default:
                return DIAL_E_BROKEN;
        }
}

static void attempt_finish(struct attempt *a, enum dial_outcome outcome)
{
        struct dial *d = a->dial;
        int fd = -1;

        if (outcome == DIAL_OK)
                outcome = socket_take(a, &fd);
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
                attempt_finish(a, a->late ? a->outcome : result_classify(a, code));
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

/* An empty text, unlike none, keeps libcurl from looking into the environment: for a proxy
 * (CURLOPT_PROXY(3)), and for hosts that go without it (CURLOPT_NOPROXY(3)). */
static bool easy_set_proxy(CURL *easy, const struct dial_curl *self)
{
        char url[sizeof(self->proxy.authority) + 8];

        if (!self->proxy.host[0])
                return curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
        snprintf(url, sizeof(url), "http://%s", self->proxy.authority);
        return curl_easy_setopt(easy, CURLOPT_PROXY, url) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_NOPROXY, "") == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_USERAGENT, NULL) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_PROXYHEADER, self->proxy_headers) == CURLE_OK;
}

/* No CURLOPT_FORBID_REUSE: with it libcurl closes the socket before it reports success. A CONNECT_ONLY
 * connection is never reused anyway, and closed when its handle leaves the multi handle. */
static bool easy_set_constants(CURL *easy, struct attempt *a)
{
        static const struct {
                CURLoption option;
                long value;
        } longs[] = {
                { CURLOPT_CONNECT_ONLY, 1 },      { CURLOPT_NOSIGNAL, 1 },
                { CURLOPT_FRESH_CONNECT, 1 },     { CURLOPT_NETRC, CURL_NETRC_IGNORED },
                { CURLOPT_BUFFERSIZE, 1024 },     /* its least: nothing is ever read */
                { CURLOPT_DNS_CACHE_TIMEOUT, 0 }, /* or it keeps each source address for a minute */
        };
        CURLcode c = CURLE_OK;

        for (size_t i = 0; i < N_ELEMENTS(longs) && c == CURLE_OK; i++)
                c = curl_easy_setopt(easy, longs[i].option, longs[i].value);
        return c == CURLE_OK && easy_set_proxy(easy, a->owner) &&
               curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_PRIVATE, a) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, a) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_option) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, a) == CURLE_OK;
}

static struct attempt *attempt_new(struct dial_curl *self)
{
        CLEANUP(attempt_freep) struct attempt *a = NULL;

        if (self->idle) {
                a = self->idle;
                self->idle = a->next;
                self->n_idle--;
                return TAKE(a);
        }
        a = calloc(1, sizeof(*a));
        if (!a)
                return NULL;
        a->owner = self;
        a->easy = curl_easy_init();
        if (!a->easy || !easy_set_constants(a->easy, a))
                return NULL;
        return TAKE(a);
}

/* "HOST:PORT:ADDRESS,ADDRESS", IPv6 in brackets: what CURLOPT_RESOLVE takes. */
static bool easy_set_addresses(struct attempt *a, const struct hop *first,
                               const struct addresses *addrs, unsigned turn)
{
        char line[HOST_MAX_BYTES + 16 + RESOLVER_MAX_ADDRESSES * (ADDR_TEXT_MAX + 3)];
        char text[ADDR_TEXT_MAX];
        size_t n;

        n = (size_t)snprintf(line, sizeof(line), "%s:", first->authority);
        for (size_t i = 0; i < addrs->n_items; i++) {
                const struct addr *address = &addrs->items[(i + turn) % addrs->n_items];
                const char *format = addr_is_v4(address) ? "%s%s" : "%s[%s]";

                n += (size_t)snprintf(line + n, sizeof(line) - n, format, i ? "," : "",
                                      addr_format(address, text));
                assert(n < sizeof(line));
        }
        a->resolve = curl_slist_append(NULL, line);
        return a->resolve && curl_easy_setopt(a->easy, CURLOPT_RESOLVE, a->resolve) == CURLE_OK;
}

static bool easy_set_url(CURL *easy, const struct hop *vendor)
{
        char url[sizeof(vendor->authority) + 16];

        snprintf(url, sizeof(url), "http://%s/", vendor->authority);
        return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK;
}

static bool easy_set_source(struct attempt *a, const struct addr *source)
{
        char interface[ADDR_TEXT_MAX + 8], text[ADDR_TEXT_MAX];
        bool any = addr_is_unspecified(source);
        long family = any                  ? CURL_IPRESOLVE_WHATEVER
                      : addr_is_v4(source) ? CURL_IPRESOLVE_V4
                                           : CURL_IPRESOLVE_V6;

        snprintf(interface, sizeof(interface), "host!%s", addr_format(source, text));
        return curl_easy_setopt(a->easy, CURLOPT_INTERFACE, any ? NULL : interface) == CURLE_OK &&
               curl_easy_setopt(a->easy, CURLOPT_IPRESOLVE, family) == CURLE_OK;
}

static bool easy_set_deadline(struct attempt *a, uint64_t left_ms)
{
        long timeout_ms = (long)MIN(left_ms, (uint64_t)INT_MAX);

        return curl_easy_setopt(a->easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms) == CURLE_OK;
}

/* False: the name is too long for DNS. */
static bool hop_init(struct hop *h, const char *host, uint16_t port)
{
        char text[ADDR_TEXT_MAX];

        if (strlen(host) > HOST_MAX_BYTES)
                return false;
        h->is_literal = addr_parse(slice_of(host), &h->literal) == 0;
        if (h->is_literal) /* IPv4 also where it was written as ::ffff:10.1.2.3 */
                host = addr_format(&h->literal, text);
        memcpy(h->host, host, strlen(host) + 1);
        snprintf(h->authority, sizeof(h->authority),
                 h->is_literal && !addr_is_v4(&h->literal) ? "[%s]:%u" : "%s:%u", host, port);
        return true;
}

/* The addresses to try, of the source's family. False: the host has none. */
static bool addresses_find(struct dial_curl *self, const struct hop *h, const struct addr *source,
                           struct addresses *ret)
{
        bool any = addr_is_unspecified(source);
        int family = any ? AF_UNSPEC : addr_is_v4(source) ? AF_INET : AF_INET6;

        if (h->is_literal)
                return any || addr_is_v4(&h->literal) == addr_is_v4(source);
        ret->n_items = resolver_lookup(self->resolver, h->host, family, ret->items,
                                       N_ELEMENTS(ret->items));
        return ret->n_items > 0;
}

static int attempt_begin(struct attempt *a, const struct hop *vendor, const struct hop *first,
                         const struct addresses *addrs, uint64_t left_ms)
{
        struct dial_curl *self = a->owner;

        if (!easy_set_url(a->easy, vendor) || !easy_set_source(a, &a->dial->source) ||
            !easy_set_deadline(a, left_ms) ||
            (!first->is_literal && !easy_set_addresses(a, first, addrs, self->turn++)))
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
        const struct hop *first = self->proxy.host[0] ? &self->proxy : &vendor;
        struct addresses addrs;
        struct attempt *a;
        int r = 0;

        assert(!d->state);
        if (self->n_under_way >= DIAL_MAX_UNDER_WAY)
                return -EAGAIN;
        a = attempt_new(self);
        if (!a)
                return fault(-ENOMEM);
        a->socket_errno = 0;
        a->dial = d;
        d->state = a;
        attempt_link(self, a);
        if (d->deadline_ms <= now_ms)
                attempt_fail_late(a, DIAL_E_TIMEOUT);
        else if (!hop_init(&vendor, d->origin->host, d->origin->port) ||
                 !addresses_find(self, first, &d->source, &addrs))
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
