/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/fault.h"
#include "lib/settings/file.h"

#include <errno.h>
#include <stdio.h>

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

/* What it is found by again: the main file by the input's role, the others as its includes. */
static int source_record(struct settings_file *f, const struct source *s)
{
        const struct settings_input *in = f->input;
        CLEANUP(freep) char *role = NULL;

        if (!in->record)
                return 0;
        if (asprintf(&role, "%s%s", in->role, f->n_sources ? " include" : "") < 0) {
                role = NULL;
                return fault(-ENOMEM);
        }
        /* Without the newline that was added when it was read. */
        return file_set_add(in->record, role, s->path, (struct slice){ s->text, s->length - 1 });
}

int file_read(struct settings_file *f, const char *path, const struct file_text *text,
              struct diag *d)
{
        CLEANUP(source_freep) struct source *s = NULL;
        struct source **larger;
        int r = source_new(path, text, d, &s);

        if (r)
                return r;
        r = source_record(f, s);
        if (r) {
                diag_error(d, (struct place){ path, 0 }, NULL, "with its includes it is too large");
                return r;
        }
        larger = reallocarray(f->sources, f->n_sources + 1, sizeof(struct source *));
        if (!larger)
                return fault(-ENOMEM);
        f->sources = larger;
        f->sources[f->n_sources++] = TAKE(s);
        return 0;
}

/* The main file of the input. */
static int input_read(struct settings_file *f, struct diag *d)
{
        const struct settings_input *in = f->input;
        const struct file_text *text = NULL;
        size_t i = 0;

        if (!in->files)
                return file_read(f, in->path, NULL, d);
        text = file_set_next(in->files, in->role, &i);
        if (text)
                return file_read(f, text->path, text, d);
        diag_error(d, (struct place){ in->path, 0 }, NULL, "is not among the files that were kept");
        return -ENOENT;
}

int settings_load_from(const struct settings_input *input, const struct setting_row *rows,
                       void *target, struct diag *d, struct settings_file **ret_file)
{
        CLEANUP(settings_file_freep) struct settings_file *f = calloc(1, sizeof(*f));
        int r;

        if (!f)
                return fault(-ENOMEM);
        f->input = input;
        r = input_read(f, d);
        if (r)
                return r;
        r = file_include(f, d);
        if (r)
                return r;
        r = rows_fill(f, rows, target, d);
        if (r)
                return r;
        f->input = NULL;
        *ret_file = TAKE(f);
        return 0;
}

int settings_load(const char *path, const struct setting_row *rows, void *target, struct diag *d,
                  struct settings_file **ret_file)
{
        struct settings_input input = { .path = path, .role = "settings" };

        return settings_load_from(&input, rows, target, d, ret_file);
}
