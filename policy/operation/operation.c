/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/op.h"

#include "lib/base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const struct operation {
        const char *name;
        op_function *run;
        bool changes;
} operations[] = {
        { "plan", op_plan, false },
        { "apply", op_apply, true },
        { "confirm", op_confirm, true },
        { "rollback", op_rollback, true },
        { "allowlist", op_allowlist, false },
        { "allowlist-confirm", op_allowlist_confirm, true },
        { "allowlist-import", op_allowlist_import, true },
        { "explain", op_explain, false },
        { "whatif", op_whatif, false },
        { "status", op_status, false },
        { "names", op_names, false },
        { "history", op_history, false },
        { "diff", op_diff, false },
        { "revision", op_revision, false },
        { "suspend", op_suspend, true },
        { "resume", op_resume, true },
        { "resolve", op_resolve, true },
        { "ledger-backup", op_ledger_backup, false },
        { "ledger-restore", op_ledger_restore, true },
        { "ledger-verify", op_ledger_verify, false },
};

static const struct operation *operation_find(const char *name)
{
        for (size_t i = 0; i < N_ELEMENTS(operations); i++)
                if (strcmp(operations[i].name, name) == 0)
                        return &operations[i];
        return NULL;
}

bool operation_exists(const char *name, bool *ret_changes)
{
        const struct operation *found = operation_find(name);

        if (found)
                *ret_changes = found->changes;
        return found != NULL;
}

/* ---- refusals ---- */

static void reply_set(struct reply *r, int status, json_t *body)
{
        json_decref(r->body);
        r->body = body;
        r->status = status;
}

int op_refuse(struct op *o, int status, const char *remedy, const char *format, ...)
{
        char text[1024];
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        reply_set(o->reply, status, error_json(status, remedy, text, NULL));
        return 0;
}

int op_refuse_findings(struct op *o, struct diag *d, const char *what)
{
        char text[256];

        diag_sort(d);
        snprintf(text, sizeof(text), "%s: %zu error%s, %zu warning%s", what, d->n_errors,
                 d->n_errors == 1 ? "" : "s", d->n_warnings, d->n_warnings == 1 ? "" : "s");
        reply_set(o->reply, EX_DATAERR, error_json(EX_DATAERR, NULL, text, findings_json(d)));
        return 0;
}

int op_answer(struct op *o, json_t *body)
{
        if (!body)
                return -ENOMEM;
        json_decref(o->reply->body);
        o->reply->body = body;
        o->reply->status = 0;
        return 0;
}

int op_commit(struct op *o, const struct change *c, unsigned changes, uint64_t *ret_row)
{
        int r = ledger_commit(o->host->ledger, c, ret_row);

        if (r == 0)
                o->reply->changed |= changes;
        return r;
}

/* What the ledger or the world said no to. */
static void op_explain_failure(struct op *o, int r)
{
        if (o->reply->changed)
                op_refuse(o, EX_OSERR, "see keyrouter history; do not do it again",
                          "it is done, but there is no answer to show for it: %s",
                          r > 0 ? ledger_explain(r) : strerror(-r));
        else if (r == LEDGER_E_STALE)
                op_refuse(o, EX_TEMPFAIL, "plan again", "%s", ledger_explain(r));
        else if (r == LEDGER_E_FULL)
                op_refuse(o, EX_IOERR, "make room on the disk, then do it again",
                          "%s; nothing has changed", ledger_explain(r));
        else if (r == LEDGER_E_DENIED)
                op_refuse(o, EX_NOPERM, NULL, "%s", ledger_explain(r));
        else if (r > 0)
                op_refuse(o, EX_UNAVAILABLE, NULL, "%s", ledger_explain(r));
        else if (r == -ENOMEM)
                op_refuse(o, EX_OSERR, NULL, "out of memory; nothing has changed");
        else
                op_refuse(o, EX_OSERR, NULL, "%s; nothing has changed", strerror(-r));
}

void operation_run(struct operation_host *host, const char *name, const char *who, json_t *request,
                   struct reply *ret)
{
        const struct operation *found = operation_find(name);
        struct op o = { host, who, request, ret, (int64_t)clock_wall_us() };
        int r;

        *ret = (struct reply){ EX_SOFTWARE, NULL, 0 };
        if (!found)
                op_refuse(&o, EX_USAGE, NULL, "there is no operation \"%.64s\"", name);
        else if (!json_is_object(request))
                op_refuse(&o, EX_USAGE, NULL, "the request is not a JSON object");
        else if (found->changes && !host->ledger_path)
                op_refuse(&o, EX_UNAVAILABLE, "is keyrouterd running, and may you use its socket?",
                          "there is no ledger to change");
        else {
                r = found->run(&o);
                if (r != 0)
                        op_explain_failure(&o, r);
        }
        if (!ret->body) /* no memory even to say so */
                ret->body = json_object();
        assert(ret->body);
}

void reply_done(struct reply *r)
{
        json_decref(r->body);
        r->body = NULL;
}

/* ---- requests ---- */

static bool op_mistyped(struct op *o, const char *name, const char *wanted)
{
        op_refuse(o, EX_USAGE, NULL, "\"%s\" is not %s", name, wanted);
        return false;
}

bool op_text(struct op *o, const char *name, bool required, const char **ret)
{
        json_t *value = json_object_get(o->request, name);

        *ret = json_string_value(value);
        if (*ret || (!required && (!value || json_is_null(value))))
                return true;
        return op_mistyped(o, name, "a text");
}

bool op_integer(struct op *o, const char *name, int64_t min, int64_t max, int64_t *ret)
{
        json_t *value = json_object_get(o->request, name);
        int64_t number = json_integer_value(value);

        if (!value || json_is_null(value))
                return true;
        if (!json_is_integer(value) || number < min || number > max) {
                op_refuse(o, EX_USAGE, NULL, "\"%s\" is not an integer from %lld to %lld", name,
                          (long long)min, (long long)max);
                return false;
        }
        *ret = number;
        return true;
}

bool op_flag(struct op *o, const char *name, bool *ret)
{
        json_t *value = json_object_get(o->request, name);

        if (!value || json_is_null(value))
                return true;
        if (!json_is_boolean(value))
                return op_mistyped(o, name, "true or false");
        *ret = json_is_true(value);
        return true;
}

bool op_texts(struct op *o, const char *name, json_t **ret)
{
        json_t *value = json_object_get(o->request, name), *each;
        size_t i;

        *ret = NULL;
        if (!value || json_is_null(value))
                return true;
        if (!json_is_array(value))
                return op_mistyped(o, name, "a list of texts");
        json_array_foreach(value, i,
                           each) if (!json_is_string(each)) return op_mistyped(o, name,
                                                                               "a list of texts");
        *ret = value;
        return true;
}

const char *host_text(const struct addr *a, char text[static ADDR_TEXT_MAX])
{
        return addr_is_unspecified(a) ? strcpy(text, "router") : addr_format(a, text);
}
