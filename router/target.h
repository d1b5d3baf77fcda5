/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * target - which API of which provider a request asks
 *
 * Two ways to ask: with the vendor's own host (by the shim, or a client that resolves it to us),
 * and in base-URL mode, by an API's name as the first part of the path, at the router's own name.
 */
#include "router/call.h"

struct target_answer {
        unsigned status;
        const char *reason; /* static */
};

/*
 * Fills call->provider, api, method and path, and returns NULL; or says why not. `is_tls`: the
 * client checked our certificate, so that a foreign Host is a mistake and not DNS rebinding.
 */
const struct target_answer *target_find(const struct policy *policy, const struct head *h,
                                        bool is_tls, struct call *call);

/* Value of Allow for an API: the methods of either class. Static. */
const char *target_allow(const struct api *api);
