/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * traffic - the settings of connections that every daemon has
 *
 * Rows for the groups `timeouts` and `limits` of a configuration file, and their way into struct
 * net_settings. A daemon embeds the two structs first in its own groups and adds rows behind these.
 */
#include "lib/net/worker.h"
#include "lib/settings/settings.h"

struct endpoint {
        struct addr address;
        uint16_t port;
};

/* Seconds as written. */
struct traffic_timeouts {
        int64_t head_s, body_s, idle_s, answer_s, linger_s;
};

struct traffic_limits {
        int64_t connections, connections_per_address, upstream_idle, upstream_connections;
        int64_t header_bytes, uri_bytes;
};

/* A row of an integer member of `type_`. */
#define TRAFFIC_ROW(type_, name_, min_, max_, default_, help_)                         \
        {                                                                              \
                .name = #name_, .type = SETTING_INT, .offset = offsetof(type_, name_), \
                .min = (min_), .max = (max_), .default_int = (default_), .help = (help_) \
        }

#define TRAFFIC_TIMEOUT_ROWS                                                                        \
        TRAFFIC_ROW(struct traffic_timeouts, head_s, 1, 3600, 10, "seconds for a request's head"),  \
        TRAFFIC_ROW(struct traffic_timeouts, body_s, 1, 3600, 30, "seconds for a request's body"),  \
        TRAFFIC_ROW(struct traffic_timeouts, idle_s, 1, 3600, 75,                                   \
                    "seconds that a connection may rest between requests"),                         \
        TRAFFIC_ROW(struct traffic_timeouts, answer_s, 1, 3600, 30,                                 \
                    "seconds for an answer to reach the client"),                                   \
        TRAFFIC_ROW(struct traffic_timeouts, linger_s, 1, 3600, 2,                                  \
                    "seconds for the client to take its last answer")

#define TRAFFIC_MESSAGE_ROWS                                                                        \
        TRAFFIC_ROW(struct traffic_limits, header_bytes, 1024, 20480, 16384,                        \
                    "longest head of a request"),                                                   \
        TRAFFIC_ROW(struct traffic_limits, uri_bytes, 256, 16384, 8192,                             \
                    "longest target of a request")

/* The words of `log_level`. */
extern const char *const traffic_log_levels[];

/* What the two groups say; the rest of *ret stays as it is. */
void traffic_fill(const struct traffic_timeouts *t, const struct traffic_limits *l,
                  struct net_settings *ret);
