/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan would change, moves first, then what it is key by key. `apply` and `rollback` print
 * the same of what they did.
 */
#include "tools/plan_print.h"
#include "tools/session.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#define EXIT_CHANGES 2 /* --detailed-exitcode */

/* A saved plan holds the policy that it was made from: see docs/control.md, outcome. */
static int plan_save(const char *path, json_t *policy, json_t *plan)
{
        json_t *document =
                json_pack("{s:s, s:O, s:O, s:O}", "schema", SAVED_PLAN, "outcome",
                          json_object_get(plan, "outcome"), "policy", policy, "plan", plan);
        int r = document ? json_dump_file(document, path, JSON_INDENT(2)) : -1;

        json_decref(document);
        if (r == 0) {
                fprintf(stderr, "%s is written; this and nothing else does: keyrouter apply %s\n",
                        path, path);
                return 0;
        }
        fprintf(stderr, "keyrouter plan: cannot write %s: %s\n", path, strerror(errno));
        return EX_CANTCREAT;
}

static int plan_show(const struct request *r, json_t *plan)
{
        findings_json_print(json_object_get(plan, "findings"), stderr);
        if (r->json)
                return json_print(plan);
        plan_print(plan);
        return 0;
}

int verb_plan(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *policy = NULL, *plan = NULL;
        const char *output = request_option(r, "output");
        int status = session_open(r, &s);

        if (status == 0)
                status = session_policy(s, r, request_operand(r, 0), &policy);
        if (status == 0)
                status = session_call(s, "plan", json_pack("{s:O}", "policy", policy), &plan);
        if (status == 0)
                status = plan_show(r, plan);
        if (status == 0 && output)
                status = plan_save(output, policy, plan);
        if (status == 0 && request_option(r, "detailed-exitcode") &&
            json_is_true(json_object_get(plan, "changes")))
                status = EXIT_CHANGES;
        return status;
}
