/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cells are copied, unquoted, one after the other into a buffer as large as the text: a cell never
 * grows. Rows point at their cells once all are there, for the array of cells moves as it grows.
 */
#include "tools/csv.h"

#include "lib/base/fault.h"

#include <errno.h>

struct reading {
        struct csv c;
        struct slice rest;
        size_t n_bytes;
        unsigned line;
        char separator;
        size_t n_rows_max, n_cells_max;
};

void csv_done(struct csv *c)
{
        free(c->rows);
        free(c->cells);
        free(c->bytes);
        *c = (struct csv){ NULL };
}

static void reading_done(struct reading *r)
{
        csv_done(&r->c);
}

/* Room for one more of `size` bytes. */
static int grow(void *array, size_t n, size_t *n_max, size_t size)
{
        void **owner = array, *larger;

        if (n < *n_max)
                return 0;
        larger = reallocarray(*owner, MAX(*n_max * 2, (size_t)256), size);
        if (!larger)
                return fault(-ENOMEM);
        *owner = larger;
        *n_max = MAX(*n_max * 2, (size_t)256);
        return 0;
}

static bool is_line_end(struct slice s)
{
        return s.data[0] == '\n' || (s.data[0] == '\r' && (s.length == 1 || s.data[1] == '\n'));
}

static void byte_take(struct reading *r)
{
        r->line += r->rest.data[0] == '\n';
        r->c.bytes[r->n_bytes++] = r->rest.data[0];
        r->rest = slice_from(r->rest, 1);
}

/* Behind the opening quote. False: it is not closed. */
static bool quoted_take(struct reading *r)
{
        while (r->rest.length) {
                if (r->rest.data[0] != '"') {
                        byte_take(r);
                        continue;
                }
                r->rest = slice_from(r->rest, 1);
                if (r->rest.length == 0 || r->rest.data[0] != '"')
                        return true;
                byte_take(r);
        }
        return false;
}

/* Up to the separator or the end of the line, neither of which it takes. */
static struct slice cell_take(struct reading *r, bool *ret_open)
{
        size_t start = r->n_bytes;

        while (r->rest.length &&
               (r->rest.data[0] == ' ' || (r->rest.data[0] == '\t' && r->separator != '\t')))
                r->rest = slice_from(r->rest, 1);
        if (r->rest.length && r->rest.data[0] == '"') {
                r->rest = slice_from(r->rest, 1);
                *ret_open = !quoted_take(r);
        }
        while (r->rest.length && r->rest.data[0] != r->separator && !is_line_end(r->rest))
                byte_take(r);
        return slice_trim((struct slice){ r->c.bytes + start, r->n_bytes - start });
}

static void line_end_take(struct reading *r)
{
        if (r->rest.length && r->rest.data[0] == '\r')
                r->rest = slice_from(r->rest, 1);
        if (r->rest.length && r->rest.data[0] == '\n')
                r->rest = slice_from(r->rest, 1);
        r->line++;
}

static int row_take(struct reading *r, struct csv_row *row)
{
        *row = (struct csv_row){ .line = r->line };
        for (;;) {
                struct slice cell = cell_take(r, &row->is_open);
                bool is_last = r->rest.length == 0 || r->rest.data[0] != r->separator;

                if (row->n_cells < CSV_MAX_COLUMNS) {
                        if (grow(&r->c.cells, r->c.n_cells, &r->n_cells_max, sizeof(cell)))
                                return -ENOMEM;
                        r->c.cells[r->c.n_cells++] = cell;
                        row->n_cells++;
                }
                if (is_last)
                        break;
                r->rest = slice_from(r->rest, 1);
        }
        line_end_take(r);
        return 0;
}

static bool row_is_nothing(const struct reading *r, const struct csv_row *row)
{
        const struct slice *cells = r->c.cells + r->c.n_cells - row->n_cells;

        for (size_t i = 0; i < row->n_cells; i++)
                if (cells[i].length)
                        return false;
        return !row->is_open;
}

static void comment_take(struct reading *r)
{
        while (r->rest.length && !is_line_end(r->rest))
                r->rest = slice_from(r->rest, 1);
        line_end_take(r);
}

static int rows_take(struct reading *r)
{
        while (r->rest.length) {
                struct csv_row row;

                if (r->rest.data[0] == '#') {
                        comment_take(r);
                        continue;
                }
                if (row_take(r, &row))
                        return -ENOMEM;
                if (row_is_nothing(r, &row)) {
                        r->c.n_cells -= row.n_cells;
                        continue;
                }
                if (r->c.n_rows == CSV_MAX_ROWS)
                        return CSV_E_ROWS;
                if (grow(&r->c.rows, r->c.n_rows, &r->n_rows_max, sizeof(row)))
                        return -ENOMEM;
                r->c.rows[r->c.n_rows++] = row;
        }
        return 0;
}

int csv_read(struct slice text, char separator, struct csv *ret)
{
        CLEANUP(reading_done)
        struct reading r = { .rest = text, .line = 1, .separator = separator };
        size_t n = 0;
        int error;

        r.c.bytes = malloc(text.length + 1);
        if (!r.c.bytes)
                return fault(-ENOMEM);
        error = rows_take(&r);
        if (error)
                return error;
        for (size_t i = 0; i < r.c.n_rows; i++) {
                r.c.rows[i].cells = r.c.cells + n;
                n += r.c.rows[i].n_cells;
        }
        *ret = r.c;
        r.c = (struct csv){ NULL };
        return 0;
}
