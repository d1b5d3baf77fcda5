/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * text - builds a text in memory of the caller
 *
 * For what is written for each request, where printf() would cost more than what it writes. What
 * does not fit is cut off; there is always room for the byte that text_end() terminates it with.
 */
#include "lib/base/slice.h"

#include <assert.h>
#include <stdint.h>

#define DECIMAL_MAX 20 /* digits of a uint64_t */

struct text {
        char *start;
        char *at;
        char *end; /* one byte of the memory lies behind it */
};

/* size: at least 1. */
static inline struct text text_begin(char *memory, size_t size)
{
        assert(size > 0);
        return (struct text){ memory, memory, memory + size - 1 };
}

static inline size_t text_room(const struct text *t)
{
        return (size_t)(t->end - t->at);
}

static inline void text_put(struct text *t, const char *data, size_t n)
{
        if (n > text_room(t))
                n = text_room(t);
        memcpy(t->at, data, n);
        t->at += n;
}

static inline void text_put_string(struct text *t, const char *string)
{
        text_put(t, string, strlen(string));
}

/* The digits end at `end`; returns where they begin. */
static inline char *decimal_before(char *end, uint64_t number)
{
        do {
                *--end = (char)('0' + number % 10);
                number /= 10;
        } while (number > 0);
        return end;
}

static inline void text_put_number(struct text *t, uint64_t number)
{
        char digits[DECIMAL_MAX], *end = digits + sizeof(digits);
        char *first = decimal_before(end, number);

        text_put(t, first, (size_t)(end - first));
}

/* Terminates it. Returns its beginning. */
static inline char *text_end(struct text *t)
{
        *t->at = 0;
        return t->start;
}
