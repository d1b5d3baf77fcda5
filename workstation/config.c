/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows check each value by itself; what they cannot know (an address that must be loopback, two
 * APIs of one name) is checked here, all of it, so that one run shows every mistake.
 */
#include "workstation/config.h"

#include "lib/base/fault.h"

#include <ctype.h>
#include <errno.h>

#define DEFAULT_LISTEN "127.0.0.1:8402"

/* An unused connection to the router ends here first: below the idle time of the router (75 s), so
 * that a request seldom meets a connection that is being closed. */
#define UPSTREAM_IDLE_MS 60000
#define UPSTREAM_LIFE_MS 600000
#define KEPT 8 /* blocks and exchanges kept for the next request: memory counts on a desk */

struct api_entry {
        char *name;
        struct text_item host;
        struct place at;
};

static const struct setting_row timeout_rows[] = {
        TRAFFIC_TIMEOUT_ROWS,
        TRAFFIC_ROW(struct config_timeouts, deadline_s, 1, 3600, 9,
                    "seconds until the router's answer begins; the router's own is 8"),
        { NULL },
};

#define LIMIT(...) TRAFFIC_ROW(struct traffic_limits, __VA_ARGS__)

static const struct setting_row limit_rows[] = {
        LIMIT(connections, 1, 65536, 512, "connections of applications at one time"),
        LIMIT(connections_per_address, 1, 65536, 512, "the same of one loopback address"),
        LIMIT(upstream_idle, 0, 1024, 16, "connections to the router kept for later"),
        LIMIT(upstream_connections, 1, 1024, 256, "connections to the router at one time"),
        TRAFFIC_MESSAGE_ROWS,
        TRAFFIC_ROW(struct config_limits, max_body, 0, 67108864, 1048576,
                    "longest body of a request, in bytes"),
        { NULL },
};

static const struct setting_row api_rows[] = {
        { "name", SETTING_TEXT, offsetof(struct api_entry, name),
          .flags = SETTING_REQUIRED | SETTING_NAME,
          .help = "what a path begins with in base-URL mode, as \"us-street\"" },
        { "host", SETTING_TEXT_PLACED, offsetof(struct api_entry, host), .min = 1,
          .max = HOST_NAME_MAX_BYTES, .flags = SETTING_REQUIRED,
          .help = "the vendor's host name, as \"us-street.api.smarty.com\"" },
        { NULL },
};

static const struct setting_row config_rows[] = {
        { "listen", SETTING_TEXTS, offsetof(struct config_file, listen),
          .help = "loopback addresses with ports, as [ \"" DEFAULT_LISTEN "\" ]" },
        { "router", SETTING_TEXT_PLACED, offsetof(struct config_file, router),
          .flags = SETTING_REQUIRED,
          .help = "the router's name or address with its port, as \"router.example.com:8443\"" },
        { "router_name", SETTING_TEXT_PLACED, offsetof(struct config_file, router_name),
          .help = "the name in the router's certificate; that of `router` unless told" },
        { "ca", SETTING_TEXT_PLACED, offsetof(struct config_file, ca), .flags = SETTING_REQUIRED,
          .help = "PEM file with the CA that signed the router's certificate" },
        { "address", SETTING_TEXT_PLACED, offsetof(struct config_file, address),
          .help = "the workstation's own address to call the router from" },
        { "log_level", SETTING_TEXT, offsetof(struct config_file, log_level),
          .default_text = "info", .choices = traffic_log_levels, .help = "what is logged" },
        { "apis", SETTING_GROUPS, offsetof(struct config_file, apis), .flags = SETTING_REQUIRED,
          .help = "the APIs that applications may call: ( { name = \"...\"; host = \"...\"; } )",
          .rows = api_rows, .size = sizeof(struct api_entry),
          .place_offset = offsetof(struct api_entry, at) },
        { "timeouts", SETTING_GROUP, offsetof(struct config_file, timeouts), .rows = timeout_rows,
          .help = "how long things may take" },
        { "limits", SETTING_GROUP, offsetof(struct config_file, limits), .rows = limit_rows,
          .help = "how much there may be" },
        { NULL },
};

/* Labels of letters, digits, hyphens and underscores (RFC 952; underscores occur). */
static bool host_name_is_good(struct slice name)
{
        struct slice label;

        if (name.length == 0 || name.length > HOST_NAME_MAX_BYTES)
                return false;
        while (slice_split(&name, '.', &label)) {
                if (label.length == 0 || label.length > 63 || label.data[0] == '-' ||
                    label.data[label.length - 1] == '-')
                        return false;
                for (size_t i = 0; i < label.length; i++) {
                        if (!isalnum((unsigned char)label.data[i]) && label.data[i] != '-' &&
                            label.data[i] != '_')
                                return false;
                }
        }
        return true;
}

/* A last part of digits alone makes it an address to resolvers, right or not (RFC 1123 section
 * 2.1). */
static bool host_name_is_numeric(struct slice name)
{
        size_t n = name.length;

        while (n > 0 && isdigit((unsigned char)name.data[n - 1]))
                n--;
        return n < name.length && (n == 0 || name.data[n - 1] == '.');
}

static char *text_copy(struct config *c, struct slice text, bool lower)
{
        char *copy = settings_alloc(c->settings, 1, text.length + 1);

        for (size_t i = 0; copy && i < text.length; i++)
                copy[i] = lower ? (char)tolower((unsigned char)text.data[i]) : text.data[i];
        return copy;
}

static void listen_add(struct config *c, const struct text_item *item, struct diag *d)
{
        struct endpoint e;

        if (addr_port_parse(slice_of(item->text), &e.address, &e.port) != 0) {
                diag_error(d, item->at, config_rows[0].help, "\"%s\" is no address with a port",
                           item->text);
                return;
        }
        if (!addr_is_loopback(&e.address)) {
                diag_error(
                        d, item->at,
                        "listen on 127.0.0.1 or [::1]; machines without a shim of their own call "
                        "the router",
                        "\"%s\" is not a loopback address", item->text);
                return;
        }
        for (size_t i = 0; i < c->n_listens; i++) {
                const struct endpoint *other = &c->listens[i];

                if (e.port && e.port == other->port && addr_equal(&e.address, &other->address)) {
                        diag_error(d, item->at, "keep one of them", "\"%s\" is given twice",
                                   item->text);
                        return;
                }
        }
        c->listens[c->n_listens++] = e;
}

static void listens_check(struct config *c, struct diag *d)
{
        const struct text_list *list = &c->file.listen;
        static const struct text_item standard = { .text = (char *)DEFAULT_LISTEN };

        if (!list->at.file)
                listen_add(c, &standard, d);
        else if (list->n_items > CONFIG_MAX_LISTENS)
                diag_error(d, list->at, NULL, "listen has %zu addresses, more than %d",
                           list->n_items, CONFIG_MAX_LISTENS);
        else if (list->n_items == 0 && d->n_errors == 0)
                diag_error(d, list->at, config_rows[0].help, "listen is empty");
        else
                for (size_t i = 0; i < list->n_items; i++)
                        listen_add(c, &list->items[i], d);
}

/* "HOST:PORT" in two; an IPv6 address stands in brackets and comes out without. */
static bool router_split(struct slice text, struct slice *ret_host, uint16_t *ret_port)
{
        struct slice digits;
        unsigned port = 0;
        size_t colon;

        for (colon = text.length; colon > 0 && text.data[colon - 1] != ':'; colon--)
                ;
        digits = slice_from(text, colon);
        if (colon < 2 || digits.length == 0 || digits.length > 5)
                return false;
        for (size_t i = 0; i < digits.length; i++) {
                if (!isdigit((unsigned char)digits.data[i]))
                        return false;
                port = port * 10 + (unsigned)(digits.data[i] - '0');
        }
        *ret_host = (struct slice){ text.data, colon - 1 };
        *ret_port = (uint16_t)port;
        return port > 0 && port <= 65535;
}

static int router_check(struct config *c, struct diag *d)
{
        const struct text_item *item = &c->file.router;
        struct slice host, text = slice_of(item->text);
        uint16_t port;

        if (!item->text)
                return 0;
        if (!router_split(text, &host, &port)) {
                diag_error(d, item->at, "write \"HOST:PORT\", as \"router.example.com:8443\"",
                           "router \"%s\" has no usable port", item->text);
                return 0;
        }
        c->router_is_address = addr_port_parse(text, &c->router_address, &c->router_port) == 0;
        if (c->router_is_address && host.data[0] == '[')
                host = (struct slice){ host.data + 1, host.length - 2 };
        else if (!c->router_is_address && (!host_name_is_good(host) || host_name_is_numeric(host)))
                diag_error(d, item->at, "write \"HOST:PORT\", as \"router.example.com:8443\"",
                           "router \"%s\" is neither a host name nor an address", item->text);
        if (c->router_is_address && addr_is_unspecified(&c->router_address))
                diag_error(d, item->at, NULL, "router \"%s\" is not one machine's address",
                           item->text);
        c->router_port = port;
        c->router_host = text_copy(c, host, false);
        return c->router_host ? 0 : fault(-ENOMEM);
}

static void router_name_check(struct config *c, struct diag *d)
{
        const struct text_item *item = &c->file.router_name;
        struct slice name = slice_of(item->text);
        struct addr a;

        c->router_name = item->text ? item->text : c->router_host;
        if (!item->text || addr_parse(name, &a) == 0)
                return;
        if (!host_name_is_good(name) || host_name_is_numeric(name))
                diag_error(d, item->at, "write it as it stands in the certificate, without a port",
                           "router_name \"%s\" is neither a host name nor an address", item->text);
}

static void source_check(struct config *c, struct diag *d)
{
        const struct text_item *item = &c->file.address;

        if (!item->text)
                return;
        if (addr_parse(slice_of(item->text), &c->source) != 0 || addr_is_unspecified(&c->source))
                diag_error(d, item->at, "write one address without a port, as \"10.20.1.37\"",
                           "address \"%s\" is not an address of a workstation", item->text);
        else if (c->router_is_address && addr_is_v4(&c->source) != addr_is_v4(&c->router_address))
                diag_error(d, item->at, "give both as IPv4 or both as IPv6",
                           "address \"%s\" and router are of different families", item->text);
}

static void api_host_check(const struct api_entry *entry, struct diag *d)
{
        struct slice host = slice_of(entry->host.text);

        if (!host_name_is_good(host) || host_name_is_numeric(host) ||
            slice_is_nocase(host, "localhost"))
                diag_error(d, entry->host.at,
                           "write the vendor's host name, without https:// or a port",
                           "\"%s\" is not a host name of a vendor", entry->host.text);
}

static void api_name_check(const struct config *c, const struct api_entry *entry, struct diag *d)
{
        if (strcmp(entry->name, "healthz") == 0)
                diag_error(d, entry->at, "choose another name",
                           "\"healthz\" is a path of the shim");
        for (size_t i = 0; i < c->apis.n_apis; i++) {
                const struct api_entry *other = GROUP_LIST_AT(&c->file.apis, struct api_entry, i);

                if (other->name && strcmp(entry->name, other->name) == 0) {
                        diag_error(d, entry->at, "names of APIs are unique",
                                   "API \"%s\" is given twice, first in %s:%u", entry->name,
                                   other->at.file, other->at.line);
                        return;
                }
        }
}

static int apis_check(struct config *c, struct diag *d)
{
        const struct group_list *list = &c->file.apis;

        if (list->n_items == 0)
                return 0;
        c->apis.apis = settings_alloc(c->settings, list->n_items, sizeof(struct api));
        if (!c->apis.apis)
                return fault(-ENOMEM);
        for (size_t i = 0; i < list->n_items; i++) {
                const struct api_entry *entry = GROUP_LIST_AT(list, struct api_entry, i);
                struct api *api = &c->apis.apis[i];

                if (entry->host.text)
                        api_host_check(entry, d);
                if (entry->name)
                        api_name_check(c, entry, d);
                api->name = entry->name;
                api->host = text_copy(c, slice_of(entry->host.text), true);
                if (!api->host)
                        return fault(-ENOMEM);
                c->apis.n_apis++;
        }
        return 0;
}

static void net_fill(struct config *c)
{
        c->net = (struct net_settings){ .upstream_idle_ms = UPSTREAM_IDLE_MS,
                                        .upstream_life_ms = UPSTREAM_LIFE_MS,
                                        .n_kept = KEPT };
        traffic_fill(&c->file.timeouts.traffic, &c->file.limits.traffic, &c->net);
        c->deadline_ms = (uint64_t)c->file.timeouts.deadline_s * 1000;
        c->max_body_bytes = c->file.limits.max_body;
}

static int config_check(struct config *c, struct diag *d)
{
        int r;

        listens_check(c, d);
        r = router_check(c, d);
        if (r == 0)
                r = apis_check(c, d);
        if (r < 0)
                return r;
        router_name_check(c, d);
        source_check(c, d);
        c->ca_file = c->file.ca.text;
        c->ca_at = c->file.ca.at;
        c->router_at = c->file.router.at;
        if (!log_level_parse(slice_of(c->file.log_level), &c->log_level))
                c->log_level = LOG_LEVEL_INFO;
        net_fill(c);
        return 0;
}

int config_load(const char *path, struct diag *d, struct config **ret)
{
        CLEANUP(config_freep) struct config *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return fault(-ENOMEM);
        r = settings_load(path, config_rows, &c->file, d, &c->settings);
        if (r == 0)
                r = config_check(c, d);
        if (r < 0)
                return r;
        if (d->n_errors > 0)
                return -EINVAL;
        *ret = TAKE(c);
        return 0;
}

void config_free(struct config *c)
{
        settings_file_free(c->settings);
        free(c);
}
