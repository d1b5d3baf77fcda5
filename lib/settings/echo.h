/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * echo - the line of a place as it is shown below a finding
 *
 * Tabs become blanks, what is not plain ASCII becomes '?', each byte by itself, so that the caret
 * stands where it should; a long line is cut around it.
 */
#include "lib/settings/diag.h"

#define ECHO_COLUMNS 100 /* shown of a line; a few tabs may make it wider */

struct echo {
        char *line;      /* NULL: the place has no column, or no memory */
        unsigned caret;  /* where the word begins in it, 0.. */
        unsigned length; /* of the word, at least 1 */
};

/* Owner of the line: the caller, free(). */
struct echo echo_make(const struct place *at);
