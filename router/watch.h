/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * watch - a loop's eye on a descriptor that a library owns
 *
 * libcurl and c-ares open and close their own sockets and tell what to wait for. libcurl may close
 * one before it tells, and the number may come back at once, for another socket of another thread.
 * So the loop looks through a double (dup(2)) that the watch owns: a second descriptor for each
 * watch.
 */
#include "lib/base/cleanup.h"

#include <stdbool.h>
#include <uv.h>

struct watch;

/* `failed`: the descriptor is in error; the library finds out how by using it. */
typedef void watch_event_fn(void *owner, int fd, bool readable, bool writable, bool failed);

/* Watches nothing until watch_set(). `fd` is open now; later the watch does not touch it.
 * Returns 0 or a negative errno. */
MUST_CHECK int watch_new(uv_loop_t *loop, int fd, watch_event_fn *on_event, void *owner,
                         struct watch **ret);

/* Off the loop at once; the memory follows when the loop turns. */
void watch_free(struct watch *w);

MUST_CHECK int watch_set(struct watch *w, bool readable, bool writable);

/* The library's number, which may be closed. */
int watch_fd(const struct watch *w);
