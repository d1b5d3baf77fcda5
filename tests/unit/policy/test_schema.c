/* SPDX-License-Identifier: Apache-2.0 */
/* keyrouter schema tells every setting that is read, and no other. argv[1] is keyrouter. */
#include "lib/base/cleanup.h"
#include "policy/provider_schema.h"
#include "policy/schema.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char *program;

static json_t *schema_read(void)
{
        char command[512];
        json_t *document;
        FILE *out;

        snprintf(command, sizeof(command), "'%s' schema --json", program);
        out = popen(command, "r");
        assert_non_null(out);
        document = json_loadf(out, 0, NULL);
        assert_int_equal(pclose(out), 0);
        assert_non_null(document);
        return document;
}

static const json_t *setting_find(const json_t *settings, const char *file, const char *path)
{
        const json_t *found = NULL;

        for (size_t i = 0; i < json_array_size(settings); i++) {
                const json_t *s = json_array_get(settings, i);

                if (strcmp(json_string_value(json_object_get(s, "file")), file) == 0 &&
                    strcmp(json_string_value(json_object_get(s, "path")), path) == 0) {
                        assert_null(found);
                        found = s;
                }
        }
        if (!found)
                fail_msg("%s of %s is not told", path, file);
        return found;
}

static void setting_check(const json_t *s, const struct setting_row *row)
{
        const json_t *value = json_object_get(s, "default");
        const char *help = json_string_value(json_object_get(s, "help"));
        size_t n = 0;

        assert_non_null(strstr(row->help, help));
        assert_int_equal(json_is_true(json_object_get(s, "required")),
                         (row->flags & SETTING_REQUIRED) != 0);
        while (row->choices && row->choices[n])
                n++;
        assert_int_equal(json_array_size(json_object_get(s, "choices")), n);
        if (row->flags & (SETTING_DEPENDS | SETTING_REQUIRED))
                assert_true(json_is_null(value));
        else if (row->type == SETTING_INT)
                assert_int_equal(json_integer_value(value), row->default_int);
        else if (row->type == SETTING_BOOL)
                assert_int_equal(json_is_true(value), row->default_int);
        else if (row->default_text)
                assert_string_equal(json_string_value(value), row->default_text);
        if (row->type == SETTING_INT && !(row->flags & SETTING_DEPENDS)) {
                assert_int_equal(json_integer_value(json_object_get(s, "min")), row->min);
                assert_int_equal(json_integer_value(json_object_get(s, "max")), row->max);
        }
}

static size_t rows_check(const json_t *settings, const char *file, const struct setting_row *rows,
                         const char *prefix)
{
        size_t n = 0;

        for (; rows->name; rows++, n++) {
                const char *brackets = rows->type == SETTING_GROUPS ? "[]" : "";
                char path[160];

                snprintf(path, sizeof(path), "%s%s%s", prefix, rows->name, brackets);
                setting_check(setting_find(settings, file, path), rows);
                snprintf(path, sizeof(path), "%s%s%s.", prefix, rows->name, brackets);
                if (rows->rows)
                        n += rows_check(settings, file, rows->rows, path);
        }
        return n;
}

static void every_setting_is_told_and_no_other(void **state)
{
        json_t *document = schema_read();
        const json_t *settings = json_object_get(document, "settings");
        size_t n = rows_check(settings, "policy", policy_rows, "") +
                   rows_check(settings, "provider", provider_rows, "");

        assert_string_equal(json_string_value(json_object_get(document, "schema")),
                            "keyrouter.schema/1");
        setting_find(settings, "policy", "include");
        setting_find(settings, "provider", "include");
        assert_int_equal(json_array_size(settings), n + 2);
        json_decref(document);
}

static void a_setting_below_others_has_a_path(void **state)
{
        json_t *document = schema_read();
        const json_t *settings = json_object_get(document, "settings");
        const json_t *burst = setting_find(settings, "policy", "groups[].limits.burst");
        const json_t *name = setting_find(settings, "policy", "keys[].name");

        assert_string_equal(json_string_value(json_object_get(burst, "type")), "integer");
        assert_int_equal(json_integer_value(json_object_get(burst, "max")), 100000);
        assert_int_equal(json_integer_value(json_object_get(name, "max_length")), 64);
        assert_non_null(json_object_get(name, "pattern"));
        assert_null(json_object_get(setting_find(settings, "policy", "keys[].capacity"), "max"));
        json_decref(document);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_setting_is_told_and_no_other),
                cmocka_unit_test(a_setting_below_others_has_a_path),
        };

        if (argc != 2)
                return 64;
        program = argv[1];
        return cmocka_run_group_tests(tests, NULL, NULL);
}
