/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * route - the decision for one request: this key, this backend, or refused, and why
 *
 * Looks at nothing but its input; the only things it changes are the probe claims of `health` and
 * the counts of `limits` and `budgets`. First row that applies:
 *
 *   no policy applied yet, or all switched off    503
 *
 *   no class of credential takes the method       405
 *
 *   the workstation is over its limit             429
 *
 *   workstation in no group                       backend for unknown workstations
 *
 *   not a GET without body that the API takes     backend
 *
 *     with an embedded key
 *
 *   the key was refused just now (attempt 1; 2    backend, as overflow
 *
 *     where attempt 1 was the former key); but a
 *     refused trial, where the former slot serves   the former key
 *
 *   egress "direct", no slot, slot or key         backend, as overflow
 *
 *     suspended or switched off, slot not live
 *     and no trial due; but the address's former
 *     slot, which leaves, where that still serves  the former key
 *
 *   otherwise                                     key
 *
 * Instead of a backend: 403 where there is none or where the API does not take the method with a
 * secret key; 403 where it would serve as overflow and the group says overflow = "refuse" (what a
 * key cannot do at all is not overflow: a group that refuses overflow may name a backend for just
 * that); 429 where the backend's day is used up; 503 where it is switched off.
 */
#include "policy/plan.h"
#include "policy/policy.h"
#include "router/health.h"
#include "router/limits.h"
#include "router/switches.h"

enum route_kind { ROUTE_KEY, ROUTE_BACKEND, ROUTE_REFUSED };

struct route_request {
        const struct policy *policy;     /* NULL: none applied yet */
        const struct plan *plan;         /* of this policy */
        struct health *health;           /* of this plan */
        struct limits *limits;           /* of this worker; NULL: do not count */
        struct budgets *budgets;         /* of this policy; NULL: do not count */
        const struct switches *switches; /* of this policy; NULL: nothing is switched off */
        const struct group *group;       /* NULL: unknown workstation */
        struct addr workstation;
        const struct provider *provider;
        const struct api *api;
        enum method method; /* N_METHODS: another one */
        bool has_body;
        unsigned attempt;          /* 0, or how many embedded attempts were refused */
        const char *refused_cause; /* of the last one: why */
        bool refused_trial;        /* it was a trial */
        uint64_t now_ms;           /* monotonic */
        uint64_t wall_us;          /* since 1970 */
};

#define ROUTE_REASON_MAX 256

struct route {
        enum route_kind kind;
        enum credential_class class;   /* KEY: embedded, BACKEND: secret */
        const struct key *key;         /* ROUTE_KEY */
        const struct backend *backend; /* ROUTE_BACKEND */
        const struct slot *slot;       /* ROUTE_KEY */
        struct addr source;            /* to bind; unspecified: the system chooses */
        struct addr seen;              /* as the vendor sees it; unspecified: not known */
        unsigned status;               /* ROUTE_REFUSED: 403, 405, 429 or 503; else 0 */
        unsigned retry_after_s;        /* with 429 and 503: at least 1; else 0 */
        bool is_probe;                 /* ROUTE_KEY: health_move() must follow, however it ends */
        bool is_trial;                 /* and its slot is not live yet: see health.h */
        bool is_resting; /* its own key would serve, had the vendor not refused it lately */
        char reason
                [ROUTE_REASON_MAX]; /* one sentence for events and error bodies, cut if need be */
};

void route_decide(const struct route_request *q, struct route *ret);
