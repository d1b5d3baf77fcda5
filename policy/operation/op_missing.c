/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/op.h"
#define MISSING(name) __attribute__((weak)) int name(struct op *o) { return op_refuse(o, EX_SOFTWARE, NULL, #name " is missing"); }
MISSING(op_allowlist) MISSING(op_allowlist_confirm) MISSING(op_allowlist_import) MISSING(op_explain)
MISSING(op_whatif) MISSING(op_status) MISSING(op_names) MISSING(op_history) MISSING(op_diff)
MISSING(op_revision) MISSING(op_suspend) MISSING(op_resume) MISSING(op_ledger_backup)
MISSING(op_ledger_restore) MISSING(op_ledger_verify)
