/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * hop - a host and port to connect to, or to have connected, and the addresses it has
 *
 * A dial has one hop, the vendor; through a proxy two, and only the first is looked up here.
 */
#include "lib/base/cleanup.h"
#include "router/resolver.h"

#define HOST_MAX_BYTES 253 /* RFC 1035 section 2.3.4 */
#define HOP_LINE_MAX_BYTES (HOST_MAX_BYTES + 16 + RESOLVER_MAX_ADDRESSES * (ADDR_TEXT_MAX + 3))

struct hop {
        char host[HOST_MAX_BYTES + 1];
        char authority[HOST_MAX_BYTES + 16]; /* "HOST:PORT", IPv6 in brackets */
        struct addr literal;
        bool is_literal; /* `host` is an address in text: `literal` */
};

struct addresses {
        struct addr items[RESOLVER_MAX_ADDRESSES];
        size_t n_items;
};

/* `host` is copied. False: the name is too long for DNS. */
MUST_CHECK bool hop_init(struct hop *h, const char *host, uint16_t port);

/* The addresses to try, of the source's family; none for a literal. False: the host has no such. */
MUST_CHECK bool hop_find(const struct hop *h, struct resolver *resolver, const struct addr *source,
                         struct addresses *ret);

/*
 * "HOST:PORT:ADDRESS,ADDRESS", IPv6 in brackets, from the address number `turn` on and round: what
 * CURLOPT_RESOLVE takes. Returns `line`.
 */
const char *hop_format(const struct hop *h, const struct addresses *addrs, unsigned turn,
                       char line[HOP_LINE_MAX_BYTES]);
