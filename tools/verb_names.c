/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For completion in a shell: names, one a line.
 */
#include "tools/session.h"

#include <string.h>
#include <sysexits.h>

static const char *const kinds[] = { "groups", "keys", "backends", NULL };

static int kind_check(const struct request *r, const char *kind)
{
        const char *nearest;

        for (size_t i = 0; kind && kinds[i]; i++)
                if (strcmp(kind, kinds[i]) == 0)
                        return 0;
        if (!kind)
                return 0;
        nearest = diag_nearest(slice_of(kind), kinds);
        fprintf(stderr, "keyrouter %s: groups, keys or backends, not \"%s\"\n", r->verb->name,
                kind);
        if (nearest)
                fprintf(stderr, "    did you mean \"%s\"?\n", nearest);
        return EX_USAGE;
}

static void names_print(const json_t *answer, const char *kind)
{
        const json_t *names = json_object_get(answer, kind);

        for (size_t i = 0; i < json_array_size(names); i++)
                puts(json_string_value(json_array_get(names, i)));
}

int verb_names(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *answer = NULL;
        const char *kind = request_operand(r, 0);
        int status = kind_check(r, kind);

        if (status == 0)
                status = session_open(r, &s);
        if (status == 0)
                status = session_call(s, "names", json_object(), &answer);
        if (status)
                return status;
        if (r->json)
                return json_print(answer);
        for (size_t i = 0; kinds[i]; i++)
                if (!kind || strcmp(kind, kinds[i]) == 0)
                        names_print(answer, kinds[i]);
        return 0;
}
