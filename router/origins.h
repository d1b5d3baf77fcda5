/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * origins - every vendor host and port that any policy of this process named
 *
 * Origins live as long as the process, so that pooled connections survive a change of policy. Main
 * thread only; workers hold pointers to entries that never move or change.
 */
#include "lib/net/dial.h"

#include "lib/base/cleanup.h"

#define ORIGINS_MAX 256

struct origins {
        struct origin entries[ORIGINS_MAX];
        char *hosts[ORIGINS_MAX];
        unsigned n;
        struct tls_client *tls; /* for all of them */
};

void origins_init(struct origins *o, struct tls_client *tls);
void origins_done(struct origins *o);

/* The entry of this host and port, made if need be. NULL: the table is full or no memory. */
const struct origin *origins_get(struct origins *o, const char *host, uint16_t port);
