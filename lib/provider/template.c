/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/provider/template.h"

static bool is_name_byte(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
}

/* `rest` starts with a dollar. */
static struct template_part dollar_part(struct slice rest)
{
        size_t end = 1;

        if (rest.length > 1 && rest.data[1] == '$')
                return (struct template_part){ { rest.data, 1 }, { rest.data, 2 }, false };
        while (end < rest.length && is_name_byte(rest.data[end]))
                end++;
        return (struct template_part){ { rest.data + 1, end - 1 }, { rest.data, end }, true };
}

bool template_next(struct slice *rest, struct template_part *ret)
{
        const char *dollar;

        if (rest->length == 0)
                return false;
        dollar = memchr(rest->data, '$', rest->length);
        if (dollar == rest->data) {
                *ret = dollar_part(*rest);
        } else {
                size_t n = dollar ? (size_t)(dollar - rest->data) : rest->length;

                *ret = (struct template_part){ { rest->data, n }, { rest->data, n }, false };
        }
        *rest = slice_from(*rest, ret->raw.length);
        return true;
}

bool template_has_field(const char *text)
{
        struct slice rest = slice_of(text);
        struct template_part part;

        while (template_next(&rest, &part))
                if (part.is_field)
                        return true;
        return false;
}
