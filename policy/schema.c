/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/schema.h"

static const char *const overflow_words[] = { "backend", "refuse", NULL };

static const struct setting_row key_rows[] = {
        { "name", SETTING_TEXT_PLACED, offsetof(struct written_key, name),
          .flags = SETTING_REQUIRED | SETTING_NAME,
          .help = "name: what groups, plans and logs call this key" },
        { "provider", SETTING_TEXT_PLACED, offsetof(struct written_key, provider),
          .flags = SETTING_REQUIRED | SETTING_NAME,
          .help = "provider: the name of the vendor that issued the key" },
        { "credential", SETTING_TEXT_PLACED, offsetof(struct written_key, credential),
          .flags = SETTING_REQUIRED | SETTING_NAME,
          .help = "credential: the name of the credential that holds the key, never the key "
                  "itself" },
        { "capacity", SETTING_INT, offsetof(struct written_key, capacity), INT64_MIN, INT64_MAX,
          .present_offset = offsetof(struct written_key, has_capacity),
          .place_offset = offsetof(struct written_key, capacity_at), .flags = SETTING_DEPENDS,
          .help = "capacity: addresses the vendor lists on this key, 1 to 100 or to the provider's "
                  "own capacity where that is higher; default: the provider's" },
        { "reserve", SETTING_INT, offsetof(struct written_key, reserve), 0, PROVIDER_CAPACITY_MAX,
          .place_offset = offsetof(struct written_key, reserve_at),
          .help = "reserve: how many of them are kept free; default 0" },
        { NULL },
};

static const struct setting_row backend_rows[] = {
        { "name", SETTING_TEXT_PLACED, offsetof(struct written_backend, name),
          .flags = SETTING_REQUIRED | SETTING_NAME,
          .help = "name: what groups, plans and logs call this backend" },
        { "provider", SETTING_TEXT_PLACED, offsetof(struct written_backend, provider),
          .flags = SETTING_REQUIRED | SETTING_NAME,
          .help = "provider: the name of the vendor that issued the secret key" },
        { "credential", SETTING_TEXT_PLACED, offsetof(struct written_backend, credential),
          .flags = SETTING_REQUIRED | SETTING_NAME,
          .help = "credential: the name of the credential that holds the secret, never the secret "
                  "itself" },
        { "per_day", SETTING_INT, offsetof(struct written_backend, per_day), 0, 1000000000000,
          .help = "per_day: requests a day (UTC); default 0: no limit" },
        { NULL },
};

static const struct setting_row limit_rows[] = {
        { "requests_per_minute", SETTING_INT, offsetof(struct written_limits, requests_per_minute),
          0, 1000000, .present_offset = offsetof(struct written_limits, has_requests),
          .tried_offset = offsetof(struct written_limits, tried_requests),
          .help = "requests_per_minute: of one workstation; default 0: no limit" },
        { "burst", SETTING_INT, offsetof(struct written_limits, burst), 1, 100000, 20,
          .present_offset = offsetof(struct written_limits, has_burst),
          .place_offset = offsetof(struct written_limits, burst_at),
          .help = "burst: requests that one workstation may send at once; default 20" },
        { NULL },
};

static const struct setting_row group_rows[] = {
        { "name", SETTING_TEXT_PLACED, offsetof(struct written_group, name),
          .flags = SETTING_REQUIRED | SETTING_NAME,
          .help = "name: what plans and logs call this group" },
        { "workstations", SETTING_TEXTS, offsetof(struct written_group, workstations),
          .flags = SETTING_REQUIRED,
          .help = "workstations: addresses, prefixes, first-last, @ and the name of a group, or "
                  "host names" },
        { "except", SETTING_TEXTS, offsetof(struct written_group, except),
          .help = "except: written likewise, what of them is no workstation of the group" },
        { "public", SETTING_TEXTS, offsetof(struct written_group, public),
          .help = "public: \"PREFIX -> PREFIX\", how the vendor sees addresses behind a NAT" },
        { "egress", SETTING_TEXT_OR_TEXTS_MARKED, offsetof(struct written_group, egress),
          .default_text = "router",
          .help = "egress: \"router\", \"transparent\", \"direct\", or a list of the router's own "
                  "addresses; default \"router\"" },
        { "keys", SETTING_TEXTS, offsetof(struct written_group, keys),
          .help = "keys: names of the embedded keys that the group may use" },
        { "backends", SETTING_TEXTS, offsetof(struct written_group, backends),
          .help = "backends: names of backends, at most one a provider" },
        { "overflow", SETTING_TEXT, offsetof(struct written_group, overflow),
          .default_text = "backend", .choices = overflow_words,
          .help = "overflow: what workstations without a slot get; default \"backend\"" },
        { "priority", SETTING_INT, offsetof(struct written_group, priority), 0, 1000000,
          .help = "priority: who keeps an embedded slot when the keys are full, higher first; "
                  "default 0" },
        { "limits", SETTING_GROUP, offsetof(struct written_group, limits), .rows = limit_rows,
          .help = "limits: of one workstation" },
        { NULL },
};

const struct setting_row policy_rows[] = {
        { "site", SETTING_TEXT_PLACED, offsetof(struct written_policy, site),
          .flags = SETTING_REQUIRED | SETTING_NAME, .help = "site: the name of the site" },
        { "providers", SETTING_TEXTS, offsetof(struct written_policy, providers),
          .flags = SETTING_REQUIRED,
          .help = "providers: names of installed definitions, or paths ending in .cfg" },
        { "keys", SETTING_GROUPS, offsetof(struct written_policy, keys), .rows = key_rows,
          .size = sizeof(struct written_key), .place_offset = offsetof(struct written_key, at),
          .help = "keys: the embedded keys, in order of preference" },
        { "backends", SETTING_GROUPS, offsetof(struct written_policy, backends),
          .rows = backend_rows, .size = sizeof(struct written_backend),
          .place_offset = offsetof(struct written_backend, at),
          .help = "backends: the secret keys" },
        { "groups", SETTING_GROUPS, offsetof(struct written_policy, groups), .rows = group_rows,
          .size = sizeof(struct written_group), .place_offset = offsetof(struct written_group, at),
          .help = "groups: workstations that share keys, egress and limits" },
        { "origins", SETTING_TEXTS, offsetof(struct written_policy, origins),
          .help = "origins: web origins, scheme://host[:port], whose pages may use the API" },
        { "unknown", SETTING_TEXT_OR_TEXTS_MARKED, offsetof(struct written_policy, unknown),
          .default_text = "refuse",
          .help = "unknown: what workstations in no group get: \"refuse\" or names of backends; "
                  "default \"refuse\"" },
        { NULL },
};
