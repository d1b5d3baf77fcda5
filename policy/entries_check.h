/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * entries_check - does the policy leave room for what stands on the keys?
 */
#include "policy/ledger/entries.h"
#include "policy/policy.h"

/*
 * Warns of keys that hold more than the policy lets them (their capacity less their reserve; what is
 * leaving does not count), with how many have to go, and of entries on keys that the policy does
 * not have. Returns 0 or -ENOMEM.
 */
MUST_CHECK int policy_check_entries(const struct policy *p, const struct entry_set *entries,
                                    struct diag *d);
