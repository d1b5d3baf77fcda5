/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * visitor - a client at a unix socket, on the loop of who listens there
 */
#include "lib/base/cleanup.h"

#include <stdbool.h>
#include <uv.h>

struct json_t;

struct visitor {
        uv_loop_t *loop;
        uv_poll_t poll;
        int fd;
        char *in; /* what has come, with a terminator */
        size_t n_in, allocated;
        bool ended; /* the other side has closed */
};

/* Fails the test where it cannot connect. */
void visitor_init(struct visitor *v, uv_loop_t *loop, const char *path);
void visitor_done(struct visitor *v);

/* All of it, turning the loop while the socket is full; or as much as is taken before it is closed. */
void visitor_send(struct visitor *v, const void *bytes, size_t n);

/* A whole request; body NULL: none. */
void visitor_ask(struct visitor *v, const char *method, const char *target, const char *body);

bool visitor_has_answer(const struct visitor *v);

/* Waits for a whole answer, or the end. Returns its status, 0 for an end before it. *ret_head (may
 * be NULL) gets a copy of its head, *ret_body (may be NULL) its JSON; owner: the caller. */
unsigned visitor_take(struct visitor *v, bool without_body, char **ret_head,
                      struct json_t **ret_body);
void visitor_wait_end(struct visitor *v);
