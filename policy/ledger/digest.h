/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * digest - SHA-256 of fields, each of which says how long it is, so that no two rows look alike
 *
 * Internal to policy/ledger. An error is kept until digest_end().
 */
#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define DIGEST_BYTES 32
#define DIGEST_TEXT_MAX (2 * DIGEST_BYTES + 1)

struct digest; /* used for one after the other */

MUST_CHECK int digest_new(struct digest **ret);
void digest_free(struct digest *d);
DEFINE_FREEP(struct digest, digest_free);

/* `kind` begins each, so that a row of one kind is none of another. */
void digest_begin(struct digest *d, const char *kind);
void digest_put(struct digest *d, const void *bytes, size_t length);
void digest_put_text(struct digest *d, const char *text);
void digest_put_number(struct digest *d, int64_t number);
/* Returns 0 or -ENOMEM. */
MUST_CHECK int digest_end(struct digest *d, uint8_t ret[static DIGEST_BYTES]);

const char *digest_format(const uint8_t bytes[static DIGEST_BYTES],
                          char text[static DIGEST_TEXT_MAX]);

/*
 * Sums of digests modulo 2^256 stand for a set, in whatever order it is told: what comes is added,
 * what goes is taken away.
 */
void digest_add(uint8_t sum[static DIGEST_BYTES], const uint8_t term[static DIGEST_BYTES]);
void digest_take(uint8_t sum[static DIGEST_BYTES], const uint8_t term[static DIGEST_BYTES]);
