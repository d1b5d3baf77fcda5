/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * control - the unix socket at which an administrator asks
 *
 * HTTP by libmicrohttpd, on the loop of the main thread; docs/control.md says what is asked. Bounds:
 * CONTROL_MAX_CONNECTIONS at a time, OPERATION_MAX_BYTES of a request, CONTROL_IDLE_S of silence.
 */
#include "policy/operation/operation.h"

#include <uv.h>

#define CONTROL_MAX_CONNECTIONS 64
#define CONTROL_MAX_BYTES (2 * OPERATION_MAX_BYTES) /* of all requests that come in together */
#define CONTROL_IDLE_S 120

struct control;
struct control_call;

struct control_program {
        /* Somebody asks for an operation. control_answer() must follow, now or later. */
        void (*call)(void *context, struct control_call *call, const char *operation,
                     const char *who, struct json_t *request);
        /* Why no policy serves, or NULL: one does. */
        const char *(*unready)(void *context);
};

/*
 * Listens at `path`, mode 0660, of `group` (-1: the process's own). A socket that is left there of
 * an earlier run is replaced. Returns 0, -EADDRINUSE where somebody listens there, -EEXIST where
 * something else is there, or another negative errno.
 */
MUST_CHECK int control_open(uv_loop_t *loop, const char *path, gid_t group,
                            const struct control_program *program, void *context,
                            struct control **ret);

/* No new calls; those that wait are told that the daemon ends. The loop must turn once more behind
 * it. */
void control_close(struct control *c);

/* `reply` is taken over. */
void control_answer(struct control_call *call, struct reply *reply);

/* Fills *ret with a refusal: `status` of sysexits.h, a sentence, and what to do (may be NULL). */
void control_refuse(struct reply *ret, int status, const char *error, const char *remedy);
