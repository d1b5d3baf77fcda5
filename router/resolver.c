/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each family of a host has a question of its own, under way or due: a server that never answers
 * for AAAA (there are such) does not hold up the A. c-ares answers from within ares_getaddrinfo()
 * (hosts file) or ares_process_fd() (DNS); the callback records what came and when to ask again,
 * and the loop's one timer serves both c-ares' time-outs and our due times.
 *
 * A name that is no longer wanted leaves the list at once and its memory when its last question has
 * come back. The mutex guards the list and the addresses; only the loop's thread writes them, so
 * that thread reads without it.
 */
#include "router/resolver.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "router/name.h"
#include "router/watch.h"

#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>

#define TRIES 2

struct resolver {
        uv_loop_t *loop;
        uv_mutex_t mutex;
        uv_timer_t timer;
        ares_channel channel;
        struct name_terms terms;
        struct name *names[RESOLVER_MAX_HOSTS];
        size_t n_names;
        struct watch **watches; /* on c-ares' sockets, few: linear */
        size_t n_watches, n_watches_allocated;
        bool settled; /* as last reported */
        bool closing;
};

static void resolver_arm(struct resolver *r);

static struct name *name_find(struct name *const *names, size_t n_names, const char *host)
{
        for (size_t i = 0; i < n_names; i++)
                if (strcasecmp(names[i]->host, host) == 0)
                        return names[i];
        return NULL;
}

static void on_answer(void *context, int status, int timeouts, struct ares_addrinfo *info)
{
        struct answer *a = context;
        struct name *n = a->name;

        a->asking = false;
        if (status != ARES_EDESTRUCTION && !n->dropped)
                answer_take(a, status, info);
        ares_freeaddrinfo(info);
        if (n->dropped && !name_is_asking(n))
                name_free(n);
}

static void answer_ask(struct resolver *r, struct answer *a)
{
        struct ares_addrinfo_hints hints = {
                .ai_family = family_code(a->family),
                .ai_socktype = SOCK_STREAM,
                .ai_flags = ARES_AI_NOSORT, /* no address is dialled from here: its order stays */
        };

        a->asking = true;
        ares_getaddrinfo(r->channel, a->name->host, NULL, &hints, on_answer, a);
}

static void on_watch(void *owner, int fd, bool readable, bool writable, bool failed)
{
        struct resolver *r = owner;

        ares_process_fd(r->channel, readable || failed ? fd : ARES_SOCKET_BAD,
                        writable || failed ? fd : ARES_SOCKET_BAD);
        resolver_arm(r);
}

static size_t watch_index(const struct resolver *r, int fd)
{
        size_t i = 0;

        while (i < r->n_watches && watch_fd(r->watches[i]) != fd)
                i++;
        return i;
}

static bool watches_grow(struct resolver *r)
{
        size_t n = r->n_watches_allocated ? r->n_watches_allocated * 2 : 8;
        struct watch **grown = reallocarray(r->watches, n, sizeof(*grown));

        if (!grown)
                return false;
        r->watches = grown;
        r->n_watches_allocated = n;
        return true;
}

/* Without a watch (no memory) the question runs into its time-out, and is asked again. */
static void on_socket_state(void *context, ares_socket_t fd, int readable, int writable)
{
        struct resolver *r = context;
        size_t i = watch_index(r, fd);

        if (!readable && !writable) {
                if (i == r->n_watches)
                        return;
                watch_free(r->watches[i]);
                r->watches[i] = r->watches[--r->n_watches];
                return;
        }
        if (i == r->n_watches) {
                if (r->n_watches == r->n_watches_allocated && !watches_grow(r))
                        return;
                if (watch_new(r->loop, fd, on_watch, r, &r->watches[i]) < 0)
                        return;
                r->n_watches++;
        }
        if (watch_set(r->watches[i], readable, writable) < 0) {
                watch_free(r->watches[i]);
                r->watches[i] = r->watches[--r->n_watches];
        }
}

/* Asks what is due; returns when the next is. */
static uint64_t questions_ask(struct resolver *r, uint64_t now_ms)
{
        uint64_t next_ms = UINT64_MAX;

        for (size_t i = 0; i < r->n_names; i++) {
                struct name *n = r->names[i];

                for (unsigned f = 0; f < N_FAMILIES && !n->literal; f++) {
                        struct answer *a = &n->answers[f];

                        if (!a->asking && a->due_ms <= now_ms)
                                answer_ask(r, a);
                        if (!a->asking)
                                next_ms = MIN(next_ms, a->due_ms);
                }
        }
        return next_ms;
}

static void resolver_settle(struct resolver *r)
{
        bool settled = resolver_is_settled(r);

        if (settled == r->settled)
                return;
        r->settled = settled;
        if (settled && r->terms.options.on_settled)
                r->terms.options.on_settled(r->terms.options.context);
}

static void on_timer(uv_timer_t *timer)
{
        struct resolver *r = timer->data;

        ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        questions_ask(r, clock_monotonic_ms());
        resolver_settle(r);
        if (!r->closing)
                resolver_arm(r);
}

/* The timer's next time: at once where a name settled, else the first of what c-ares and we wait
 * for. Never zero: a timer of zero fires again in the same turn of the loop. */
static void resolver_arm(struct resolver *r)
{
        uint64_t now_ms = clock_monotonic_ms(), wait_ms = UINT64_MAX;
        struct timeval tv, *ares_wait = ares_timeout(r->channel, NULL, &tv);

        for (size_t i = 0; i < r->n_names; i++)
                for (unsigned f = 0; f < N_FAMILIES && !r->names[i]->literal; f++) {
                        const struct answer *a = &r->names[i]->answers[f];

                        if (!a->asking)
                                wait_ms = MIN(wait_ms, a->due_ms - MIN(a->due_ms, now_ms));
                }
        if (ares_wait)
                wait_ms =
                        MIN(wait_ms, (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000 + 1);
        if (resolver_is_settled(r) != r->settled)
                wait_ms = 1;
        if (wait_ms == UINT64_MAX)
                uv_timer_stop(&r->timer);
        else
                uv_timer_start(&r->timer, on_timer, MAX(wait_ms, (uint64_t)1), 0);
}

bool resolver_is_settled(const struct resolver *r)
{
        for (size_t i = 0; i < r->n_names; i++)
                if (!name_is_settled(r->names[i]))
                        return false;
        return true;
}

static void names_free(struct name **names, size_t n)
{
        for (size_t i = 0; i < n; i++)
                name_free(names[i]);
}

static void name_drop(struct name *n)
{
        n->dropped = true;
        if (!name_is_asking(n))
                name_free(n);
}

/* The new list's names: those that are there already, or new ones, which *ret_made counts and which
 * stand in `made` as well. */
static int names_collect(struct resolver *r, const char *const *hosts, size_t n_hosts,
                         struct name **names, size_t *ret_n, struct name **made, size_t *ret_made)
{
        size_t n = 0;

        for (size_t i = 0; i < n_hosts; i++) {
                struct name *name = name_find(r->names, r->n_names, hosts[i]);
                int err;

                if (name_find(names, n, hosts[i]))
                        continue;
                if (!name) {
                        err = name_new(&r->terms, hosts[i], &name);
                        if (err < 0)
                                return err;
                        made[(*ret_made)++] = name;
                }
                names[n++] = name;
        }
        *ret_n = n;
        return 0;
}

int resolver_set_hosts(struct resolver *r, const char *const *hosts, size_t n_hosts)
{
        struct name *names[RESOLVER_MAX_HOSTS], *made[RESOLVER_MAX_HOSTS], *old[RESOLVER_MAX_HOSTS];
        size_t n = 0, n_made = 0, n_old = r->n_names;
        int err;

        if (n_hosts > RESOLVER_MAX_HOSTS)
                return -E2BIG;
        err = names_collect(r, hosts, n_hosts, names, &n, made, &n_made);
        if (err < 0) {
                names_free(made, n_made);
                return err;
        }
        memcpy(old, r->names, n_old * sizeof(*old));
        uv_mutex_lock(&r->mutex);
        memcpy(r->names, names, n * sizeof(*names));
        r->n_names = n;
        uv_mutex_unlock(&r->mutex);
        for (size_t i = 0; i < n_old; i++)
                if (!name_find(r->names, n, old[i]->host))
                        name_drop(old[i]);
        r->settled = false;
        resolver_arm(r);
        return 0;
}

static size_t answer_copy(const struct answer *a, struct addr *ret, size_t max)
{
        size_t n = MIN(a->n_addrs, max);

        if (n)
                memcpy(ret, a->addrs, n * sizeof(*ret));
        return n;
}

size_t resolver_lookup(struct resolver *r, const char *host, int family, struct addr *ret,
                       size_t max)
{
        const struct name *name;
        size_t n = 0;

        uv_mutex_lock(&r->mutex);
        name = name_find(r->names, r->n_names, host);
        if (name && family != AF_INET6)
                n = answer_copy(&name->answers[FAMILY_V4], ret, max);
        if (name && family != AF_INET)
                n += answer_copy(&name->answers[FAMILY_V6], ret + n, max - n);
        uv_mutex_unlock(&r->mutex);
        return n;
}

static int ares_to_errno(int status)
{
        switch (status) {
        case ARES_SUCCESS:
                return 0;
        case ARES_ENOMEM:
                return fault(-ENOMEM);
        case ARES_EBADSTR:
                return -EINVAL;
        default:
                return fault(-EIO);
        }
}

static int channel_open(struct resolver *r, unsigned try_ms, ares_channel *ret)
{
        struct ares_options options = {
                .flags = ARES_FLAG_NOSEARCH,
                .timeout = (int)try_ms,
                .tries = TRIES,
                .lookups = (char *)"fb", /* the hosts file, then DNS */
                .sock_state_cb = on_socket_state,
                .sock_state_cb_data = r,
        };
        int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                   ARES_OPT_SOCK_STATE_CB;
        int status;

#ifdef ARES_OPT_QUERY_CACHE
        mask |= ARES_OPT_QUERY_CACHE; /* of 0 seconds: when to ask again is decided here */
#endif
        status = ares_init_options(ret, &options, mask);
        if (status == ARES_SUCCESS && r->terms.options.servers) {
                status = ares_set_servers_ports_csv(*ret, r->terms.options.servers);
                if (status != ARES_SUCCESS)
                        ares_destroy(*ret);
        }
        return ares_to_errno(status);
}

static size_t channel_n_servers(ares_channel channel)
{
        struct ares_addr_port_node *servers = NULL;
        size_t n = 0;

        if (ares_get_servers_ports(channel, &servers) != ARES_SUCCESS)
                return 1;
        for (const struct ares_addr_port_node *s = servers; s; s = s->next)
                n++;
        ares_free_data(servers);
        return MAX(n, (size_t)1);
}

/* c-ares waits `timeout` for each server and twice that in the second round: three timeouts a
 * server are what one question takes at most. The number of servers is known only with a
 * channel. */
static int channel_open_bounded(struct resolver *r)
{
        ares_channel probe;
        size_t n_servers;
        int err = channel_open(r, r->terms.options.give_up_ms, &probe);

        if (err < 0)
                return err;
        n_servers = channel_n_servers(probe);
        ares_destroy(probe);
        return channel_open(r,
                            (unsigned)MAX(r->terms.options.give_up_ms / (3 * n_servers), (size_t)1),
                            &r->channel);
}

static void options_default(struct resolver_options *o)
{
        o->ttl_min_ms = o->ttl_min_ms ? o->ttl_min_ms : 5 * 1000;
        o->ttl_max_ms = o->ttl_max_ms ? o->ttl_max_ms : 5 * 60 * 1000;
        o->retry_min_ms = o->retry_min_ms ? o->retry_min_ms : 1000;
        o->retry_max_ms = o->retry_max_ms ? o->retry_max_ms : 30 * 1000;
        o->give_up_ms = o->give_up_ms ? o->give_up_ms : 5 * 1000;
}

int resolver_new(uv_loop_t *loop, const struct resolver_options *options, struct resolver **ret)
{
        CLEANUP(freep) struct resolver *r = calloc(1, sizeof(*r));
        int err;

        if (!r)
                return fault(-ENOMEM);
        r->loop = loop;
        r->terms = (struct name_terms){ .mutex = &r->mutex, .options = *options };
        options_default(&r->terms.options);
        if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
                return fault(-ENOMEM);
        err = channel_open_bounded(r);
        if (err == 0 && uv_mutex_init(&r->mutex) < 0) {
                ares_destroy(r->channel);
                err = fault(-ENOMEM);
        }
        if (err < 0) {
                ares_library_cleanup();
                return err;
        }
        r->terms.options.servers = NULL; /* the caller's */
        uv_timer_init(loop, &r->timer);
        r->timer.data = r;
        *ret = TAKE(r);
        return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
        struct resolver *r = handle->data;

        uv_mutex_destroy(&r->mutex);
        free(r->watches);
        free(r);
}

void resolver_free(struct resolver *r)
{
        if (!r)
                return;
        r->closing = true;
        r->terms.options.on_settled = NULL;
        ares_destroy(r->channel); /* its questions come back as ARES_EDESTRUCTION */
        ares_library_cleanup();
        names_free(r->names, r->n_names);
        r->n_names = 0;
        uv_close((uv_handle_t *)&r->timer, on_timer_closed);
}
