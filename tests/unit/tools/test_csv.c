/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/csv.h"

#include "tests/unit/base/row.h"

#include <stdio.h>

/* "1:a|b 3:c": each row with its line and its cells. */
static char *rows_format(const struct csv *c)
{
        char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);

        for (size_t i = 0; i < c->n_rows; i++) {
                fprintf(out, "%s%u:", i ? " " : "", c->rows[i].line);
                for (size_t j = 0; j < c->rows[i].n_cells; j++)
                        fprintf(out, "%s%.*s", j ? "|" : "", (int)c->rows[i].cells[j].length,
                                c->rows[i].cells[j].data);
                fputs(c->rows[i].is_open ? "!" : "", out);
        }
        fclose(out);
        return text;
}

static void a_table_is_read_into_rows_and_cells(void **state)
{
        static const struct {
                const char *text;
                char separator;
                const char *rows, *sentence;
        } rows[] = {
                { "a,b\nc,d\n", ',', "1:a|b 2:c|d", "plain" },
                { "a,b\r\nc,d\r\n", ',', "1:a|b 2:c|d", "ends of lines as Windows has them" },
                { "a,b\r", ',', "1:a|b", "half of one at the end" },
                { "a\rb,c", ',', "1:a\rb|c", "one within a line is none" },
                { "a;b,c;d", ';', "1:a|b,c|d", "another separator" },
                { "a\tb c\t\td", '\t', "1:a|b c||d", "tabs, and an empty cell" },
                { "a,b", ',', "1:a|b", "without an end of the last line" },
                { " a , b\t\n", ',', "1:a|b", "blanks around a cell" },
                { "\n\n a\n\n,,\nb\n", ',', "3:a 6:b", "lines without anything are no rows" },
                { "# x,y\na\n#\nb\n", ',', "2:a 4:b", "comments" },
                { "\"a,b\",c\n", ',', "1:a,b|c", "a separator in quotes" },
                { "\"a \"\"b\"\"\",c\n", ',', "1:a \"b\"|c", "quotes in quotes" },
                { "\"a\nb\",c\nd\n", ',', "1:a\nb|c 3:d", "an end of a line in quotes is counted" },
                { " \"a\" x,b\n", ',', "1:a x|b", "text behind the closing quote" },
                { "a \"b\" c,d\n", ',', "1:a \"b\" c|d", "quotes within a cell are its own" },
                { "a\n\"b,c\nd\n", ',', "1:a 2:b,c\nd\n!", "a quote that is not closed" },
                { "\"", ',', "1:!", "nothing but a quote" },
                { "", ',', "", "nothing at all" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                CLEANUP(csv_done) struct csv c = { NULL };
                CLEANUP(freep) char *text = NULL;

                ROW_CHECK(csv_read(slice_of(rows[i].text), rows[i].separator, &c) == 0, i,
                          rows[i].sentence);
                text = rows_format(&c);
                ROW_CHECK(strcmp(text, rows[i].rows) == 0, i, rows[i].sentence);
        }
}

static void what_is_too_much_is_left_out_or_refused(void **state)
{
        CLEANUP(freep) char *wide = malloc(200), *tall = malloc(2 * CSV_MAX_ROWS + 2);
        CLEANUP(csv_done) struct csv c = { NULL };

        memset(wide, ',', 200);
        wide[0] = 'a';
        assert_int_equal(csv_read((struct slice){ wide, 200 }, ',', &c), 0);
        assert_int_equal(c.rows[0].n_cells, CSV_MAX_COLUMNS);
        csv_done(&c);
        for (size_t i = 0; i <= CSV_MAX_ROWS; i++)
                memcpy(tall + 2 * i, "a\n", 2);
        assert_int_equal(csv_read((struct slice){ tall, 2 * CSV_MAX_ROWS }, ',', &c), 0);
        assert_int_equal(c.n_rows, CSV_MAX_ROWS);
        csv_done(&c);
        assert_int_equal(csv_read((struct slice){ tall, 2 * CSV_MAX_ROWS + 2 }, ',', &c),
                         CSV_E_ROWS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_table_is_read_into_rows_and_cells),
                cmocka_unit_test(what_is_too_much_is_left_out_or_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
