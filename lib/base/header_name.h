/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * header_name - is it that header?
 *
 * In any case (RFC 9110 section 5.1), and with '_' for '-': many servers make one name of both (RFC
 * 3875 section 4.1.18), so that a "Transfer_Encoding" of ours would be one of theirs.
 */
#include "lib/base/slice.h"

static inline unsigned char header_byte(char c)
{
        if (c >= 'A' && c <= 'Z')
                return (unsigned char)(c | 0x20);
        return c == '_' ? '-' : (unsigned char)c;
}

static inline bool header_is(struct slice name, struct slice known)
{
        size_t i = 0;

        if (name.length != known.length)
                return false;
        while (i < name.length && header_byte(name.data[i]) == header_byte(known.data[i]))
                i++;
        return i == name.length;
}

static inline bool header_in(struct slice name, const struct slice *known, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (header_is(name, known[i]))
                        return true;
        return false;
}
