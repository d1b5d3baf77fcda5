/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * text_diff - what differs between two texts, as a unified diff
 *
 * Time and memory are bounded: where the texts have too little in common, a part of them is told as
 * replaced as a whole, which is a right diff and not the shortest.
 */
#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

struct diff_side {
        const char *label; /* of the "---" or "+++" line */
        struct slice text;
};

#define DIFF_CONTEXT 3      /* lines around what differs */
#define DIFF_MAX_EDITS 2000 /* from each end of a part, until it is told as replaced */

/*
 * `tell` gets each line, without its end, and returns 0 or a negative errno, which ends it. Equal
 * texts: not called. Returns 0, -ENOMEM, -EFBIG (over 2^31 lines) or what `tell` returned.
 */
MUST_CHECK int text_diff(const struct diff_side *old, const struct diff_side *new,
                         int (*tell)(void *context, struct slice line), void *context);
