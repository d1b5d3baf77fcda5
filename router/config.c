/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows check each value by itself; what they cannot know (plain text beyond loopback, a
 * certificate without its key) is checked here, all of it, so that one run shows every mistake.
 */
#include "router/config.h"

#include "lib/base/fault.h"

#include <errno.h>
#include <grp.h>
#include <sys/un.h>

#define CONTROL_GROUP "keyrouter-admin"
#define UPSTREAM_IDLE_MS 55000
#define KEPT 512 /* blocks (24 KiB each) and exchanges a worker keeps for the next burst */
#define UPSTREAM_LIFE_MS \
        300000             /* vendors move without notice: an old connection hides a new address */
#define HOST_MAX_BYTES 253 /* RFC 1035 section 2.3.4 */
#define LABEL_MAX_BYTES 63

static const struct setting_row timeout_rows[] = { TRAFFIC_TIMEOUT_ROWS, { NULL } };

#define LIMIT(...) TRAFFIC_ROW(struct traffic_limits, __VA_ARGS__)

static const struct setting_row limit_rows[] = {
        LIMIT(connections, 1, 1000000, 10000, "connections of workstations at one time"),
        LIMIT(connections_per_address, 1, 65536, 256, "the same of one workstation"),
        LIMIT(upstream_idle, 0, 1000000, 10000, "connections to vendors kept for later"),
        LIMIT(upstream_connections, 1, 1000000, 20000, "connections to vendors at one time"),
        TRAFFIC_MESSAGE_ROWS,
        { NULL },
};

static const struct setting_row resolver_rows[] = {
        { .name = "servers",
          .type = SETTING_TEXTS,
          .offset = offsetof(struct config_resolver, servers),
          .help = "name servers, as [ \"10.0.0.53:53\" ]; those of the system unless told" },
        { NULL },
};

#define TEXT_ROW(name_, flags_, help_)                                                            \
        {                                                                                         \
                .name = #name_, .type = SETTING_TEXT_PLACED,                                      \
                .offset = offsetof(struct config_file, name_), .flags = (flags_), .help = (help_) \
        }

static const struct setting_row config_rows[] = {
        TEXT_ROW(policy, 0,
                 "path of the site's policy, the file that is edited (default " KEYROUTER_POLICY
                 ")"),
        TEXT_ROW(ledger, 0, "path of the ledger (default " KEYROUTER_LEDGER ")"),
        TEXT_ROW(control, 0, "path of the control socket (default " KEYROUTER_CONTROL ")"),
        TEXT_ROW(control_group, 0,
                 "group whose members may use the control socket (default "
                 "keyrouter-admin, where there is one)"),
        { .name = "listen",
          .type = SETTING_TEXTS,
          .offset = offsetof(struct config_file, listen),
          .help = "addresses and ports for TLS, as [ \"0.0.0.0:8443\" ]" },
        { .name = "listen_plain",
          .type = SETTING_TEXTS,
          .offset = offsetof(struct config_file, listen_plain),
          .help = "loopback addresses and ports for plain HTTP, as [ \"127.0.0.1:8401\" ]" },
        TEXT_ROW(certificate, 0, "PEM file with this router's certificate and its chain"),
        TEXT_ROW(private_key, 0, "PEM file with the key of `certificate`"),
        TEXT_ROW(credentials, 0,
                 "directory of the credential files (default /etc/keyrouter/credentials)"),
        TEXT_ROW(providers, 0, "directory of provider definitions in place of the installed ones"),
        TEXT_ROW(vendor_ca, 0, "PEM file of CAs that vendors may have besides the system's"),
        { .name = "system_ca",
          .type = SETTING_BOOL,
          .offset = offsetof(struct config_file, system_ca),
          .default_int = 1,
          .help = "trust the system's CAs for vendors" },
        { .name = "workers",
          .type = SETTING_INT,
          .offset = offsetof(struct config_file, workers),
          .min = 0,
          .max = 64,
          .help = "worker threads; 0 is one a processor" },
        TEXT_ROW(address, 0, "the address that vendors see this router's own calls come from"),
        TEXT_ROW(source, 0, "the address to call from where a group has none of its own"),
        TEXT_ROW(proxy, 0,
                 "HTTP proxy that vendors are reached through by CONNECT, as "
                 "\"proxy.example.com:3128\"; vendors then see its address"),
        { .name = "log_level",
          .type = SETTING_TEXT,
          .offset = offsetof(struct config_file, log_level),
          .default_text = "info",
          .choices = traffic_log_levels,
          .help = "error, warning, info or debug" },
        { .name = "resolver",
          .type = SETTING_GROUP,
          .offset = offsetof(struct config_file, resolver),
          .rows = resolver_rows,
          .help = "how the vendors' names are resolved" },
        { .name = "timeouts",
          .type = SETTING_GROUP,
          .offset = offsetof(struct config_file, timeouts),
          .rows = timeout_rows,
          .help = "how long things may take" },
        { .name = "limits",
          .type = SETTING_GROUP,
          .offset = offsetof(struct config_file, limits),
          .rows = limit_rows,
          .help = "how much there may be" },
        { NULL },
};

static void endpoints_check(const struct text_list *list, bool loopback_only, struct diag *d,
                            struct endpoint *ret, size_t *ret_n)
{
        for (size_t i = 0; i < list->n_items; i++) {
                const struct text_item *item = &list->items[i];
                struct endpoint e;

                if (*ret_n == CONFIG_MAX_LISTENS) {
                        diag_error(d, item->at, NULL, "more than %d addresses to listen on",
                                   CONFIG_MAX_LISTENS);
                        return;
                }
                if (addr_port_parse(slice_of(item->text), &e.address, &e.port) != 0)
                        diag_error(d, item->at, "write it as \"10.20.0.5:8443\" or \"[::1]:8443\"",
                                   "\"%s\" is no address with a port", item->text);
                else if (loopback_only && !addr_is_loopback(&e.address))
                        diag_error(d, item->at, "use `listen`, which is TLS",
                                   "plain HTTP on \"%s\", which is not a loopback address",
                                   item->text);
                else
                        ret[(*ret_n)++] = e;
        }
}

/* Port 0 is the system's choice, a new one each time. */
static bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
        return a->port != 0 && a->port == b->port && addr_equal(&a->address, &b->address);
}

/* In the order of the file's lists, TLS first. */
static const struct endpoint *endpoint_at(const struct config *c, size_t i)
{
        return i < c->n_listen ? &c->listen[i] : &c->listen_plain[i - c->n_listen];
}

static void twice_check(const struct config *c, const char *path, struct diag *d)
{
        size_t n = c->n_listen + c->n_listen_plain;

        for (size_t i = 1; i < n; i++)
                for (size_t j = 0; j < i; j++) {
                        const struct endpoint *e = endpoint_at(c, i);
                        char text[ADDR_TEXT_MAX];

                        if (endpoint_equal(e, endpoint_at(c, j)))
                                diag_error(d, (struct place){ path, 0 }, "keep one of them",
                                           "%s port %u is listened on twice",
                                           addr_format(&e->address, text), e->port);
                }
}

static void address_check(const struct text_item *item, const char *name, struct diag *d,
                          struct addr *ret)
{
        if (item->text && (addr_parse(slice_of(item->text), ret) != 0 || addr_is_unspecified(ret)))
                diag_error(d, item->at, "write one address, without a port",
                           "%s \"%s\" is not an address", name, item->text);
}

/* A name that DNS can have. Digits alone behind the last dot are a misspelt address and no name. */
static bool host_is_name(struct slice host)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
        bool has_letter = false;
        struct slice label;

        if (host.length > HOST_MAX_BYTES)
                return false;
        while (slice_split(&host, '.', &label)) {
                has_letter = false;
                if (label.length == 0 || label.length > LABEL_MAX_BYTES)
                        return false;
                for (size_t i = 0; i < label.length; i++) {
                        bool is_letter = memchr(letters, label.data[i], sizeof(letters) - 1);

                        if (!is_letter && (label.data[i] < '0' || label.data[i] > '9'))
                                return false;
                        has_letter = has_letter || is_letter;
                }
        }
        return has_letter;
}

/* "HOST:PORT": the host as the resolver takes it, an address without brackets. */
static bool proxy_parse(const char *text, char host[static HOST_MAX_BYTES + 1], uint16_t *ret_port)
{
        const char *colon = strrchr(text, ':');
        char probe[32];
        struct addr a;

        if (!colon)
                return false;
        if (addr_port_parse(slice_of(text), &a, ret_port) == 0) {
                addr_format(&a, host);
                return *ret_port != 0 && !addr_is_unspecified(&a);
        }
        if (!host_is_name((struct slice){ text, (size_t)(colon - text) }))
                return false;
        memcpy(host, text, (size_t)(colon - text));
        host[colon - text] = 0;
        snprintf(probe, sizeof(probe), "127.0.0.1%s", colon);
        return addr_port_parse(slice_of(probe), &a, ret_port) == 0 && *ret_port != 0;
}

/* The text is not repeated: it may hold a password, which this setting does not take. */
static int proxy_check(struct config *c, struct diag *d)
{
        const struct text_item *item = &c->file.proxy;
        char host[HOST_MAX_BYTES + 1], *copy;

        if (!item->text)
                return 0;
        if (!proxy_parse(item->text, host, &c->proxy_port)) {
                diag_error(
                        d, item->at,
                        "write it as \"proxy.example.com:3128\", without a scheme and a password",
                        "proxy is no host with a port");
                return 0;
        }
        copy = settings_alloc(c->settings, 1, strlen(host) + 1);
        if (!copy)
                return fault(-ENOMEM);
        c->proxy_host = strcpy(copy, host);
        return 0;
}

static void tls_check(struct config *c, const char *path, struct diag *d)
{
        const struct config_file *f = &c->file;

        c->certificate = f->certificate.text;
        c->private_key = f->private_key.text;
        if (c->certificate && !c->private_key)
                diag_error(d, f->certificate.at, "set `private_key` to the PEM file of its key",
                           "certificate without private_key");
        if (c->private_key && !c->certificate)
                diag_error(d, f->private_key.at,
                           "set `certificate` to the PEM file that belongs to it",
                           "private_key without certificate");
        if (f->listen.n_items > 0 && !c->certificate && !c->private_key)
                diag_error(d, f->listen.at, "set `certificate` and `private_key`",
                           "listen needs a certificate");
        if (f->listen.n_items == 0 && f->listen_plain.n_items == 0 && !c->certificate)
                diag_error(d, (struct place){ path, 0 }, "set `listen`", "nothing to listen on");
}

static int resolver_check(struct config *c, struct diag *d)
{
        const struct text_list *list = &c->file.resolver.servers;
        size_t size = 1;

        for (size_t i = 0; i < list->n_items; i++) {
                struct addr a;
                uint16_t port;

                size += strlen(list->items[i].text) + 1;
                if (addr_port_parse(slice_of(list->items[i].text), &a, &port) != 0 || port == 0)
                        diag_error(d, list->items[i].at, "write it as \"10.0.0.53:53\"",
                                   "\"%s\" is no address of a name server", list->items[i].text);
        }
        if (list->n_items == 0)
                return 0;
        c->resolver_servers = settings_alloc(c->settings, 1, size);
        if (!c->resolver_servers)
                return fault(-ENOMEM);
        for (size_t i = 0; i < list->n_items; i++) {
                if (i > 0)
                        strcat(c->resolver_servers, ",");
                strcat(c->resolver_servers, list->items[i].text);
        }
        return 0;
}

static void control_check(struct config *c, struct diag *d)
{
        const struct config_file *f = &c->file;
        const char *group = f->control_group.text ? f->control_group.text : CONTROL_GROUP;
        const struct group *found;

        if (strlen(c->control) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
                diag_error(d, f->control.at, NULL, "control is too long for the path of a socket");
        found = getgrnam(group);
        c->control_group = found ? found->gr_gid : (gid_t)-1;
        if (!found && f->control_group.text)
                diag_error(d, f->control_group.at, "create it, as with groupadd --system",
                           "there is no group \"%s\"", group);
}

static void net_fill(struct config *c)
{
        c->net = (struct net_settings){ .upstream_idle_ms = UPSTREAM_IDLE_MS,
                                        .upstream_life_ms = UPSTREAM_LIFE_MS,
                                        .n_kept = KEPT };
        traffic_fill(&c->file.timeouts, &c->file.limits, &c->net);
}

static int config_check(struct config *c, const char *path, struct diag *d)
{
        const struct config_file *f = &c->file;
        int r;

        endpoints_check(&f->listen, false, d, c->listen, &c->n_listen);
        endpoints_check(&f->listen_plain, true, d, c->listen_plain, &c->n_listen_plain);
        twice_check(c, path, d);
        tls_check(c, path, d);
        address_check(&f->address, "address", d, &c->address);
        address_check(&f->source, "source", d, &c->source);
        r = resolver_check(c, d);
        if (r == 0)
                r = proxy_check(c, d);
        if (r < 0)
                return r;
        c->policy = f->policy.text ? f->policy.text : KEYROUTER_POLICY;
        c->ledger = f->ledger.text ? f->ledger.text : KEYROUTER_LEDGER;
        c->control = f->control.text ? f->control.text : KEYROUTER_CONTROL;
        control_check(c, d);
        c->credentials = f->credentials.text ? f->credentials.text : "/etc/keyrouter/credentials";
        c->providers = f->providers.text;
        c->vendor_ca = f->vendor_ca.text;
        c->system_ca = f->system_ca;
        c->workers = (unsigned)f->workers;
        if (!log_level_parse(slice_of(f->log_level), &c->log_level))
                c->log_level = LOG_LEVEL_INFO;
        if (!c->system_ca && !c->vendor_ca)
                diag_error(d, (struct place){ path, 0 },
                           "set `vendor_ca`, or leave system_ca = true",
                           "no CA is trusted for vendors");
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
                r = config_check(c, path, d);
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
