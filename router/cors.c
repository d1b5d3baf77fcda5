/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cors.h"

bool cors_admit(struct call *call, const struct policy *policy, const struct head *h)
{
        struct slice origin = head_header(h, "Origin");

        if (!origin.data)
                return true;
        for (size_t i = 0; i < policy->n_origins; i++) {
                if (!slice_is_nocase(origin, policy->origins[i]))
                        continue;
                call->origin = origin;
                call->is_preflight = slice_is(h->method, "OPTIONS") &&
                                     head_header(h, "Access-Control-Request-Method").data;
                return true;
        }
        return false;
}

int cors_put(const struct call *call, struct buffer *out)
{
        int r;

        if (!call->origin.data)
                return 0;
        r = buffer_put_text(out, "Access-Control-Allow-Origin: ");
        if (r == 0)
                r = buffer_put_slice(out, call->origin);
        if (r == 0)
                r = buffer_put_text(out, "\r\nVary: Origin\r\n"
                                         "Access-Control-Expose-Headers: Retry-After, X-Request-Id\r\n");
        if (r == 0 && call->is_preflight)
                r = buffer_put_text(out, "Access-Control-Allow-Methods: GET, POST, PUT, PATCH, DELETE\r\n"
                                         "Access-Control-Allow-Headers: Content-Type, Accept\r\n"
                                         "Access-Control-Max-Age: 600\r\n");
        return r;
}
