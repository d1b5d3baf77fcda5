/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * dial - the router's dialler: TCP by libcurl, from any egress address
 *
 * Implements lib/net/dial.h. One a worker thread, on that worker's loop. libcurl connects, asks the
 * site's HTTP proxy for a tunnel where there is one, and nothing else: not a byte of an exchange
 * passes it, and names come from the resolver, so that no dial ever waits for DNS or starts a
 * thread.
 */
#include "lib/net/dial.h"

#include <uv.h>

#define DIAL_MAX_UNDER_WAY 1024 /* a dialler; start() returns -EAGAIN beyond */

struct resolver;

/*
 * `resolver` outlives the dialler. Returns 0 or a negative errno. Besides what lib/net/dial.h says,
 * start() returns -EAGAIN, and -ENOMEM.
 */
MUST_CHECK int dial_curl_new(uv_loop_t *loop, struct resolver *resolver, struct dialler **ret);

/*
 * Once, before the first dial: every vendor is reached through this HTTP proxy. A dial's source is
 * then bound towards the proxy, and of the two names only the proxy's is looked up here. `host` is
 * copied. A proxy that gives no tunnel is DIAL_E_REFUSED, and its status is in the event
 * proxy_refused. Returns 0, -EINVAL (a name too long for DNS) or -ENOMEM.
 */
MUST_CHECK int dial_curl_set_proxy(struct dialler *dialler, const char *host, uint16_t port);

/* Cancels what is under way. Not from within on_done; the memory goes when the loop has turned. */
void dial_curl_free(struct dialler *dialler);
DEFINE_FREEP(struct dialler, dial_curl_free);

unsigned dial_curl_n_under_way(const struct dialler *dialler);
