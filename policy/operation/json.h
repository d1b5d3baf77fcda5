/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * json - pieces of answers that operations and commands both make
 *
 * Each returns a new reference, or NULL where there is no memory.
 */
#include "lib/settings/diag.h"

#include <jansson.h>
#include <stdint.h>

static inline void json_freep(json_t **j)
{
        json_decref(*j);
}

/* A text; null for NULL. Bytes that are not UTF-8 become '?'. */
json_t *text_json(const char *text);

/* "2026-03-01T12:00:00Z", null for 0. Microseconds since 1970. */
json_t *time_json(int64_t us);

/* The member "findings". */
json_t *findings_json(const struct diag *d);

/* A whole keyrouter.error/1. `findings` may be NULL; it is taken over. */
json_t *error_json(int status, const char *remedy, const char *text, json_t *findings);
