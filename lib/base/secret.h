/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * secret - bytes that nobody may read by accident
 *
 * A type of its own, so that no %s takes it. Its memory is locked, left out of core files, and
 * wiped when freed. Where a person must tell two secrets apart, the fingerprint does.
 */
#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#define SECRET_MAX_BYTES ((size_t)4096)
#define SECRET_FINGERPRINT_MAX 9 /* eight hex digits and the terminator */

struct secret;

/* Copies `bytes`. Returns 0, -EMSGSIZE (over SECRET_MAX_BYTES) or -ENOMEM. Owner: the caller. */
MUST_CHECK int secret_new(struct slice bytes, struct secret **ret);
void secret_free(struct secret *s);
DEFINE_FREEP(struct secret, secret_free);

/* The bytes themselves: for the outgoing buffer and for rendering, nothing else. */
struct slice secret_reveal(const struct secret *s);

/* The first eight hex digits of SHA-256 over the bytes; returns `text`. */
const char *secret_fingerprint(const struct secret *s, char text[static SECRET_FINGERPRINT_MAX]);
