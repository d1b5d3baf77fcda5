/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * model - random policies and entries, and what the best plan of them is, by trying everything
 *
 * Knows the rules of policy/plan.h, and nothing of how the planner follows them.
 */
#include "policy/settle.h"
#include "tests/unit/policy/build.h"

#define MODEL_MAX_GROUPS 8U
#define MODEL_MAX_KEYS 8U
#define MODEL_MAX_ADDRESSES 48U
#define MODEL_N_PRIORITIES 3U
#define MODEL_STRANGERS 200U /* 203.0.113.200 and above: addresses of no policy */

/* A policy as the brute force knows it. Address a is 203.0.113.a, key k is "kN". */
struct model {
        unsigned n_groups, n_keys, n_addresses;
        unsigned capacity[MODEL_MAX_KEYS], reserve[MODEL_MAX_KEYS];
        unsigned keys_of[MODEL_MAX_GROUPS]; /* set of keys */
        unsigned priority[MODEL_MAX_GROUPS];
        unsigned desks[MODEL_MAX_ADDRESSES][MODEL_MAX_GROUPS]; /* all 0: not in the policy */
        char text[8192];                                       /* for a person, when it fails */
};

/* Small enough for the brute force, or of its own size up to these. */
void model_random(struct model *m, uint64_t *seed, unsigned max_groups, unsigned max_keys,
                  unsigned max_addresses);

/* Owner: the caller, build_free(). Writes m->text. */
struct policy *model_policy(struct model *m);

/* False: an address has groups with keys, but no key in common. */
bool model_is_possible(const struct model *m);

/* Keys that the groups behind an address may use together. */
unsigned model_keys(const struct model *m, unsigned address);
bool model_has(const struct model *m, unsigned address);

/* Entries of all kinds on keys of the model and others, by its addresses and strangers. */
struct entry_set *model_entries(struct model *m, uint64_t *seed);

/* What a plan is judged by, the former before the latter. */
struct score {
        unsigned desks[MODEL_N_PRIORITIES]; /* served, of the highest priority first */
        unsigned moves;                     /* fewer are better */
        unsigned reclaims;
};

/* Above 0: `a` is better. */
int score_compare(const struct score *a, const struct score *b);

/* Of a plan by its slots alone; fails where it breaks a rule. */
struct score model_score(const struct model *m, const struct entry_set *entries,
                         const struct plan *plan);

/* The best there is. *ret_n (may be NULL): in how many ways, as far as desks go. */
struct score model_best(const struct model *m, const struct entry_set *entries, unsigned *ret_n);

/* Room of each key by the rule. */
void model_rooms(const struct model *m, const struct entry_set *entries, unsigned *rooms);
