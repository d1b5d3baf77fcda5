/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * whole_file - files that are read as a whole, and written as a whole or not at all
 */
#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

/* Reads a file; "-" is standard input. Owner of *ret: the caller, free(); it is terminated. Returns
 * 0, -EFBIG (over max_bytes), or another negative errno. */
MUST_CHECK int whole_file_read(const char *path, size_t max_bytes, void **ret, size_t *ret_length);

/*
 * Writes beside it, mode 0600, and renames: whoever looks sees the old one, or the new one whole and
 * on the disk. Returns 0, -EEXIST where there is one already and `replace` is false, or another
 * negative errno: nothing is there then but what was there before.
 */
MUST_CHECK int whole_file_write(const char *path, struct slice bytes, bool replace);

/* As much as there is to say of an error of the two: "the file is too large", or strerror(). */
const char *whole_file_explain(int error);
