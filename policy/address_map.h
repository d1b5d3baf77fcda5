/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * address_map - which group a workstation belongs to
 *
 * Where ranges of several groups cover an address, the one with the fewest addresses wins: of two
 * prefixes the longer. Of ranges of the same size the group that comes first in the policy wins
 * (the checks of the policy report those). Immutable. Owner: the policy.
 */
#include "lib/base/addr.h"

struct address_map;
struct group;
struct policy;

/* All addresses of a range that belong to one group. */
struct address_interval {
        struct range range;
        const struct group *group; /* of the policy */
};

/* From the groups of *p, which must outlive the map. Returns 0 or -ENOMEM. O(n log n). */
MUST_CHECK int address_map_new(const struct policy *p, struct address_map **ret);
void address_map_free(struct address_map *m);
DEFINE_FREEP(struct address_map, address_map_free);

/* Sorted and disjoint; neighbours of the same group are one. They live as long as the map. */
const struct address_interval *address_map_intervals(const struct address_map *m, size_t *ret_n);

/* The group of an address, or NULL. O(log n). */
const struct group *address_map_find(const struct address_map *m, const struct addr *a);
