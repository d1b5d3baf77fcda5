/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * assign - how many addresses go to which key, at the least cost
 *
 * Addresses that differ in nothing that counts are one demand; what they have on keys already are
 * its claims. Most are served level by level, the most important first; of all such assignments
 * one with the most held claims met, and of those one with the most others met: exactly. Bare
 * numbers; the planner knows what they stand for.
 */
#include "lib/base/cleanup.h"

#include <stdbool.h>
#include <stdint.h>

/* Keys that some demands may go to. */
struct assign_set {
        const uint32_t *keys; /* ascending, each once: the order of preference */
        uint32_t n_keys;
};

struct assign_demand {
        uint32_t level; /* never falls from one to the next: the most important come first */
        uint32_t set;
        uint32_t n;                     /* addresses */
        uint32_t first_claim, n_claims; /* in the problem's claims */
};

/*
 * `n` addresses of the demand have a place on this key of its set. An address with one claim at
 * most may share a demand with others of that kind; one with several only with such as have the
 * same: `n` of each claim is then that of the demand.
 */
struct assign_claim {
        uint32_t key;
        uint32_t n;
        bool is_held; /* lost by a move; otherwise it could be had back */
};

struct assign_problem {
        const uint32_t *rooms; /* free places of each key */
        uint32_t n_keys;
        const struct assign_set *sets;
        uint32_t n_sets;
        const struct assign_demand *demands;
        uint32_t n_demands;
        const struct assign_claim *claims;
        uint32_t n_claims;
};

struct assign;

/* Keeps nothing of *p. Returns 0, -E2BIG (over 2^31 pairs of set and key) or -ENOMEM. */
MUST_CHECK int assign_solve(const struct assign_problem *p, struct assign **ret);
void assign_free(struct assign *a);
DEFINE_FREEP(struct assign, assign_free);

/* Addresses of a demand that get a key. */
uint32_t assign_served(const struct assign *a, uint32_t demand);

/* Those of them that get the key of a claim because of it. */
uint32_t assign_met(const struct assign *a, uint32_t claim);

/* Addresses of the demands of a set that get its i-th key otherwise. */
uint32_t assign_flow(const struct assign *a, uint32_t set, uint32_t i);
