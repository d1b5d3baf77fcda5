/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One plan after the other, each on what the one before left behind. Random policies and entries;
 * what holds for all of them:
 *
 *  - planned again on what a plan left, the plan is the same, and nothing is to be done;
 *  - plan_restore() on it gives the plan again;
 *  - a key lists no more than its capacity less reserve, once what is leaving is gone;
 *  - one more address, whose keys have room, moves nobody, and gets a key;
 *  - one address less moves nobody, unless somebody who had none gets a key by it;
 *  - policy A, then B, then A again, nothing confirmed in between: the desks served are those of
 *    A before, priority by priority, and where A can serve them in one way only, so is all of A.
 *    (Unless entries of strangers are leaving: B may give their room away.) Where A can serve them
 *    in several ways, who stayed through B stays where B put him.
 */
#include "tests/unit/policy/model.h"

#include <stdio.h>

#define N_ROUNDS 3000U
#define NOW_US 5000

/* Big where the brute force is not asked. */
static void random_model(struct model *m, uint64_t *seed, bool small)
{
        do {
                if (small)
                        model_random(m, seed, 4, 4, 6);
                else
                        model_random(m, seed, MODEL_MAX_GROUPS, MODEL_MAX_KEYS,
                                     MODEL_MAX_ADDRESSES);
        } while (!model_is_possible(m));
}

static struct plan *plan_by(int (*make)(struct policy *, const struct entry_set *,
                                        const struct addr *, struct diag *, struct plan **),
                            struct policy *p, const struct entry_set *entries)
{
        struct plan *plan = NULL;
        struct diag d;

        diag_init(&d);
        assert_int_equal(make(p, entries, NULL, &d, &plan), 0);
        diag_done(&d);
        return plan;
}

/* Applies the plan. *ret_n: the moves it takes. */
static struct entry_set *settled(const struct plan *plan, const struct entry_set *before,
                                 size_t *ret_n)
{
        CLEANUP(move_list_freep) struct move_list *moves = NULL;
        struct entry_set *after = NULL;

        assert_int_equal(entries_settle(plan, before, NOW_US, &moves), 0);
        assert_int_equal(entries_after(before, moves->moves, moves->n, NOW_US, &after), 0);
        if (ret_n)
                *ret_n = moves->n;
        return after;
}

/* Same address, same key and state? `what` it is that should be. */
static void plans_expect_equal(const struct model *m, const struct plan *a, const struct plan *b,
                               bool with_state, const char *what)
{
        assert_int_equal(a->n_slots, b->n_slots);
        for (size_t i = 0; i < a->n_slots; i++) {
                const struct slot *x = &a->slots[i], *y = &b->slots[i];

                if (strcmp(x->key ? x->key->name : "none", y->key ? y->key->name : "none") != 0)
                        fail_msg("%s: %s: %u is on %s, was on %s", m->text, what, y->seen.bytes[15],
                                 y->key ? y->key->name : "none", x->key ? x->key->name : "none");
                if (with_state && x->key &&
                    (x->state != y->state || (x->added_us && x->added_us != y->added_us)))
                        fail_msg("%s: %s: %u is %s, was %s", m->text, what, y->seen.bytes[15],
                                 entry_state_name(y->state), entry_state_name(x->state));
        }
}

static void keys_expect_within_capacity(const struct model *m, const struct plan *plan,
                                        const struct entry_set *after)
{
        unsigned n[MODEL_MAX_KEYS] = { 0 };

        for (size_t i = 0; i < after->n; i++)
                if (after->entries[i].key[0] == 'k' && after->entries[i].state != ENTRY_LEAVING)
                        n[after->entries[i].key[1] - '0']++;
        for (unsigned k = 0; k < plan->n_keys; k++)
                if (plan->keys[k].n_slots > 0 && n[k] + m->reserve[k] > m->capacity[k])
                        fail_msg("%s: %u entries on k%u", m->text, n[k], k);
}

static void a_settled_plan_is_planned_again_the_same(void **state)
{
        uint64_t seed = 20261123;

        for (unsigned i = 0; i < N_ROUNDS; i++) {
                struct model m;
                size_t n_moves;

                random_model(&m, &seed, i % 2);
                CLEANUP(build_freep) struct policy *p = model_policy(&m);
                CLEANUP(entry_set_freep) struct entry_set *before = model_entries(&m, &seed);
                CLEANUP(plan_freep) struct plan *plan = plan_by(plan_make, p, before);
                CLEANUP(entry_set_freep) struct entry_set *after = settled(plan, before, NULL);
                CLEANUP(plan_freep) struct plan *again = plan_by(plan_make, p, after);
                CLEANUP(plan_freep) struct plan *restored = plan_by(plan_restore, p, after);
                CLEANUP(entry_set_freep) struct entry_set *still = settled(again, after, &n_moves);

                plans_expect_equal(&m, plan, again, true, "planned again");
                plans_expect_equal(&m, plan, restored, true, "restored");
                if (again->n_moves != 0 || n_moves != 0)
                        fail_msg("%s: %zu moves, %zu entries move", m.text, again->n_moves,
                                 n_moves);
                keys_expect_within_capacity(&m, plan, after);
        }
}

/* Does a key that the groups behind the address may use have room in the plan? */
static bool has_room(const struct model *m, const struct plan *plan, unsigned address)
{
        for (unsigned k = 0; k < plan->n_keys; k++)
                if (model_keys(m, address) & 1U << k && plan->keys[k].n_slots < plan->keys[k].room)
                        return true;
        return false;
}

static void address_add(struct model *m, uint64_t *seed)
{
        unsigned group;

        do
                group = (unsigned)build_random(seed, m->n_groups);
        while (m->keys_of[group] == 0 && build_random(seed, 8) > 0);
        m->desks[m->n_addresses++][group] = 1 + (unsigned)build_random(seed, 3);
}

static void one_more_address_moves_nobody_where_there_is_room(void **state)
{
        uint64_t seed = 20261124;
        unsigned n_fitted = 0;

        for (unsigned i = 0; i < N_ROUNDS; i++) {
                struct model m;

                do
                        random_model(&m, &seed, false);
                while (m.n_addresses == MODEL_MAX_ADDRESSES);
                CLEANUP(build_freep) struct policy *p = model_policy(&m);
                CLEANUP(entry_set_freep) struct entry_set *entries = model_entries(&m, &seed);
                CLEANUP(plan_freep) struct plan *plan = plan_by(plan_make, p, entries);
                CLEANUP(entry_set_freep) struct entry_set *after = settled(plan, entries, NULL);
                CLEANUP(plan_freep) struct plan *steady = plan_by(plan_make, p, after);

                address_add(&m, &seed);
                CLEANUP(build_freep) struct policy *more = model_policy(&m);
                CLEANUP(plan_freep) struct plan *next = plan_by(plan_make, more, after);
                bool fits = has_room(&m, steady, m.n_addresses - 1);

                if (!fits)
                        continue;
                n_fitted++;
                assert_int_equal(next->n_moves, 0);
                assert_int_equal(next->n_slots, steady->n_slots + 1);
                if (!next->slots[next->n_slots - 1].key) /* the last: it has the highest address */
                        fail_msg("%s: no key for the last address", m.text);
                next->n_slots--;
                plans_expect_equal(&m, steady, next, true, "with one more");
        }
        assert_in_range(n_fitted, N_ROUNDS / 20, N_ROUNDS);
}

static unsigned n_served(const struct plan *plan)
{
        unsigned n = 0;

        for (size_t i = 0; i < plan->n_slots; i++)
                n += plan->slots[i].key != NULL;
        return n;
}

static void one_address_less_moves_nobody_but_to_serve_more(void **state)
{
        uint64_t seed = 20261125;
        unsigned n_tried = 0;

        for (unsigned i = 0; i < N_ROUNDS; i++) {
                struct model m;

                random_model(&m, &seed, false);
                CLEANUP(build_freep) struct policy *p = model_policy(&m);
                CLEANUP(entry_set_freep) struct entry_set *entries = model_entries(&m, &seed);
                CLEANUP(plan_freep) struct plan *plan = plan_by(plan_make, p, entries);
                CLEANUP(entry_set_freep) struct entry_set *after = settled(plan, entries, NULL);
                unsigned gone = (unsigned)build_random(&seed, m.n_addresses), n;

                for (n = 0; n < plan->n_slots && plan->slots[n].seen.bytes[15] != gone; n++)
                        ;
                if (n == plan->n_slots)
                        continue;
                memset(m.desks[gone], 0, sizeof(m.desks[gone]));
                CLEANUP(build_freep) struct policy *less = model_policy(&m);
                CLEANUP(plan_freep) struct plan *next = plan_by(plan_make, less, after);

                if (n_served(next) > n_served(plan) - (plan->slots[n].key != NULL))
                        continue;
                n_tried++;
                if (next->n_moves != 0)
                        fail_msg("%s: %zu moves without %u", m.text, next->n_moves, gone);
        }
        assert_in_range(n_tried, N_ROUNDS / 4, N_ROUNDS);
}

/* Another policy over the same addresses and keys. */
static void model_change(struct model *m, uint64_t *seed)
{
        struct model other;

        do
                model_random(&other, seed, 4, 4, 6);
        while (!model_is_possible(&other));
        *m = other;
}

/* Does the policy leave an address one way at most? */
static void a_rollback_serves_the_same_desks(void **state)
{
        uint64_t seed = 20261126;
        unsigned n_unique = 0;

        for (unsigned i = 0; i < N_ROUNDS; i++) {
                struct model a, b;
                struct score before, behind;
                unsigned n_ways;

                random_model(&a, &seed, true);
                CLEANUP(build_freep) struct policy *pa = model_policy(&a);
                CLEANUP(plan_freep) struct plan *first = plan_by(plan_make, pa, NULL);
                CLEANUP(entry_set_freep) struct entry_set *ea = settled(first, NULL, NULL);

                model_change(&b, &seed);
                CLEANUP(build_freep) struct policy *pb = model_policy(&b);
                CLEANUP(plan_freep) struct plan *between = plan_by(plan_make, pb, ea);
                CLEANUP(entry_set_freep) struct entry_set *eb = settled(between, ea, NULL);
                CLEANUP(plan_freep) struct plan *again = plan_by(plan_make, pa, eb);

                before = model_best(&a, ea, &n_ways);
                behind = model_score(&a, eb, again);
                if (memcmp(before.desks, behind.desks, sizeof(before.desks)) != 0)
                        fail_msg("%s, then %s: %u %u %u desks, then %u %u %u", a.text, b.text,
                                 before.desks[0], before.desks[1], before.desks[2], behind.desks[0],
                                 behind.desks[1], behind.desks[2]);
                if (n_ways > 1)
                        continue;
                n_unique++;
                plans_expect_equal(&a, first, again, false, "after a rollback");
        }
        assert_in_range(n_unique, N_ROUNDS / 20, N_ROUNDS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_settled_plan_is_planned_again_the_same),
                cmocka_unit_test(one_more_address_moves_nobody_where_there_is_room),
                cmocka_unit_test(one_address_less_moves_nobody_but_to_serve_more),
                cmocka_unit_test(a_rollback_serves_the_same_desks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
