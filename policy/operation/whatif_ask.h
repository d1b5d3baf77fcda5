/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * whatif_ask - what a request asks, as policy_whatif() takes it
 *
 * Texts are borrowed from the request. Owner: the caller.
 */
#include "policy/operation/op.h"
#include "policy/whatif.h"

#define WHATIF_MAX_ASKED 1000 /* of each kind */

struct whatif_ask {
        struct whatif what;
        struct whatif_desks *desks;
        struct whatif_key *keys;
        const char **removed;
};

/* Returns 0, with the reply's body set if it refuses, or -ENOMEM. */
MUST_CHECK int whatif_ask_read(struct op *o, struct whatif_ask *a);
void whatif_ask_done(struct whatif_ask *a);
