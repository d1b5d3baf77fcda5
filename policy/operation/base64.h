/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * base64 - bytes in JSON (RFC 4648 section 4)
 */
#include "lib/base/cleanup.h"

#include <stdbool.h>

/* Owner of the text: the caller, free(). NULL: no memory. */
char *base64_encode(const void *bytes, size_t length);

/* Owner of *ret: the caller, free(). Returns 0, -EINVAL (it is no base64) or -ENOMEM. */
MUST_CHECK int base64_decode(const char *text, void **ret, size_t *ret_length);
