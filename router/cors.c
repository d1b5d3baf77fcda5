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
                /* the page is trusted, and what must not reach the vendor is taken out anyway */
                call->wanted_headers = head_header(h, "Access-Control-Request-Headers");
                return true;
        }
        return false;
}

static int put_line(struct buffer *out, const char *start, struct slice value)
{
        int r = buffer_put_text(out, start);

        if (r == 0)
                r = buffer_put_slice(out, value);
        return r ? r : buffer_put(out, "\r\n", 2);
}

int cors_put(const struct call *call, struct buffer *out)
{
        int r;

        if (!call->origin.data)
                return 0;
        r = put_line(out, "Access-Control-Allow-Origin: ", call->origin);
        if (r == 0)
                r = buffer_put_text(out,
                                    "Vary: Origin\r\n"
                                    "Access-Control-Expose-Headers: Retry-After, X-Request-Id\r\n");
        if (r == 0 && call->is_preflight)
                r = buffer_put_text(
                        out, "Access-Control-Allow-Methods: GET, POST, PUT, PATCH, DELETE\r\n"
                             "Access-Control-Max-Age: 600\r\n");
        if (r == 0 && call->wanted_headers.length > 0)
                r = put_line(out, "Access-Control-Allow-Headers: ", call->wanted_headers);
        return r;
}
