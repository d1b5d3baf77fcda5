/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * file - a settings file and its includes, read but not yet understood
 *
 * Internal to lib/settings. Owns the sources and all memory handed out by settings_alloc().
 */
#include "lib/settings/settings.h"
#include "lib/settings/source.h"

#define SETTINGS_MAX_FILES 1000

struct settings_piece;

struct settings_file {
        const struct settings_input *input; /* while it is being read */
        struct source **sources; /* the main file first, then the included ones in lexical order */
        size_t n_sources;
        struct settings_piece *pieces;
};

/* Appends the file at `path`, or `text` in its place, to f->sources. Returns as source_new(). */
MUST_CHECK int file_read(struct settings_file *f, const char *path, const struct file_text *text,
                         struct diag *d);

/*
 * Reads what the main file includes. All files are tried; the first error is returned, after all
 * the findings are in *d.
 */
MUST_CHECK int file_include(struct settings_file *f, struct diag *d);

/* Fills *target from the sources. Returns 0, whatever is found, or -ENOMEM. */
MUST_CHECK int rows_fill(struct settings_file *f, const struct setting_row *rows, void *target,
                         struct diag *d);

/* The elements of a setting that may be one value or a list of values. */
int value_count(const config_setting_t *setting);
config_setting_t *value_at(config_setting_t *setting, int i);
