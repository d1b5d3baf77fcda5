/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * csv - a table as spreadsheets write it (RFC 4180, and what occurs beside it)
 *
 * A cell may stand in quotes, with "" for a quote, and may then hold separators and ends of lines. A
 * line ends with LF or CRLF. Empty lines, and lines that begin with #, are no rows. Owner: the
 * caller; cells live as long as the table.
 */
#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#define CSV_MAX_ROWS 200000U
#define CSV_MAX_COLUMNS 64 /* what stands behind them in a row is left out */

struct csv_row {
        unsigned line;             /* 1.., where it begins */
        const struct slice *cells; /* without quotes and without blanks at both ends */
        size_t n_cells;
        bool is_open; /* a quoted cell is not closed: the rest of the file is in it */
};

struct csv {
        struct csv_row *rows;
        size_t n_rows;
        struct slice *cells;
        size_t n_cells;
        char *bytes;
};

enum {
        CSV_E_ROWS = 1, /* more than CSV_MAX_ROWS */
};

/* Returns 0, an answer above, or -ENOMEM. */
MUST_CHECK int csv_read(struct slice text, char separator, struct csv *ret);
void csv_done(struct csv *c);
