/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * seats - which address gets which key, at one provider
 */
#include "policy/plan.h"
#include "policy/standing.h"
#include "policy/terms.h"

/*
 * Gives the provider's slots (one for each egress address, n_desks set, without a key) their keys;
 * `uses` has the rooms. Returns 0, -E2BIG or -ENOMEM.
 */
MUST_CHECK int seats_assign(const struct terms_table *t, const struct standing *s,
                            const struct key_use *uses, struct slot *slots);
