/* SPDX-License-Identifier: Apache-2.0 */
#include "router/target.h"

static const struct target_answer UNLISTED = { 403, "host is not a vendor of the policy" };
static const struct target_answer NO_PATH = { 404, "path is not an API of the vendor" };
static const struct target_answer NO_TUNNEL = { 405, "CONNECT is not offered for this host" };
static const struct target_answer NO_TRACE = { 405, "TRACE is never sent on" };
static const struct target_answer NO_API = {
        403, "neither is the host a vendor of the policy nor does the path begin with an API's name"
};

static bool is_loopback_name(struct slice host)
{
        struct addr a;

        if (host.length > 2 && host.data[0] == '[')
                host = (struct slice){ host.data + 1, host.length - 2 };
        return slice_is_nocase(host, "localhost") ||
               (addr_parse(host, &a) == 0 && addr_is_loopback(&a));
}

static const struct target_answer *find_by_prefix(const struct policy *policy, const struct head *h,
                                                  struct call *call)
{
        struct slice rest;

        for (size_t i = 0; i < policy->n_providers; i++) {
                const struct provider *p = &policy->providers[i];
                const struct api *api = api_by_prefix(p, h->path, &rest);

                if (!api)
                        continue;
                call->provider = p;
                call->path = rest;
                return api_match(p, slice_of(api->host), rest, &call->api) == 0 ? NULL : &NO_PATH;
        }
        return &NO_API;
}

const struct target_answer *target_find(const struct policy *policy, const struct head *h,
                                        bool is_tls, struct call *call)
{
        const struct provider *p = policy_provider_of_host(policy, h->host);

        if (h->form == TARGET_AUTHORITY)
                return p ? &NO_TUNNEL : &UNLISTED;
        if (slice_is(h->method, "TRACE"))
                return &NO_TRACE;
        if (!method_parse(h->method, &call->method))
                call->method = N_METHODS;
        if (h->form == TARGET_ASTERISK)
                return &NO_PATH;
        if (!p && h->form == TARGET_ABSOLUTE)
                return &UNLISTED;
        if (!p && !is_tls && !is_loopback_name(h->host))
                return &UNLISTED;
        if (!p)
                return find_by_prefix(policy, h, call);
        call->provider = p;
        call->path = h->path;
        return api_match(p, h->host, h->path, &call->api) == 0 ? NULL : &NO_PATH;
}

const char *target_allow(const struct api *api)
{
        unsigned methods = api->methods[CLASS_EMBEDDED] | api->methods[CLASS_SECRET];
        bool get = methods & 1U << METHOD_GET, post = methods & 1U << METHOD_POST;

        if (get && post)
                return methods & 1U << METHOD_PUT ? "GET, POST, PUT, PATCH, DELETE" : "GET, POST";
        return get ? "GET" : "POST";
}
