/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/credentials_check.h"
#include "policy/plan.h"
#include "tools/output.h"
#include "tools/session.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

static const char *policy_path(const struct request *r)
{
        const char *path = request_operand(r, 0);

        return path ? path : KEYROUTER_POLICY;
}

/* Of a policy that could not be loaded or planned; `d` holds the findings. */
static int status_of_error(const struct request *r, int error, const struct diag *d)
{
        switch (error) {
        case -EINVAL:
                return EX_DATAERR;
        case -ENOMEM:
                fputs("keyrouter: out of memory\n", stderr);
                return EX_OSERR;
        default:
                if (d->n_errors == 0)
                        fprintf(stderr, "keyrouter: %s: %s\n", policy_path(r), strerror(-error));
                return EX_NOINPUT;
        }
}

static int request_plan(const struct request *r, struct diag *d, struct policy **ret_policy,
                        struct plan **ret_plan)
{
        CLEANUP(policy_unrefp) struct policy *policy = NULL;
        CLEANUP(plan_freep) struct plan *plan = NULL;
        const char *credentials = request_option(r, "credentials");
        int error = policy_load(policy_path(r), request_option(r, "providers"), d, &policy);

        if (!error && credentials)
                credentials_check(policy, credentials, d);
        if (!error)
                error = plan_make(policy, NULL, NULL, d, &plan);
        if (!error && d->n_errors)
                error = -EINVAL;
        if (error)
                return status_of_error(r, error, d);
        *ret_policy = TAKE(policy);
        *ret_plan = TAKE(plan);
        return 0;
}

/*
 * What a ledger adds: names that are pinned, keys that hold more than the policy lets them. Asked for
 * by --ledger or --socket; a check alone talks to nobody. *ret is taken for the findings then.
 */
static int ledger_ask(const struct request *r, json_t **ret)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *policy = NULL, *plan = NULL;
        int status;

        if (!request_option(r, "ledger") && !request_option(r, "socket"))
                return 0;
        status = session_open(r, &s);
        if (status == 0)
                status = session_policy(s, r, request_operand(r, 0), &policy);
        if (status == 0)
                status = session_call(s, "plan", json_pack("{s:O}", "policy", policy), &plan);
        if (status == 0) {
                json_decref(*ret);
                *ret = json_incref(json_object_get(plan, "findings"));
        }
        return status;
}

static size_t level_count(const json_t *findings, const char *level)
{
        const json_t *each;
        size_t i, n = 0;

        json_array_foreach(findings, i, each)
                n += strcmp(member_text(each, "level"), level) == 0;
        return n;
}

static void ok_print(const struct request *r, const struct policy *p, const struct plan *plan,
                     const json_t *findings)
{
        const struct egress_census *c = plan->census;

        printf("%s: ok: %s, %s, %s, %s, %s, %s\n", policy_path(r),
               count_text(p->n_groups, "group", "groups"),
               count_text(c->n_desks, "workstation", "workstations"),
               count_text(c->n_egresses, "egress address", "egress addresses"),
               count_text(p->n_keys, "key", "keys"),
               count_text(p->n_backends, "backend", "backends"),
               count_text(level_count(findings, "warning"), "warning", "warnings"));
}

static void findings_print(const struct request *r, json_t *findings, const struct diag *d)
{
        findings_json_print(findings, stderr);
        if (d->n_dropped)
                fprintf(stderr, "%zu more findings are not shown\n", d->n_dropped);
        if (d->n_errors)
                fprintf(stderr, "%s: %s, %s\n", policy_path(r),
                        count_text(d->n_errors, "error", "errors"),
                        count_text(d->n_warnings, "warning", "warnings"));
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
                          json_t *findings, const struct diag *d)
{
        size_t n_warnings = p ? level_count(findings, "warning") : d->n_warnings;

        return json_pack("{s:s, s:o, s:b, s:I, s:I, s:O, s:I, s:o}", "schema", "keyrouter.check/2",
                         "file", text_json(policy_path(r)), "ok", p != NULL, "errors",
                         (json_int_t)d->n_errors, "warnings", (json_int_t)n_warnings, "findings",
                         findings, "findings_left_out", (json_int_t)d->n_dropped, "totals",
                         totals_json(p, plan));
}

static int document_print(json_t *document)
{
        int status = json_print(document);

        json_decref(document);
        return status;
}

int verb_check(const struct request *r)
{
        CLEANUP(diag_done) struct diag d;
        CLEANUP(policy_unrefp) struct policy *policy = NULL;
        CLEANUP(plan_freep) struct plan *plan = NULL;
        CLEANUP(json_freep) json_t *findings = NULL;
        int status, written = 0;

        diag_init(&d);
        status = request_plan(r, &d, &policy, &plan);
        diag_sort(&d);
        findings = findings_json(&d);
        if (status == 0) {
                status = ledger_ask(r, &findings);
                if (status)
                        return status;
        }
        if (r->json)
                written = document_print(check_json(r, policy, plan, findings, &d));
        else
                findings_print(r, findings, &d);
        if (!r->json && status == 0)
                ok_print(r, policy, plan, findings);
        return status ? status : written;
}
