/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/settings/diag.h"

#include "lib/settings/echo.h"

#include <ctype.h>
#include <stdarg.h>

#define WORD_MAX 64 /* longer words are no typos of ours */

void diag_init(struct diag *d)
{
        *d = (struct diag){ NULL };
}

static void finding_done(struct diag_finding *f)
{
        free(f->file);
        free(f->source);
        free(f->message);
        free(f->remedy);
}

void diag_done(struct diag *d)
{
        for (size_t i = 0; i < d->n_findings; i++)
                finding_done(&d->findings[i]);
        free(d->findings);
        *d = (struct diag){ NULL };
}

/* What a person wrote may end up on a terminal or in JSON: only plain ASCII does. */
static void text_disarm(char *text)
{
        for (; *text; text++) {
                unsigned char c = (unsigned char)*text;

                if (c < 0x20 || c >= 0x7f)
                        *text = '?';
        }
}

/* Without memory for the line the finding goes without it. */
static void finding_place(struct diag_finding *f, const struct place *at)
{
        struct echo e = echo_make(at);

        f->line = at->line;
        f->column = at->column;
        f->width = at->column ? at->width : 0;
        f->source = e.line;
        f->caret = e.caret;
        f->caret_length = e.length;
}

static bool finding_init(struct diag_finding *f, struct place at, const char *remedy,
                         const char *format, va_list args)
{
        if (vasprintf(&f->message, format, args) < 0) {
                f->message = NULL;
                return false;
        }
        f->file = at.file ? strdup(at.file) : NULL;
        if (at.file)
                finding_place(f, &at);
        f->remedy = remedy ? strdup(remedy) : NULL;
        if ((at.file && !f->file) || (remedy && !f->remedy))
                return false;
        text_disarm(f->message);
        if (f->remedy)
                text_disarm(f->remedy);
        return true;
}

/* The array doubles at each power of two. */
static bool diag_grow(struct diag *d)
{
        struct diag_finding *larger;

        if (d->n_findings & (d->n_findings - 1))
                return true;
        larger = reallocarray(d->findings, MAX(d->n_findings * 2, 1U), sizeof(*larger));
        if (!larger)
                return false;
        d->findings = larger;
        return true;
}

static void diag_add(struct diag *d, enum diag_level level, struct place at, const char *remedy,
                     const char *format, va_list args)
{
        struct diag_finding f = { .level = level };

        if (d->n_findings >= DIAG_MAX_FINDINGS) {
                d->n_dropped++;
                return;
        }
        if (!finding_init(&f, at, remedy, format, args) || !diag_grow(d)) {
                finding_done(&f);
                d->n_dropped++;
                d->n_errors += level != DIAG_ERROR;
                return;
        }
        d->findings[d->n_findings++] = f;
}

void diag_error(struct diag *d, struct place at, const char *remedy, const char *format, ...)
{
        va_list args;

        d->n_errors++;
        va_start(args, format);
        diag_add(d, DIAG_ERROR, at, remedy, format, args);
        va_end(args);
}

void diag_warning(struct diag *d, struct place at, const char *remedy, const char *format, ...)
{
        va_list args;

        d->n_warnings++;
        va_start(args, format);
        diag_add(d, DIAG_WARNING, at, remedy, format, args);
        va_end(args);
}

static int finding_compare(const struct diag_finding *a, const struct diag_finding *b)
{
        int r;

        if (!a->file || !b->file)
                return (a->file != NULL) - (b->file != NULL);
        r = strcmp(a->file, b->file);
        if (r)
                return r;
        if (a->line != b->line)
                return a->line < b->line ? -1 : 1;
        return (a->column > b->column) - (a->column < b->column);
}

/* By insertion: stable, and there are at most DIAG_MAX_FINDINGS. */
void diag_sort(struct diag *d)
{
        for (size_t i = 1; i < d->n_findings; i++) {
                struct diag_finding f = d->findings[i];
                size_t j = i;

                for (; j > 0 && finding_compare(&d->findings[j - 1], &f) > 0; j--)
                        d->findings[j] = d->findings[j - 1];
                d->findings[j] = f;
        }
}

static void caret_print(const struct diag_finding *f, FILE *out)
{
        fprintf(out, "  %s\n  %*s^", f->source, (int)f->caret, "");
        for (unsigned i = 1; i < f->caret_length; i++)
                putc('~', out);
        putc('\n', out);
}

void diag_finding_print(const struct diag_finding *f, FILE *out)
{
        static const char *const levels[] = { "error", "warning" };

        if (f->file)
                fprintf(out, "%s:", f->file);
        if (f->file && f->line)
                fprintf(out, "%u:", f->line);
        if (f->file && f->column)
                fprintf(out, "%u:", f->column);
        fprintf(out, "%s%s: %s\n", f->file ? " " : "", levels[f->level], f->message);
        if (f->source)
                caret_print(f, out);
        if (f->remedy)
                fprintf(out, "    %s\n", f->remedy);
}

void diag_print(const struct diag *d, FILE *out)
{
        for (size_t i = 0; i < d->n_findings; i++)
                diag_finding_print(&d->findings[i], out);
        if (d->n_dropped)
                fprintf(out, "%zu more findings are not shown\n", d->n_dropped);
}

static unsigned char letter_fold(char c)
{
        return c == '_' ? '-' : (unsigned char)tolower((unsigned char)c);
}

/* Edits between two words where a swap of neighbours is one edit (optimal string alignment). Case
 * and the kind of dash do not count. */
static unsigned word_distance(struct slice a, struct slice b)
{
        unsigned rows[3][WORD_MAX + 1] = { { 0 } };
        unsigned *above2 = rows[0], *above = rows[1], *row = rows[2];

        for (size_t j = 0; j <= b.length; j++)
                above[j] = (unsigned)j;
        for (size_t i = 1; i <= a.length; i++) {
                unsigned *free_row = above2;
                unsigned char here = letter_fold(a.data[i - 1]);

                row[0] = (unsigned)i;
                for (size_t j = 1; j <= b.length; j++) {
                        unsigned char there = letter_fold(b.data[j - 1]);
                        unsigned best = above[j - 1] + (here != there);

                        best = MIN(best, MIN(above[j], row[j - 1]) + 1);
                        if (i > 1 && j > 1 && here == letter_fold(b.data[j - 2]) &&
                            there == letter_fold(a.data[i - 2]))
                                best = MIN(best, above2[j - 2] + 1);
                        row[j] = best;
                }
                above2 = above;
                above = row;
                row = free_row;
        }
        return above[b.length];
}

const char *diag_nearest(struct slice word, const char *const *names)
{
        unsigned best = (unsigned)MAX(word.length / 3, 1U) + 1;
        const char *nearest = NULL;

        if (word.length == 0 || word.length > WORD_MAX)
                return NULL;
        for (; *names; names++) {
                struct slice name = slice_of(*names);
                size_t gap = MAX(name.length, word.length) - MIN(name.length, word.length);
                unsigned distance;

                if (gap >= best || name.length > WORD_MAX)
                        continue;
                distance = word_distance(word, name);
                if (distance < best && distance < MAX(name.length, word.length)) {
                        best = distance;
                        nearest = *names;
                }
        }
        return nearest;
}
