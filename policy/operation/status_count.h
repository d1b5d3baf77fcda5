/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * status_count - how many desks are served by what
 *
 * As planned, and as far as an administrator has not switched it off: an address that is not added
 * at the vendor yet counts as on its key, and as not live, too. A desk counts once for each provider
 * that is planned.
 */
#include "policy/operation/op.h"
#include "policy/operation/switched.h"

struct desk_counts {
        size_t n_desks, n_on_keys, n_by_backend, n_refused;
        size_t n_not_live; /* of n_on_keys: until it is, the former key or the backend serves */
};

/* One for each group of the policy. NULL: no memory. Owner: the caller, free(). */
struct desk_counts *status_count(const struct plan *plan, const struct switched *switched);
