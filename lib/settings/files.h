/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * files - the texts that settings were read from, to keep them and to read them again
 *
 * Every file has a role, by which it is found again, and the path that findings name. The role of a
 * file that another one includes is the other's with " include" behind it; there may be many of
 * those, in the order in which they were read. Owner: the caller.
 */
#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#include <stdbool.h>

struct file_text {
        char *role;
        char *path;
        char *text; /* terminated */
        size_t length;
};

struct file_set {
        struct file_text *files;
        size_t n;
        size_t n_bytes; /* of all texts */
};

#define FILE_SET_MAX_BYTES ((size_t)16 * 1024 * 1024)
#define FILE_SET_MAX_FILES 2000

void file_set_done(struct file_set *s);

/* Copies all. Returns 0, -EFBIG beyond the bounds, or -ENOMEM. */
MUST_CHECK int file_set_add(struct file_set *s, const char *role, const char *path,
                            struct slice text);

/* The next file of that role from index *i on, which then stands behind it; NULL: no more. */
const struct file_text *file_set_next(const struct file_set *s, const char *role, size_t *i);

/* Where settings come from. */
struct settings_input {
        const char *path;             /* of the file; in findings too */
        const char *role;             /* NULL: of no interest */
        const struct file_set *files; /* in place of the file system; NULL: that */
        struct file_set *record;      /* takes a copy of each file that is read; NULL: none */
};
