/* SPDX-License-Identifier: Apache-2.0 */
#include "router/name.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"

#include <ares.h>
#include <errno.h>
#include <sys/socket.h>

#define HOST_MAX_BYTES 253 /* RFC 1035 section 2.3.4 */

static const int family_codes[N_FAMILIES] = { AF_INET, AF_INET6 };
static const char *const family_names[N_FAMILIES] = { "ipv4", "ipv6" };

static const struct event NAME_RESOLVED = { "name_resolved", LOG_LEVEL_DEBUG };
static const struct event NAME_FAILED = { "name_failed", LOG_LEVEL_WARNING };
static const struct event NAME_RESTORED = { "name_restored", LOG_LEVEL_INFO };

int family_code(enum family f)
{
        return family_codes[f];
}

void name_free(struct name *n)
{
        free(n->host);
        free(n);
}

DEFINE_FREEP(struct name, name_free);

static bool host_is_valid(const char *host)
{
        size_t length = strlen(host);

        if (length == 0 || length > HOST_MAX_BYTES || host[0] == '.' || strstr(host, ".."))
                return false;
        for (const char *c = host; *c; c++)
                if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._",
                            *c))
                        return false;
        return true;
}

static void answer_fix(struct answer *a, const struct addr *address)
{
        a->addrs[0] = *address;
        a->n_addrs = 1;
        a->last = ANSWER_GOOD;
}

/* Known for ever: an address in text, and localhost, which no server is ever asked for (RFC 6761
 * section 6.3). */
static bool name_is_literal(struct name *n, const char *host)
{
        struct addr four, six;

        if (strcasecmp(host, "localhost") == 0) {
                if (addr_parse(slice_of("127.0.0.1"), &four) || addr_parse(slice_of("::1"), &six))
                        return false;
                answer_fix(&n->answers[FAMILY_V4], &four);
                answer_fix(&n->answers[FAMILY_V6], &six);
                return true;
        }
        if (addr_parse(slice_of(host), &four))
                return false;
        answer_fix(&n->answers[addr_is_v4(&four) ? FAMILY_V4 : FAMILY_V6], &four);
        return true;
}

int name_new(struct name_terms *terms, const char *host, struct name **ret)
{
        CLEANUP(name_freep) struct name *n = calloc(1, sizeof(*n));

        if (!n)
                return fault(-ENOMEM);
        n->terms = terms;
        for (unsigned f = 0; f < N_FAMILIES; f++)
                n->answers[f] = (struct answer){ .name = n, .family = (enum family)f };
        n->literal = name_is_literal(n, host);
        if (!n->literal && !host_is_valid(host))
                return -EINVAL;
        n->host = strdup(host);
        if (!n->host)
                return fault(-ENOMEM);
        *ret = TAKE(n);
        return 0;
}

bool name_is_asking(const struct name *n)
{
        return n->answers[FAMILY_V4].asking || n->answers[FAMILY_V6].asking;
}

static bool name_has_address(const struct name *n)
{
        return n->answers[FAMILY_V4].n_addrs > 0 || n->answers[FAMILY_V6].n_addrs > 0;
}

/* An address of either family will do: a site with one family only must not wait for the other. */
bool name_is_settled(const struct name *n)
{
        return name_has_address(n) || (n->answers[FAMILY_V4].last != ANSWER_NONE &&
                                       n->answers[FAMILY_V6].last != ANSWER_NONE);
}

/* One event for each change, not for each retry. */
static void name_report(struct name *n, const char *reason)
{
        const struct answer *four = &n->answers[FAMILY_V4], *six = &n->answers[FAMILY_V6];
        bool failing = four->last != ANSWER_GOOD && six->last != ANSWER_GOOD;

        if (failing && (four->last == ANSWER_NONE || six->last == ANSWER_NONE))
                return;
        if (failing == n->failing)
                return;
        n->failing = failing;
        if (failing)
                log_event(&NAME_FAILED, TEXT("host", n->host), TEXT("reason", reason),
                          BOOLEAN("last_good_stays", name_has_address(n)));
        else
                log_event(&NAME_RESTORED, TEXT("host", n->host));
}

/* How long this holds, by its shortest record. */
static uint64_t ttl_of(const struct resolver_options *o, const struct ares_addrinfo *info)
{
        uint64_t ttl_ms = o->ttl_max_ms;

        for (const struct ares_addrinfo_node *n = info->nodes; n; n = n->ai_next)
                ttl_ms = MIN(ttl_ms, (uint64_t)MAX(n->ai_ttl, 0) * 1000);
        for (const struct ares_addrinfo_cname *c = info->cnames; c; c = c->next)
                ttl_ms = MIN(ttl_ms, (uint64_t)MAX(c->ttl, 0) * 1000);
        return MAX(ttl_ms, (uint64_t)o->ttl_min_ms);
}

static size_t addresses_of(const struct ares_addrinfo *info, enum family family,
                           struct addr ret[static RESOLVER_MAX_ADDRESSES])
{
        size_t n = 0;
        uint16_t port;

        for (const struct ares_addrinfo_node *i = info->nodes; i; i = i->ai_next)
                if (i->ai_family == family_codes[family] && n < RESOLVER_MAX_ADDRESSES &&
                    addr_from_sockaddr(i->ai_addr, &ret[n], &port))
                        n++;
        return n;
}

static void answer_store(struct answer *a, const struct addr *addrs, size_t n_addrs)
{
        uv_mutex_t *mutex = a->name->terms->mutex;

        uv_mutex_lock(mutex);
        if (n_addrs)
                memcpy(a->addrs, addrs, n_addrs * sizeof(*addrs));
        a->n_addrs = n_addrs;
        uv_mutex_unlock(mutex);
}

static uint64_t retry_after_ms(const struct resolver_options *o, unsigned n_failures)
{
        uint64_t wait_ms = o->retry_min_ms;

        for (unsigned i = 1; i < n_failures && wait_ms < o->retry_max_ms; i++)
                wait_ms *= 2;
        return MIN(wait_ms, (uint64_t)o->retry_max_ms);
}

static void answer_good(struct answer *a, const struct addr *addrs, size_t n, uint64_t ttl_ms)
{
        answer_store(a, addrs, n);
        a->last = ANSWER_GOOD;
        a->n_failures = 0;
        a->due_ms = clock_monotonic_ms() + ttl_ms;
        log_event(&NAME_RESOLVED, TEXT("host", a->name->host),
                  TEXT("family", family_names[a->family]), NUMBER("addresses", n),
                  NUMBER("next_ms", ttl_ms));
}

/* The vendor says: nothing in this family. Believed while the other family has something. */
static void answer_empty(struct answer *a)
{
        const struct resolver_options *o = &a->name->terms->options;
        const struct answer *other = &a->name->answers[!a->family];

        a->last = ANSWER_EMPTY;
        if (other->last == ANSWER_GOOD) {
                answer_store(a, NULL, 0);
                a->n_failures = 0;
                a->due_ms = clock_monotonic_ms() + o->ttl_max_ms;
                return;
        }
        a->n_failures++;
        a->due_ms = clock_monotonic_ms() + retry_after_ms(o, a->n_failures);
}

static void answer_bad(struct answer *a)
{
        a->last = ANSWER_BAD;
        a->n_failures++;
        a->due_ms = clock_monotonic_ms() + retry_after_ms(&a->name->terms->options, a->n_failures);
}

static const char *status_explain(int status)
{
        switch (status) {
        case ARES_ENOTFOUND:
                return "the name does not exist";
        case ARES_ENODATA:
                return "the name has no address";
        case ARES_ETIMEOUT:
                return "no name server answered in time";
        case ARES_ECONNREFUSED: /* c-ares says so for SERVFAIL too, once every server has said it */
                return "the name servers failed or cannot be reached";
        default:
                return ares_strerror(status);
        }
}

void answer_take(struct answer *a, int status, const struct ares_addrinfo *info)
{
        struct addr addrs[RESOLVER_MAX_ADDRESSES];
        size_t n = status == ARES_SUCCESS && info ? addresses_of(info, a->family, addrs) : 0;

        if (status == ARES_SUCCESS && n == 0)
                status = ARES_ENODATA;
        if (n > 0)
                answer_good(a, addrs, n, ttl_of(&a->name->terms->options, info));
        else if (status == ARES_ENODATA)
                answer_empty(a);
        else
                answer_bad(a);
        name_report(a->name, status_explain(status));
}
