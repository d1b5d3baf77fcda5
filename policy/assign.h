/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * assign - how many of each class go to which key
 *
 * A class is a number of egress addresses that may go to the same keys. Demands are pushed one
 * after the other, the most important first: each is served as far as is possible at all without
 * taking anything from those pushed before. Bare numbers; the planner knows what they stand for.
 */
#include "lib/base/cleanup.h"

#include <stdint.h>

struct assign;

struct assign_class {
        const uint32_t *keys; /* ascending, each once: the order of preference */
        uint32_t n_keys;
};

/* `rooms`: free places of each key. Copies everything. Returns 0, -E2BIG (over 2^31 pairs of class
 * and key) or -ENOMEM. */
MUST_CHECK int assign_new(const uint32_t *rooms, uint32_t n_keys,
                          const struct assign_class *classes, uint32_t n_classes,
                          struct assign **ret);
void assign_free(struct assign *a);
DEFINE_FREEP(struct assign, assign_free);

/*
 * Serves up to `wanted` more of a class and returns how many. Exact: with what was served before,
 * no assignment serves more of this class. Each fills the keys in order, but goes whole to a key
 * that is in use already where the next in order would split it.
 */
uint32_t assign_push(struct assign *a, uint32_t class, uint32_t wanted);

/* How many of a class go to the i-th of its keys, after all pushes so far. */
uint32_t assign_flow(const struct assign *a, uint32_t class, uint32_t i);
