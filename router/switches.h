/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * switches - which keys and backends an administrator has switched off
 *
 * Immutable once made. Owner: the snapshot.
 */
#include "policy/ledger/ledger.h"
#include "policy/policy.h"

struct switches {
        struct ledger_switch *list; /* what the ledger says */
        size_t n;
        const struct ledger_switch *all;   /* everything is off; NULL: it is not */
        const struct ledger_switch **keys; /* of each key of the policy; NULL: it is on */
        const struct ledger_switch **backends;
};

/* `policy` NULL: without keys and backends. Names that it does not have are left out. Returns 0 or
 * -ENOMEM. */
MUST_CHECK int switches_init(struct switches *s, const struct policy *policy,
                             const struct ledger_switch *switched, size_t n);
void switches_done(struct switches *s);

/* Who switched it off and why; NULL: it is on. `s` may be NULL. */
static inline const struct ledger_switch *switch_of_key(const struct switches *s,
                                                        const struct key *key)
{
        return s ? s->keys[key->index] : NULL;
}

static inline const struct ledger_switch *switch_of_backend(const struct switches *s,
                                                            const struct backend *backend)
{
        return s ? s->backends[backend->index] : NULL;
}
