/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/op.h"
#include "policy/settle.h"

int op_plan(struct op *o)
{
        CLEANUP(op_policy_done) struct op_policy p;
        CLEANUP(plan_freep) struct plan *plan = NULL;
        CLEANUP(move_list_freep) struct move_list *moves = NULL;
        int r;

        op_policy_init(&p);
        r = op_policy_load(o, 0, &p);
        if (r || !p.policy)
                return r;
        r = op_policy_plan(o, &p, &plan);
        if (r || !plan)
                return r;
        r = entries_settle(plan, p.entries, o->now_us, &moves);
        if (r)
                return r;
        return op_answer(o, plan_json(&(struct plan_document){ &p, plan, moves->moves, moves->n }));
}
