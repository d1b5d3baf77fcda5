/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file is read twice: by the scanner, which notes each value, and by libconfig, whose tree holds
 * the same values in the same order. The tree's hooks then point to the notes. Should the two ever
 * disagree, the file is refused rather than misread.
 */
#include "lib/settings/source.h"

#include "lib/base/fault.h"
#include "lib/settings/mask.h"
#include "lib/settings/syntax.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static int source_open(const char *path, int *ret_fd, size_t *ret_length)
{
        CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode))
                return -ENOTSUP;
        if (st.st_size > (off_t)SOURCE_MAX_BYTES)
                return -EFBIG;
        *ret_length = (size_t)st.st_size;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Room for `length` bytes and what source_end() adds. */
static int source_reserve(struct source *s, size_t length)
{
        s->text = malloc(length + 2);
        return s->text ? 0 : fault(-ENOMEM);
}

/* Editors on Windows begin a file with U+FEFF (RFC 3629 section 6): no part of what it says, and of no
 * column. libconfig takes a comment only where a newline ends it. */
static void source_end(struct source *s)
{
        if (s->length >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0) {
                s->length -= 3;
                memmove(s->text, s->text + 3, s->length);
        }
        s->text[s->length++] = '\n';
        s->text[s->length] = 0;
}

/* Reads up to `length` bytes; a file that grows meanwhile is read as far as it was. */
static int source_read(struct source *s, int fd, size_t length)
{
        int r = source_reserve(s, length);

        if (r)
                return r;
        while (s->length < length) {
                ssize_t n = read(fd, s->text + s->length, length - s->length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                s->length += (size_t)n;
        }
        source_end(s);
        return 0;
}

static const char *read_explain(int error)
{
        if (error == -ENOTSUP)
                return "it is not a regular file";
        if (error == -EFBIG)
                return "it is larger than 4 MiB";
        return strerror(-error);
}

static int source_take(struct source *s, const struct file_text *text)
{
        size_t length = text->length;
        int r;

        if (length > SOURCE_MAX_BYTES)
                return -EFBIG;
        r = source_reserve(s, length);
        if (r)
                return r;
        memcpy(s->text, text->text, length);
        s->length = length;
        source_end(s);
        return 0;
}

static int source_load(struct source *s)
{
        CLEANUP(closep) int fd = -1;
        size_t length = 0;
        int r = source_open(s->path, &fd, &length);

        return r ? r : source_read(s, fd, length);
}

/* The word at `text`, as far as it is on its line. */
static struct place place_make(const struct source *s, struct slice text, unsigned line,
                               unsigned column)
{
        const char *newline = text.length ? memchr(text.data, '\n', text.length) : NULL;
        size_t width = newline ? (size_t)(newline - text.data) : text.length;

        return (struct place){ s->path, line, column, MAX((unsigned)width, 1U),
                               s->masked + (text.data - s->text) - (column - 1) };
}

struct place token_place(const struct source *s, const struct token *t)
{
        return place_make(s, t->text, t->line, t->column);
}

/* Texts side by side, whatever blanks lie between, count as one value. */
static int mark_add(struct source *s, const struct token *t, const struct token *name,
                    bool continues)
{
        struct mark *larger;

        if (continues) {
                struct mark *m = &s->marks[s->n_marks - 1];

                m->n_parts++;
                m->text.length = (size_t)(t->text.data + t->text.length - m->text.data);
                return 0;
        }
        if ((s->n_marks & (s->n_marks - 1)) == 0) {
                larger = reallocarray(s->marks, MAX(s->n_marks * 2, 1U), sizeof(*larger));
                if (!larger)
                        return fault(-ENOMEM);
                s->marks = larger;
        }
        s->marks[s->n_marks++] = (struct mark){ t->text, t->line, t->column, 1, t->kind, *name };
        return 0;
}

/* The syntax is right: names stand in front of their values. */
static int source_scan(struct source *s)
{
        static const struct token none = { TOKEN_NAME };
        struct scanner scanner = { { s->text, s->length }, 1 };
        struct token t, name = none, previous = none;
        int r = 0;

        for (; r == 0 && token_next(&scanner, &t) == 0; previous = t) {
                if (t.kind == TOKEN_NAME)
                        name = t;
                if (t.kind == TOKEN_NAME || t.kind == TOKEN_OTHER || t.kind == TOKEN_CLOSE)
                        continue;
                r = mark_add(s, &t, &name, t.kind == TOKEN_TEXT && previous.kind == TOKEN_TEXT);
                name = none;
        }
        return r;
}

static bool mark_fits(const struct mark *m, const config_setting_t *setting)
{
        const char *name = config_setting_name(setting);

        if (!slice_is(m->name.text, name ? name : ""))
                return false;
        switch (config_setting_type(setting)) {
        case CONFIG_TYPE_GROUP:
                return m->text.data[0] == '{';
        case CONFIG_TYPE_LIST:
                return m->text.data[0] == '(';
        case CONFIG_TYPE_ARRAY:
                return m->text.data[0] == '[';
        case CONFIG_TYPE_STRING:
                return m->kind == TOKEN_TEXT;
        case CONFIG_TYPE_BOOL:
                return m->kind == TOKEN_BOOL;
        default:
                return m->kind == TOKEN_NUMBER;
        }
}

/* Ties `setting`, unless it is the root, and all below to their marks. False: the tree and the scan
 * disagree. */
static bool marks_tie(struct source *s, config_setting_t *setting, size_t *next)
{
        int n = config_setting_is_aggregate(setting) ? config_setting_length(setting) : 0;

        if (!config_setting_is_root(setting)) {
                if (*next >= s->n_marks || !mark_fits(&s->marks[*next], setting))
                        return false;
                config_setting_set_hook(setting, &s->marks[(*next)++]);
        }
        for (int i = 0; i < n; i++) {
                if (!marks_tie(s, config_setting_get_elem(setting, (unsigned)i), next))
                        return false;
        }
        return true;
}

static int source_parse(struct source *s, struct diag *d)
{
        size_t n_tied = 0;

        /* Brackets may still be too deep for it. */
        if (config_read_string(&s->config, s->text) != CONFIG_TRUE) {
                diag_error(d, (struct place){ s->path, (unsigned)config_error_line(&s->config) },
                           NULL, "cannot be read: %s", config_error_text(&s->config));
                return -EINVAL;
        }
        if (!marks_tie(s, config_root_setting(&s->config), &n_tied) || n_tied != s->n_marks) {
                diag_error(d, (struct place){ s->path, 0 },
                           "put blanks around values, and each setting on a line of its own",
                           "a value can be read in two ways");
                return -EINVAL;
        }
        return 0;
}

static struct source *source_alloc(const char *path)
{
        CLEANUP(freep) struct source *s = calloc(1, sizeof(*s));

        if (!s)
                return NULL;
        s->path = strdup(path);
        if (!s->path)
                return NULL;
        config_init(&s->config);
        return TAKE(s);
}

int source_new(const char *path, const struct file_text *text, const struct setting_row *rows,
               struct diag *d, struct source **ret)
{
        CLEANUP(source_freep) struct source *s = source_alloc(path);
        int r;

        if (!s)
                return fault(-ENOMEM);
        r = text ? source_take(s, text) : source_load(s);
        if (r) {
                diag_error(d, (struct place){ path, 0 }, NULL, "cannot be read: %s",
                           read_explain(r));
                return r;
        }
        if (memchr(s->text, 0, s->length)) {
                diag_error(d, (struct place){ path, 0 }, NULL,
                           "holds a zero byte: not a text file");
                return -EINVAL;
        }
        s->masked = text_mask((struct slice){ s->text, s->length }, rows);
        if (!s->masked)
                return fault(-ENOMEM);
        r = syntax_check(s, d);
        if (r)
                return r;
        r = source_scan(s);
        if (r)
                return r;
        r = source_parse(s, d);
        if (r)
                return r;
        *ret = TAKE(s);
        return 0;
}

void source_free(struct source *s)
{
        config_destroy(&s->config);
        free(s->marks);
        free(s->masked);
        free(s->text);
        free(s->path);
        free(s);
}

struct source *source_of(const config_setting_t *setting)
{
        return CONTAINER_OF(setting->config, struct source, config);
}

const struct mark *setting_mark(const config_setting_t *setting)
{
        return config_setting_get_hook(setting);
}

struct place value_place(const config_setting_t *setting)
{
        const struct source *s = source_of(setting);
        const struct mark *m = setting_mark(setting);

        if (!m)
                return (struct place){ s->path, 0 };
        return place_make(s, m->text, m->line, m->column);
}

struct place setting_place(const config_setting_t *setting)
{
        const struct mark *m = setting_mark(setting);

        return m && m->name.line ? token_place(source_of(setting), &m->name) : value_place(setting);
}
