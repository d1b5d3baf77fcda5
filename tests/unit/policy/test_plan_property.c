/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small policies at random, planned twice: by the planner, and by trying everything. What is
 * compared is what the planner promises exactly: no capacity exceeded, no key that a group may not
 * use, and the desks served, priority by priority.
 */
#include "tests/unit/policy/build.h"

#include <errno.h>
#include <stdio.h>

#define N_ROUNDS 4000U
#define MAX_GROUPS 4U
#define MAX_KEYS 4U
#define MAX_ADDRESSES 6U
#define N_PRIORITIES 3U

/* The policy as the brute force knows it: bits, no code of the planner. */
struct model {
        unsigned n_groups, n_keys, n_addresses;
        unsigned rooms[MAX_KEYS];
        unsigned keys_of[MAX_GROUPS]; /* set of keys */
        unsigned priority[MAX_GROUPS];
        unsigned desks[MAX_ADDRESSES][MAX_GROUPS];
        char text[1024]; /* for a person, when it fails */
};

/* Desks served of each priority, the highest first: compared from the front. */
struct score {
        unsigned desks[N_PRIORITIES];
};

/* Keys that all groups with keys behind an address may use. False: there are such groups, but no
 * key. */
static bool address_keys(const struct model *m, unsigned address, unsigned *ret_keys)
{
        unsigned keys = ~0U, n = 0;

        for (unsigned g = 0; g < m->n_groups; g++) {
                if (!m->desks[address][g] || !m->keys_of[g])
                        continue;
                keys &= m->keys_of[g];
                n++;
        }
        *ret_keys = n ? keys : 0;
        return n == 0 || keys != 0;
}

static void address_worth(const struct model *m, unsigned address, struct score *score)
{
        unsigned n_desks = 0, priority = 0;

        for (unsigned g = 0; g < m->n_groups; g++) {
                if (!m->desks[address][g] || !m->keys_of[g])
                        continue;
                n_desks += m->desks[address][g];
                priority = MAX(priority, m->priority[g]);
        }
        score->desks[N_PRIORITIES - 1 - priority] += n_desks;
}

static int score_compare(const struct score *a, const struct score *b)
{
        for (unsigned i = 0; i < N_PRIORITIES; i++)
                if (a->desks[i] != b->desks[i])
                        return a->desks[i] < b->desks[i] ? -1 : 1;
        return 0;
}

/* Every way to give the addresses from `address` on a key or none. */
static void try_everything(struct model *m, unsigned address, struct score so_far,
                           struct score *best)
{
        unsigned keys;

        if (address == m->n_addresses) {
                if (score_compare(&so_far, best) > 0)
                        *best = so_far;
                return;
        }
        try_everything(m, address + 1, so_far, best);
        address_keys(m, address, &keys);
        address_worth(m, address, &so_far);
        for (unsigned k = 0; k < m->n_keys; k++) {
                if (!(keys & 1U << k) || m->rooms[k] == 0)
                        continue;
                m->rooms[k]--;
                try_everything(m, address + 1, so_far, best);
                m->rooms[k]++;
        }
}

static void model_random(struct model *m, uint64_t *seed)
{
        *m = (struct model){ .n_groups = 1 + (unsigned)build_random(seed, MAX_GROUPS),
                             .n_keys = 1 + (unsigned)build_random(seed, MAX_KEYS),
                             .n_addresses = 1 + (unsigned)build_random(seed, MAX_ADDRESSES) };
        for (unsigned g = 0; g < m->n_groups; g++) {
                m->keys_of[g] = (unsigned)build_random(seed, 1U << m->n_keys);
                m->priority[g] = (unsigned)build_random(seed, N_PRIORITIES);
        }
        for (unsigned a = 0; a < m->n_addresses; a++) {
                unsigned n_sharing = build_random(seed, 4) == 0 ? 2 : 1;

                while (n_sharing--)
                        m->desks[a][build_random(seed, m->n_groups)] =
                                1 + (unsigned)build_random(seed, 3);
        }
}

/* The same as rows for the builder: desk d of group g behind address a is 10.g.a.d. */
static struct policy *model_policy(struct model *m, uint64_t *seed)
{
        static const char *const key_names[] = { "k0", "k1", "k2", "k3" };
        static const char *const group_names[] = { "g0", "g1", "g2", "g3" };
        struct build_key keys[MAX_KEYS + 1] = { { NULL } };
        struct build_group groups[MAX_GROUPS + 1] = { { NULL } };
        char lists[MAX_GROUPS][3][512] = { { "" } };
        char *out = m->text;

        for (unsigned k = 0; k < m->n_keys; k++) {
                unsigned capacity = (unsigned)build_random(seed, 4);
                unsigned reserve = (unsigned)build_random(seed, 2);

                keys[k] = (struct build_key){ key_names[k], 0, capacity, reserve };
                m->rooms[k] = capacity > reserve ? capacity - reserve : 0;
                out += sprintf(out, "%s: room %u; ", key_names[k], m->rooms[k]);
        }
        for (unsigned g = 0; g < m->n_groups; g++) {
                char *desks = lists[g][0], *allowed = lists[g][1], *nat = lists[g][2];

                for (unsigned k = 0; k < m->n_keys; k++)
                        if (m->keys_of[g] & 1U << k)
                                allowed += sprintf(allowed, "%s%s",
                                                   allowed == lists[g][1] ? "" : ",", key_names[k]);
                for (unsigned a = 0; a < m->n_addresses; a++) {
                        const char *comma = desks == lists[g][0] ? "" : ",";

                        if (!m->desks[a][g])
                                continue;
                        desks += sprintf(desks, "%s10.%u.%u.1-10.%u.%u.%u", comma, g, a, g, a,
                                         m->desks[a][g]);
                        nat += sprintf(nat, "%s10.%u.%u.0/24>203.0.113.%u", comma, g, a, a);
                }
                groups[g] =
                        (struct build_group){ group_names[g], lists[g][0][0] ? lists[g][0] : NULL,
                                              lists[g][1][0] ? lists[g][1] : NULL,
                                              lists[g][2][0] ? lists[g][2] : NULL,
                                              .priority = m->priority[g] };
                out += sprintf(out, "%s: %s on %s, priority %u; ", group_names[g], lists[g][2],
                               lists[g][1], m->priority[g]);
        }
        return build_policy(keys, groups);
}

/* The planner's score; fails where the plan breaks a rule. */
static struct score plan_score(const struct model *m, const struct plan *plan)
{
        unsigned used[MAX_KEYS] = { 0 }, numbers[MAX_KEYS] = { 0 };
        struct score score = { { 0 } };

        assert_int_equal(plan->n_slots, m->n_addresses);
        for (size_t i = 0; i < plan->n_slots; i++) {
                const struct slot *s = &plan->slots[i];
                unsigned keys;

                if (!s->key) {
                        assert_non_null(s->reason);
                        continue;
                }
                address_keys(m, s->seen.bytes[15], &keys);
                if (!(keys & 1U << s->key->index))
                        fail_msg("%s: address %u on %s", m->text, s->seen.bytes[15], s->key->name);
                used[s->key->index]++;
                numbers[s->key->index] |= 1U << s->number;
                address_worth(m, s->seen.bytes[15], &score);
        }
        for (unsigned k = 0; k < m->n_keys; k++) {
                if (used[k] > m->rooms[k])
                        fail_msg("%s: %u on key %u", m->text, used[k], k);
                assert_int_equal(used[k], plan->keys[k].n_slots);
                assert_int_equal(numbers[k], (1U << (used[k] + 1)) - 2);
        }
        return score;
}

static bool model_is_possible(const struct model *m)
{
        unsigned keys, any = 0;

        for (unsigned g = 0; g < m->n_groups; g++)
                any |= m->keys_of[g];
        for (unsigned a = 0; any && a < m->n_addresses; a++)
                if (!address_keys(m, a, &keys))
                        return false;
        return true;
}

static bool random_plan_is_best(uint64_t *seed)
{
        struct model m;
        struct score best = { { 0 } }, score;
        struct plan *made = NULL;
        struct diag d;
        int r;

        model_random(&m, seed);
        CLEANUP(build_freep) struct policy *p = model_policy(&m, seed);

        diag_init(&d);
        r = plan_make(p, NULL, NULL, &d, &made);
        diag_done(&d);
        CLEANUP(plan_freep) struct plan *plan = made;

        if (!model_is_possible(&m)) {
                if (r != -EINVAL)
                        fail_msg("%s: planned without a common key", m.text);
                return false;
        }
        if (r != 0)
                fail_msg("%s: refused", m.text);
        try_everything(&m, 0, (struct score){ { 0 } }, &best);
        score = plan_score(&m, plan);
        if (score_compare(&score, &best) != 0)
                fail_msg("%s: %u %u %u desks served, %u %u %u can be", m.text, score.desks[0],
                         score.desks[1], score.desks[2], best.desks[0], best.desks[1],
                         best.desks[2]);
        return true;
}

static void no_other_plan_serves_more_desks(void **state)
{
        uint64_t seed = 20260302;
        unsigned n_planned = 0;

        for (unsigned i = 0; i < N_ROUNDS; i++)
                n_planned += random_plan_is_best(&seed);
        assert_in_range(n_planned, N_ROUNDS / 2, N_ROUNDS - 1); /* both outcomes occurred */
}

static struct plan *plan_again(struct policy *p)
{
        struct plan *plan = NULL;
        struct diag d;

        diag_init(&d);
        assert_true(plan_make(p, NULL, NULL, &d, &plan) == 0 || d.n_errors > 0);
        diag_done(&d);
        return plan;
}

static void same_input_gives_the_same_plan(void **state)
{
        uint64_t seed = 20260303;

        for (unsigned i = 0; i < N_ROUNDS / 4; i++) {
                struct model m;

                model_random(&m, &seed);
                CLEANUP(build_freep) struct policy *p = model_policy(&m, &seed);
                CLEANUP(plan_freep) struct plan *a = plan_again(p), *b = plan_again(p);

                assert_true(!a == !b);
                for (size_t j = 0; a && j < a->n_slots; j++) {
                        const struct slot *x = &a->slots[j], *y = &b->slots[j];

                        assert_true(addr_equal(&x->seen, &y->seen));
                        assert_ptr_equal(x->key, y->key);
                        assert_ptr_equal(x->reason, y->reason);
                        assert_int_equal(x->number, y->number);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_other_plan_serves_more_desks),
                cmocka_unit_test(same_input_gives_the_same_plan),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
