/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libconfig's grammar as a machine: what may come next, and a stack of the brackets that are open.
 *
 *     settings: { NAME ( "=" | ":" ) value [ ";" | "," ] }
 *     value:    scalar | "{" settings "}" | "(" [ value { "," value } ] ")" |
 *               "[" [ scalar { "," scalar } ] "]"
 *
 * A scalar may be several texts side by side.
 */
#include "lib/settings/syntax.h"

#include "lib/base/fault.h"
#include "lib/settings/mask.h"

#include <errno.h>

#define SHAPE_REMEDY "settings are written as  name = value;  text stands in quotes"

enum expect {
        EXPECT_NAME, /* or the end of the group */
        EXPECT_SIGN, /* = or : */
        EXPECT_VALUE,
        EXPECT_FIRST, /* value of a list, or its end */
        EXPECT_NEXT,  /* what is behind a value */
};

struct bracket {
        struct token open; /* empty text: the file itself */
        size_t scope;      /* 0 for the file, then one for each { */
        int element;       /* type of the values in [ ]; 0: none yet, -1: mixed, and that is told */
};

struct defined {
        struct token name;
        size_t scope;
};

struct syntax {
        const struct source *source;
        struct diag *diag;
        enum expect expect;
        struct token previous, name; /* the setting that was named last */
        struct token long_text;      /* the first with a line's end in it; line 0: none */
        struct bracket *open;        /* n_open of them, the innermost last */
        size_t n_open, n_scopes;
        struct defined *defined; /* all names, in the order of the file */
        size_t n_defined;
};

static void syntax_done(struct syntax *x)
{
        free(x->open);
        free(x->defined);
}

/* Room for one more: arrays double at each power of two. False: no memory. */
static bool array_grow(void **array, size_t n, size_t size)
{
        void *larger;

        if (n & (n - 1))
                return true;
        larger = reallocarray(*array, MAX(n * 2, 1U), size);
        if (!larger)
                return false;
        *array = larger;
        return true;
}

/* ---- findings ---- */

/* Returns -EINVAL. A quote that is missing further up turns texts and what lies between around. */
static int report(struct syntax *x, const struct token *t, const char *remedy, const char *what)
{
        if (x->long_text.line)
                diag_error(x->diag, token_place(x->source, &x->long_text),
                           "is its closing quote missing?",
                           "syntax error: a text begins here and runs over the end of the line");
        else
                diag_error(x->diag, token_place(x->source, t), remedy, "syntax error: %s", what);
        return -EINVAL;
}

static int scan_report(struct syntax *x, int answer, const struct token *t)
{
        if (answer == SCAN_E_COMMENT)
                return report(x, t, NULL, "a comment begins here and is never closed");
        if (answer == SCAN_E_TEXT)
                return report(x, t, NULL, "a text begins here and its closing quote is missing");
        return report(x, t, "write  include = [ \"conf.d/*.cfg\" ];  instead",
                      "@include is not supported");
}

static char closing_of(const struct bracket *b)
{
        char open = b->open.text.data[0];

        return open == '{' ? '}' : open == '(' ? ')' : ']';
}

static struct bracket *innermost(struct syntax *x)
{
        return &x->open[x->n_open - 1];
}

static bool is_group(const struct bracket *b)
{
        return b->open.text.length == 0 || b->open.text.data[0] == '{';
}

static int close_report(struct syntax *x, const struct token *t)
{
        const struct bracket *b = innermost(x);
        char text[80];

        if (b->open.text.length == 0)
                return report(x, t, NULL, "nothing is open that this bracket could close");
        snprintf(text, sizeof(text), "the %c of line %u is still open, and closed by %c",
                 b->open.text.data[0], b->open.line, closing_of(b));
        return report(x, t, NULL, text);
}

static int value_report(struct syntax *x, const struct token *t)
{
        if (t->kind == TOKEN_OPEN)
                return report(x, t, "lists of groups or lists stand in ( )",
                              "[ ] holds no groups and lists");
        if (t->kind == TOKEN_NAME)
                return report(x, t, "text stands in quotes", "this is no value");
        return report(x, t, SHAPE_REMEDY, "a value is missing here");
}

static int next_report(struct syntax *x, const struct token *t)
{
        const struct bracket *b = innermost(x);
        char text[96];

        snprintf(text, sizeof(text),
                 "a comma is missing here, or the %c that closes the %c of line %u", closing_of(b),
                 b->open.text.data[0], b->open.line);
        return report(x, t,
                      t->kind == TOKEN_NUMBER || t->kind == TOKEN_NAME ? "text stands in quotes"
                                                                       : NULL,
                      text);
}

/* ---- words ---- */

/* INT, INT64 and FLOAT are types of their own to libconfig. */
static int scalar_type(const struct token *t)
{
        struct slice text = t->text;
        bool hex = text.length > 2 && (text.data[1] | 0x20) == 'x';

        if (t->kind == TOKEN_TEXT)
                return CONFIG_TYPE_STRING;
        if (t->kind == TOKEN_BOOL)
                return CONFIG_TYPE_BOOL;
        if (text.data[text.length - 1] == 'L')
                return CONFIG_TYPE_INT64;
        for (size_t i = 0; i < text.length && !hex; i++) {
                if (strchr(".eE", text.data[i]))
                        return CONFIG_TYPE_FLOAT;
        }
        return CONFIG_TYPE_INT;
}

static int name_take(struct syntax *x, const struct token *t)
{
        if (!array_grow((void **)&x->defined, x->n_defined, sizeof(*x->defined)))
                return fault(-ENOMEM);
        x->defined[x->n_defined++] = (struct defined){ *t, innermost(x)->scope };
        x->name = *t;
        x->expect = EXPECT_SIGN;
        return 0;
}

static int bracket_open(struct syntax *x, const struct token *t)
{
        bool group = t->kind == TOKEN_OTHER || t->text.data[0] == '{';

        if (!array_grow((void **)&x->open, x->n_open, sizeof(*x->open)))
                return fault(-ENOMEM);
        x->open[x->n_open++] = (struct bracket){ *t, group ? x->n_scopes++ : 0, 0 };
        x->expect = group ? EXPECT_NAME : EXPECT_FIRST;
        return 0;
}

static int bracket_close(struct syntax *x, const struct token *t)
{
        const struct bracket *b = innermost(x);

        if (b->open.text.length == 0 || t->text.data[0] != closing_of(b))
                return close_report(x, t);
        x->n_open--;
        x->expect = EXPECT_NEXT;
        return 0;
}

static int value_take(struct syntax *x, const struct token *t)
{
        struct bracket *b = innermost(x);
        bool in_array = !is_group(b) && b->open.text.data[0] == '[';

        if (t->kind == TOKEN_OPEN && !in_array)
                return bracket_open(x, t);
        if (t->kind != TOKEN_TEXT && t->kind != TOKEN_NUMBER && t->kind != TOKEN_BOOL)
                return value_report(x, t);
        if (in_array && b->element == 0) {
                b->element = scalar_type(t);
        } else if (in_array && b->element > 0 && b->element != scalar_type(t)) {
                b->element = -1;
                diag_error(x->diag, token_place(x->source, t), NULL,
                           "a list in [ ] holds values of different types");
        }
        x->expect = EXPECT_NEXT;
        return 0;
}

static int next_take(struct syntax *x, const struct token *t)
{
        bool comma = t->kind == TOKEN_OTHER && t->text.data[0] == ',';
        bool semicolon = t->kind == TOKEN_OTHER && t->text.data[0] == ';';
        bool group = is_group(innermost(x));

        if (t->kind == TOKEN_TEXT && x->previous.kind == TOKEN_TEXT)
                return 0;
        if (t->kind == TOKEN_CLOSE)
                return bracket_close(x, t);
        if (group && t->kind == TOKEN_NAME)
                return name_take(x, t);
        if (!comma && !(group && semicolon))
                return group ? report(x, t, SHAPE_REMEDY, "the name of a setting is missing here")
                             : next_report(x, t);
        x->expect = group ? EXPECT_NAME : EXPECT_VALUE;
        return 0;
}

static int token_take(struct syntax *x, const struct token *t)
{
        if (!x->long_text.line && t->kind == TOKEN_TEXT &&
            memchr(t->text.data, '\n', t->text.length))
                x->long_text = *t;
        if (t->kind == TOKEN_CLOSE && (x->expect == EXPECT_NAME || x->expect == EXPECT_FIRST))
                return bracket_close(x, t);
        switch (x->expect) {
        case EXPECT_NAME:
                if (t->kind == TOKEN_NAME)
                        return name_take(x, t);
                return report(x, t, SHAPE_REMEDY, "the name of a setting is missing here");
        case EXPECT_SIGN:
                if (t->kind != TOKEN_OTHER || !strchr("=:", t->text.data[0]))
                        return report(x, &x->name, SHAPE_REMEDY, "no = follows this name");
                x->expect = EXPECT_VALUE;
                return 0;
        case EXPECT_NEXT:
                return next_take(x, t);
        default:
                return value_take(x, t);
        }
}

static int end_take(struct syntax *x)
{
        const struct bracket *b = innermost(x);

        if (x->expect == EXPECT_SIGN || x->expect == EXPECT_VALUE)
                return report(x, &x->previous, SHAPE_REMEDY,
                              "the file ends within a setting, behind this");
        if (b->open.text.length == 0)
                return 0;
        return report(x, &b->open, NULL, "this bracket is never closed");
}

static int tokens_take(struct syntax *x)
{
        struct scanner scanner = { { x->source->text, x->source->length }, 1 };
        struct token t;
        int r = bracket_open(x, &x->previous);

        while (r == 0) {
                int answer = token_next(&scanner, &t);

                if (answer == SCAN_E_END)
                        return end_take(x);
                if (answer)
                        return scan_report(x, answer, &t);
                r = token_take(x, &t);
                x->previous = t;
        }
        return r;
}

/* ---- names ---- */

static int defined_compare(const void *left, const void *right)
{
        const struct defined *a = left, *b = right;
        size_t shorter = MIN(a->name.text.length, b->name.text.length);
        int r;

        if (a->scope != b->scope)
                return a->scope < b->scope ? -1 : 1;
        r = memcmp(a->name.text.data, b->name.text.data, shorter);
        if (r == 0)
                r = (a->name.text.length > shorter) - (b->name.text.length > shorter);
        return r ? r
                 : (a->name.text.data > b->name.text.data) -
                               (a->name.text.data < b->name.text.data);
}

static void names_check(struct syntax *x)
{
        const struct defined *first = x->defined;

        qsort(x->defined, x->n_defined, sizeof(*x->defined), defined_compare);
        for (size_t i = 1; i < x->n_defined; i++) {
                const struct defined *second = &x->defined[i];

                if (second->scope != first->scope ||
                    !slice_equal(second->name.text, first->name.text))
                        first = second;
                else
                        diag_error(x->diag, token_place(x->source, &second->name),
                                   "keep one of them", "%s is given twice, first in line %u",
                                   masked_slice(second->name.text).text, first->name.line);
        }
}

int syntax_check(const struct source *s, struct diag *d)
{
        CLEANUP(syntax_done)
        struct syntax x = { .source = s, .diag = d, .previous = { TOKEN_OTHER, { s->text, 0 } } };
        size_t n_errors = d->n_errors;
        int r = tokens_take(&x);

        if (r == -ENOMEM)
                return r;
        if (x.n_defined)
                names_check(&x);
        return d->n_errors > n_errors ? -EINVAL : 0;
}
