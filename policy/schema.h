/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * schema - a policy as it is written
 *
 * Each struct is filled from rows (schema.c) by lib/settings; load.c makes struct policy of them.
 * The manual page keyrouter-policy(5) follows the rows.
 */
#include "lib/settings/settings.h"

struct written_key {
        struct text_item name;
        struct text_item provider;
        struct text_item credential;
        int64_t capacity;
        bool has_capacity;
        int64_t reserve;
        struct place capacity_at, reserve_at; /* where they are written */
        struct place at;
};

struct written_backend {
        struct text_item name;
        struct text_item provider;
        struct text_item credential;
        int64_t per_day;
        struct place at;
};

struct written_limits {
        int64_t requests_per_minute;
        int64_t burst;
        bool has_requests;   /* requests_per_minute was written */
        bool tried_requests; /* and so, perhaps with a wrong value */
        bool has_burst;
        struct place burst_at;
};

struct written_group {
        struct text_item name;
        struct text_list workstations;
        struct text_list except;
        struct text_list public;
        struct text_list egress;
        struct text_list keys;
        struct text_list backends;
        char *overflow;
        int64_t priority;
        struct written_limits limits;
        struct place at;
};

struct written_policy {
        struct text_item site;
        struct text_list providers;
        struct group_list keys;     /* struct written_key */
        struct group_list backends; /* struct written_backend */
        struct group_list groups;   /* struct written_group */
        struct text_list origins;
        struct text_list unknown;
};

#define KEY_CAPACITY_MAX 100         /* where the provider's own capacity is not higher */
#define PROVIDER_CAPACITY_MAX 100000 /* addresses on one key of any provider */

extern const struct setting_row policy_rows[];
