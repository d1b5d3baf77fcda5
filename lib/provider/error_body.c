/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The message is cut where the body would not fit, so that what is written is whole JSON: first the
 * shape is measured without it, then each "$message" gets its share of what is left.
 */
#include "lib/base/cleanup.h"
#include "lib/provider/provider.h"
#include "lib/provider/template.h"

#include <stdio.h>

const char *const error_shape_default = "{\"errors\":[{\"id\":$id,\"message\":\"$message\"}]}";

struct body {
        char *data;
        size_t size, length;
};

static void body_put(struct body *b, struct slice s)
{
        size_t n = MIN(s.length, b->size - b->length);

        if (n > 0)
                memcpy(b->data + b->length, s.data, n);
        b->length += n;
}

/* Length of the well-formed UTF-8 sequence (Unicode table 3-7) at `s`, or 0. `s` is terminated. */
static size_t utf8_length(const unsigned char *s)
{
        unsigned char low = 0x80, high = 0xbf;
        size_t n;

        if (s[0] >= 0xc2 && s[0] <= 0xdf)
                n = 2;
        else if (s[0] >= 0xe0 && s[0] <= 0xef)
                n = 3;
        else if (s[0] >= 0xf0 && s[0] <= 0xf4)
                n = 4;
        else
                return 0;
        if (s[0] == 0xe0)
                low = 0xa0;
        else if (s[0] == 0xed)
                high = 0x9f;
        else if (s[0] == 0xf0)
                low = 0x90;
        else if (s[0] == 0xf4)
                high = 0x8f;
        if (s[1] < low || s[1] > high)
                return 0;
        for (size_t i = 2; i < n; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        return n;
}

#define ESCAPED_MAX 8

/*
 * Writes the JSON spelling (RFC 8259 section 7) of the character at `s`; returns the bytes it took.
 */
static size_t char_escape(const char *s, char out[static ESCAPED_MAX], size_t *ret_length)
{
        unsigned char c = (unsigned char)s[0];
        size_t n = c < 0x80 ? 1 : utf8_length((const unsigned char *)s);

        if (c == '"' || c == '\\')
                *ret_length = (size_t)snprintf(out, ESCAPED_MAX, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
                *ret_length = (size_t)snprintf(out, ESCAPED_MAX, "\\u%04x", c);
        else if (n == 0)
                *ret_length = (size_t)snprintf(out, ESCAPED_MAX, "\\ufffd");
        else
                *ret_length = (size_t)snprintf(out, ESCAPED_MAX, "%.*s", (int)n, s);
        return MAX(n, (size_t)1);
}

static void body_put_message(struct body *b, const char *message, size_t room)
{
        char escaped[ESCAPED_MAX];
        size_t n;

        while (*message) {
                message += char_escape(message, escaped, &n);
                if (n > room)
                        return;
                body_put(b, (struct slice){ escaped, n });
                room -= n;
        }
}

/* Length of the body without its messages, and how many there are. */
static size_t shape_measure(struct slice shape, size_t id_length, size_t *ret_n_messages)
{
        struct template_part part;
        size_t length = 0;

        *ret_n_messages = 0;
        while (template_next(&shape, &part)) {
                if (part.is_field && slice_is(part.text, "message"))
                        ++*ret_n_messages;
                else if (part.is_field && slice_is(part.text, "id"))
                        length += id_length;
                else
                        length += part.is_field ? part.raw.length : part.text.length;
        }
        return length;
}

size_t provider_error_body(const char *shape, unsigned id, const char *message, char *out,
                           size_t size)
{
        struct slice rest = slice_of(shape ? shape : error_shape_default);
        struct body b = { .data = out, .size = size };
        struct template_part part;
        size_t fixed, n_messages, room;
        char id_text[16];

        snprintf(id_text, sizeof(id_text), "%u", id);
        fixed = shape_measure(rest, strlen(id_text), &n_messages);
        room = fixed < size && n_messages > 0 ? (size - fixed) / n_messages : 0;
        while (template_next(&rest, &part)) {
                if (part.is_field && slice_is(part.text, "message"))
                        body_put_message(&b, message, room);
                else if (part.is_field && slice_is(part.text, "id"))
                        body_put(&b, slice_of(id_text));
                else
                        body_put(&b, part.is_field ? part.raw : part.text);
        }
        return b.length;
}
