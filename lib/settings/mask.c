/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/settings/mask.h"

#include "lib/settings/scan.h"
#include "lib/settings/settings.h"

#define WORD_MIN 12  /* no key of a vendor is shorter */
#define LABEL_MIN 24 /* parts of host names and paths have digits too */
#define DEPTH_MAX 32

static const char blanks[] = " \t\r\n\f";
static const char between_words[] = " \t\r\n\f\"'(){}[];,=";
static const char between_parts[] = ".:/*";

/* ---- words ---- */

static bool is_one_of(char c, const char *set)
{
        return c && strchr(set, c);
}

static void bytes_mask(char *text, size_t length)
{
        for (size_t i = 0; i < length; i++) {
                if (text[i] != '\n' && text[i] != '\r')
                        text[i] = '*';
        }
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static void part_mask(char *part, size_t length, bool is_whole)
{
        size_t n_digits = 0, n_run = 0, longest = 0, n_humps = 0;

        for (size_t i = 0; i < length; i++) {
                n_run = is_digit(part[i]) ? n_run + 1 : 0;
                longest = MAX(longest, n_run);
                n_digits += is_digit(part[i]);
                n_humps += i > 0 && part[i] >= 'A' && part[i] <= 'Z' && part[i - 1] >= 'a' &&
                           part[i - 1] <= 'z';
        }
        if (longest >= WORD_MIN || (length >= WORD_MIN && n_humps) ||
            (length >= (is_whole ? WORD_MIN : LABEL_MIN) && n_digits))
                bytes_mask(part, length);
}

/* "http://user:password@host" */
static void login_mask(char *word, size_t length)
{
        const char *at = memrchr(word, '@', length);
        const char *scheme = memmem(word, length, "://", 3);
        size_t start = scheme && scheme < at ? (size_t)(scheme - word) + 3 : 0;

        if (at)
                bytes_mask(word + start, (size_t)(at - word) - start);
}

static void word_mask(char *word, size_t length)
{
        bool is_whole = true;
        size_t start = 0;

        for (size_t i = 0; i < length; i++)
                is_whole &= !is_one_of(word[i], between_parts);
        for (size_t i = 0; i <= length; i++) {
                if (i < length && !is_one_of(word[i], between_parts))
                        continue;
                part_mask(word + start, i - start, is_whole);
                start = i + 1;
        }
        login_mask(word, length);
}

static void words_mask(char *text, size_t length, const char *between)
{
        size_t start = 0;

        for (size_t i = 0; i <= length; i++) {
                if (i < length && !is_one_of(text[i], between))
                        continue;
                word_mask(text + start, i - start);
                start = i + 1;
        }
}

struct masked masked_slice(struct slice text)
{
        char copy[1024]; /* longer than what is shown: the word that is cut counts whole */
        size_t length = MIN(text.length, sizeof(copy));
        struct masked m = { "" };

        if (length)
                memcpy(copy, text.data, length);
        words_mask(copy, length, blanks);
        memcpy(m.text, copy, MIN(length, sizeof(m.text) - 1));
        return m;
}

struct masked masked(const char *text)
{
        return masked_slice(slice_of(text));
}

/* ---- values ---- */

struct scope {
        const struct setting_row *rows; /* of a group; NULL: nothing in it is known */
        bool is_list;
        bool hide;                  /* values of a list */
        const char *const *choices; /* words that are no secret nevertheless; NULL: none */
};

struct masker {
        struct scanner scanner;
        const char *text;
        char *copy; /* of text */
        const struct setting_row *rows;
        bool by_line; /* a line by itself: what it stands in is not known */
        struct scope scopes[DEPTH_MAX];
        size_t depth;       /* may be beyond */
        struct scope value; /* of the setting that was named last */
};

static char *copy_at(const struct masker *m, const char *text)
{
        return m->copy + (text - m->text);
}

static bool name_is_secret(struct slice name)
{
        static const char *const names[] = { "credential", "key",    "id",       "token", "auth-id",
                                             "auth-token", "secret", "password", "bearer" };

        for (size_t i = 0; i < N_ELEMENTS(names); i++) {
                if (slice_is_nocase(name, names[i]))
                        return true;
        }
        return false;
}

static const struct setting_row *row_find(const struct setting_row *rows, struct slice name,
                                          bool deep)
{
        if (slice_is(name, setting_include_row.name))
                return &setting_include_row;
        for (; rows && rows->name; rows++) {
                const struct setting_row *below = NULL;

                if (slice_is(name, rows->name))
                        return rows;
                if (deep && rows->rows)
                        below = row_find(rows->rows, name, true);
                if (below)
                        return below;
        }
        return NULL;
}

static struct scope *scope_here(struct masker *m)
{
        return &m->scopes[MIN(m->depth, (size_t)DEPTH_MAX - 1)];
}

static void scope_enter(struct masker *m, char open)
{
        struct scope inner = scope_here(m)->is_list ? *scope_here(m) : m->value;

        inner.is_list = open != '{';
        if (++m->depth >= DEPTH_MAX - 1)
                inner = (struct scope){ .is_list = inner.is_list, .hide = true };
        *scope_here(m) = inner;
        m->value = (struct scope){ NULL };
}

static void scope_leave(struct masker *m)
{
        if (m->depth > 0)
                m->depth--;
        m->value = (struct scope){ NULL };
}

/* A value without quotes or brackets, which may be any: up to the end of the setting or line. */
static void bare_mask(struct masker *m, const char *at)
{
        const char *end = m->scanner.rest.data + m->scanner.rest.length;

        while (at < end && is_one_of(*at, blanks))
                at++;
        if (at < end && is_one_of(*at, "\"{(["))
                return;
        for (; at < end && *at != ';' && *at != '\n'; at++) {
                if (!is_one_of(*at, blanks))
                        *copy_at(m, at) = '*';
        }
}

static void name_take(struct masker *m, const struct token *t, bool follows_name)
{
        struct scope *here = scope_here(m);
        const struct setting_row *row;

        if (here->is_list) { /* no syntax: a bracket is missing, or one too many */
                m->value = *here;
                *here = (struct scope){ NULL };
                follows_name = true;
        }
        if (follows_name && m->value.hide) {
                bytes_mask(copy_at(m, t->text.data), t->text.length);
                return;
        }
        row = m->by_line ? row_find(m->rows, t->text, true) : row_find(here->rows, t->text, false);
        m->value = (struct scope){ .rows = row ? row->rows : NULL,
                                   .hide = !row || name_is_secret(t->text),
                                   .choices = row ? row->choices : NULL };
}

static bool is_choice(struct slice word, const char *const *choices)
{
        for (; choices && *choices; choices++) {
                if (slice_is(word, *choices))
                        return true;
        }
        return false;
}

static void value_take(struct masker *m, const struct token *t)
{
        const struct scope *here = scope_here(m)->is_list ? scope_here(m) : &m->value;
        bool quoted = t->kind == TOKEN_TEXT;
        struct slice word = { t->text.data + quoted, t->text.length - 2 * quoted };

        if (here->hide && !is_choice(word, here->choices))
                bytes_mask(copy_at(m, word.data), word.length);
        else if (quoted)
                words_mask(copy_at(m, word.data), word.length, blanks);
}

/* Comments lie between words: all behind a = goes. */
static void gap_mask(struct masker *m, const char *from, const char *to)
{
        bool behind = false;

        for (; from < to; from++) {
                if (*from == '\n')
                        behind = false;
                else if (behind && !is_one_of(*from, blanks))
                        *copy_at(m, from) = '*';
                behind |= *from == '=';
        }
}

static void token_take(struct masker *m, const struct token *t, const struct token *previous)
{
        char c = t->text.data[0];

        switch (t->kind) {
        case TOKEN_NAME:
                name_take(m, t, previous->kind == TOKEN_NAME);
                break;
        case TOKEN_OPEN:
                scope_enter(m, c);
                break;
        case TOKEN_CLOSE:
                scope_leave(m);
                break;
        case TOKEN_OTHER:
                if ((c == '=' || c == ':') && m->value.hide)
                        bare_mask(m, t->text.data + 1);
                if (c == ';')
                        m->value = (struct scope){ NULL };
                break;
        default:
                value_take(m, t);
        }
}

/* What the scanner gives up on: a text or comment that is not closed, or libconfig's @include. */
static void rest_mask(struct masker *m, const char *from, int answer)
{
        const char *end = m->scanner.rest.data + m->scanner.rest.length;
        const struct scope *here = scope_here(m)->is_list ? scope_here(m) : &m->value;

        gap_mask(m, from, end);
        if (answer == SCAN_E_TEXT && here->hide)
                bytes_mask(copy_at(m, from) + 1, (size_t)(end - from) - 1);
        else if (answer == SCAN_E_TEXT)
                words_mask(copy_at(m, from) + 1, (size_t)(end - from) - 1, blanks);
}

static void span_mask(struct masker *m, struct slice span)
{
        struct token t = { TOKEN_OTHER, { span.data, 0 } }, previous;
        int answer;

        m->scanner = (struct scanner){ span, 1 };
        m->scopes[0] = (struct scope){ .rows = m->rows };
        m->depth = 0;
        m->value = (struct scope){ NULL };
        for (;;) {
                previous = t;
                answer = token_next(&m->scanner, &t);
                gap_mask(m, previous.text.data + previous.text.length, t.text.data);
                if (answer)
                        break;
                token_take(m, &t, &previous);
        }
        if (answer != SCAN_E_END)
                rest_mask(m, t.text.data, answer);
}

char *text_mask(struct slice text, const struct setting_row *rows)
{
        struct masker m = { .text = text.data, .copy = malloc(text.length + 1), .rows = rows };
        struct slice rest = text, line;

        if (!m.copy)
                return NULL;
        memcpy(m.copy, text.data, text.length);
        m.copy[text.length] = 0;
        words_mask(m.copy, text.length, between_words);
        span_mask(&m, text);
        m.by_line = true;
        while (slice_split(&rest, '\n', &line))
                span_mask(&m, line);
        return m.copy;
}
