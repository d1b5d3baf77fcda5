/* SPDX-License-Identifier: Apache-2.0 */
#include "workstation/destination.h"

const char *const destination_methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/* An address of 127.0.0.0/8, [::1], or "localhost": names that no stranger's DNS can give out. */
static bool host_is_loopback(struct slice host)
{
        struct addr a;

        if (slice_is_nocase(host, "localhost"))
                return true;
        if (host.length > 2 && host.data[0] == '[') {
                host = (struct slice){ host.data + 1, host.length - 2 };
                return addr_parse(host, &a) == 0 && !addr_is_v4(&a) && addr_is_loopback(&a);
        }
        return addr_parse(host, &a) == 0 && addr_is_loopback(&a);
}

static const struct api *api_by_host(const struct provider *apis, struct slice host)
{
        for (size_t i = 0; i < apis->n_apis; i++) {
                if (slice_is_nocase(host, apis->apis[i].host))
                        return &apis->apis[i];
        }
        return NULL;
}

static void refuse(struct destination *d, unsigned status, const char *reason)
{
        *d = (struct destination){ .kind = DESTINATION_NONE, .status = status, .reason = reason };
}

static void find_by_prefix(const struct provider *apis, const struct head *h, struct destination *d)
{
        if (slice_is(h->path, "/healthz") &&
            (slice_is(h->method, "GET") || slice_is(h->method, "HEAD"))) {
                *d = (struct destination){ .kind = DESTINATION_HERE, .reason = "health probe" };
                return;
        }
        d->api = api_by_prefix(apis, h->path, &d->path);
        if (d->api)
                return;
        refuse(d, 404, "path does not begin with the name of an API");
        d->names_help = true;
}

void destination_find(const struct provider *apis, const struct head *h, struct destination *ret)
{
        bool loopback = host_is_loopback(h->host);
        enum method method;

        *ret = (struct destination){ .kind = DESTINATION_API, .path = h->path };
        ret->api = loopback ? NULL : api_by_host(apis, h->host);
        if (!loopback && !ret->api)
                refuse(ret, 403, "host is not one of this workstation's APIs");
        else if (loopback && h->form == TARGET_AUTHORITY)
                refuse(ret, 403, "no tunnel to this workstation itself");
        else if (!method_parse(h->method, &method))
                refuse(ret, 405, "method is not served");
        else if (h->form != TARGET_ORIGIN && h->form != TARGET_ABSOLUTE)
                refuse(ret, 400, "request target is not a path");
        else if (loopback)
                find_by_prefix(apis, h, ret);
        if (ret->kind == DESTINATION_API && head_is_of_blind_page(h))
                refuse(ret, 403, "web page of another site without an Origin");
}
