/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * block - fixed-size pieces of memory, kept for the next user
 *
 * One pool a worker, no locks. Freed blocks are kept up to a bound, so that the steady path does
 * not allocate, and are given back to the system beyond it.
 */
#include "lib/base/cleanup.h"

/* Holds a TLS record's 16 KiB (RFC 8446 section 5.1) behind a message head that is not used up
 * yet. */
#define BLOCK_BYTES ((size_t)24 * 1024)

struct block_pool {
        struct block_free *free;
        unsigned n_free;
        unsigned n_used;
        unsigned max_free;
};

void block_pool_init(struct block_pool *pool, unsigned max_free);

/* All blocks must have come back: asserted. */
void block_pool_done(struct block_pool *pool);

/* Returns BLOCK_BYTES of memory with undefined content, or NULL. Owner: the caller. */
MUST_CHECK void *block_get(struct block_pool *pool);
void block_put(struct block_pool *pool, void *block);
