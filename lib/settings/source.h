/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * source - one file, read by libconfig and with every value tied to its place
 *
 * Internal to lib/settings. Heap objects do not move: the tree's settings point back to their
 * source.
 */
#include "lib/settings/diag.h"
#include "lib/settings/files.h"

#include <libconfig.h>

#define SOURCE_MAX_BYTES ((size_t)4 * 1024 * 1024)

/* A scalar as written. */
struct mark {
        struct slice text; /* a text with its quotes, from the first part's to the last part's */
        unsigned line;
        unsigned n_parts; /* texts side by side are one value to libconfig */
        bool is_number;
};

struct source {
        char *path;
        char *text; /* terminated */
        size_t length;
        struct mark *marks;
        size_t n_marks;
        unsigned long_text_line; /* where the first text with a line's end in it begins; 0: none */
        config_t config;
};

/*
 * From `text` where it is given, else from the file at `path`. Returns 0; -EINVAL when that is not
 * libconfig's syntax, or another negative errno when it cannot be read: each with a finding.
 */
MUST_CHECK int source_new(const char *path, const struct file_text *text, struct diag *d,
                          struct source **ret);
void source_free(struct source *s);
DEFINE_FREEP(struct source, source_free);

/* The source a setting was read from. */
struct source *source_of(const config_setting_t *setting);
struct place setting_place(const config_setting_t *setting);

/* The mark of a scalar; NULL for groups and lists. */
const struct mark *setting_mark(const config_setting_t *setting);
