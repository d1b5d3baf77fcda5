/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three verbs that change which policy is in force: apply, confirm, rollback.
 */
#include "policy/operation/operation.h"
#include "tools/duration.h"
#include "tools/plan_print.h"
#include "tools/session.h"

#include <string.h>
#include <sysexits.h>

/* What apply and rollback have in common. False: said what is wrong. */
static bool request_fill(const struct request *r, json_t *request)
{
        const char *why = request_option(r, "why"), *within = request_option(r, "confirm-within");
        int64_t seconds;

        if (why)
                json_object_set_new(request, "why", text_json(why));
        if (!within)
                return true;
        if (!duration_parse(within, &seconds) || seconds > OPERATION_CONFIRM_MAX_S) {
                fprintf(stderr,
                        "keyrouter: --confirm-within wants a time such as 10m or 90s, not \"%s\"\n"
                        "    at most 24h\n",
                        within);
                return false;
        }
        json_object_set_new(request, "confirm_within_s", json_integer(seconds));
        return true;
}

static void open_print(const json_t *answer)
{
        const json_t *open = json_object_get(answer, "open");
        long long n_add = member_number(open, "add"), n_remove = member_number(open, "remove");

        if (n_add || n_remove)
                printf("To be done at the vendor: %lld to add, %lld to remove. See: keyrouter "
                       "allowlist\n",
                       n_add, n_remove);
        if (member_number(answer, "dropped"))
                printf("%s to be added no more: what you entered of them already, remove it again. See: "
                       "keyrouter diff %lld %lld\n",
                       count_text((size_t)member_number(answer, "dropped"), "host is", "hosts are"),
                       member_number(answer, "revision") - 1, member_number(answer, "revision"));
        if (json_is_string(json_object_get(answer, "confirm_by")))
                printf("It is taken back at %s unless you run: keyrouter confirm\n",
                       member_text(answer, "confirm_by"));
}

static void verified_print(const json_t *answer)
{
        if (!json_is_integer(json_object_get(answer, "restores")))
                return;
        if (json_is_true(json_object_get(answer, "verified")))
                printf("Verified: every slot has the key that it had at row %lld\n",
                       member_number(answer, "restores"));
        else
                printf("%s not the key of then, since something stands against it: see keyrouter "
                       "plan\n",
                       count_text((size_t)member_number(answer, "differing"), "slot has",
                                  "slots have"));
}

static int answer_show(const struct request *r, json_t *answer)
{
        const json_t *plan = json_object_get(answer, "plan");

        findings_json_print(json_object_get(plan, "findings"), stderr);
        if (r->json)
                return json_print(answer);
        if (!json_is_true(json_object_get(answer, "applied"))) {
                puts("Nothing to change: this policy is in force already");
                return 0;
        }
        printf("Row %lld: %s\n", member_number(answer, "revision"), member_text(answer, "summary"));
        verified_print(answer);
        open_print(answer);
        return 0;
}

/* Is it JSON? No policy begins so. */
static bool file_is_json(const char *path)
{
        FILE *in = path ? fopen(path, "re") : NULL;
        char first = 0;

        if (!in)
                return false;
        if (fscanf(in, " %c", &first) != 1)
                first = 0;
        fclose(in);
        return first == '{';
}

/* A plan of `keyrouter plan -o`. Returns 0, or the exit status having said what is wrong. */
static int saved_plan_read(const char *path, json_t **ret)
{
        json_error_t error;
        json_t *document = json_load_file(path, 0, &error);

        if (document && strcmp(member_text(document, "schema"), SAVED_PLAN) == 0 &&
            json_is_object(json_object_get(document, "policy")) &&
            json_is_string(json_object_get(document, "outcome"))) {
                *ret = document;
                return 0;
        }
        if (document)
                fprintf(stderr, "keyrouter apply: %s is no plan of keyrouter plan -o\n", path);
        else
                fprintf(stderr, "keyrouter apply: %s:%d: is no JSON\n", path, error.line);
        json_decref(document);
        return EX_DATAERR;
}

/* The policy to apply, from a saved plan or from its files. */
static int policy_find(struct session *s, const struct request *r, json_t *request)
{
        const char *path = request_operand(r, 0);
        CLEANUP(json_freep) json_t *saved = NULL;
        json_t *policy = NULL, *answers = NULL;
        int status;

        if (file_is_json(path)) {
                status = saved_plan_read(path, &saved);
                if (status)
                        return status;
                json_object_set(request, "policy", json_object_get(saved, "policy"));
                json_object_set(request, "outcome", json_object_get(saved, "outcome"));
                return 0;
        }
        status = session_policy(s, r, path, &policy);
        if (status == 0)
                status = session_answers(r, policy, &answers);
        json_object_set_new(request, "answers", answers);
        json_object_set_new(request, "policy", policy);
        return status;
}

int verb_apply(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *answer = NULL, *request = json_object();
        int status;

        if (!request_fill(r, request))
                return EX_USAGE;
        status = session_open(r, &s);
        if (status == 0)
                status = policy_find(s, r, request);
        if (status == 0)
                status = session_call(s, "apply", TAKE(request), &answer);
        return status ? status : answer_show(r, answer);
}

int verb_rollback(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *answer = NULL, *request = json_object();
        const char *to = request_operand(r, 0);
        int status;

        if (!request_fill(r, request))
                return EX_USAGE;
        if (to) {
                char *end;
                long long row = strtoll(to, &end, 10);

                if (*end || row < 1) {
                        fprintf(stderr,
                                "keyrouter rollback: \"%s\" is no row of keyrouter history\n", to);
                        return EX_USAGE;
                }
                json_object_set_new(request, "to", json_integer(row));
        }
        status = session_open(r, &s);
        if (status == 0)
                status = session_call(s, "rollback", TAKE(request), &answer);
        return status ? status : answer_show(r, answer);
}

int verb_confirm(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *answer = NULL, *request = json_object();
        int status = session_open(r, &s);

        if (request_option(r, "why"))
                json_object_set_new(request, "why", text_json(request_option(r, "why")));
        if (status == 0)
                status = session_call(s, "confirm", TAKE(request), &answer);
        if (status)
                return status;
        if (r->json)
                return json_print(answer);
        printf("Confirmed: the policy of row %lld stays\n", member_number(answer, "revision"));
        return 0;
}
