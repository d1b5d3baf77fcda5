/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/row.h"
#include "tools/session.h"

#include <string.h>
#include <sysexits.h>

static void policy_print(const json_t *answer)
{
        const json_t *lines = json_object_get(answer, "policy");
        const json_t *not_kept = json_object_get(answer, "not_kept");

        for (size_t i = 0; i < json_array_size(not_kept); i++)
                printf("The policy of row %lld is no longer kept\n",
                       (long long)json_integer_value(json_array_get(not_kept, i)));
        for (size_t i = 0; i < json_array_size(lines); i++) {
                const char *line = json_string_value(json_array_get(lines, i));
                bool is_head = strncmp(line, "@@ ", 3) == 0 || strncmp(line, "--- ", 4) == 0 ||
                               strncmp(line, "+++ ", 4) == 0;

                fputs(is_head ? bold_on() : "", stdout);
                file_text_print(line, strlen(line));
                puts(is_head ? bold_off() : "");
        }
        if (json_array_size(lines) || json_array_size(not_kept))
                putchar('\n');
}

static void moved_print(const json_t *moved)
{
        static const char *const heads[] = { "host", "from", "to", NULL };
        size_t n = json_array_size(moved);
        struct table *t;

        if (n == 0)
                return;
        printf("%s%s%s\n", bold_on(),
               count_text(n, "host changed its key", "hosts changed their key"), bold_off());
        t = table_new(heads);
        for (size_t i = 0; i < n; i++) {
                const json_t *m = json_array_get(moved, i);

                table_add(t, (const char *[]){ member_text(m, "host"), member_text(m, "from"),
                                               member_text(m, "to") });
        }
        table_print(t, "  ", stdout);
        putchar('\n');
}

static bool is_same_key(const json_t *a, const json_t *b)
{
        return strcmp(member_text(a, "key"), member_text(b, "key")) == 0 &&
               strcmp(member_text(a, "provider"), member_text(b, "provider")) == 0;
}

static const char *state_text(const json_t *move, const char *name)
{
        const char *text = member_text(move, name);

        return text[0] ? text : "not there";
}

/* Of the key of the move at `first`, before which there is none of it. */
static void key_print(const json_t *moves, size_t first)
{
        static const char *const heads[] = { "host", "was", "is", NULL };
        const json_t *k = json_array_get(moves, first);
        struct table *t = table_new(heads);

        printf("%skey %s (%s)%s\n", bold_on(), member_text(k, "key"), member_text(k, "provider"),
               bold_off());
        for (size_t i = first; i < json_array_size(moves); i++) {
                const json_t *m = json_array_get(moves, i);

                if (is_same_key(k, m))
                        table_add(t,
                                  (const char *[]){ member_text(m, "host"), state_text(m, "from"),
                                                    state_text(m, "to") });
        }
        table_print(t, "  ", stdout);
        putchar('\n');
}

static void moves_print(const json_t *moves)
{
        for (size_t i = 0; i < json_array_size(moves); i++) {
                size_t j = 0;

                while (j < i && !is_same_key(json_array_get(moves, j), json_array_get(moves, i)))
                        j++;
                if (j == i)
                        key_print(moves, i);
        }
}

static void diff_print(const json_t *answer)
{
        policy_print(answer);
        moved_print(json_object_get(answer, "moved"));
        moves_print(json_object_get(answer, "moves"));
        if (json_array_size(json_object_get(answer, "moves")) == 0 &&
            json_is_array(json_object_get(answer, "policy")) &&
            json_array_size(json_object_get(answer, "policy")) == 0)
                printf("Between row %lld and row %lld neither the policy nor what stands on the "
                       "keys differs\n",
                       member_number(answer, "a"), member_number(answer, "b"));
}

int verb_diff(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *answer = NULL, *request = json_object();
        int status;

        if (!row_put(r, request, "a", request_operand(r, 0), 0) ||
            !row_put(r, request, "b", request_operand(r, 1), 0))
                return EX_USAGE;
        status = session_open(r, &s);
        if (status == 0)
                status = session_call(s, "diff", TAKE(request), &answer);
        if (status)
                return status;
        if (r->json)
                return json_print(answer);
        diff_print(answer);
        return 0;
}
