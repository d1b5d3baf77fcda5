/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * new_file - what a command makes for an administrator goes where nothing stands yet
 */
#include "tools/verb.h"

/* Is there anything at the path already? Returns 0, or EX_CANTCREAT having said so. NULL: 0. */
MUST_CHECK int new_file_may(const struct request *r, const char *path);

/*
 * Writes a new file, whole or not at all; to standard output for a NULL path. Returns 0, or the exit
 * status having said why.
 */
MUST_CHECK int new_file_write(const struct request *r, const char *path, struct slice text);

/*
 * Writes the text where --output says. With --json a document of that schema is printed, with the text
 * and the path (null without --output); otherwise, and without --output, the text itself. Returns
 * likewise.
 */
MUST_CHECK int new_file_show(const struct request *r, const char *schema, const char *text);
