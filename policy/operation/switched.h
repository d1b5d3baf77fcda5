/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * switched - what an administrator has switched off, to be looked up by name
 *
 * Owner: the caller.
 */
#include "policy/ledger/ledger.h"

struct switched {
        struct ledger_switch *list;
        size_t n;
};

/* Returns 0, a LEDGER_E_x or a negative errno. */
MUST_CHECK int switched_read(struct ledger *l, struct switched *ret);
void switched_done(struct switched *s);

/* The switch of "all" (kind "all", name ""), "key:" or "backend:" and a name; NULL: it is on. */
const struct ledger_switch *switched_find(const struct switched *s, const char *kind,
                                          const char *name);
