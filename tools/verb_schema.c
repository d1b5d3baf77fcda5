/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every setting of a policy and of a provider's definition, from the rows that they are read by.
 * "groups[].limits.burst" is burst in limits in each group of the list groups.
 */
#include "policy/provider_schema.h"
#include "policy/schema.h"
#include "tools/output.h"
#include "tools/verb.h"

#include <inttypes.h>

#define PATH_MAX_LENGTH 128

static const struct file_kind {
        const char *name;
        const struct setting_row *rows;
} kinds[] = {
        { "policy", policy_rows },
        { "provider", provider_rows },
};

static const struct type_words {
        const char *name, *phrase;
} types[] = {
        [SETTING_TEXT] = { "text", "text" },
        [SETTING_INT] = { "integer", "integer" },
        [SETTING_BOOL] = { "boolean", "true or false" },
        [SETTING_TEXTS] = { "texts", "list of texts" },
        [SETTING_INTS] = { "integers", "integer or list of integers" },
        [SETTING_GROUP] = { "group", "group" },
        [SETTING_GROUPS] = { "groups", "list of groups" },
        [SETTING_PAIRS] = { "pairs", "group of texts, any names" },
        [SETTING_TEXT_OR_TEXTS_MARKED] = { "text-or-texts", "text or list of texts" },
        [SETTING_TEXT_PLACED] = { "text", "text" },
};

typedef bool setting_visit(void *context, const struct file_kind *kind, const char *path,
                           const struct setting_row *row);

/* Goes through the rows and those below each. False: `visit` has stopped it. */
static bool rows_walk(const struct file_kind *kind, const struct setting_row *rows,
                      const char *prefix, setting_visit *visit, void *context)
{
        for (; rows->name; rows++) {
                char path[PATH_MAX_LENGTH], below[PATH_MAX_LENGTH];

                snprintf(path, sizeof(path), "%s%s%s", prefix, rows->name,
                         rows->type == SETTING_GROUPS ? "[]" : "");
                if (!visit(context, kind, path, rows))
                        return false;
                snprintf(below, sizeof(below), "%.*s.", PATH_MAX_LENGTH - 2, path);
                if (rows->rows && !rows_walk(kind, rows->rows, below, visit, context))
                        return false;
        }
        return true;
}

static bool settings_walk(setting_visit *visit, void *context)
{
        for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
                if (!visit(context, &kinds[i], setting_include_row.name, &setting_include_row) ||
                    !rows_walk(&kinds[i], kinds[i].rows, "", visit, context))
                        return false;
        }
        return true;
}

static bool is_number(const struct setting_row *row)
{
        return row->type == SETTING_INT || row->type == SETTING_INTS;
}

static bool is_text(const struct setting_row *row)
{
        return row->type == SETTING_TEXT || row->type == SETTING_TEXT_PLACED ||
               row->type == SETTING_TEXTS || row->type == SETTING_TEXT_OR_TEXTS_MARKED ||
               row->type == SETTING_PAIRS;
}

static bool has_default(const struct setting_row *row)
{
        if (row->flags & (SETTING_REQUIRED | SETTING_DEPENDS))
                return false;
        return row->type == SETTING_INT || row->type == SETTING_BOOL || row->default_text;
}

/* The help without the setting's own name in front, which messages need. */
static const char *row_help(const struct setting_row *row)
{
        size_t length = strlen(row->name);

        if (strncmp(row->help, row->name, length) == 0 && strncmp(row->help + length, ": ", 2) == 0)
                return row->help + length + 2;
        return row->help;
}

static void text_range(const struct setting_row *row, int64_t *ret_min, int64_t *ret_max)
{
        bool bounded = row->min || row->max;

        *ret_min = bounded ? row->min : 1;
        *ret_max = row->flags & SETTING_NAME ? SETTING_NAME_MAX
                   : bounded                 ? row->max
                                             : SETTING_TEXT_MAX;
}

/* ---- JSON ---- */

static json_t *default_json(const struct setting_row *row)
{
        if (!has_default(row))
                return json_null();
        if (row->type == SETTING_INT)
                return json_integer(row->default_int);
        if (row->type == SETTING_BOOL)
                return json_boolean(row->default_int != 0);
        return text_json(row->default_text);
}

static json_t *choices_json(const struct setting_row *row)
{
        json_t *list = row->choices ? json_array() : json_null();

        for (size_t i = 0; row->choices && row->choices[i]; i++)
                json_array_append_new(list, text_json(row->choices[i]));
        return list;
}

static void range_put(json_t *setting, const struct setting_row *row)
{
        int64_t min = row->min, max = row->max;

        if (is_number(row) && !(row->flags & SETTING_DEPENDS)) {
                json_object_set_new(setting, "min", json_integer(min));
                json_object_set_new(setting, "max", json_integer(max));
        } else if (is_text(row)) {
                text_range(row, &min, &max);
                json_object_set_new(setting, "min_length", json_integer(min));
                json_object_set_new(setting, "max_length", json_integer(max));
        }
        if (row->flags & SETTING_NAME)
                json_object_set_new(setting, "pattern",
                                    text_json("^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"));
}

static bool setting_append(void *context, const struct file_kind *kind, const char *path,
                           const struct setting_row *row)
{
        json_t *setting =
                json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:s}", "file", kind->name, "path", path,
                          "type", types[row->type].name, "required",
                          (row->flags & SETTING_REQUIRED) != 0, "default", default_json(row),
                          "choices", choices_json(row), "help", row_help(row));

        if (!setting)
                return false;
        range_put(setting, row);
        return json_array_append_new(context, setting) == 0;
}

static json_t *schema_json(void)
{
        CLEANUP(json_freep) json_t *settings = json_array();

        if (!settings || !settings_walk(setting_append, settings))
                return NULL;
        return json_pack("{s:s, s:O}", "schema", "keyrouter.schema/1", "settings", settings);
}

/* ---- text ---- */

static void default_print(const struct setting_row *row)
{
        if (!has_default(row))
                return;
        if (row->type == SETTING_INT)
                printf(", default %" PRId64, row->default_int);
        else if (row->type == SETTING_BOOL)
                printf(", default %s", row->default_int ? "true" : "false");
        else
                printf(", default \"%s\"", row->default_text);
}

static bool setting_print(void *context, const struct file_kind *kind, const char *path,
                          const struct setting_row *row)
{
        const struct file_kind **last = context;

        if (*last != kind)
                printf("%s%s%s%s\n", *last ? "\n" : "", bold_on(), kind->name, bold_off());
        *last = kind;
        printf("\n  %s\n      %s", path, types[row->type].phrase);
        if (is_number(row) && !(row->flags & SETTING_DEPENDS))
                printf(" %" PRId64 "..%" PRId64, row->min, row->max);
        for (size_t i = 0; row->choices && row->choices[i]; i++)
                printf("%s\"%s\"", i ? ", " : ": ", row->choices[i]);
        fputs(row->flags & SETTING_REQUIRED ? ", required" : "", stdout);
        default_print(row);
        printf("\n      %s\n", row_help(row));
        return true;
}

int verb_schema(const struct request *r)
{
        CLEANUP(json_freep) json_t *document = NULL;
        const struct file_kind *last = NULL;

        if (!r->json) {
                settings_walk(setting_print, &last);
                return 0;
        }
        document = schema_json();
        return json_print(document);
}
