/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/session.h"

#include <sysexits.h>

/* The policy that names the hosts, and the request for it. */
static int request_make(struct session *s, const struct request *r, json_t **ret)
{
        CLEANUP(json_freep) json_t *policy = NULL, *answers = NULL, *request = json_object();
        const char *path = request_operand(r, 0), *why = request_option(r, "why");
        int status =
                path ? session_policy(s, r, path, &policy) : session_policy_in_force(s, &policy);

        if (status == 0)
                status = session_answers(r, policy, &answers);
        if (status)
                return status;
        if (path)
                json_object_set(request, "policy", policy);
        json_object_set(request, "answers", answers);
        json_object_set_new(request, "update", json_boolean(request_option(r, "update") != NULL));
        if (why)
                json_object_set_new(request, "why", text_json(why));
        *ret = TAKE(request);
        return 0;
}

static void addresses_format(const json_t *list, char *text, size_t size)
{
        size_t n = 0;

        text[0] = 0;
        for (size_t i = 0; i < json_array_size(list) && n < size; i++)
                n += (size_t)snprintf(text + n, size - n, "%s%s", i ? ", " : "",
                                      json_string_value(json_array_get(list, i)));
}

static void changed_print(const json_t *changed)
{
        static const char *const heads[] = { "name", "pinned to", "answer", NULL };
        struct table *t = table_new(heads);

        for (size_t i = 0; i < json_array_size(changed); i++) {
                const json_t *each = json_array_get(changed, i);
                char was[1024], is[1024];

                addresses_format(json_object_get(each, "was"), was, sizeof(was));
                addresses_format(json_object_get(each, "is"), is, sizeof(is));
                table_add(t, (const char *[]){ member_text(each, "name"), was, is });
        }
        table_print(t, "  ", stdout);
}

static void answer_print(const struct request *r, const json_t *answer)
{
        const json_t *unresolved = json_object_get(answer, "unresolved");
        const json_t *changed = json_object_get(answer, "changed");
        size_t n = json_array_size(json_object_get(answer, "names"));
        bool is_updated = request_option(r, "update") != NULL;

        for (size_t i = 0; i < json_array_size(unresolved); i++)
                fprintf(stderr, "keyrouter resolve: no answer for %s\n",
                        json_string_value(json_array_get(unresolved, i)));
        if (n == 0) {
                puts(request_operand(r, 0)
                             ? "The policy names no hosts"
                             : "The policy in force names no hosts; a file's are looked up with "
                               "keyrouter resolve POLICY");
                return;
        }
        printf("%s: %zu pinned now, %lld unchanged, %zu %s, %zu without an answer\n",
               count_text(n, "name", "names"), json_array_size(json_object_get(answer, "pinned")),
               member_number(answer, "unchanged"), json_array_size(changed),
               is_updated ? "changed" : "with another answer", json_array_size(unresolved));
        changed_print(changed);
        if (json_array_size(changed) && !is_updated)
                puts("Their pins stay as they are. To take the answers: keyrouter resolve "
                     "--update");
        else if (json_array_size(changed))
                puts("What that changes on the keys, keyrouter plan says");
}

int verb_resolve(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *request = NULL, *answer = NULL;
        int status = session_open(r, &s);

        if (status == 0)
                status = request_make(s, r, &request);
        if (status == 0)
                status = session_call(s, "resolve", TAKE(request), &answer);
        if (status)
                return status;
        if (r->json)
                return json_print(answer);
        answer_print(r, answer);
        return 0;
}
