/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * dial_tcp - a dialler with connect(2) alone, for programs with one fixed address to call
 *
 * The address of an origin is set with dial_tcp_set_address(); names are not resolved here.
 */
#include "lib/net/dial.h"

#include <uv.h>

struct dial_tcp {
        struct dialler dialler; /* hand this to the worker */
        uv_loop_t *loop;
        struct addr address; /* where connections go, whatever the origin's host says */
        bool has_address;
        unsigned n_open; /* dials under way and handles not closed yet */
};

void dial_tcp_init(struct dial_tcp *t, uv_loop_t *loop);
/* From now on dials go there. NULL: the name has no address, dials fail with DIAL_E_NAME. */
void dial_tcp_set_address(struct dial_tcp *t, const struct addr *address);
