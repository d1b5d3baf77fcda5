/* SPDX-License-Identifier: Apache-2.0 */
/* Small problems at random, tight enough that paths go back over claims and sets, and solved twice:
 * by the flow, and by trying everything. */
#include "policy/assign.h"
#include "tests/unit/policy/build.h"

#include <errno.h>
#include <stdio.h>

#define N_ROUNDS 40000U
#define MAX_KEYS 4U
#define MAX_SETS 4U
#define MAX_DEMANDS 5U
#define MAX_ADDRESSES 7U
#define MAX_CLAIMS (MAX_DEMANDS * MAX_KEYS)

/* A problem and, for the brute force, each of its addresses. */
struct puzzle {
        struct assign_problem problem;
        uint32_t rooms[MAX_KEYS];
        struct assign_set sets[MAX_SETS];
        uint32_t keys[MAX_SETS][MAX_KEYS];
        struct assign_demand demands[MAX_DEMANDS];
        struct assign_claim claims[MAX_CLAIMS];
        struct {
                uint32_t demand;
                unsigned held, other; /* sets of keys */
        } addresses[MAX_ADDRESSES];
        unsigned n_addresses;
};

/* The former counts before the latter. */
struct score {
        unsigned served[MAX_DEMANDS]; /* of each level */
        unsigned held, other;         /* claims met */
};

static int score_compare(const struct score *a, const struct score *b)
{
        for (unsigned i = 0; i < MAX_DEMANDS; i++)
                if (a->served[i] != b->served[i])
                        return a->served[i] < b->served[i] ? -1 : 1;
        if (a->held != b->held)
                return a->held < b->held ? -1 : 1;
        return (a->other > b->other) - (a->other < b->other);
}

static void set_random(struct puzzle *p, uint64_t *seed, uint32_t set)
{
        unsigned keys = (unsigned)build_random(seed, 1U << p->problem.n_keys);
        struct assign_set *s = &p->sets[set];

        s->keys = p->keys[set];
        for (uint32_t k = 0; k < p->problem.n_keys; k++)
                if (keys & 1U << k)
                        p->keys[set][s->n_keys++] = k;
}

static void claim_add(struct puzzle *p, struct assign_demand *d, uint32_t key, uint32_t n,
                      bool is_held, unsigned first_address)
{
        p->claims[p->problem.n_claims++] = (struct assign_claim){ key, n, is_held };
        d->n_claims++;
        for (unsigned i = first_address; i < first_address + n; i++)
                *(is_held ? &p->addresses[i].held : &p->addresses[i].other) |= 1U << key;
}

/* Either every address has one claim at most, or all have the same. */
static void claims_random(struct puzzle *p, uint64_t *seed, struct assign_demand *d, unsigned first)
{
        const struct assign_set *s = &p->sets[d->set];
        bool alike = build_random(seed, 3) == 0;
        unsigned next = first;

        d->first_claim = p->problem.n_claims;
        for (uint32_t i = 0; i < s->n_keys; i++) {
                bool is_held = build_random(seed, 3) > 0;
                uint32_t n = alike ? d->n : (uint32_t)build_random(seed, 1 + first + d->n - next);

                if (n == 0 || build_random(seed, 3) == 0)
                        continue;
                claim_add(p, d, s->keys[i], n, is_held, alike ? first : next);
                next += n;
        }
}

static void puzzle_random(struct puzzle *p, uint64_t *seed)
{
        uint32_t level = 0;

        memset(p, 0, sizeof(*p));
        p->problem =
                (struct assign_problem){ .rooms = p->rooms,
                                         .sets = p->sets,
                                         .demands = p->demands,
                                         .claims = p->claims,
                                         .n_keys = 1 + (uint32_t)build_random(seed, MAX_KEYS),
                                         .n_sets = 1 + (uint32_t)build_random(seed, MAX_SETS) };
        for (uint32_t i = 0; i < p->problem.n_keys; i++)
                p->rooms[i] = (uint32_t)build_random(seed, 3);
        for (uint32_t i = 0; i < p->problem.n_sets; i++)
                set_random(p, seed, i);
        while (p->problem.n_demands < MAX_DEMANDS && p->n_addresses < MAX_ADDRESSES) {
                struct assign_demand *d = &p->demands[p->problem.n_demands];
                unsigned first = p->n_addresses;

                level += build_random(seed, 2) && p->problem.n_demands > 0;
                *d = (struct assign_demand){
                        .level = level,
                        .set = (uint32_t)build_random(seed, p->problem.n_sets),
                        .n = 1 + (uint32_t)build_random(seed, MAX_ADDRESSES - p->n_addresses)
                };
                for (uint32_t i = 0; i < d->n; i++)
                        p->addresses[p->n_addresses++].demand = p->problem.n_demands;
                claims_random(p, seed, d, first);
                p->problem.n_demands++;
        }
}

static void try_everything(struct puzzle *p, unsigned address, struct score so_far,
                           struct score *best)
{
        const struct assign_demand *d;
        const struct assign_set *s;

        if (address == p->n_addresses) {
                if (score_compare(&so_far, best) > 0)
                        *best = so_far;
                return;
        }
        try_everything(p, address + 1, so_far, best);
        d = &p->demands[p->addresses[address].demand];
        s = &p->sets[d->set];
        so_far.served[d->level]++;
        for (uint32_t i = 0; i < s->n_keys; i++) {
                unsigned bit = 1U << s->keys[i];
                struct score with = so_far;

                if (p->rooms[s->keys[i]] == 0)
                        continue;
                with.held += (p->addresses[address].held & bit) != 0;
                with.other += (p->addresses[address].other & bit) != 0;
                p->rooms[s->keys[i]]--;
                try_everything(p, address + 1, with, best);
                p->rooms[s->keys[i]]++;
        }
}

/* Fails where flows do not add up. */
static struct score solution_score(const struct puzzle *p, const struct assign *a)
{
        uint32_t used[MAX_KEYS] = { 0 }, general[MAX_SETS] = { 0 };
        struct score score = { { 0 } };

        for (uint32_t i = 0; i < p->problem.n_demands; i++) {
                const struct assign_demand *d = &p->demands[i];
                uint32_t served = assign_served(a, i);

                assert_true(served <= d->n);
                score.served[d->level] += served;
                for (uint32_t j = d->first_claim; j < d->first_claim + d->n_claims; j++) {
                        uint32_t met = assign_met(a, j);

                        assert_true(met <= p->claims[j].n && met <= served);
                        served -= met;
                        used[p->claims[j].key] += met;
                        *(p->claims[j].is_held ? &score.held : &score.other) += met;
                }
                general[d->set] += served;
        }
        for (uint32_t i = 0; i < p->problem.n_sets; i++) {
                for (uint32_t j = 0; j < p->sets[i].n_keys; j++) {
                        uint32_t flow = assign_flow(a, i, j);

                        assert_true(flow <= general[i]);
                        general[i] -= flow;
                        used[p->sets[i].keys[j]] += flow;
                }
                assert_int_equal(general[i], 0);
        }
        for (uint32_t i = 0; i < p->problem.n_keys; i++)
                assert_true(used[i] <= p->rooms[i]);
        return score;
}

static void no_other_assignment_is_better(void **state)
{
        uint64_t seed = 20261122;

        for (unsigned i = 0; i < N_ROUNDS; i++) {
                struct score best = { { 0 } }, score;
                struct puzzle p;
                struct assign *a = NULL;

                puzzle_random(&p, &seed);
                assert_int_equal(assign_solve(&p.problem, &a), 0);
                score = solution_score(&p, a);
                assign_free(a);
                try_everything(&p, 0, (struct score){ { 0 } }, &best);
                if (score_compare(&score, &best) != 0)
                        fail_msg("round %u: %u held and %u other claims met, %u and %u can be", i,
                                 score.held, score.other, best.held, best.other);
        }
}

static void too_many_pairs_of_set_and_key_are_refused(void **state)
{
        struct assign_set sets[2] = { { NULL, INT32_MAX }, { NULL, 1 } };
        struct assign_problem p = { .sets = sets, .n_sets = 2 };
        struct assign *a = NULL;

        assert_int_equal(assign_solve(&p, &a), -E2BIG);
        assert_null(a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_other_assignment_is_better),
                cmocka_unit_test(too_many_pairs_of_set_and_key_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
