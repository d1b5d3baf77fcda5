/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * provider_schema - a provider definition as it is written
 *
 * Filled from rows (provider_schema.c) by lib/settings; provider_load.c makes struct provider of
 * it. The manual page keyrouter-provider(5) follows the rows.
 */
#include "lib/provider/provider.h"
#include "lib/settings/settings.h"

struct written_api {
        struct text_item name;
        struct text_item host;
        struct text_list paths;
        struct text_list methods[N_CREDENTIAL_CLASSES];
        int64_t max_body;
        int64_t deadline_s;
        struct place at;
};

struct written_basic {
        struct text_item user;
        struct text_item password;
};

struct written_class {
        struct pair_list query;
        struct pair_list headers;
        struct written_basic basic;
        bool has_basic;
        struct text_item bearer;
        struct text_list strip_headers;
        int64_t capacity;
        int64_t propagation_s;
        bool forwarded_for;
};

struct written_answer {
        struct int_list status;
        char *body;
        char *class;
        char *cause;
        char *blame;
        struct place at;
};

struct written_provider {
        struct text_item name;
        int64_t port;
        struct group_list apis; /* struct written_api */
        struct written_class classes[N_CREDENTIAL_CLASSES];
        bool has_class[N_CREDENTIAL_CLASSES];
        struct place class_at[N_CREDENTIAL_CLASSES];
        struct text_list strip_query;
        struct text_list strip_headers;
        struct group_list answers; /* struct written_answer */
        struct text_item errors;
};

#define API_MAX_BODY ((int64_t)64 * 1024 * 1024)

extern const struct setting_row provider_rows[];

/* Everything the rows cannot say. `path` is the file's. */
void provider_check(const struct written_provider *w, const char *path, struct diag *d);
