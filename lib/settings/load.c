/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/fault.h"
#include "lib/settings/file.h"

#include <errno.h>

struct settings_piece {
        struct settings_piece *next;
        max_align_t data[];
};

void *settings_alloc(struct settings_file *f, size_t n, size_t size)
{
        struct settings_piece *p;
        size_t bytes;

        if (__builtin_mul_overflow(n, size, &bytes) ||
            __builtin_add_overflow(bytes, sizeof(*p), &bytes))
                return NULL;
        p = calloc(1, bytes);
        if (!p)
                return NULL;
        p->next = f->pieces;
        f->pieces = p;
        return p->data;
}

void settings_file_free(struct settings_file *f)
{
        if (!f)
                return;
        for (size_t i = 0; i < f->n_sources; i++)
                source_free(f->sources[i]);
        free(f->sources);
        while (f->pieces) {
                struct settings_piece *p = f->pieces;

                f->pieces = p->next;
                free(p);
        }
        free(f);
}

int file_read(struct settings_file *f, const char *path, struct diag *d)
{
        CLEANUP(source_freep) struct source *s = NULL;
        struct source **larger;
        int r = source_new(path, d, &s);

        if (r)
                return r;
        larger = reallocarray(f->sources, f->n_sources + 1, sizeof(struct source *));
        if (!larger)
                return fault(-ENOMEM);
        f->sources = larger;
        f->sources[f->n_sources++] = TAKE(s);
        return 0;
}

int settings_load(const char *path, const struct setting_row *rows, void *target, struct diag *d,
                  struct settings_file **ret_file)
{
        CLEANUP(settings_file_freep) struct settings_file *f = calloc(1, sizeof(*f));
        int r;

        if (!f)
                return fault(-ENOMEM);
        r = file_read(f, path, d);
        if (r)
                return r;
        r = file_include(f, d);
        if (r)
                return r;
        r = rows_fill(f, rows, target, d);
        if (r)
                return r;
        *ret_file = TAKE(f);
        return 0;
}
