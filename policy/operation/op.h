/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * op - what the operations share
 *
 * Internal to policy/operation/. An operation is a function of its file and a row of the table in
 * operation.c. It returns 0 with the reply filled, which may well say no, or a negative errno or a
 * LEDGER_E_x, which operation_run() explains.
 */
#include "policy/operation/operation.h"

#include <jansson.h>
#include <sysexits.h>

struct op {
        struct operation_host *host;
        const char *who;
        json_t *request;
        struct reply *reply;
        int64_t now_us; /* wall clock */
};

static inline void json_freep(json_t **j)
{
        json_decref(*j);
}

static inline void files_freep(struct file_set *s)
{
        file_set_done(s);
}

/* ---- answers ---- */

/* Sets the body; NULL (there was no memory for it) becomes -ENOMEM. */
MUST_CHECK int op_answer(struct op *o, json_t *body);

/* The reply is a refusal of that status. `remedy` may be NULL. Returns 0. */
int op_refuse(struct op *o, int status, const char *remedy, const char *format, ...)
        PRINTF_LIKE(4, 5);

/* The same with findings: EX_DATAERR. */
int op_refuse_findings(struct op *o, struct diag *d, const char *what);

json_t *findings_json(const struct diag *d);

/* A text as JSON; null for NULL. Bytes that are not UTF-8 become '?'. */
json_t *text_json(const char *text);

/* "2026-03-01T12:00:00Z", null for 0. */
json_t *time_json(int64_t us);

/* The address of a slot, or "router". */
const char *host_text(const struct addr *a, char text[static ADDR_TEXT_MAX]);

/* ---- requests; each refuses what is of the wrong type with EX_USAGE and returns false then ---- */

bool op_text(struct op *o, const char *name, bool required, const char **ret);
bool op_integer(struct op *o, const char *name, int64_t min, int64_t max, int64_t *ret);
bool op_flag(struct op *o, const char *name, bool *ret);
/* A list of texts; *ret is NULL where it is not given. Borrowed from the request. */
bool op_texts(struct op *o, const char *name, json_t **ret);

/* ---- policies ---- */

/* A policy with all that it was made of and is planned by. */
struct op_policy {
        struct file_set files;
        struct pin_set *pins;
        struct policy *policy;
        struct entry_set *entries;
        struct addr router;
        struct diag diag;
        struct revision *applied; /* in force; NULL: none */
        char digest[65];
        bool is_applied; /* it is the one in force, word for word */
        uint64_t head;   /* of the ledger it was read against */
};

void op_policy_init(struct op_policy *p);
void op_policy_done(struct op_policy *p);

/*
 * The request's policy, or where it has none the one in force at row `id` (0: now). Returns 0 and
 * *p with a policy, or with policy == NULL having refused; or a negative errno or LEDGER_E_x.
 */
MUST_CHECK int op_policy_load(struct op *o, uint64_t id, struct op_policy *p);

/* Plans it against what stands on the keys. As above: *ret is NULL having refused. */
MUST_CHECK int op_policy_plan(struct op *o, struct op_policy *p, struct plan **ret);

/* What is in force: plan_restore() of it. */
MUST_CHECK int op_policy_restore(struct op *o, struct op_policy *p, struct plan **ret);

/* ---- plans as JSON ---- */

struct plan_document {
        const struct op_policy *policy;
        const struct plan *plan;
        const struct entry_move *moves;
        size_t n_moves;
};

/* keyrouter.plan/2, but for its schema. NULL: no memory. */
json_t *plan_json(const struct plan_document *d);

/* SHA-256 over what a plan starts from and what it would change: equal plans have equal ones. */
void plan_outcome(const struct plan_document *d, char ret[static 65]);

/* "PROVIDER KEY HOST\n" for each slot with a key. NULL: no memory. */
char *plan_assignment(const struct plan *plan);

/* ---- the operations ---- */

typedef int op_function(struct op *o);

op_function op_plan, op_apply, op_confirm, op_rollback;
op_function op_allowlist, op_allowlist_confirm, op_allowlist_import;
op_function op_explain, op_whatif, op_status, op_names;
op_function op_history, op_diff, op_revision;
op_function op_suspend, op_resume;
op_function op_resolve;
op_function op_ledger_backup, op_ledger_restore, op_ledger_verify;
