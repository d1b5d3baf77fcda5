/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * op - what the operations share
 *
 * Internal to policy/operation/. An operation is a function of its file and a row of the table in
 * operation.c. It returns 0 with the reply filled, which may well say no, or a negative errno or a
 * LEDGER_E_x, which operation_run() explains.
 */
#include "policy/operation/json.h"
#include "policy/operation/operation.h"

#include <sysexits.h>

struct op {
        struct operation_host *host;
        const char *who;
        json_t *request;
        struct reply *reply;
        int64_t now_us; /* wall clock */
};

/* ---- answers ---- */

/* Sets the body; NULL (there was no memory for it) becomes -ENOMEM. */
MUST_CHECK int op_answer(struct op *o, json_t *body);

/* The reply is a refusal of that status. `remedy` may be NULL. Returns 0. */
int op_refuse(struct op *o, int status, const char *remedy, const char *format, ...)
        PRINTF_LIKE(4, 5);

/* The same with findings: EX_DATAERR. */
int op_refuse_findings(struct op *o, struct diag *d, const char *what);

/* The address of a slot, or "router". */
const char *host_text(const struct addr *a, char text[static ADDR_TEXT_MAX]);

/*
 * ledger_commit(), after which the reply has `changes`, a set of CHANGED_x: whatever goes wrong from
 * then on, it is done.
 */
MUST_CHECK int op_commit(struct op *o, const struct change *c, unsigned changes, uint64_t *ret_row);

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
        bool is_applied;         /* it is the one in force, word for word */
        uint64_t head;           /* of the ledger it was read against */
        struct pin_set *answers; /* what host names stand for now; NULL: the request tells none */
        struct pin *fresh_pins;  /* of names that the request's answers tell and that had none */
        size_t n_fresh_pins;
};

void op_policy_init(struct op_policy *p);
void op_policy_done(struct op_policy *p);

/*
 * The request's policy, or where it has none the one in force at row `id` (0: now). Returns 0 and
 * *p with a policy, or with policy == NULL having refused; or a negative errno or LEDGER_E_x.
 */
MUST_CHECK int op_policy_load(struct op *o, uint64_t id, struct op_policy *p);

/*
 * The policy in force, whatever the request says, and the entries. Where none has been applied yet,
 * p->policy is NULL and nothing is refused: there is no answer in the reply then.
 */
MUST_CHECK int op_in_force_load(struct op *o, struct op_policy *p);

/* Plans it against what stands on the keys. As above: *ret is NULL having refused. */
MUST_CHECK int op_policy_plan(struct op *o, struct op_policy *p, struct plan **ret);

/* What is in force: plan_restore() of it. */
MUST_CHECK int op_policy_restore(struct op *o, struct op_policy *p, struct plan **ret);

/* The request's "answers". *ret is NULL having refused. */
MUST_CHECK int op_answers_read(struct op *o, struct pin_set **ret);

/* Reads them into p->answers, and adds to p->pins those of names without a pin. */
MUST_CHECK int op_pins_freshen(struct op *o, struct op_policy *p);

/* ---- plans as JSON ---- */

struct plan_document {
        const struct op_policy *policy;
        const struct plan *plan;
        const struct entry_move *moves;
        size_t n_moves;
};

/* keyrouter.plan/2, but for its schema. NULL: no memory. */
json_t *plan_json(const struct plan_document *d);

/* Its member "moves". NULL: no memory. */
json_t *moves_json(const struct plan *plan, const struct entry_set *entries);

/* SHA-256 over what a plan starts from and what it would change: equal plans have equal ones. */
void plan_outcome(const struct plan_document *d, char ret[static 65]);

/* Entries of the key that will be leaving behind the moves. */
size_t plan_count_leaving(const struct plan_document *d, const struct key_use *use);

/* "PROVIDER KEY HOST\n" for each slot with a key. NULL: no memory. */
char *plan_assignment(const struct plan *plan);

/* ---- pieces of several answers ---- */

/* The member "switched_off". Returns 0, or what the ledger said. */
MUST_CHECK int op_switches(struct op *o, json_t **ret);

/* The member "unusable_s": how long ago a call could not leave from its egress address; null: it could,
 * or nobody knows. NULL: no memory. */
json_t *unusable_json(const struct operation_host *host);

/* The member "files" of an applied policy. NULL: no memory. */
json_t *revision_files_json(const struct revision *r);

/* ---- the operations ---- */

typedef int op_function(struct op *o);

op_function op_plan, op_apply, op_confirm, op_rollback;
op_function op_allowlist, op_allowlist_confirm, op_allowlist_import;
op_function op_explain, op_whatif, op_status, op_names;
op_function op_history, op_diff, op_revision;
op_function op_suspend, op_resume;
op_function op_resolve;
op_function op_ledger_backup, op_ledger_restore, op_ledger_verify;
