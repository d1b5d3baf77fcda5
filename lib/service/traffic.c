/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/service/traffic.h"

const char *const traffic_log_levels[] = { "error", "warning", "info", "debug", NULL };

void traffic_fill(const struct traffic_timeouts *t, const struct traffic_limits *l,
                  struct net_settings *ret)
{
        ret->head_ms = (uint64_t)t->head_s * 1000;
        ret->body_ms = (uint64_t)t->body_s * 1000;
        ret->idle_ms = (uint64_t)t->idle_s * 1000;
        ret->answer_ms = (uint64_t)t->answer_s * 1000;
        ret->linger_ms = (uint64_t)t->linger_s * 1000;
        ret->n_connections = (unsigned)l->connections;
        ret->n_connections_per_address = (unsigned)l->connections_per_address;
        ret->n_upstreams = (unsigned)l->upstream_connections;
        ret->n_upstreams_idle = (unsigned)l->upstream_idle;
        ret->message.head_bytes = (size_t)l->header_bytes;
        ret->message.target_bytes = (size_t)l->uri_bytes;
}
