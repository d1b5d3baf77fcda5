/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ledger_need - for verbs that have nothing to say without a ledger
 *
 * A session of a verb that only looks opens with neither a daemon nor a ledger there, and sees one
 * in which nothing has been applied. That is right for a policy that is given, and a lie about what
 * is in force.
 */
#include "tools/session.h"

/* Returns 0, or the exit status having said that there is none, and the remedy. */
MUST_CHECK int ledger_need(const struct session *s, const struct request *r, const char *remedy);
