/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * folder - settings files for one test, in a folder of their own that goes with it
 *
 * Any failure stops the test at once.
 */
#include "lib/base/cleanup.h"
#include "lib/settings/diag.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#define FOLDER_MAX_FILES 8
#define FOLDER_PATH_MAX 128

struct folder {
        char path[FOLDER_PATH_MAX];
        char files[FOLDER_MAX_FILES][FOLDER_PATH_MAX];
        size_t n_files;
};

static inline void folder_init(struct folder *f)
{
        const char *base = getenv("TMPDIR");

        *f = (struct folder){ .n_files = 0 };
        assert_true(snprintf(f->path, sizeof(f->path) - 40, "%s/keyrouter-test-XXXXXX",
                             base ? base : "/tmp") < FOLDER_PATH_MAX - 40);
        assert_non_null(mkdtemp(f->path));
}

static inline void folder_done(struct folder *f)
{
        for (size_t i = 0; i < f->n_files; i++)
                unlink(f->files[i]);
        rmdir(f->path);
}

/* The path lives as long as the folder. */
static inline const char *folder_put_bytes(struct folder *f, const char *name, struct slice bytes)
{
        char path[FOLDER_PATH_MAX];
        FILE *file;

        assert_true(f->n_files < FOLDER_MAX_FILES);
        assert_true(snprintf(path, sizeof(path), "%.90s/%.30s", f->path, name) < FOLDER_PATH_MAX);
        strcpy(f->files[f->n_files], path);
        file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes.data, 1, bytes.length, file), bytes.length);
        assert_int_equal(fclose(file), 0);
        return f->files[f->n_files++];
}

static inline const char *folder_put(struct folder *f, const char *name, const char *text)
{
        return folder_put_bytes(f, name, slice_of(text));
}

/* All findings as diag_print() writes them, without the folder. Owner: the caller. */
static inline char *folder_findings(const struct folder *f, const struct diag *d)
{
        CLEANUP(freep) char *raw = NULL;
        size_t size, length = strlen(f->path) + 1;
        FILE *out = open_memstream(&raw, &size);
        char *text, *end;

        assert_non_null(out);
        diag_print(d, out);
        fclose(out);
        text = malloc(size + 1);
        assert_non_null(text);
        end = text;
        for (const char *c = raw; *c;) {
                if (strncmp(c, f->path, length - 1) == 0 && c[length - 1] == '/')
                        c += length;
                else
                        *end++ = *c++;
        }
        *end = 0;
        return text;
}
