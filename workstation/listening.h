/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * listening - the sockets applications connect to
 *
 * systemd's where it hands some over: it holds them across restarts, so that a browser never finds
 * the port closed (and shuns it for minutes). Otherwise the shim's own.
 */
#include "workstation/config.h"

#define LISTENING_TEXT_MAX 512
#define LISTENING_WHY_MAX 256

struct listening {
        int fds[CONFIG_MAX_LISTENS]; /* -1: handed on */
        unsigned n;
        char text[LISTENING_TEXT_MAX]; /* "127.0.0.1:8402,[::1]:8402" */
};

/* Returns 0, or a negative errno with `why` filled. Close what is left with listening_done(). */
MUST_CHECK int listening_open(struct listening *l, const struct config *c,
                              char why[static LISTENING_WHY_MAX]);
void listening_done(struct listening *l);
