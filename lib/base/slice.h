/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * slice - a view of bytes that somebody else owns
 *
 * Not terminated, may hold any byte. Valid as long as the memory it looks at.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
        const char *data;
        size_t length;
};

#define SLICE_LITERAL(text) ((struct slice){ (text), sizeof(text) - 1 })

static inline struct slice slice_of(const char *text)
{
        return (struct slice){ text, text ? strlen(text) : 0 };
}

static inline bool slice_equal(struct slice a, struct slice b)
{
        return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/*
 * ASCII case is ignored: header names and host names (RFC 9110 section 5.1, 4.2.3). Not
 * strncasecmp(), which stops at a NUL and depends on the locale.
 */
static inline bool slice_equal_nocase(struct slice a, struct slice b)
{
        if (a.length != b.length)
                return false;
        for (size_t i = 0; i < a.length; i++) {
                unsigned char x = (unsigned char)a.data[i], y = (unsigned char)b.data[i];

                if (x != y && ((x ^ y) != 0x20 || (unsigned char)((x | 0x20) - 'a') > 'z' - 'a'))
                        return false;
        }
        return true;
}

static inline bool slice_starts_nocase(struct slice a, struct slice start)
{
        return a.length >= start.length &&
               slice_equal_nocase((struct slice){ a.data, start.length }, start);
}

static inline bool slice_is(struct slice a, const char *text)
{
        return slice_equal(a, slice_of(text));
}

static inline bool slice_is_nocase(struct slice a, const char *text)
{
        return slice_equal_nocase(a, slice_of(text));
}

static inline struct slice slice_from(struct slice a, size_t offset)
{
        return (struct slice){ a.data + offset, a.length - offset };
}

/* Without blanks and tabs at both ends (OWS of RFC 9110 section 5.6.3). */
static inline struct slice slice_trim(struct slice a)
{
        while (a.length && (a.data[0] == ' ' || a.data[0] == '\t')) {
                a.data++;
                a.length--;
        }
        while (a.length && (a.data[a.length - 1] == ' ' || a.data[a.length - 1] == '\t'))
                a.length--;
        return a;
}

/*
 * Cuts the part before the next `separator` off *rest and returns it in *ret_part.
 * False when *rest is used up; an empty *rest with data != NULL still gives one empty part.
 */
static inline bool slice_split(struct slice *rest, char separator, struct slice *ret_part)
{
        const char *end;

        if (!rest->data)
                return false;
        end = rest->length ? memchr(rest->data, separator, rest->length) : NULL;
        if (!end) {
                *ret_part = *rest;
                *rest = (struct slice){ NULL, 0 };
                return true;
        }
        *ret_part = (struct slice){ rest->data, (size_t)(end - rest->data) };
        *rest = slice_from(*rest, ret_part->length + 1);
        return true;
}
