/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/fault.h"
#include "lib/settings/file.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>

/* Where the file name begins in a path. */
static size_t folder_length(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? (size_t)(slash - path) + 1 : 0;
}

/* The pattern, below the folder of `path`; characters of the folder that glob(7) would take for a
 * pattern are escaped. Owner: the caller. */
static char *pattern_below(const char *path, const char *pattern)
{
        size_t folder = pattern[0] == '/' ? 0 : folder_length(path);
        char *full = malloc(2 * folder + strlen(pattern) + 1);
        char *end = full;

        if (!full)
                return NULL;
        for (size_t i = 0; i < folder; i++) {
                if (strchr("*?[]\\", path[i]))
                        *end++ = '\\';
                *end++ = path[i];
        }
        strcpy(end, pattern);
        return full;
}

static bool file_is_read(const struct settings_file *f, const char *path)
{
        for (size_t i = 1; i < f->n_sources; i++) {
                if (strcmp(f->sources[i]->path, path) == 0)
                        return true;
        }
        return false;
}

static bool file_is_main(const struct settings_file *f, const char *path)
{
        struct stat a, b;

        return stat(f->sources[0]->path, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
               a.st_ino == b.st_ino;
}

static int match_read(struct settings_file *f, const char *path, struct place at, struct diag *d)
{
        if (file_is_read(f, path))
                return 0;
        if (file_is_main(f, path)) {
                diag_error(d, at, "keep drop-ins in a folder of their own, such as conf.d",
                           "include names this file itself");
                return -EINVAL;
        }
        if (f->n_sources >= SETTINGS_MAX_FILES) {
                diag_error(d, at, NULL, "include names more than %d files", SETTINGS_MAX_FILES - 1);
                return -EINVAL;
        }
        return file_read(f, path, NULL, d);
}

/* A pattern may match nothing; a plain name must be there. */
static int match_none(const char *pattern, struct place at, struct diag *d)
{
        if (strpbrk(pattern, "*?["))
                return 0;
        diag_error(d, at, NULL, "include names \"%s\", which is not there", pattern);
        return -EINVAL;
}

static int pattern_read(struct settings_file *f, const char *pattern, struct place at,
                        struct diag *d)
{
        CLEANUP(freep) char *full = pattern_below(f->sources[0]->path, pattern);
        CLEANUP(globfree) glob_t matches = { 0 };
        int first = 0;
        int r;

        if (!full)
                return fault(-ENOMEM);
        r = glob(full, 0, NULL, &matches);
        if (r == GLOB_NOSPACE)
                return fault(-ENOMEM);
        if (r == GLOB_NOMATCH)
                return match_none(pattern, at, d);
        if (r) {
                diag_error(d, at, NULL, "the folder of include \"%s\" cannot be read", pattern);
                return -EIO;
        }
        for (size_t i = 0; i < matches.gl_pathc; i++) {
                r = match_read(f, matches.gl_pathv[i], at, d);
                if (!first)
                        first = r;
        }
        return first;
}

/* All that were read when the files were kept, whatever the patterns would match today. */
static int kept_read(struct settings_file *f, struct diag *d)
{
        CLEANUP(freep) char *role = NULL;
        const struct file_text *text;
        size_t i = 0;
        int first = 0;

        if (asprintf(&role, "%s include", f->input->role) < 0) {
                role = NULL;
                return fault(-ENOMEM);
        }
        while ((text = file_set_next(f->input->files, role, &i))) {
                int r = file_read(f, text->path, text, d);

                if (!first)
                        first = r;
        }
        return first;
}

/* Values of the wrong type are left to the rows, which report them. */
int file_include(struct settings_file *f, struct diag *d)
{
        config_setting_t *root = config_root_setting(&f->sources[0]->config);
        config_setting_t *include = config_setting_get_member(root, "include");
        int first = 0;

        if (f->input->files)
                return kept_read(f, d);
        for (int i = 0; include && i < value_count(include); i++) {
                config_setting_t *pattern = value_at(include, i);
                int r;

                if (config_setting_type(pattern) != CONFIG_TYPE_STRING)
                        continue;
                r = pattern_read(f, config_setting_get_string(pattern), setting_place(pattern), d);
                if (!first)
                        first = r;
        }
        return first;
}
