/* SPDX-License-Identifier: Apache-2.0 */
#include "workstation/destination.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct api api_table[] = {
        { .name = (char *)"us-street", .host = (char *)"us-street.api.example" },
        { .name = (char *)"us-street-2", .host = (char *)"us-street.api.example" },
        { .name = (char *)"us-zip", .host = (char *)"us-zip.api.example" },
};

static const struct provider apis = { .apis = api_table, .n_apis = N_ELEMENTS(api_table) };

static const struct row {
        const char *sentence;
        const char *method, *host, *path;
        const char *site, *origin; /* Sec-Fetch-Site, Origin */
        enum target_form form;
        enum destination_kind kind;
        const char *api, *passed; /* of API */
        unsigned status;          /* of NONE */
} rows[] = {
        { "base-URL mode cuts the name off", "GET", "127.0.0.1", "/us-street/street-address",
          .api = "us-street", .passed = "/street-address" },
        { "localhost is loopback, in any case", "GET", "LocalHost", "/us-zip/lookup",
          .api = "us-zip", .passed = "/lookup" },
        { "so is every address of 127.0.0.0/8", "POST", "127.20.0.5", "/us-zip/lookup",
          .api = "us-zip", .passed = "/lookup" },
        { "and [::1]", "GET", "[::1]", "/us-zip/lookup", .api = "us-zip", .passed = "/lookup" },
        { "a name alone means the root", "GET", "127.0.0.1", "/us-zip", .api = "us-zip",
          .passed = "/" },
        { "the longer of two names is another", "GET", "127.0.0.1", "/us-street-2/x",
          .api = "us-street-2", .passed = "/x" },
        { "the vendor's host passes its path as it is", "GET", "us-zip.api.example", "/lookup",
          .api = "us-zip", .passed = "/lookup" },
        { "hosts are compared without case", "GET", "US-Zip.API.example", "/lookup",
          .api = "us-zip", .passed = "/lookup" },
        { "with the vendor's host a name is no prefix", "GET", "us-zip.api.example", "/us-street/x",
          .api = "us-zip", .passed = "/us-street/x" },
        { "absolute form works like Host", "GET", "us-zip.api.example", "/lookup",
          .form = TARGET_ABSOLUTE, .api = "us-zip", .passed = "/lookup" },
        { "absolute form to loopback is base-URL mode", "GET", "127.0.0.1", "/us-zip/lookup",
          .form = TARGET_ABSOLUTE, .api = "us-zip", .passed = "/lookup" },

        { "a page's own name that resolves here is refused", "GET", "evil.example",
          "/us-street/street-address", .kind = DESTINATION_NONE, .status = 403 },
        { "a name that begins like an address is a name", "GET", "127.0.0.1.evil.example",
          "/us-street/x", .kind = DESTINATION_NONE, .status = 403 },
        { "a longer name is not the listed one", "GET", "us-zip.api.example.evil", "/lookup",
          .kind = DESTINATION_NONE, .status = 403 },
        { "a subdomain of localhost is not localhost", "GET", "a.localhost", "/us-zip/x",
          .kind = DESTINATION_NONE, .status = 403 },
        { "0.0.0.0 is not loopback", "GET", "0.0.0.0", "/us-zip/x", .kind = DESTINATION_NONE,
          .status = 403 },
        { "an address of the LAN is not loopback", "GET", "10.0.0.1", "/us-zip/x",
          .kind = DESTINATION_NONE, .status = 403 },
        { "brackets do not make an IPv4 address", "GET", "[127.0.0.1]", "/us-zip/x",
          .kind = DESTINATION_NONE, .status = 403 },
        { "no Host at all (HTTP/1.0) is refused", "GET", "", "/us-zip/x", .kind = DESTINATION_NONE,
          .status = 403 },

        { "an unknown name is not found", "GET", "127.0.0.1", "/uk-street/x",
          .kind = DESTINATION_NONE, .status = 404 },
        { "names are spelled exactly", "GET", "127.0.0.1", "/US-Street/x", .kind = DESTINATION_NONE,
          .status = 404 },
        { "nor with escapes", "GET", "127.0.0.1", "/us%2dstreet/x", .kind = DESTINATION_NONE,
          .status = 404 },
        { "the root has no name", "GET", "127.0.0.1", "/", .kind = DESTINATION_NONE,
          .status = 404 },

        { "the health probe is answered here", "GET", "127.0.0.1", "/healthz",
          .kind = DESTINATION_HERE },
        { "by HEAD too", "HEAD", "localhost", "/healthz", .kind = DESTINATION_HERE },
        { "not by POST", "POST", "localhost", "/healthz", .kind = DESTINATION_NONE, .status = 404 },
        { "the vendor's host has that path for itself", "GET", "us-zip.api.example", "/healthz",
          .api = "us-zip", .passed = "/healthz" },
        { "nothing below it", "GET", "127.0.0.1", "/healthz/x", .kind = DESTINATION_NONE,
          .status = 404 },

        { "TRACE is not served", "TRACE", "127.0.0.1", "/us-zip/x", .kind = DESTINATION_NONE,
          .status = 405 },
        { "nor at the vendor's host", "TRACE", "us-zip.api.example", "/x", .kind = DESTINATION_NONE,
          .status = 405 },
        { "nor what is no method of an API", "PROPFIND", "127.0.0.1", "/us-zip/x",
          .kind = DESTINATION_NONE, .status = 405 },
        { "CONNECT to a listed host is a wrong method", "CONNECT", "us-zip.api.example", "",
          .form = TARGET_AUTHORITY, .kind = DESTINATION_NONE, .status = 405 },
        { "CONNECT elsewhere is forbidden", "CONNECT", "evil.example", "", .form = TARGET_AUTHORITY,
          .kind = DESTINATION_NONE, .status = 403 },
        { "CONNECT to loopback as well", "CONNECT", "127.0.0.1", "", .form = TARGET_AUTHORITY,
          .kind = DESTINATION_NONE, .status = 403 },
        { "the asterisk is no path", "OPTIONS", "127.0.0.1", "", .form = TARGET_ASTERISK,
          .kind = DESTINATION_NONE, .status = 400 },
        { "a preflight goes to the router", "OPTIONS", "127.0.0.1", "/us-zip/x",
          .site = "cross-site", .origin = "https://crm.example", .api = "us-zip", .passed = "/x" },

        { "a page of another site without Origin is refused", "GET", "127.0.0.1", "/us-zip/x",
          .site = "cross-site", .kind = DESTINATION_NONE, .status = 403 },
        { "a page of the same site as well", "GET", "localhost", "/us-zip/x", .site = "same-site",
          .kind = DESTINATION_NONE, .status = 403 },
        { "also with the vendor's host", "GET", "us-zip.api.example", "/x", .site = "cross-site",
          .kind = DESTINATION_NONE, .status = 403 },
        { "with Origin the router decides", "GET", "127.0.0.1", "/us-zip/x", .site = "cross-site",
          .origin = "https://crm.example", .api = "us-zip", .passed = "/x" },
        { "an address typed by a person is fine", "GET", "127.0.0.1", "/us-zip/x", .site = "none",
          .api = "us-zip", .passed = "/x" },
        { "so is the same origin", "GET", "127.0.0.1", "/us-zip/x", .site = "same-origin",
          .api = "us-zip", .passed = "/x" },
};

static void header_add(struct head *h, const char *name, const char *value)
{
        if (value)
                h->headers[h->n_headers++] =
                        (struct header){ slice_of(name), slice_of(value), false };
}

static void row_check(const struct row *row)
{
        static struct head h;
        struct destination d;

        memset(&h, 0, sizeof(h));
        h.is_request = true;
        h.method = slice_of(row->method);
        h.form = row->form;
        h.host = slice_of(row->host);
        h.path = slice_of(row->path);
        header_add(&h, "Sec-Fetch-Site", row->site);
        header_add(&h, "Origin", row->origin);
        destination_find(&apis, &h, &d);
        if (d.kind != row->kind)
                fail_msg("%s: kind %d", row->sentence, d.kind);
        if (d.kind == DESTINATION_API && strcmp(d.api->name, row->api) != 0)
                fail_msg("%s: %s", row->sentence, d.api->name);
        if (d.kind == DESTINATION_API && !slice_is(d.path, row->passed))
                fail_msg("%s: %.*s", row->sentence, (int)d.path.length, d.path.data);
        if (d.kind == DESTINATION_NONE && d.status != row->status)
                fail_msg("%s: status %u", row->sentence, d.status);
        if (d.kind != DESTINATION_API && (!d.reason || !d.reason[0]))
                fail_msg("%s: no reason", row->sentence);
        if (d.names_help != (d.kind == DESTINATION_NONE && d.status == 404))
                fail_msg("%s: names are told at the wrong time", row->sentence);
}

static void requests_go_where_they_should(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                row_check(&rows[i]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(requests_go_where_they_should),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
