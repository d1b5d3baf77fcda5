/* SPDX-License-Identifier: Apache-2.0 */
#include "router/attempt.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

static const struct event PROXY_REFUSED = { "proxy_refused", LOG_LEVEL_WARNING };

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

enum dial_outcome attempt_take_socket(const struct attempt *a, int *ret_fd)
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
        long status = 0;

        if (!a->proxy)
                return DIAL_E_BROKEN; /* nothing is said or heard without a proxy */
        curl_easy_getinfo(a->easy, CURLINFO_HTTP_CONNECTCODE, &status);
        log_event(&PROXY_REFUSED, TEXT("proxy", a->proxy->authority),
                  TEXT("host", a->dial->origin->host), NUMBER("status", status));
        return DIAL_E_REFUSED;
}

enum dial_outcome attempt_judge(const struct attempt *a, CURLcode code)
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

/* An empty text, unlike none, keeps libcurl from looking into the environment: for a proxy
 * (CURLOPT_PROXY(3)), and for hosts that go without it (CURLOPT_NOPROXY(3)). */
static bool easy_set_proxy(CURL *easy, const struct hop *proxy, struct curl_slist *headers)
{
        char url[sizeof(proxy->authority) + 8];

        if (!proxy)
                return curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
        snprintf(url, sizeof(url), "http://%s", proxy->authority);
        return curl_easy_setopt(easy, CURLOPT_PROXY, url) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_NOPROXY, "") == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_USERAGENT, NULL) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_PROXYHEADER, headers) == CURLE_OK;
}

/* No CURLOPT_FORBID_REUSE: with it libcurl closes the socket before it reports success. A
 * CONNECT_ONLY connection is never reused anyway, and closed when its handle leaves the multi
 * handle. */
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
        return c == CURLE_OK && curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_PRIVATE, a) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, a) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_option) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, a) == CURLE_OK;
}

struct attempt *attempt_new(struct dial_curl *owner, const struct hop *proxy,
                            struct curl_slist *proxy_headers)
{
        CLEANUP(attempt_freep) struct attempt *a = calloc(1, sizeof(*a));

        if (!a)
                return NULL;
        a->owner = owner;
        a->proxy = proxy;
        a->easy = curl_easy_init();
        if (!a->easy || !easy_set_constants(a->easy, a) ||
            !easy_set_proxy(a->easy, proxy, proxy_headers))
                return NULL;
        return TAKE(a);
}

void attempt_free(struct attempt *a)
{
        curl_slist_free_all(a->resolve);
        curl_easy_cleanup(a->easy);
        free(a);
}

static bool easy_set_addresses(struct attempt *a, const struct hop *first,
                               const struct addresses *addrs, unsigned turn)
{
        char line[HOP_LINE_MAX_BYTES];

        a->resolve = curl_slist_append(NULL, hop_format(first, addrs, turn, line));
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

bool attempt_aim(struct attempt *a, const struct hop *vendor, const struct hop *first,
                 const struct addresses *addrs, unsigned turn, uint64_t left_ms)
{
        return easy_set_url(a->easy, vendor) && easy_set_source(a, &a->dial->source) &&
               easy_set_deadline(a, left_ms) &&
               (first->is_literal || easy_set_addresses(a, first, addrs, turn));
}

void attempt_rest(struct attempt *a)
{
        curl_easy_setopt(a->easy, CURLOPT_RESOLVE, NULL);
        curl_slist_free_all(a->resolve);
        a->resolve = NULL;
        a->socket_errno = 0;
}
