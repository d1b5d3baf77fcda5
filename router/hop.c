/* SPDX-License-Identifier: Apache-2.0 */
#include "router/hop.h"

#include <stdio.h>
#include <sys/socket.h>

bool hop_init(struct hop *h, const char *host, uint16_t port)
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

bool hop_find(const struct hop *h, struct resolver *resolver, const struct addr *source,
              struct addresses *ret)
{
        bool any = addr_is_unspecified(source);
        int family = any ? AF_UNSPEC : addr_is_v4(source) ? AF_INET : AF_INET6;

        ret->n_items = 0;
        if (h->is_literal)
                return any || addr_is_v4(&h->literal) == addr_is_v4(source);
        ret->n_items =
                resolver_lookup(resolver, h->host, family, ret->items, N_ELEMENTS(ret->items));
        return ret->n_items > 0;
}

const char *hop_format(const struct hop *h, const struct addresses *addrs, unsigned turn,
                       char line[HOP_LINE_MAX_BYTES])
{
        char text[ADDR_TEXT_MAX];
        size_t n;

        n = (size_t)snprintf(line, HOP_LINE_MAX_BYTES, "%s:", h->authority);
        for (size_t i = 0; i < addrs->n_items; i++) {
                const struct addr *address = &addrs->items[(i + turn) % addrs->n_items];
                const char *format = addr_is_v4(address) ? "%s%s" : "%s[%s]";

                n += (size_t)snprintf(line + n, HOP_LINE_MAX_BYTES - n, format, i ? "," : "",
                                      addr_format(address, text));
                assert(n < HOP_LINE_MAX_BYTES);
        }
        return line;
}
