/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/row.h"
#include "tools/session.h"

#include <string.h>
#include <sysexits.h>

static void rows_print(const json_t *answer)
{
        static const char *const heads[] = { ">row",    "time", "who",     "what",
                                             ">policy", "why",  "summary", NULL };
        const json_t *rows = json_object_get(answer, "rows");
        struct table *t = table_new(heads);

        for (size_t i = 0; i < json_array_size(rows); i++) {
                const json_t *row = json_array_get(rows, i);
                char id[24], policy[24];

                snprintf(id, sizeof(id), "%lld", member_number(row, "id"));
                snprintf(policy, sizeof(policy), "%lld", member_number(row, "revision"));
                table_add(t,
                          (const char *[]){
                                  id, member_text(row, "at"), member_text(row, "who"),
                                  member_text(row, "what"),
                                  json_is_integer(json_object_get(row, "revision")) ? policy : "-",
                                  member_text(row, "why"), member_text(row, "summary") });
        }
        table_print(t, "", stdout);
        if (json_is_true(json_object_get(answer, "more")))
                printf("\nOlder rows: keyrouter history --before %lld\n",
                       member_number(json_array_get(rows, json_array_size(rows) - 1), "id"));
}

static int request_fill(const struct request *r, json_t *request)
{
        const char *limit = request_option(r, "number"), *before = request_option(r, "before");
        char *end;

        if (!row_put(r, request, "before", before, 1))
                return EX_USAGE;
        if (!limit)
                return 0;
        json_object_set_new(request, "limit", json_integer(strtol(limit, &end, 10)));
        if (end != limit && !*end && json_integer_value(json_object_get(request, "limit")) > 0)
                return 0;
        fprintf(stderr, "keyrouter history: -n wants a number of rows, not \"%s\"\n", limit);
        return EX_USAGE;
}

static void nothing_print(const struct request *r)
{
        const char *before = request_option(r, "before");

        if (before)
                printf("No row is older than row %s\n", before);
        else
                puts("The history is empty");
}

int verb_history(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *answer = NULL, *request = json_object();
        int status = request_fill(r, request);

        if (status == 0)
                status = session_open(r, &s);
        if (status == 0)
                status = session_call(s, "history", TAKE(request), &answer);
        if (status)
                return status;
        if (r->json)
                return json_print(answer);
        if (json_array_size(json_object_get(answer, "rows")) == 0)
                nothing_print(r);
        else
                rows_print(answer);
        return 0;
}
