/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suspend and resume: the panic switch.
 */
#include "tools/session.h"

#include <string.h>
#include <sysexits.h>

/* "key:NAME" as a person says it. */
static const char *name_text(const char *name)
{
        static char text[2][96];
        static unsigned next;
        char *out = text[next++ % 2];
        const char *colon = strchr(name, ':');

        if (!colon)
                return "everything";
        snprintf(out, sizeof(text[0]), "%.*s %s", (int)(colon - name), name, colon + 1);
        return out;
}

static void off_print(const json_t *list)
{
        static const char *const heads[] = { "suspended", "by", "since", "why", NULL };
        struct table *t = json_array_size(list) ? table_new(heads) : NULL;

        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *s = json_array_get(list, i);

                table_add(t, (const char *[]){ name_text(member_text(s, "name")),
                                               member_text(s, "who"), member_text(s, "at"),
                                               member_text(s, "why") });
        }
        table_print(t, "", stdout);
}

static void switch_print(const json_t *answer, bool suspend)
{
        const json_t *changed = json_object_get(answer, "changed");
        const json_t *off = json_object_get(answer, "switched_off");

        for (size_t i = 0; i < json_array_size(changed); i++)
                printf("%s %s\n", suspend ? "Suspended:" : "Resumed:",
                       name_text(json_string_value(json_array_get(changed, i))));
        if (json_array_size(changed) == 0)
                puts(suspend ? "Nothing to change: suspended already"
                             : "Nothing to change: not suspended");
        if (json_array_size(off) == 0)
                puts("Nothing is suspended by hand now");
        off_print(off);
}

static int switch_run(const struct request *r, bool suspend)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *answer = NULL, *names = json_array();
        bool all = request_option(r, "all") != NULL;
        int status;

        if (all == (r->n_operands > 0)) {
                fprintf(stderr, "keyrouter %s: say which keys and backends, or --all\n",
                        r->verb->name);
                return EX_USAGE;
        }
        for (size_t i = 0; i < r->n_operands; i++)
                json_array_append_new(names, text_json(r->operands[i]));
        status = session_open(r, &s);
        if (status == 0)
                status = session_call(s, r->verb->name,
                                      json_pack("{s:O*, s:b, s:o}", "names", all ? NULL : names,
                                                "all", all, "why",
                                                text_json(request_option(r, "why"))),
                                      &answer);
        if (status)
                return status;
        if (r->json)
                return json_print(answer);
        switch_print(answer, suspend);
        return 0;
}

int verb_suspend(const struct request *r)
{
        return switch_run(r, true);
}

int verb_resume(const struct request *r)
{
        return switch_run(r, false);
}
