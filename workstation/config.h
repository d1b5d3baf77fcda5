/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * config - what the shim is told by its file
 *
 * Read once at the start and immutable from then on; everything in it lives as long as the file it
 * was read from. Owner: main.
 */
#include "lib/base/log.h"
#include "lib/provider/provider.h"
#include "lib/service/traffic.h"

#define CONFIG_DEFAULT_PATH "/etc/keyrouter/keyshim.cfg"
#define CONFIG_MAX_LISTENS 16
#define HOST_NAME_MAX_BYTES 253 /* RFC 1035 section 2.3.4, without the root's dot */

struct config_timeouts {
        struct traffic_timeouts traffic; /* first: its rows go by its offsets */
        int64_t deadline_s;
};

struct config_limits {
        struct traffic_limits traffic; /* first */
        int64_t max_body;
};

/* The settings as they stand in the file. */
struct config_file {
        struct text_list listen;
        struct text_item router, router_name, ca, address;
        char *log_level;
        struct group_list apis;
        struct config_timeouts timeouts;
        struct config_limits limits;
};

struct config {
        struct config_file file;
        struct endpoint listens[CONFIG_MAX_LISTENS]; /* loopback, at least one */
        size_t n_listens;
        const char *router_host; /* a name, or an address in text without brackets */
        uint16_t router_port;
        bool router_is_address;
        struct addr router_address; /* where it is one */
        const char *router_name;    /* in the router's certificate */
        struct place router_at, ca_at;
        const char *ca_file;
        struct addr source;   /* the workstation's own; unspecified: the system's choice */
        struct provider apis; /* names and hosts alone; hosts in lower case */
        enum log_level log_level;
        struct net_settings net;
        uint64_t deadline_ms;
        int64_t max_body_bytes;
        struct settings_file *settings;
};

/*
 * Reads and checks `path`; whatever is wrong is a finding in *d. Returns 0 and *ret where there is
 * none, -EINVAL where there is, or another negative errno (also a finding, but for -ENOMEM).
 */
MUST_CHECK int config_load(const char *path, struct diag *d, struct config **ret);
void config_free(struct config *c);
DEFINE_FREEP(struct config, config_free);
