/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which separator, which column? Those that give most addresses. Names of columns only settle what
 * that leaves open: "Address" may well head a column of streets.
 */
#include "policy/ranges.h"
#include "tools/import.h"
#include "tools/whole_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sysexits.h>

#define FILE_MAX_BYTES ((size_t)16 * 1024 * 1024)

static int file_fail(const struct import *i, int status, const char *reason)
{
        fprintf(stderr, "keyrouter import csv: %s: %s\n", i->file, reason);
        return status;
}

static int file_read(struct import *i, struct slice *ret)
{
        size_t length;
        void *bytes;
        int r = whole_file_read(i->path, FILE_MAX_BYTES, &bytes, &length);

        if (r)
                return file_fail(i, r == -ENOMEM ? EX_OSERR : EX_NOINPUT, whole_file_explain(r));
        i->bytes = bytes;
        *ret = (struct slice){ i->bytes, length };
        if (length >= 3 && memcmp(i->bytes, "\xef\xbb\xbf", 3) == 0)
                *ret = slice_from(*ret, 3);
        if (length >= 2 &&
            (memcmp(i->bytes, "\xff\xfe", 2) == 0 || memcmp(i->bytes, "\xfe\xff", 2) == 0))
                return file_fail(i, EX_DATAERR, "is UTF-16: save it as CSV in UTF-8");
        return 0;
}

/* ---- columns ---- */

static bool is_address(struct slice text)
{
        struct addr a;

        return addr_parse(text, &a) == 0;
}

/* Letters and digits in lower case: "IP-Address " is "ipaddress". */
static void heading_fold(struct slice text, char out[static 32])
{
        size_t n = 0;

        for (size_t i = 0; i < text.length && n < 31; i++)
                if (isascii(text.data[i]) && isalnum((unsigned char)text.data[i]))
                        out[n++] = (char)tolower((unsigned char)text.data[i]);
        out[n] = 0;
}

static bool heading_is_of(struct slice text, const char *const *names)
{
        char folded[32];

        heading_fold(text, folded);
        for (; *names; names++)
                if (strcmp(folded, *names) == 0)
                        return true;
        return false;
}

static const char *const address_headings[] = { "ip",          "ipaddress",   "ipaddr",
                                                "ipv4",        "ipv4address", "ipv6",
                                                "ipv6address", "address",     "addr",
                                                "host",        NULL };
static const char *const label_headings[] = { "name",        "hostname", "host",    "desk",
                                              "workstation", "computer", "machine", "pc",
                                              "user",        "label",    NULL };

struct columns {
        size_t n_addresses[CSV_MAX_COLUMNS];
        size_t n_all; /* of all columns */
};

static void columns_count(const struct csv *c, struct columns *ret)
{
        *ret = (struct columns){ .n_all = 0 };
        for (size_t i = 0; i < c->n_rows; i++)
                for (size_t j = 0; j < c->rows[i].n_cells; j++)
                        if (is_address(c->rows[i].cells[j])) {
                                ret->n_addresses[j]++;
                                ret->n_all++;
                        }
}

static size_t headings_count(const struct csv *c)
{
        size_t n = 0;

        for (size_t j = 0; c->n_rows > 0 && j < c->rows[0].n_cells; j++)
                n += heading_is_of(c->rows[0].cells[j], address_headings) ||
                     heading_is_of(c->rows[0].cells[j], label_headings);
        return n;
}

static int table_choose(struct import *i, struct slice text)
{
        static const char separators[] = { ',', ';', '\t' };
        size_t best = 0;

        for (size_t j = 0; j < sizeof(separators); j++) {
                CLEANUP(csv_done) struct csv c = { NULL };
                struct columns columns;
                size_t score;
                int r = csv_read(text, separators[j], &c);

                if (r == CSV_E_ROWS)
                        return file_fail(i, EX_DATAERR, "has more than 200000 rows");
                if (r)
                        return EX_OSERR;
                columns_count(&c, &columns);
                score = 2 * columns.n_all + headings_count(&c) + 1;
                if (score <= best)
                        continue;
                best = score;
                csv_done(&i->table);
                i->table = c;
                c = (struct csv){ NULL };
        }
        return 0;
}

static size_t address_column(const struct csv *c, const struct columns *columns)
{
        const struct csv_row *head = &c->rows[0];
        size_t best = 0;

        for (const char *const *name = address_headings; *name; name++) {
                const char *one[] = { *name, NULL };

                for (size_t j = 0; j < head->n_cells; j++)
                        if (heading_is_of(head->cells[j], one) &&
                            (columns->n_addresses[j] || columns->n_all == 0))
                                return j;
        }
        for (size_t j = 1; j < CSV_MAX_COLUMNS; j++)
                if (columns->n_addresses[j] > columns->n_addresses[best])
                        best = j;
        return best;
}

static bool has_digit(struct slice s)
{
        for (size_t i = 0; i < s.length; i++)
                if (isdigit((unsigned char)s.data[i]))
                        return true;
        return false;
}

/* A first row without any digit where the others have addresses tells names of columns. */
static bool has_header(const struct csv *c, size_t column, const struct columns *columns)
{
        const struct csv_row *head = &c->rows[0];
        struct slice cell = column < head->n_cells ? head->cells[column] : (struct slice){ NULL };

        for (size_t j = 0; j < head->n_cells; j++)
                if (is_address(head->cells[j]))
                        return false;
        return heading_is_of(cell, address_headings) ||
               (cell.length && !has_digit(cell) && columns->n_all > 0);
}

/* The column that tells a desk's name; CSV_MAX_COLUMNS: none. */
static size_t label_column(const struct import *i, size_t column)
{
        const struct csv_row *head = &i->table.rows[0];

        for (const char *const *name = label_headings; i->header_line && *name; name++) {
                const char *one[] = { *name, NULL };

                for (size_t j = 0; j < head->n_cells; j++)
                        if (j != column && heading_is_of(head->cells[j], one))
                                return j;
        }
        if (head->n_cells < 2)
                return CSV_MAX_COLUMNS;
        return column == 0 ? 1 : 0;
}

/* ---- rows ---- */

void desk_say(struct desk *d, enum desk_kind kind, const char *remedy, const char *format, ...)
{
        va_list args;

        d->kind = kind;
        free(d->message);
        free(d->remedy);
        d->remedy = remedy ? strdup(remedy) : NULL;
        va_start(args, format);
        if (vasprintf(&d->message, format, args) < 0)
                d->message = NULL;
        va_end(args);
}

static void address_check(struct desk *d)
{
        const char *hostless = range_find_hostless(&(struct range){ d->address, d->address });

        if (hostless)
                desk_say(d, DESK_NO_WORKSTATION, NULL, "%.*s is %s, which no host can have",
                         (int)d->text.length, d->text.data, hostless);
}

static void address_read(struct desk *d)
{
        struct prefix prefix;
        struct range range;
        int r = addr_parse(d->text, &d->address);

        if (r == 0)
                address_check(d);
        else if (d->text.length == 0)
                desk_say(d, DESK_NO_ADDRESS, NULL, "the row has no address");
        else if (prefix_parse(d->text, &prefix) == ADDR_E_HOST_BITS)
                desk_say(d, DESK_NO_ADDRESS, "leave the prefix length out",
                         "\"%.*s\" is an address with a prefix length", (int)d->text.length,
                         d->text.data);
        else if (range_parse(d->text, &range) == 0)
                desk_say(d, DESK_NO_ADDRESS, "a row is one workstation; write ranges by hand",
                         "\"%.*s\" is more than one address", (int)d->text.length, d->text.data);
        else
                desk_say(d, DESK_NO_ADDRESS, NULL, "\"%.*s\" is not an address",
                         (int)MIN(d->text.length, (size_t)100), d->text.data);
}

static struct slice cell_of(const struct csv_row *row, size_t column)
{
        return column < row->n_cells ? row->cells[column] : (struct slice){ "", 0 };
}

static void desk_read(struct desk *d, const struct csv_row *row, size_t column, size_t label)
{
        *d = (struct desk){ .line = row->line,
                            .text = cell_of(row, column),
                            .label = cell_of(row, label) };
        if (row->is_open)
                desk_say(d, DESK_SYNTAX, "close it with a quote",
                         "a cell in quotes is not closed: the rest of the file is in it");
        else
                address_read(d);
}

int import_table_read(struct import *i)
{
        struct columns columns;
        struct slice text;
        size_t column, label;
        int status = file_read(i, &text);

        if (status == 0)
                status = table_choose(i, text);
        if (status)
                return status;
        if (i->table.n_rows == 0)
                return 0;
        columns_count(&i->table, &columns);
        column = address_column(&i->table, &columns);
        if (has_header(&i->table, column, &columns))
                i->header_line = i->table.rows[0].line;
        label = label_column(i, column);
        i->desks = calloc(i->table.n_rows, sizeof(*i->desks));
        if (!i->desks)
                return EX_OSERR;
        for (size_t j = i->header_line ? 1 : 0; j < i->table.n_rows; j++)
                desk_read(&i->desks[i->n_desks++], &i->table.rows[j], column, label);
        return 0;
}
