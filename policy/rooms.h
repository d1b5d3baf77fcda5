/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * rooms - how many addresses a key has room for, and what stands on it beside them
 *
 * The rule is in plan.h. Since an entry whose address may use the key is never counted against it,
 * a plan that is carried out leaves no more room than it was made with: made again, it is the same.
 */
#include "policy/plan.h"
#include "policy/standing.h"
#include "policy/terms.h"

/* Fills n_leaving, n_foreign and room of the provider's keys in `uses` (one for each key of the
 * policy). Returns 0 or -ENOMEM. */
MUST_CHECK int rooms_count(const struct terms_table *t, const struct standing *s,
                           const struct provider *provider, struct key_use *uses);
