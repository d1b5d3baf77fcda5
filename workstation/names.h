/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * names - the addresses of one host name, asked for again and again
 *
 * Asked at the start, then every 60 s, or every 5 s while there is no answer. What was answered
 * last is the owner's to keep: a failure only says so.
 */
#include "lib/base/addr.h"

#include <uv.h>

#define NAMES_MAX_ADDRESSES 8

struct names;

/* `n` addresses, none twice; 0: none, and `why` says why. Not called from within names_start(). */
typedef void names_fn(struct names *names, const struct addr *addresses, unsigned n,
                      const char *why);

struct names {
        uv_getaddrinfo_t request;
        uv_timer_t timer;
        uv_loop_t *loop;
        const char *host;
        int family; /* AF_UNSPEC, AF_INET, AF_INET6 */
        names_fn *on_answer;
        bool busy; /* a lookup is under way */
        bool stopped;
};

/* `host` must live as long as the names. Returns 0 or a negative errno. */
MUST_CHECK int names_start(struct names *names, uv_loop_t *loop, const char *host, int family,
                           names_fn *on_answer);

/*
 * No answer follows. False: a lookup is under way that cannot be called back, and the loop does not
 * end before it does.
 */
bool names_stop(struct names *names);
