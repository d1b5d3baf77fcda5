/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * spill - who uses no slot, and what becomes of them
 *
 * A spill is the desks of one group behind one address that do not use the address's slot: groups
 * that share an address need not share their fate. Owner: the caller; the plan must outlive it.
 */
#include "policy/plan.h"

struct spill {
        const struct slot *slot;
        const struct share *share;
        const char *reason;
        const struct backend *backend; /* NULL: refused */
};

struct spill_list {
        struct spill *spills; /* by provider, group and reason, then by address */
        size_t n;
};

/* Of one provider, or of all. */
struct plan_totals {
        size_t n_embedded, n_backend, n_refused; /* desks */
        size_t n_keys_used;
};

MUST_CHECK int spill_list_init(struct spill_list *l, const struct plan *plan);
void spill_list_done(struct spill_list *l);

/* `provider` NULL: of all. */
struct plan_totals plan_totals(const struct plan *plan, const struct spill_list *spills,
                               const struct provider *provider);

