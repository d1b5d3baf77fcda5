/* SPDX-License-Identifier: Apache-2.0 */
#include "router/origins.h"

#include <string.h>

void origins_init(struct origins *o, struct tls_client *tls)
{
        o->n = 0;
        o->tls = tls;
}

void origins_done(struct origins *o)
{
        while (o->n > 0)
                free(o->hosts[--o->n]);
}

const struct origin *origins_get(struct origins *o, const char *host, uint16_t port)
{
        for (unsigned i = 0; i < o->n; i++) {
                if (o->entries[i].port == port && strcmp(o->hosts[i], host) == 0)
                        return &o->entries[i];
        }
        if (o->n == ORIGINS_MAX)
                return NULL;
        o->hosts[o->n] = strdup(host);
        if (!o->hosts[o->n])
                return NULL;
        o->entries[o->n] =
                (struct origin){ .host = o->hosts[o->n], .port = port, .id = o->n, .tls = o->tls };
        return &o->entries[o->n++];
}
