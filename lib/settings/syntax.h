/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * syntax - is a text libconfig's syntax, and if not, where not and why
 *
 * Internal to lib/settings. libconfig tells a line and "syntax error", and loses the memory of a
 * text that it meets where its grammar knows none; so it gets to see what passes here alone.
 */
#include "lib/settings/source.h"

/*
 * Every name that a group has twice is a finding, and every value of another type than those before
 * it in [ ]; of what is no syntax the first. Returns 0, -EINVAL with findings, or -ENOMEM.
 */
MUST_CHECK int syntax_check(const struct source *s, struct diag *d);
