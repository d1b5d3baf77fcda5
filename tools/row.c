/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/row.h"

#include <errno.h>

bool row_put(const struct request *r, json_t *request, const char *member, const char *text,
             long long least)
{
        char *end = NULL;
        long long row;

        if (!text)
                return json_object_set_new(request, member, json_null()) == 0;
        errno = 0;
        row = strtoll(text, &end, 10);
        if (text[0] >= '0' && text[0] <= '9' && !*end && errno == 0 && row >= least)
                return json_object_set_new(request, member, json_integer(row)) == 0;
        fprintf(stderr, "keyrouter %s: \"%s\" is no row of keyrouter history\n", r->verb->name,
                text);
        return false;
}
