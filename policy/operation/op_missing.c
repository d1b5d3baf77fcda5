/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/op.h"
#define MISSING(name) __attribute__((weak)) int name(struct op *o) { return op_refuse(o, EX_SOFTWARE, NULL, #name " is missing"); }
MISSING(op_explain)
MISSING(op_whatif)
MISSING(op_status)
MISSING(op_names)
