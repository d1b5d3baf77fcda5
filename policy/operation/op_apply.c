/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply and rollback are one thing: a policy, planned from what stands on the keys, becomes the one
 * in force in one commit. A rollback takes the policy from the ledger, and plans from entries in
 * which every address has the key that it had then: as long as nothing stands against it, that is
 * what comes of it.
 */
#include "policy/operation/op.h"
#include "policy/operation/wish.h"
#include "policy/settle.h"

#include <errno.h>
#include <stdio.h>

struct applying {
        struct op_policy p;
        struct plan *plan;
        struct move_list *moves;
        const char *what, *why;
        int64_t confirm_within_s;  /* 0: it need not be confirmed */
        const char *outcome;       /* NULL: any */
        struct revision *restores; /* rollback */
        struct pending pending;    /* before */
        bool ends_pending;         /* a rollback does */
        size_t n_differing;
};

static void applying_done(struct applying *a)
{
        op_policy_done(&a->p);
        if (a->plan)
                plan_free(a->plan);
        if (a->moves)
                move_list_free(a->moves);
        if (a->restores)
                revision_free(a->restores);
}

static struct plan_document applying_document(const struct applying *a)
{
        return (struct plan_document){ &a->p, a->plan, a->moves->moves, a->moves->n };
}

/* What a plan would leave to be done at the vendor. */
static void open_count(const struct applying *a, size_t *ret_add, size_t *ret_remove)
{
        struct plan_document document = applying_document(a);

        *ret_add = *ret_remove = 0;
        for (size_t i = 0; i < a->plan->n_keys; i++) {
                *ret_add += a->plan->keys[i].n_wanted;
                *ret_remove += plan_count_leaving(&document, &a->plan->keys[i]);
        }
}

static void summary_write(const struct applying *a, char *out, size_t size)
{
        size_t n_add, n_remove, n_moves = plan_count_moves(a->plan, a->p.entries);
        int n = 0;

        open_count(a, &n_add, &n_remove);
        if (a->restores)
                n = snprintf(out, size,
                             "the policy of row %llu again: ", (unsigned long long)a->restores->id);
        snprintf(out + n, size - (size_t)n,
                 "%zu of %zu desks on keys, %zu move%s; at the vendor %zu to add, %zu to remove",
                 a->plan->n_desks_embedded, a->plan->n_desks, n_moves, n_moves == 1 ? "" : "s",
                 n_add, n_remove);
}

/* Wanted, and not any more: whoever entered them at the vendor already has to know. */
static size_t dropped_count(const struct applying *a)
{
        size_t n = 0;

        for (size_t i = 0; i < a->moves->n; i++)
                n += a->moves->moves[i].from == ENTRY_WANTED && a->moves->moves[i].to < 0;
        return n;
}

static int reply_fill(struct op *o, struct applying *a, bool applied, uint64_t row,
                      const char *summary)
{
        struct plan_document document = applying_document(a);
        size_t n_add, n_remove;
        int64_t by_us =
                applied && a->confirm_within_s ? o->now_us + a->confirm_within_s * 1000000 : 0;

        open_count(a, &n_add, &n_remove);
        return op_answer(o,
                         json_pack("{s:s, s:b, s:I, s:s, s:o, s:o, s:b, s:I, s:I, s:o, s:{s:I, s:I}}",
                                   "schema", "keyrouter.apply/1", "applied", applied, "revision",
                                   (json_int_t)row, "summary", summary, "confirm_by",
                                   time_json(by_us), "restores",
                                   a->restores ? json_integer((json_int_t)a->restores->id)
                                               : json_null(),
                                   "verified", a->n_differing == 0, "differing",
                                   (json_int_t)a->n_differing, "dropped",
                                   (json_int_t)dropped_count(a), "plan", plan_json(&document), "open",
                                   "add", (json_int_t)n_add, "remove", (json_int_t)n_remove));
}

/* The files as the ledger keeps them. Borrowed. */
static struct ledger_file *ledger_files(const struct file_set *files)
{
        struct ledger_file *list = calloc(files->n + 1, sizeof(*list));

        for (size_t i = 0; list && i < files->n; i++) {
                const struct file_text *f = &files->files[i];

                list[i] = (struct ledger_file){ f->role, f->path, f->text, f->length };
        }
        return list;
}

static int applying_commit(struct op *o, struct applying *a, const char *summary, uint64_t *ret_row)
{
        CLEANUP(freep) struct ledger_file *files = ledger_files(&a->p.files);
        CLEANUP(freep) char *assignment = plan_assignment(a->plan);
        char router[ADDR_TEXT_MAX] = "";
        struct pending pending = { 0 };
        struct change c = { .expected_head = a->p.head,
                            .who = o->who,
                            .what = a->what,
                            .why = a->why,
                            .summary = summary,
                            .at_us = o->now_us,
                            .moves = a->moves->moves,
                            .n_moves = a->moves->n,
                            .files = files,
                            .n_files = a->p.files.n,
                            .router = router,
                            .assignment = assignment,
                            .pins = a->p.fresh_pins,
                            .n_pins = a->p.n_fresh_pins };

        if (!files || !assignment)
                return -ENOMEM;
        if (!addr_is_unspecified(&a->p.router))
                addr_format(&a->p.router, router);
        if (a->confirm_within_s)
                pending = (struct pending){ UINT64_MAX, a->p.applied->id,
                                            o->now_us + a->confirm_within_s * 1000000 };
        if (a->confirm_within_s || a->ends_pending)
                c.pending = &pending;
        return op_commit(o, &c, CHANGED_POLICY | CHANGED_ENTRIES | CHANGED_PENDING, ret_row);
}

/* Is there anything against it that the plan does not know? True: go on. */
static bool applying_may(struct op *o, struct applying *a, int *ret_error)
{
        struct plan_document document = applying_document(a);
        char outcome[65];

        *ret_error = 0;
        plan_outcome(&document, outcome);
        if (a->outcome && strcmp(a->outcome, outcome) != 0) {
                op_refuse(o, EX_TEMPFAIL, "plan again and read what has changed",
                          "the plan is stale: the policy in force, or what stands on the keys, is "
                          "not "
                          "what it was made from");
                return false;
        }
        if (!o->host->hooks || !o->host->hooks->prepare)
                return true;
        *ret_error =
                o->host->hooks->prepare(o->host->hooks_context, a->p.policy, a->plan, &a->p.diag);
        if (*ret_error == -EINVAL)
                *ret_error = op_refuse_findings(o, &a->p.diag, "the router cannot run this policy");
        else if (*ret_error == 0)
                return true;
        return false;
}

static int applying_finish(struct op *o, struct applying *a)
{
        char summary[512];
        uint64_t row = 0;
        int r;

        r = entries_settle(a->plan, a->p.entries, o->now_us, &a->moves);
        if (r)
                return r;
        if (!applying_may(o, a, &r))
                return r;
        summary_write(a, summary, sizeof(summary));
        if (a->moves->n == 0 && a->p.is_applied && a->p.n_fresh_pins == 0 && !a->ends_pending)
                return reply_fill(o, a, false, a->p.applied->id, "nothing to change");
        r = applying_commit(o, a, summary, &row);
        if (r)
                return r;
        return reply_fill(o, a, true, row, summary);
}

/* False: refused. */
static bool applying_read(struct op *o, struct applying *a)
{
        if (!op_text(o, "why", false, &a->why) || !op_text(o, "outcome", false, &a->outcome) ||
            !op_integer(o, "confirm_within_s", 0, OPERATION_CONFIRM_MAX_S, &a->confirm_within_s))
                return false;
        if (a->confirm_within_s == 0 || o->host->hooks)
                return true;
        op_refuse(o, EX_UNAVAILABLE, "start keyrouterd, or apply without --confirm-within",
                  "only the running daemon can take an apply back by itself");
        return false;
}

/* While one waits for its confirmation, only a confirmation or a rollback may follow. */
static bool applying_is_free(struct op *o, const struct applying *a)
{
        if (a->pending.revision && !a->ends_pending) {
                op_refuse(o, EX_TEMPFAIL, "run keyrouter confirm, or keyrouter rollback, first",
                          "the policy of row %llu waits for its confirmation",
                          (unsigned long long)a->pending.revision);
                return false;
        }
        if (a->confirm_within_s && a->ends_pending) {
                op_refuse(
                        o, EX_UNAVAILABLE, "roll back without --confirm-within",
                        "the policy of row %llu waits for its confirmation: it would come back by "
                        "itself, and nothing would wait then",
                        (unsigned long long)a->pending.revision);
                return false;
        }
        if (a->confirm_within_s && !a->p.applied) {
                op_refuse(o, EX_UNAVAILABLE, "apply the first policy without --confirm-within",
                          "there is no policy yet that could be gone back to");
                return false;
        }
        return true;
}

int op_apply(struct op *o)
{
        CLEANUP(applying_done) struct applying a = { .what = "apply" };
        int r;

        op_policy_init(&a.p);
        if (!applying_read(o, &a))
                return 0;
        r = ledger_pending(o->host->ledger, &a.pending);
        if (r == 0)
                r = op_policy_load(o, 0, &a.p);
        if (r || !a.p.policy || !applying_is_free(o, &a))
                return r;
        r = op_policy_plan(o, &a.p, &a.plan);
        return r || !a.plan ? r : applying_finish(o, &a);
}

/* ---- going back ---- */

/* Which row? False: refused. */
static bool target_choose(struct op *o, const struct applying *a, uint64_t applied, uint64_t *to)
{
        int64_t told = 0;

        if (!op_integer(o, "to", 1, INT64_MAX, &told))
                return false;
        if (told)
                *to = (uint64_t)told;
        else if (a->pending.revision)
                *to = a->pending.previous;
        else if (applied > 1)
                *to = applied - 1;
        else
                op_refuse(o, EX_UNAVAILABLE, NULL, "there is no earlier policy to go back to");
        return *to != 0;
}

static int rollback_plan(struct op *o, struct applying *a)
{
        CLEANUP(entry_set_freep) struct entry_set *wish = NULL;
        int r = wish_make(a->p.entries, a->restores->assignment, &wish);

        if (r == 0)
                r = plan_make(a->p.policy, wish, &a->p.router, &a->p.diag, &a->plan);
        if (r == -EINVAL)
                return op_refuse_findings(o, &a->p.diag, "the policy cannot be planned");
        if (r)
                return r;
        return wish_differing(a->plan, a->restores->assignment, &a->n_differing);
}

static int rollback_to(struct op *o, struct applying *a, uint64_t to)
{
        int r = ledger_revision(o->host->ledger, to, &a->restores);

        if (r == -ENOENT)
                return op_refuse(o, EX_NOINPUT, "see keyrouter history",
                                 "no policy was in force at row %llu, or it is no longer kept",
                                 (unsigned long long)to);
        if (r == 0)
                r = op_policy_load(o, to, &a->p);
        if (r || !a->p.policy || !applying_is_free(o, a))
                return r;
        r = rollback_plan(o, a);
        return r || !a->plan ? r : applying_finish(o, a);
}

int op_rollback(struct op *o)
{
        CLEANUP(applying_done) struct applying a = { .what = "rollback", .ends_pending = false };
        CLEANUP(revision_freep) struct revision *now = NULL;
        uint64_t to = 0;
        int r;

        op_policy_init(&a.p);
        if (!applying_read(o, &a))
                return 0;
        json_object_del(o->request, "policy");
        r = ledger_pending(o->host->ledger, &a.pending);
        if (r == 0)
                r = ledger_revision(o->host->ledger, 0, &now);
        if (r && r != -ENOENT)
                return r;
        a.ends_pending = a.pending.revision != 0;
        if (!target_choose(o, &a, now ? now->id : 0, &to))
                return 0;
        return rollback_to(o, &a, to);
}

/* Only what waits is taken back: an apply that has been confirmed meanwhile stays. */
void operation_take_back(struct operation_host *host, const char *why, struct reply *ret)
{
        struct pending pending = { 0 };
        int r = ledger_pending(host->ledger, &pending);
        json_t *request;

        if (r || !pending.revision) {
                const char *error = r ? ledger_explain(r) : "nothing waits for a confirmation";

                *ret = (struct reply){ EX_UNAVAILABLE,
                                       error_json(EX_UNAVAILABLE, NULL, error, NULL), 0 };
                return;
        }
        request = json_pack("{s:s}", "why", why);
        operation_run(host, "rollback", "keyrouterd", request, ret);
        json_decref(request);
}

int op_confirm(struct op *o)
{
        struct pending pending, none = { 0 };
        struct change c = { .expected_head = UINT64_MAX,
                            .who = o->who,
                            .what = "confirm",
                            .at_us = o->now_us,
                            .pending = &none };
        char summary[128];
        uint64_t row;
        int r = ledger_pending(o->host->ledger, &pending);

        if (r)
                return r;
        if (!pending.revision)
                return op_refuse(o, EX_UNAVAILABLE, NULL, "nothing waits for a confirmation");
        if (!op_text(o, "why", false, &c.why))
                return 0;
        snprintf(summary, sizeof(summary), "the policy of row %llu stays",
                 (unsigned long long)pending.revision);
        c.summary = summary;
        r = op_commit(o, &c, CHANGED_PENDING, &row);
        if (r)
                return r;
        return op_answer(o, json_pack("{s:s, s:I, s:b}", "schema", "keyrouter.confirm/1",
                                      "revision", (json_int_t)pending.revision, "confirmed", 1));
}
