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
#include "lib/settings/scan.h"

#include <libconfig.h>

#define SOURCE_MAX_BYTES ((size_t)4 * 1024 * 1024)

/* A value as written: a scalar, or the bracket that opens a group or list. */
struct mark {
        struct slice text; /* a text with its quotes, from the first part's to the last part's */
        unsigned line, column;
        unsigned n_parts; /* texts side by side are one value to libconfig */
        enum token_kind kind;
        struct token name; /* of the setting; its text is empty for elements of a list */
};

struct source {
        char *path;
        char *text; /* terminated; without the byte order mark that it may begin with */
        size_t length;
        char *masked; /* as the text, but what it says may be shown */
        struct mark *marks;
        size_t n_marks;
        config_t config;
};

struct setting_row;

/*
 * From `text` where it is given, else from the file at `path`; `rows` say what of it may be shown.
 * Returns 0; -EINVAL when that is not libconfig's syntax, or another negative errno when it cannot
 * be read: each with a finding.
 */
MUST_CHECK int source_new(const char *path, const struct file_text *text,
                          const struct setting_row *rows, struct diag *d, struct source **ret);
void source_free(struct source *s);
DEFINE_FREEP(struct source, source_free);

struct place token_place(const struct source *s, const struct token *t);

/* The source a setting was read from. */
struct source *source_of(const config_setting_t *setting);

/* Where its name stands, or the value of an element of a list; the root is the file as a whole. */
struct place setting_place(const config_setting_t *setting);
/* Where its value stands, or the bracket that opens it. */
struct place value_place(const config_setting_t *setting);

/* NULL for the root. */
const struct mark *setting_mark(const config_setting_t *setting);
