/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/settings/files.h"

#include "lib/base/fault.h"

#include <errno.h>

static void file_text_done(struct file_text *f)
{
        free(f->role);
        free(f->path);
        free(f->text);
}

void file_set_done(struct file_set *s)
{
        for (size_t i = 0; i < s->n; i++)
                file_text_done(&s->files[i]);
        free(s->files);
        *s = (struct file_set){ NULL };
}

int file_set_add(struct file_set *s, const char *role, const char *path, struct slice text)
{
        struct file_text f = { strdup(role), strdup(path), malloc(text.length + 1), text.length };
        struct file_text *larger = NULL;

        if (s->n == FILE_SET_MAX_FILES || text.length > FILE_SET_MAX_BYTES - s->n_bytes) {
                file_text_done(&f);
                return -EFBIG;
        }
        if (f.role && f.path && f.text)
                larger = reallocarray(s->files, s->n + 1, sizeof(*larger));
        if (!larger) {
                file_text_done(&f);
                return fault(-ENOMEM);
        }
        if (text.length)
                memcpy(f.text, text.data, text.length);
        f.text[text.length] = 0;
        s->files = larger;
        s->files[s->n++] = f;
        s->n_bytes += text.length;
        return 0;
}

const struct file_text *file_set_next(const struct file_set *s, const char *role, size_t *i)
{
        while (*i < s->n) {
                const struct file_text *f = &s->files[(*i)++];

                if (strcmp(f->role, role) == 0)
                        return f;
        }
        return NULL;
}
