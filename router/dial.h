/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * dial - the router's dialler: TCP by libcurl, from any egress address
 *
 * Implements lib/net/dial.h. One a worker thread, on that worker's loop. libcurl connects and nothing
 * else: no byte is sent, and names come from the resolver, so that no dial ever waits for DNS or
 * starts a thread.
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

/* Cancels what is under way. Not from within on_done; the memory goes when the loop has turned. */
void dial_curl_free(struct dialler *dialler);
DEFINE_FREEP(struct dialler, dial_curl_free);

unsigned dial_curl_n_under_way(const struct dialler *dialler);
