/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "policy/ledger/ledger.h"
#include "policy/plan.h"
MUST_CHECK int entries_settle(const struct plan *plan, const struct entry_set *before, int64_t now_us, struct move_list **ret);
MUST_CHECK int entries_after(const struct entry_set *before, const struct entry_move *moves, size_t n, int64_t now_us, struct entry_set **ret);
