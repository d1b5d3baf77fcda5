/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * on_key - what the ledger says of one key's list
 *
 * Shared by the operations on allowlists. Borrows from the entries, which must outlive it.
 */
#include "policy/operation/op.h"

struct on_key {
        const struct entry **entries; /* by host, then provider */
        size_t n;
};

/* `provider` NULL: of any. A key's name may have been one of another provider earlier. */
MUST_CHECK int on_key_init(struct on_key *k, const struct entry_set *set, const char *provider,
                           const char *key);
void on_key_done(struct on_key *k);

/* The entries of a host: *ret_n of them from *ret_first on. */
void on_key_find(const struct on_key *k, const char *host, size_t *ret_first, size_t *ret_n);

size_t on_key_count(const struct on_key *k, enum entry_state state);

/* The key of that name, or NULL (also for a NULL policy). */
const struct key *policy_key(const struct policy *p, const char *name);

/* Refuses: neither the policy in force nor the ledger knows that key. Returns 0. */
int op_refuse_key(struct op *o, const struct op_policy *p, const char *name);
