/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ranges - sets of addresses as arrays of ranges
 *
 * A set in order is sorted, and its ranges neither overlap nor touch.
 */
#include "lib/base/addr.h"

struct range_set {
        struct range *ranges;
        size_t n;
};

void range_set_done(struct range_set *s);

/* Returns 0 or -ENOMEM. */
MUST_CHECK int range_set_add(struct range_set *s, const struct range *r);

/* Brings the set in order: sorts, and joins what overlaps or touches. */
void range_set_order(struct range_set *s);

/* Each takes a set in order. */
bool range_set_contains(const struct range_set *s, const struct addr *a);
bool range_set_overlaps(const struct range_set *s, const struct range *r);

/* Appends what of `r` is not in `without` to *s. Returns 0 or -ENOMEM. */
MUST_CHECK int range_set_add_without(struct range_set *s, const struct range *r,
                                     const struct range_set *without);

/* Is all of `r` in one of the two? */
bool range_is_covered(const struct range *r, const struct range_set *a, const struct range_set *b);

/* An address of the range that is private (addr_is_private), if there is one. */
bool range_find_private(const struct range *r, struct addr *ret);

/* What of the range no host can have as its address, for a sentence: "the unspecified address". NULL:
 * there is nothing of the kind. */
const char *range_find_hostless(const struct range *r);
