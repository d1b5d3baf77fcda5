/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_state - is what is in force still what stands in the file?
 */
#include "policy/operation/op.h"

/* The file that an administrator edits: the host's, or the one that was applied. NULL: not known. */
const char *policy_state_path(const struct op *o, const struct op_policy *in_force);

/* "in force", "differs", "invalid" (there is a mistake in it or in a file that it names), "unreadable",
 * "none" (none is in force). Returns 0 or -ENOMEM. */
MUST_CHECK int policy_state(const struct op *o, const struct op_policy *in_force, const char **ret);
