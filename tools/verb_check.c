/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/plan.h"
#include "tools/verb.h"

#include <jansson.h>
#include <stdio.h>

static void ok_print(const struct request *r, const struct policy *p, const struct plan *plan,
                     const struct diag *d)
{
        const struct egress_census *c = plan->census;

        printf("%s: ok: %s, %s, %s, %s, %s, %s\n", r->operand,
               count_text(p->n_groups, "group", "groups"),
               count_text(c->n_desks, "workstation", "workstations"),
               count_text(c->n_egresses, "egress address", "egress addresses"),
               count_text(p->n_keys, "key", "keys"),
               count_text(p->n_backends, "backend", "backends"),
               count_text(d->n_warnings, "warning", "warnings"));
}

static void findings_print(const struct request *r, const struct diag *d)
{
        diag_print(d, stderr);
        if (d->n_errors)
                fprintf(stderr, "%s: %s, %s\n", r->operand,
                        count_text(d->n_errors, "error", "errors"),
                        count_text(d->n_warnings, "warning", "warnings"));
}

static json_t *finding_json(const struct diag_finding *f)
{
        return json_pack("{s:s, s:o, s:i, s:o, s:o}", "level",
                         f->level == DIAG_ERROR ? "error" : "warning", "file", json_text(f->file),
                         "line", (int)f->line, "message", json_text(f->message), "remedy",
                         json_text(f->remedy));
}

/* Null where there are errors. */
static json_t *totals_json(const struct policy *p, const struct plan *plan)
{
        if (!p)
                return json_null();
        return json_pack("{s:I, s:I, s:I, s:I, s:I}", "groups", (json_int_t)p->n_groups,
                         "workstations", (json_int_t)plan->census->n_desks, "egress_addresses",
                         (json_int_t)plan->census->n_egresses, "keys", (json_int_t)p->n_keys,
                         "backends", (json_int_t)p->n_backends);
}

static json_t *check_json(const struct request *r, const struct policy *p, const struct plan *plan,
                          const struct diag *d)
{
        json_t *findings = json_array();

        for (size_t i = 0; i < d->n_findings; i++) {
                if (json_array_append_new(findings, finding_json(&d->findings[i])) != 0) {
                        json_decref(findings);
                        return NULL;
                }
        }
        return json_pack("{s:s, s:o, s:b, s:I, s:I, s:o, s:I, s:o}", "schema", "keyrouter.check/1",
                         "file", json_text(r->operand), "ok", p != NULL, "errors",
                         (json_int_t)d->n_errors, "warnings", (json_int_t)d->n_warnings, "findings",
                         findings, "findings_left_out", (json_int_t)d->n_dropped, "totals",
                         totals_json(p, plan));
}

int verb_check(const struct request *r)
{
        CLEANUP(diag_done) struct diag d;
        CLEANUP(policy_unrefp) struct policy *policy = NULL;
        CLEANUP(plan_freep) struct plan *plan = NULL;
        int status, written = 0;

        diag_init(&d);
        status = request_plan(r, &d, &policy, &plan);
        diag_sort(&d);
        if (r->json)
                written = json_finish(check_json(r, policy, plan, &d));
        else
                findings_print(r, &d);
        if (!r->json && status == 0)
                ok_print(r, policy, plan, &d);
        return status ? status : written;
}
