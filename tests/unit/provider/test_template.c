/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/provider/fixture.h"

#include "lib/base/cleanup.h"
#include "lib/provider/template.h"

/* Renders the parts as text in (), fields in []. */
static void render(const char *text, char out[static 128])
{
        struct slice rest = slice_of(text);
        struct template_part part;
        size_t n = 0;

        while (template_next(&rest, &part)) {
                out[n++] = part.is_field ? '[' : '(';
                memcpy(out + n, part.text.data, part.text.length);
                n += part.text.length;
                out[n++] = part.is_field ? ']' : ')';
        }
        out[n] = 0;
}

static void a_template_falls_into_texts_and_fields(void **state)
{
        static const struct {
                const char *text, *parts;
                bool has_field;
                const char *sentence;
        } rows[] = {
                { "", "", false, "nothing" },
                { "2025-09", "(2025-09)", false, "a fixed text" },
                { "$key", "[key]", true, "a field" },
                { "a-$id_2-b", "(a-)[id_2](-b)", true, "a name ends where its bytes do" },
                { "$id$token", "[id][token]", true, "two in a row" },
                { "$$5", "($)(5)", false, "two dollars are one" },
                { "$$$id", "($)[id]", true, "a dollar and a field" },
                { "a$", "(a)[]", true, "a dollar at the end is a field without a name" },
                { "$-x", "[](-x)", true, "so is one before something else" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char parts[128];

                render(rows[i].text, parts);
                ROW_CHECK(strcmp(parts, rows[i].parts) == 0, i, rows[i].sentence);
                ROW_CHECK(template_has_field(rows[i].text) == rows[i].has_field, i,
                          rows[i].sentence);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_template_falls_into_texts_and_fields),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
