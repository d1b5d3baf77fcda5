/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/buffer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void buffer_init(struct buffer *b, struct block_pool *pool)
{
        *b = (struct buffer){ .pool = pool };
}

void buffer_done(struct buffer *b)
{
        buffer_release(b);
}

char *buffer_tail(struct buffer *b, size_t *ret_room)
{
        if (buffer_room(b) == 0)
                return NULL;
        if (!b->data) {
                b->data = block_get(b->pool);
                if (!b->data)
                        return NULL;
                b->start = b->end = b->high = 0;
        }
        if (b->start > 0) {
                memmove(b->data, b->data + b->start, buffer_length(b));
                b->end -= b->start;
                b->start = 0;
        }
        *ret_room = BLOCK_BYTES - b->end;
        return b->data + b->end;
}

void buffer_grew(struct buffer *b, size_t n)
{
        assert(b->data && n <= BLOCK_BYTES - b->end);
        b->end += n;
        b->high = MAX(b->high, b->end);
}

void buffer_consume(struct buffer *b, size_t n)
{
        assert(n <= buffer_length(b));
        b->start += n;
        if (b->start == b->end)
                b->start = b->end = 0;
}

void buffer_release(struct buffer *b)
{
        if (b->data)
                block_put(b->pool, b->data);
        b->data = NULL;
        b->start = b->end = 0;
}

void buffer_wipe(struct buffer *b)
{
        if (b->data)
                explicit_bzero(b->data, b->high);
        buffer_release(b);
}

int buffer_put(struct buffer *b, const void *data, size_t n)
{
        size_t room;
        char *tail;

        if (n == 0)
                return 0;
        if (n > buffer_room(b))
                return -ENOBUFS;
        if (b->data && n <= BLOCK_BYTES - b->end) {
                tail = b->data + b->end;
        } else {
                tail = buffer_tail(b, &room);
                if (!tail)
                        return -ENOMEM;
        }
        memcpy(tail, data, n);
        buffer_grew(b, n);
        return 0;
}

int buffer_put_slice(struct buffer *b, struct slice s)
{
        return buffer_put(b, s.data, s.length);
}

int buffer_put_text(struct buffer *b, const char *text)
{
        return buffer_put(b, text, strlen(text));
}

int buffer_printf(struct buffer *b, const char *format, ...)
{
        size_t room = 0;
        va_list args;
        char *tail;
        int n;

        tail = buffer_tail(b, &room);
        if (!tail)
                return buffer_room(b) == 0 ? -ENOBUFS : -ENOMEM;
        va_start(args, format);
        n = vsnprintf(tail, room, format, args);
        va_end(args);
        if (n < 0)
                return -EINVAL;
        if ((size_t)n >= room) /* the terminator needs a byte as well */
                return -ENOBUFS;
        buffer_grew(b, (size_t)n);
        return 0;
}
