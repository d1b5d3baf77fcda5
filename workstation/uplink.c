/* SPDX-License-Identifier: Apache-2.0 */
#include "workstation/uplink.h"

#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/net/tls.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

static const struct event ROUTER_FOUND = { "router_found", LOG_LEVEL_INFO };
static const struct event ROUTER_NAME_FAILED = { "router_name_failed", LOG_LEVEL_WARNING };
static const struct event ROUTER_AVOIDED = { "router_avoided", LOG_LEVEL_WARNING };

static void log_address(const struct event *event, const struct uplink *u)
{
        char text[ADDR_TEXT_MAX];

        log_event(event, TEXT("name", u->origin.host),
                  TEXT("address", addr_format(&u->addresses[u->current], text)));
}

static void use_current(struct uplink *u)
{
        u->turn++;
        dial_tcp_set_address(&u->dial, &u->addresses[u->current]);
}

static void settle(struct uplink *u)
{
        if (u->settled)
                return;
        u->settled = true;
        u->on_settled(u);
}

/* Where `wanted` stands among `n` addresses; n: it does not. */
static unsigned find_address(const struct addr *wanted, const struct addr *addresses, unsigned n)
{
        unsigned i = 0;

        while (i < n && !addr_equal(wanted, &addresses[i]))
                i++;
        return i;
}

static void addresses_set(struct uplink *u, const struct addr *addresses, unsigned n)
{
        bool had = u->n_addresses > 0;
        unsigned at = had ? find_address(&u->addresses[u->current], addresses, n) : n;

        memcpy(u->addresses, addresses, n * sizeof(addresses[0]));
        u->n_addresses = n;
        u->current = at < n ? at : 0;
        if (at < n)
                return;
        use_current(u);
        log_address(&ROUTER_FOUND, u);
        if (had)
                u->on_moved(u);
}

void uplink_take(struct uplink *u, const struct addr *addresses, unsigned n, const char *why)
{
        if (n > 0)
                addresses_set(u, addresses, n);
        else if (!u->is_failing)
                log_event(&ROUTER_NAME_FAILED, TEXT("name", u->names.host), TEXT("reason", why));
        u->is_failing = n == 0;
        u->on_changed(u);
        settle(u);
}

static void on_names(struct names *names, const struct addr *addresses, unsigned n, const char *why)
{
        uplink_take(CONTAINER_OF(names, struct uplink, names), addresses, n, why);
}

int uplink_init(struct uplink *u, const struct config *c, struct diag *d)
{
        struct tls_client *tls = NULL;
        char why[TLS_WHY_MAX];
        int r;

        *u = (struct uplink){ .origin = { .host = c->router_name, .port = c->router_port } };
        r = tls_client_new(false, c->ca_file, &tls, why);
        if (r == -EINVAL)
                diag_error(d, c->ca_at, "give the PEM file with the certificate of the site's CA",
                           "%s", why);
        u->origin.tls = tls;
        return r;
}

void uplink_done(struct uplink *u)
{
        if (u->origin.tls)
                tls_client_free(u->origin.tls);
        u->origin.tls = NULL;
}

int uplink_start(struct uplink *u, uv_loop_t *loop, const struct config *c)
{
        int family = AF_UNSPEC, r;

        dial_tcp_init(&u->dial, loop);
        if (c->router_is_address) {
                addresses_set(u, &c->router_address, 1);
                settle(u);
                return 0;
        }
        if (!addr_is_unspecified(&c->source))
                family = addr_is_v4(&c->source) ? AF_INET : AF_INET6;
        r = names_start(&u->names, loop, c->router_host, family, on_names);
        u->has_names = true;
        return r;
}

bool uplink_stop(struct uplink *u)
{
        bool had = u->has_names;

        u->has_names = false;
        return !had || names_stop(&u->names);
}

bool uplink_avoid(struct uplink *u, unsigned turn)
{
        if (u->n_addresses < 2)
                return false;
        if (turn == u->turn) {
                log_address(&ROUTER_AVOIDED, u);
                u->current = (u->current + 1) % u->n_addresses;
                use_current(u);
        }
        return true;
}

const char *uplink_describe(const struct uplink *u, char text[static UPLINK_TEXT_MAX])
{
        char address[ADDR_TEXT_MAX];

        if (u->n_addresses == 0)
                snprintf(text, UPLINK_TEXT_MAX, "router %s: its name does not resolve",
                         u->origin.host);
        else
                snprintf(text, UPLINK_TEXT_MAX, "router %s at %s%s", u->origin.host,
                         addr_format(&u->addresses[u->current], address),
                         u->is_failing ? ", its name does not resolve now" : "");
        return text;
}
