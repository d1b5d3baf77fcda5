/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * stub_dns - a DNS server in the test's own process, on UDP 127.0.0.1, port of the system's choice
 *
 * Answers from a table that the test changes while it runs, and counts what it was asked.
 */
#include "lib/base/addr.h"

#include <stdbool.h>
#include <uv.h>

#define STUB_MAX_HOSTS 8

enum stub_rcode { STUB_ANSWER = 0, STUB_SERVFAIL = 2, STUB_NXDOMAIN = 3, STUB_SILENT = 255 };

struct stub_host {
        const char *name;
        enum stub_rcode rcode;
        const char *a[2]; /* addresses; none: NODATA */
        const char *aaaa[2];
        uint32_t ttl_s;
        bool aaaa_silent;
        unsigned n_a, n_aaaa; /* questions seen */
};

struct stub_dns {
        uv_udp_t udp;
        char servers[64]; /* "127.0.0.1:PORT" */
        struct stub_host hosts[STUB_MAX_HOSTS];
        size_t n_hosts;
        unsigned n_strangers; /* questions for names that are not in the table */
};

void stub_dns_start(struct stub_dns *s, uv_loop_t *loop);
/* Closed when the loop has turned. */
void stub_dns_stop(struct stub_dns *s);
/* Valid until the stub stops. */
struct stub_host *stub_dns_add(struct stub_dns *s, const char *name, const char *a,
                               const char *aaaa);
