/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * pins - the addresses that host names of the policy stand for
 *
 * Names are resolved in a step of their own and pinned in the ledger: a plan reads pins and never
 * DNS, so that an answer that changes moves nobody by itself. Immutable. Owner: the caller.
 */
#include "lib/base/addr.h"

#define PIN_MAX_ADDRESSES 16 /* of one name */

struct pin {
        const char *name;                     /* in lower case */
        struct addr addrs[PIN_MAX_ADDRESSES]; /* ascending */
        unsigned n_addrs;
        int64_t at_us; /* wall clock: resolved at */
};

/* Sorted by name, each once. */
struct pin_set {
        struct pin *pins;
        size_t n;
        char *texts;
};

/* Copies, sorts. Returns 0 or -ENOMEM. */
MUST_CHECK int pin_set_new(const struct pin *pins, size_t n, struct pin_set **ret);
void pin_set_free(struct pin_set *s);
DEFINE_FREEP(struct pin_set, pin_set_free);

/* NULL: not pinned (also for a NULL set). The name in any case. */
const struct pin *pin_set_find(const struct pin_set *s, const char *name);
