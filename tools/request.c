/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/plan.h"
#include "tools/verb.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <sysexits.h>

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
                        fprintf(stderr, "keyrouter: %s: %s\n", r->operand, strerror(-error));
                return EX_NOINPUT;
        }
}

int request_plan(const struct request *r, struct diag *d, struct policy **ret_policy,
                 struct plan **ret_plan)
{
        CLEANUP(policy_unrefp) struct policy *policy = NULL;
        CLEANUP(plan_freep) struct plan *plan = NULL;
        int error;

        error = policy_load(r->operand, r->provider_dir, d, &policy);
        if (!error)
                error = plan_make(policy, NULL, &r->router, d, &plan);
        if (error)
                return status_of_error(r, error, d);
        *ret_policy = TAKE(policy);
        *ret_plan = TAKE(plan);
        return 0;
}

const char *count_text(size_t n, const char *one, const char *many)
{
        static char texts[8][64];
        static unsigned next;
        char *text = texts[next++ % N_ELEMENTS(texts)];

        snprintf(text, sizeof(texts[0]), "%zu %s", n, n == 1 ? one : many);
        return text;
}

json_t *json_text(const char *text)
{
        CLEANUP(freep) char *copy = NULL;
        json_t *value;

        if (!text)
                return json_null();
        value = json_string(text);
        if (value)
                return value;
        copy = strdup(text);
        if (!copy)
                return NULL;
        for (char *c = copy; *c; c++)
                if (*c & 0x80)
                        *c = '?';
        return json_string(copy);
}

int json_finish(json_t *document)
{
        int r = -1;

        if (document)
                r = json_dumpf(document, stdout, JSON_INDENT(2));
        json_decref(document);
        if (r != 0) {
                fputs("keyrouter: cannot write the output as JSON\n", stderr);
                return EX_OSERR;
        }
        putchar('\n');
        return 0;
}
