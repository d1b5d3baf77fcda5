/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * gateway - what the shim does with each request: hand it to the router
 *
 * Requests pass as they are, but for their destination; credentials are the router's business, in
 * both directions. The program_state of the worker is a struct gateway.
 */
#include "lib/net/program.h"
#include "workstation/uplink.h"

struct gateway {
        const struct config *config;
        struct uplink *uplink;
        uint64_t n_requests; /* settled since the start */
        void (*on_settled)(struct gateway *g);
};

extern const struct program gateway_program;
