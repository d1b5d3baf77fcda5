/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/output.h"

#include "lib/base/cleanup.h"

#include <string.h>
#include <sysexits.h>

#define KEPT_TEXTS 8

static char *next_text(void)
{
        static char texts[KEPT_TEXTS][64];
        static unsigned next;

        return texts[next++ % KEPT_TEXTS];
}

const char *count_text(size_t n, const char *one, const char *many)
{
        char *text = next_text();

        snprintf(text, 64, "%zu %s", n, n == 1 ? one : many);
        return text;
}

const char *age_text(int64_t s)
{
        char *text = next_text();

        if (s < 120)
                snprintf(text, 64, "%lld s", (long long)s);
        else if (s < 7200)
                snprintf(text, 64, "%lld min", (long long)(s / 60));
        else if (s < 48 * 3600)
                snprintf(text, 64, "%lld h", (long long)(s / 3600));
        else
                snprintf(text, 64, "%lld days", (long long)(s / 86400));
        return text;
}

void file_text_print(const char *text, size_t length)
{
        bool is_shown = isatty(STDOUT_FILENO);

        for (size_t i = 0; i < length; i++) {
                unsigned char c = (unsigned char)text[i];
                unsigned char next = i + 1 < length ? (unsigned char)text[i + 1] : 0;
                bool is_c1 = c == 0xc2 && next >= 0x80 && next < 0xa0; /* U+0080 to U+009F */

                if (is_shown && ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f || is_c1)) {
                        putchar('?');
                        i += is_c1;
                } else {
                        putchar(c);
                }
        }
}

static bool terminal_has_colour(void)
{
        const char *no_color = getenv("NO_COLOR");

        return isatty(STDOUT_FILENO) && (!no_color || !no_color[0]);
}

const char *bold_on(void)
{
        return terminal_has_colour() ? "\033[1m" : "";
}

const char *bold_off(void)
{
        return terminal_has_colour() ? "\033[0m" : "";
}

int json_print(const json_t *document)
{
        if (!document || json_dumpf(document, stdout, JSON_INDENT(2)) != 0) {
                fputs("keyrouter: cannot write the output as JSON\n", stderr);
                return EX_OSERR;
        }
        putchar('\n');
        return 0;
}

const char *member_text(const json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(object, name));

        return text ? text : "";
}

long long member_number(const json_t *object, const char *name)
{
        return json_integer_value(json_object_get(object, name));
}

/* ---- tables ---- */

struct table {
        size_t n_columns, n_cells;
        bool is_right[TABLE_MAX_COLUMNS];
        char **cells; /* row by row, the heads first */
};

struct table *table_new(const char *const *heads)
{
        struct table *t = calloc(1, sizeof(*t));
        const char *texts[TABLE_MAX_COLUMNS];

        if (!t)
                return NULL;
        for (; heads[t->n_columns]; t->n_columns++) {
                const char *head = heads[t->n_columns];

                assert(t->n_columns < TABLE_MAX_COLUMNS);
                t->is_right[t->n_columns] = head[0] == '>';
                texts[t->n_columns] = head + (head[0] == '>');
        }
        table_add(t, texts);
        return t;
}

void table_add(struct table *t, const char *const *cells)
{
        char **larger;

        if (!t)
                return;
        larger = reallocarray(t->cells, t->n_cells + t->n_columns, sizeof(*larger));
        if (!larger)
                return;
        t->cells = larger;
        for (size_t i = 0; i < t->n_columns; i++)
                t->cells[t->n_cells++] = strdup(cells[i] ? cells[i] : "");
}

static const char *cell_text(const struct table *t, size_t i)
{
        return t->cells[i] ? t->cells[i] : "";
}

/* Characters of a text in UTF-8. */
static size_t text_width(const char *text)
{
        size_t width = 0;

        for (; *text; text++)
                width += ((unsigned char)*text & 0xc0) != 0x80;
        return width;
}

static int column_width(const struct table *t, size_t column)
{
        size_t width = 0;

        for (size_t i = column; i < t->n_cells; i += t->n_columns)
                width = MAX(width, text_width(cell_text(t, i)));
        return (int)width;
}

/* How many columns up to the last that has a text. */
static size_t row_length(const struct table *t, size_t first)
{
        size_t n = t->n_columns;

        while (n > 0 && cell_text(t, first + n - 1)[0] == 0)
                n--;
        return n;
}

/* Nothing is padded behind the last text: lines end without blanks. */
static void row_print(const struct table *t, size_t first, const int *widths, FILE *out)
{
        size_t n = row_length(t, first);

        for (size_t i = 0; i < n; i++) {
                const char *text = cell_text(t, first + i);
                bool is_last = i + 1 == n;
                int padding = widths[i] - (int)text_width(text);

                if (t->is_right[i])
                        fprintf(out, "%*s%s%s", padding, "", text, is_last ? "" : "  ");
                else
                        fprintf(out, "%s%*s", text, is_last ? 0 : padding + 2, "");
        }
}

void table_print(struct table *t, const char *indent, FILE *out)
{
        int widths[TABLE_MAX_COLUMNS];

        if (!t)
                return;
        for (size_t i = 0; i < t->n_columns; i++)
                widths[i] = column_width(t, i);
        for (size_t i = 0; t->n_cells > t->n_columns && i < t->n_cells; i += t->n_columns) {
                bool is_head = i == 0;

                fprintf(out, "%s%s", row_length(t, i) ? indent : "", is_head ? bold_on() : "");
                row_print(t, i, widths, out);
                fprintf(out, "%s\n", is_head ? bold_off() : "");
        }
        for (size_t i = 0; i < t->n_cells; i++)
                free(t->cells[i]);
        free(t->cells);
        free(t);
}
