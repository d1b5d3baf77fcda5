/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * call - what the router knows of one exchange
 *
 * Lives in exchange->program_state; zeroed when the exchange begins, filled by decide, emptied by
 * settle.
 */
#include "lib/net/exchange.h"
#include "router/route.h"
#include "router/snapshot.h"

struct call {
        struct snapshot *snapshot; /* a reference */
        const struct provider *provider;
        const struct api *api;
        const struct group *group;
        enum method method;
        struct slice path;   /* at the vendor */
        struct slice origin; /* of a web page that the policy allows; data NULL: none */
        bool is_preflight;
        struct slice wanted_headers; /* of a preflight */
        bool wants_body;             /* the class's answers are told apart by their body */
        bool is_reported;            /* health has heard how the embedded attempt ended */
        const char *cause; /* what the vendor's last answer meant, by the provider's table */
        enum blame blame;
        const char *refused_cause; /* attempt 1 and 2: why the key was not good enough */
        bool refused_trial;        /* that was a trial */
        unsigned n_failures;       /* embedded attempts that failed and were no trials */
        struct route route;
};

static inline struct call *call_of(struct exchange *x)
{
        static_assert(sizeof(struct call) <= PROGRAM_STATE_BYTES, "program_state is too small");
        return (struct call *)(void *)x->program_state;
}

/* What goes into the request for the route that was decided. */
const struct placement *call_placement(const struct call *call);
