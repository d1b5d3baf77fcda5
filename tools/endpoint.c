/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/endpoint.h"

#include "lib/base/addr.h"
#include "policy/host_name.h"

#include <stdio.h>

bool host_is_right(const char *text)
{
        struct addr a;

        if (addr_parse(slice_of(text), &a) == 0)
                return !addr_is_unspecified(&a);
        return host_name_is_right(text);
}

/* 1 to 65535. */
static bool port_is_right(const char *text)
{
        size_t n = strspn(text, "0123456789");
        unsigned long port = strtoul(text, NULL, 10);

        return n > 0 && n <= 5 && text[n] == 0 && port > 0 && port <= 65535;
}

bool endpoint_is_right(const char *text)
{
        const char *colon = strrchr(text, ':');
        struct addr a;
        uint16_t port;
        char host[256];

        if (addr_port_parse(slice_of(text), &a, &port) == 0)
                return port > 0 && !addr_is_unspecified(&a);
        if (!colon || (size_t)(colon - text) >= sizeof(host))
                return false;
        snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
        return host_name_is_right(host) && port_is_right(colon + 1);
}

bool endpoint_is_loopback(const char *text)
{
        struct addr a;
        uint16_t port;

        return addr_port_parse(slice_of(text), &a, &port) == 0 && port > 0 && addr_is_loopback(&a);
}
