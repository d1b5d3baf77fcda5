/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file is read twice: by the scanner, which notes each scalar, and by libconfig, whose tree holds
 * the same scalars in the same order. The tree's hooks then point to the notes. Should the two ever
 * disagree, the file is refused rather than misread.
 */
#include "lib/settings/source.h"

#include "lib/base/fault.h"
#include "lib/settings/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define SYNTAX_REMEDY "settings are written as  name = value;  text stands in quotes"

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

/* libconfig takes a comment only where a newline ends it. */
static void source_end(struct source *s)
{
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

/* Texts side by side, whatever blanks lie between, count as one scalar. */
static int mark_add(struct source *s, const struct token *t, bool continues)
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
        s->marks[s->n_marks++] = (struct mark){ t->text, t->line, 1, t->kind == TOKEN_NUMBER };
        return 0;
}

struct scope {
        const char *open; /* the bracket that opened it */
        size_t outer;     /* index of the scope around it */
};

struct scope_list {
        struct scope *scopes;
        size_t n_scopes, here;
};

static bool scope_enter(struct scope_list *l, const char *open)
{
        struct scope *larger = l->scopes;

        if ((l->n_scopes & (l->n_scopes - 1)) == 0)
                larger = reallocarray(l->scopes, MAX(l->n_scopes * 2, 1U), sizeof(*larger));
        if (!larger)
                return false;
        l->scopes = larger;
        l->scopes[l->n_scopes] = (struct scope){ open, l->here };
        l->here = l->n_scopes++;
        return true;
}

static void scope_list_done(struct scope_list *l)
{
        free(l->scopes);
}

static const char *scan_explain(int answer)
{
        switch (answer) {
        case SCAN_E_COMMENT:
                return "a comment begins here and is never closed";
        case SCAN_E_TEXT:
                return "a text begins here and its closing quote is missing";
        default:
                return "@include is not supported";
        }
}

static void scan_report(const struct source *s, int answer, unsigned line, struct diag *d)
{
        diag_error(d, (struct place){ s->path, line },
                   answer == SCAN_E_INCLUDE ? "write  include = [ \"conf.d/*.cfg\" ];  instead"
                                            : NULL,
                   "%s", scan_explain(answer));
}

static void syntax_report(const struct source *s, unsigned line, struct diag *d)
{
        if (s->long_text_line && s->long_text_line <= line)
                diag_error(d, (struct place){ s->path, s->long_text_line },
                           "is its closing quote missing?",
                           "syntax error: a text begins here and runs over the end of the line");
        else
                diag_error(d, (struct place){ s->path, line }, SYNTAX_REMEDY,
                           "syntax error on this line or just before it");
}

/*
 * May a text stand here? libconfig 1.5 loses the memory of a text that it meets where its grammar
 * knows none, so it does not get to see one.
 */
static bool text_may_follow(const struct token *previous, const char *open)
{
        switch (previous->kind) {
        case TOKEN_TEXT:
                return true;
        case TOKEN_OPEN:
                return previous->text.data[0] != '{';
        case TOKEN_OTHER:
                if (previous->text.length == 0)
                        return false;
                return strchr("=:", previous->text.data[0]) ||
                       (previous->text.data[0] == ',' && open && open[0] != '{');
        default:
                return false;
        }
}

/* Takes in a token after `previous`. Returns 0, -EINVAL where it cannot stand there, or -ENOMEM. */
static int token_take(struct source *s, const struct token *t, const struct token *previous,
                      struct scope_list *scopes)
{
        if (t->kind == TOKEN_OPEN && !scope_enter(scopes, t->text.data))
                return fault(-ENOMEM);
        if (t->kind == TOKEN_CLOSE)
                scopes->here = scopes->scopes[scopes->here].outer;
        if (t->kind == TOKEN_TEXT) {
                if (!text_may_follow(previous, scopes->scopes[scopes->here].open))
                        return -EINVAL;
                if (!s->long_text_line && memchr(t->text.data, '\n', t->text.length))
                        s->long_text_line = t->line;
        }
        if (t->kind != TOKEN_TEXT && t->kind != TOKEN_NUMBER && t->kind != TOKEN_BOOL)
                return 0;
        return mark_add(s, t, t->kind == TOKEN_TEXT && previous->kind == TOKEN_TEXT);
}

static int source_scan(struct source *s, struct diag *d)
{
        struct scanner scanner = { { s->text, s->length }, 1 };
        struct token t, previous = { TOKEN_OTHER, { s->text, 0 }, 1 };
        CLEANUP(scope_list_done) struct scope_list scopes = { NULL };
        int answer, r = scope_enter(&scopes, NULL) ? 0 : fault(-ENOMEM);

        while (r == 0) {
                answer = token_next(&scanner, &t);
                if (answer == SCAN_E_END)
                        return 0;
                if (answer) {
                        scan_report(s, answer, t.line, d);
                        return -EINVAL;
                }
                r = token_take(s, &t, &previous, &scopes);
                previous = t;
        }
        if (r == -EINVAL)
                syntax_report(s, t.line, d);
        return r;
}

/* Walks names with the bracket they stand in until `visit` says stop. */
typedef bool name_visit(void *context, const struct token *name, const char *open);

static void names_walk(const struct source *s, name_visit *visit, void *context)
{
        struct scanner scanner = { { s->text, s->length }, 1 };
        CLEANUP(scope_list_done) struct scope_list l = { NULL };
        struct token t;

        if (!scope_enter(&l, NULL))
                return;
        while (token_next(&scanner, &t) == 0) {
                if (t.kind == TOKEN_OPEN && !scope_enter(&l, t.text.data))
                        return;
                if (t.kind == TOKEN_CLOSE)
                        l.here = l.scopes[l.here].outer;
                if (t.kind == TOKEN_NAME && !visit(context, &t, l.scopes[l.here].open))
                        return;
        }
}

/* libconfig stops at the second use of a name in a group and tells its line alone. */
struct twice {
        const struct source *source;
        unsigned line; /* libconfig's: the second use ends there */
        struct token second;
        const char *open;
        unsigned first_line;
};

static bool first_visit(void *context, const struct token *name, const char *open)
{
        struct twice *w = context;

        if (open != w->open || !slice_equal(name->text, w->second.text))
                return true;
        if (name->text.data < w->second.text.data)
                w->first_line = name->line;
        return false;
}

static bool second_visit(void *context, const struct token *name, const char *open)
{
        struct twice *w = context;

        if (name->line > w->line)
                return false;
        if (name->line < w->line)
                return true;
        w->second = *name;
        w->open = open;
        w->first_line = 0;
        names_walk(w->source, first_visit, w);
        return w->first_line == 0;
}

static void parse_report(const struct source *s, struct diag *d)
{
        struct twice w = { s, (unsigned)config_error_line(&s->config) };
        struct place at = { s->path, w.line };
        const char *text = config_error_text(&s->config);

        if (text && strstr(text, "duplicate"))
                names_walk(s, second_visit, &w);
        if (w.first_line)
                diag_error(d, at, NULL, "\"%.*s\" is given twice, first in line %u",
                           (int)MIN(w.second.text.length, (size_t)64), w.second.text.data,
                           w.first_line);
        else if (text && strstr(text, "mismatched element"))
                diag_error(d, at, NULL, "a list in [ ] holds values of different types");
        else
                syntax_report(s, w.line, d);
}

/* Ties the scalars below `setting` to their marks. False: the tree and the scan disagree. */
static bool marks_tie(struct source *s, config_setting_t *setting, size_t *next)
{
        int n = config_setting_is_aggregate(setting) ? config_setting_length(setting) : -1;
        struct mark *m;

        for (int i = 0; i < n; i++) {
                if (!marks_tie(s, config_setting_get_elem(setting, (unsigned)i), next))
                        return false;
        }
        if (n >= 0)
                return true;
        if (*next >= s->n_marks)
                return false;
        m = &s->marks[(*next)++];
        if (m->is_number != (bool)config_setting_is_number(setting) ||
            (m->text.data[0] == '"') != (config_setting_type(setting) == CONFIG_TYPE_STRING))
                return false;
        config_setting_set_hook(setting, m);
        return true;
}

static int source_parse(struct source *s, struct diag *d)
{
        size_t n_tied = 0;

        if (config_read_string(&s->config, s->text) != CONFIG_TRUE) {
                parse_report(s, d);
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

int source_new(const char *path, const struct file_text *text, struct diag *d, struct source **ret)
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
        r = source_scan(s, d);
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

struct place setting_place(const config_setting_t *setting)
{
        const struct mark *m = setting_mark(setting);
        unsigned line = m ? m->line : config_setting_source_line(setting);

        /* The name of a setting may stand on a line before its value. */
        if (config_setting_name(setting))
                line = config_setting_source_line(setting);
        return (struct place){ source_of(setting)->path, line };
}
