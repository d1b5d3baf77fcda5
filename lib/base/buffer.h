/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * buffer - bytes in order, never more than one block
 *
 * Holds no memory while empty: the block comes from the pool with the first byte and goes back with
 * buffer_release(). The ceiling is BLOCK_BYTES; a put that does not fit changes nothing.
 */
#include "lib/base/block.h"
#include "lib/base/slice.h"

#include <stdarg.h>

struct buffer {
        struct block_pool *pool;
        char *data;   /* the block, NULL while none is held */
        size_t start; /* first byte not consumed */
        size_t end;   /* behind the last byte */
        size_t high;  /* highest `end` since the block came: what a wipe has to cover */
};

void buffer_init(struct buffer *b, struct block_pool *pool);
void buffer_done(struct buffer *b);

static inline size_t buffer_length(const struct buffer *b)
{
        return b->end - b->start;
}

static inline size_t buffer_room(const struct buffer *b)
{
        return BLOCK_BYTES - buffer_length(b);
}

static inline struct slice buffer_slice(const struct buffer *b)
{
        return (struct slice){ b->data ? b->data + b->start : "", buffer_length(b) };
}

/*
 * Makes all of buffer_room() contiguous behind the content and returns where it starts; slices of
 * the content move with it. Returns NULL without memory or without room.
 */
char *buffer_tail(struct buffer *b, size_t *ret_room);

/* The first `n` bytes at buffer_tail() are now content. */
void buffer_grew(struct buffer *b, size_t n);

/* The first `n` bytes of the content are used up. */
void buffer_consume(struct buffer *b, size_t n);

/* Gives the block back; whatever was in it is lost. */
void buffer_release(struct buffer *b);

/* Same, and wipes the block first: it held a credential. */
void buffer_wipe(struct buffer *b);

/* Each returns 0, -ENOBUFS (does not fit, nothing was put) or -ENOMEM. */
MUST_CHECK int buffer_put(struct buffer *b, const void *data, size_t n);
MUST_CHECK int buffer_put_slice(struct buffer *b, struct slice s);
MUST_CHECK int buffer_put_text(struct buffer *b, const char *text);
MUST_CHECK int buffer_printf(struct buffer *b, const char *format, ...) PRINTF_LIKE(2, 3);
