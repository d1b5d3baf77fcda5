/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * lookup - addresses of host names, by the system's resolver or from a file
 *
 * An answer is a JSON object { NAME: [ADDRESS, ...] } with every name that was asked for; a name
 * without an answer has an empty list.
 */
#include "lib/base/cleanup.h"

#include <jansson.h>

#define LOOKUP_MAX_AT_ONCE 16
#define LOOKUP_MAX_ADDRESSES 16 /* of one name; more are left out */

/*
 * Asks the system's resolver. What has no answer after max_ms is given up, however the resolver
 * hangs. Returns 0, -ENOMEM, or another negative errno where no child could be made.
 */
MUST_CHECK int lookup_names(const char *const *names, size_t n, int max_ms, json_t **ret);

/*
 * Takes the answers from a file written as /etc/hosts is. Returns 0; -EINVAL with *ret_line where a
 * line is no such line; or another negative errno.
 */
MUST_CHECK int lookup_in_file(const char *path, const char *const *names, size_t n, json_t **ret,
                              unsigned *ret_line);
