/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An origin (RFC 6454 section 6.2) is compared with the browser's Origin byte by byte, so what is
 * written is brought into the form that browsers send: lower case. What they would never send is an
 * error.
 */
#include "lib/base/fault.h"
#include "lib/settings/mask.h"
#include "policy/load.h"

#include <ctype.h>
#include <errno.h>

static bool port_is_right(struct slice port)
{
        unsigned value = 0;

        if (port.length == 0 || port.length > 5 || port.data[0] == '0')
                return false;
        for (size_t i = 0; i < port.length; i++) {
                if (port.data[i] < '0' || port.data[i] > '9')
                        return false;
                value = value * 10 + (unsigned)(port.data[i] - '0');
        }
        return value <= 65535;
}

static bool host_is_right(struct slice host)
{
        struct addr a;

        if (host.length >= 2 && host.data[0] == '[')
                return host.data[host.length - 1] == ']' &&
                       addr_parse((struct slice){ host.data + 1, host.length - 2 }, &a) == 0;
        for (size_t i = 0; i < host.length; i++) {
                char c = host.data[i];

                if (!isalnum((unsigned char)c) && c != '-' && c != '.')
                        return false;
        }
        return host.length > 0;
}

/* Cuts host and port; the port's data is NULL where there is none. */
static void authority_split(struct slice authority, struct slice *ret_host, struct slice *ret_port)
{
        size_t end = authority.length;

        while (end > 0 && authority.data[end - 1] != ':' && authority.data[end - 1] != ']')
                end--;
        *ret_host = authority;
        *ret_port = (struct slice){ NULL, 0 };
        if (end == 0 || authority.data[end - 1] == ']')
                return;
        *ret_host = (struct slice){ authority.data, end - 1 };
        *ret_port = slice_from(authority, end);
}

/* NULL: the origin is right. Otherwise the remedy. */
static const char *origin_fault(const char *text)
{
        static const char *const shape = "write scheme://host or scheme://host:port, no path, no *";
        struct slice rest = slice_of(text), host, port;
        bool tls = strncasecmp(text, "https://", 8) == 0;

        if (!tls && strncasecmp(text, "http://", 7) != 0)
                return shape;
        authority_split(slice_from(rest, tls ? 8 : 7), &host, &port);
        if (!host_is_right(host))
                return shape;
        if (port.data && !port_is_right(port))
                return "a port is 1..65535";
        if (port.data && slice_is(port, tls ? "443" : "80"))
                return "browsers leave the scheme's own port out of an origin: so must the policy";
        return NULL;
}

int origins_load(struct loading *l)
{
        const struct text_list *list = &l->w.origins;
        CLEANUP(names_done) struct names names = { NULL };
        int r = names_init(&names, "origin", list->n_items);

        if (r)
                return r;
        l->p->origins = settings_alloc(l->p->file, list->n_items, sizeof(char *));
        if (!l->p->origins)
                return fault(-ENOMEM);
        for (size_t i = 0; i < list->n_items; i++) {
                const struct text_item *item = &list->items[i];
                const char *remedy = origin_fault(item->text);

                if (remedy) {
                        diag_error(l->d, item->at, remedy, "\"%s\" is not a web origin",
                                   masked(item->text).text);
                        continue;
                }
                for (char *c = item->text; *c; c++)
                        *c = (char)tolower((unsigned char)*c);
                names_add(&names, item->text, item->at, (unsigned)i);
                l->p->origins[l->p->n_origins++] = item->text;
        }
        names_seal(&names, l->d);
        return 0;
}
