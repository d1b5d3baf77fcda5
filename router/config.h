/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * config - what this router is told by its own file
 *
 * The policy says what the site wants; this file says where this machine listens, what it trusts
 * and how much it takes on. Read once at the start, immutable from then on. Owner: main.
 */
#include "lib/base/log.h"
#include "lib/service/traffic.h"

#include <sys/types.h>

#define CONFIG_MAX_LISTENS 32

struct config_resolver {
        struct text_list servers;
};

/* The settings as they stand in the file. */
struct config_file {
        struct text_list listen, listen_plain;
        struct text_item policy, ledger, control, control_group, certificate, private_key,
                credentials, providers, vendor_ca;
        struct text_item address, source, proxy;
        bool system_ca;
        int64_t workers;
        char *log_level;
        struct config_resolver resolver;
        struct traffic_timeouts timeouts;
        struct traffic_limits limits;
};

struct config {
        struct config_file file;
        struct endpoint listen[CONFIG_MAX_LISTENS]; /* TLS */
        size_t n_listen;
        struct endpoint listen_plain[CONFIG_MAX_LISTENS]; /* loopback */
        size_t n_listen_plain;
        const char *policy;  /* the file that is edited: for status, and until one is applied */
        const char *ledger;  /* what has been applied */
        const char *control; /* path of the control socket; NULL: none */
        gid_t control_group; /* whose it is; -1: the process's own group */
        const char *certificate, *private_key; /* both or none */
        const char *credentials;
        const char *providers; /* NULL: the installed ones */
        const char *vendor_ca; /* NULL: none */
        bool system_ca;
        unsigned workers;    /* 0: one a processor */
        struct addr address; /* as the vendor sees this router; unspecified: not told */
        struct addr
                source; /* of calls that have no address of their own; unspecified: the system's */
        const char *proxy_host; /* vendors are reached through it; NULL: none */
        uint16_t proxy_port;
        char *resolver_servers; /* "ADDRESS:PORT,..."; NULL: the system's */
        enum log_level log_level;
        struct net_settings net; /* of the whole process */
        struct settings_file *settings;
};

/*
 * Reads and checks `path`; whatever is wrong is a finding in *d. Returns 0 and *ret where there is
 * no error, -EINVAL where there is one, or another negative errno (also a finding, but for
 * -ENOMEM).
 */
MUST_CHECK int config_load(const char *path, struct diag *d, struct config **ret);
void config_free(struct config *c);
DEFINE_FREEP(struct config, config_free);
