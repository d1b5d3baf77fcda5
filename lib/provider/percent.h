/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * percent - one escape of a URL (RFC 3986 section 2.1)
 */
#include "lib/base/slice.h"

#include <stdbool.h>

static inline int percent_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Is there a whole "%XX" at `at`? Then *ret is its byte. */
static inline bool percent_decode(struct slice s, size_t at, unsigned char *ret)
{
        int high, low;

        if (s.length < 3 || at > s.length - 3 || s.data[at] != '%')
                return false;
        high = percent_digit(s.data[at + 1]);
        low = percent_digit(s.data[at + 2]);
        if (high < 0 || low < 0)
                return false;
        *ret = (unsigned char)(high << 4 | low);
        return true;
}

/* Need not be escaped anywhere in a URL (RFC 3986 section 2.3). */
static inline bool percent_unreserved(unsigned char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_' || c == '~';
}
