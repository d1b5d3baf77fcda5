/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * resolver - the addresses of the vendors' hosts, always at hand
 *
 * Lives on the main thread's loop and asks with c-ares, both families of all hosts in parallel, so
 * that one host's silence delays no other. Only registered hosts are ever asked for. An answer is
 * asked for again when its TTL ends, and stays in use for ever where DNS fails then. Workers read
 * with resolver_lookup(); nothing on a worker waits for DNS.
 *
 * Everything but resolver_lookup() is for the loop's thread.
 */
#include "lib/base/addr.h"

#include <uv.h>

#define RESOLVER_MAX_HOSTS 256
#define RESOLVER_MAX_ADDRESSES 16 /* kept of one host and family */

struct resolver;

/* Called from the loop each time the last of the hosts has its first answer or failure. */
typedef void resolver_settled_fn(void *context);

struct resolver_options {
        const char *servers; /* "ADDRESS:PORT,...", IPv6 in brackets; NULL: the system's */
        resolver_settled_fn *on_settled;
        void *context;
        /* Zero takes the default in brackets. */
        unsigned ttl_min_ms, ttl_max_ms; /* [5 s, 5 min] bounds of a refresh */
        unsigned retry_min_ms,
                retry_max_ms; /* [1 s, 30 s] first and longest wait after a failure */
        unsigned give_up_ms;  /* [5 s] for one question, all servers and tries */
};

/* Returns 0, -EINVAL (the servers are not a list as above) or another negative errno. */
MUST_CHECK int resolver_new(uv_loop_t *loop, const struct resolver_options *options,
                            struct resolver **ret);

/* No on_settled follows. The memory goes when the loop has turned. */
void resolver_free(struct resolver *r);
DEFINE_FREEP(struct resolver, resolver_free);

/*
 * From now on exactly these hosts (names, or addresses in text): those that stay keep what is known
 * of them, new ones are asked for. Returns 0, -E2BIG (over RESOLVER_MAX_HOSTS), -EINVAL (not a host
 * name) or -ENOMEM; then nothing has changed.
 */
MUST_CHECK int resolver_set_hosts(struct resolver *r, const char *const *hosts, size_t n_hosts);

/* Has every host had its first answer or failure? */
bool resolver_is_settled(const struct resolver *r);

/*
 * Any thread. `family` is AF_INET, AF_INET6, or AF_UNSPEC for both (IPv4 first). Writes up to `max`
 * addresses and returns how many; 0: none known, or the host is not registered.
 */
size_t resolver_lookup(struct resolver *r, const char *host, int family, struct addr *ret,
                       size_t max);
