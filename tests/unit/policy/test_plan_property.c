/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small policies and entries at random, planned twice: by the planner, and by trying everything.
 * What is compared is what the planner promises exactly: no room exceeded, no key that a group may
 * not use, the desks served, priority by priority, then the moves, then what is had back.
 */
#include "tests/unit/policy/model.h"

#include <errno.h>
#include <stdio.h>

#define N_ROUNDS 6000U
#define MAX_GROUPS 4U
#define MAX_KEYS 4U
#define MAX_ADDRESSES 6U

static int plan_try(struct policy *p, const struct entry_set *entries, struct plan **ret)
{
        struct diag d;
        int r;

        diag_init(&d);
        r = plan_make(p, entries, NULL, &d, ret);
        assert_true((r != 0) == (d.n_errors > 0));
        diag_done(&d);
        return r;
}

static void score_expect(const struct model *m, const struct score *is, const struct score *best)
{
        if (score_compare(is, best) != 0)
                fail_msg("%s: %u %u %u desks served, %u moves, %u had back; "
                         "%u %u %u, %u and %u can be",
                         m->text, is->desks[0], is->desks[1], is->desks[2], is->moves, is->reclaims,
                         best->desks[0], best->desks[1], best->desks[2], best->moves,
                         best->reclaims);
}

static bool random_plan_is_best(uint64_t *seed, bool with_entries)
{
        struct model m;
        struct score best, score;

        model_random(&m, seed, MAX_GROUPS, MAX_KEYS, MAX_ADDRESSES);
        CLEANUP(build_freep) struct policy *p = model_policy(&m);
        CLEANUP(entry_set_freep)
        struct entry_set *entries = with_entries ? model_entries(&m, seed) : NULL;
        CLEANUP(plan_freep) struct plan *plan = NULL;
        int r = plan_try(p, entries, &plan);

        if (!model_is_possible(&m)) {
                if (r != -EINVAL)
                        fail_msg("%s: planned without a common key", m.text);
                return false;
        }
        if (r != 0)
                fail_msg("%s: refused", m.text);
        if (plan->n_keys == 0 || plan->n_slots == 0)
                return true;
        best = model_best(&m, entries, NULL);
        score = model_score(&m, entries, plan);
        score_expect(&m, &score, &best);
        assert_int_equal(plan->n_moves, score.moves);
        return true;
}

static void rounds(uint64_t seed, bool with_entries)
{
        unsigned n_planned = 0;

        for (unsigned i = 0; i < N_ROUNDS; i++)
                n_planned += random_plan_is_best(&seed, with_entries);
        assert_in_range(n_planned, N_ROUNDS / 2, N_ROUNDS - 1); /* both outcomes occurred */
}

static void no_other_plan_serves_more_desks(void **state)
{
        rounds(20260302, false);
}

static void no_other_plan_serves_more_desks_with_fewer_moves(void **state)
{
        rounds(20261120, true);
}

static void same_input_gives_the_same_plan(void **state)
{
        uint64_t seed = 20260303;

        for (unsigned i = 0; i < N_ROUNDS / 4; i++) {
                struct model m;

                model_random(&m, &seed, MODEL_MAX_GROUPS, MODEL_MAX_KEYS, MODEL_MAX_ADDRESSES);
                CLEANUP(build_freep) struct policy *p = model_policy(&m);
                CLEANUP(entry_set_freep) struct entry_set *entries = model_entries(&m, &seed);
                CLEANUP(plan_freep) struct plan *a = NULL, *b = NULL;

                assert_int_equal(plan_try(p, entries, &a), plan_try(p, entries, &b));
                for (size_t j = 0; a && j < a->n_slots; j++) {
                        const struct slot *x = &a->slots[j], *y = &b->slots[j];

                        assert_true(addr_equal(&x->seen, &y->seen));
                        assert_ptr_equal(x->key, y->key);
                        assert_ptr_equal(x->reason, y->reason);
                        assert_int_equal(x->number, y->number);
                        assert_int_equal(x->state, y->state);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_other_plan_serves_more_desks),
                cmocka_unit_test(no_other_plan_serves_more_desks_with_fewer_moves),
                cmocka_unit_test(same_input_gives_the_same_plan),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
