/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/settings/value.h"

#include "lib/settings/mask.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const char *const wants[] = {
        [SETTING_TEXT] = "text in quotes",
        [SETTING_INT] = "an integer",
        [SETTING_BOOL] = "true or false",
        [SETTING_TEXTS] = "a list of texts, [ \"...\", \"...\" ]",
        [SETTING_INTS] = "an integer or a list of integers",
        [SETTING_GROUP] = "a group, { ... }",
        [SETTING_GROUPS] = "a list of groups, ( { ... }, { ... } )",
        [SETTING_PAIRS] = "a group of texts, { name = \"...\"; }",
        [SETTING_TEXT_OR_TEXTS_MARKED] = "text or a list of texts, [ \"...\", \"...\" ]",
        [SETTING_TEXT_PLACED] = "text in quotes",
};

const char *row_wants(const struct setting_row *row)
{
        return wants[row->type];
}

static const char *type_name(const config_setting_t *setting)
{
        switch (config_setting_type(setting)) {
        case CONFIG_TYPE_GROUP:
                return "a group";
        case CONFIG_TYPE_INT:
        case CONFIG_TYPE_INT64:
                return "an integer";
        case CONFIG_TYPE_FLOAT:
                return "a number with a fraction";
        case CONFIG_TYPE_STRING:
                return "text";
        case CONFIG_TYPE_BOOL:
                return "true or false";
        default:
                return "a list";
        }
}

void type_report(const config_setting_t *setting, const struct setting_row *row, const char *wanted,
                 struct diag *d)
{
        diag_error(d, value_place(setting), row->help, "%s must be %s, not %s", row->name, wanted,
                   type_name(setting));
}

enum { INTEGER_E_CUT = 1, INTEGER_E_RANGE };

/* The value of an integer as it is written. libconfig's own cannot be trusted: without L it
 * keeps the lowest 32 bits, with L it stops at 64. */
static int integer_parse(struct slice text, int64_t *ret)
{
        bool hex = text.length > 2 && (text.data[1] | 0x20) == 'x';
        bool wide = text.data[text.length - 1] == 'L';
        long long value;

        /* The text ends at a byte that is no digit: its file does so too. */
        errno = 0;
        value = strtoll(text.data, NULL, hex ? 16 : 10);
        if (errno == ERANGE)
                return INTEGER_E_RANGE;
        if (!wide && (value < INT32_MIN || value > INT32_MAX))
                return INTEGER_E_CUT;
        *ret = value;
        return 0;
}

bool int_read(const config_setting_t *setting, const struct setting_row *row, struct diag *d,
              int64_t *ret)
{
        int type = config_setting_type(setting);
        struct place at = value_place(setting);
        struct slice text;
        int64_t value = 0;
        int r;

        if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
                type_report(setting, row, "an integer", d);
                return false;
        }
        text = setting_mark(setting)->text;
        r = integer_parse(text, &value);
        if (r == INTEGER_E_CUT)
                diag_error(d, at, "an integer over 32 bits ends in L, as 4294967297L",
                           "%s is %s, which needs more than 32 bits", row->name,
                           masked_slice(text).text);
        else if (r)
                diag_error(d, at, row->help, "%s needs more than 64 bits", row->name);
        else if (value < row->min || value > row->max)
                diag_error(d, at, row->help, "%s is %s, outside %" PRId64 "..%" PRId64, row->name,
                           masked_slice(text).text, row->min, row->max);
        else
                *ret = value;
        return r == 0 && value >= row->min && value <= row->max;
}

bool bool_read(const config_setting_t *setting, const struct setting_row *row, struct diag *d,
               bool *ret)
{
        if (config_setting_type(setting) != CONFIG_TYPE_BOOL) {
                type_report(setting, row, "true or false", d);
                return false;
        }
        *ret = config_setting_get_bool(setting) == CONFIG_TRUE;
        return true;
}

/* \x00 ends the text for libconfig: what follows would be lost without a word. */
static bool text_holds_zero(struct slice raw)
{
        for (size_t i = 0; i + 3 < raw.length; i++) {
                const char *c = raw.data + i;

                if (c[0] != '\\')
                        continue;
                if ((c[1] | 0x20) == 'x' && c[2] == '0' && c[3] == '0')
                        return true;
                i++;
        }
        return false;
}

static bool text_holds_control(const char *text)
{
        for (; *text; text++) {
                unsigned char c = (unsigned char)*text;

                if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
                        return true;
        }
        return false;
}

bool setting_name_is_legal(const char *text)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789._-";
        size_t length = strlen(text);

        return length >= 1 && length <= SETTING_NAME_MAX && text[0] != '.' &&
               strspn(text, letters) == length;
}

static bool text_is_choice(const char *text, const char *const *choices)
{
        for (; *choices; choices++) {
                if (strcmp(text, *choices) == 0)
                        return true;
        }
        return false;
}

static void choices_report(struct place at, const struct setting_row *row, struct diag *d)
{
        char words[256];
        size_t used = 0;

        for (const char *const *c = row->choices; *c && used < sizeof(words); c++)
                used += (size_t)snprintf(words + used, sizeof(words) - used, "%s\"%s\"",
                                         c == row->choices ? ""
                                         : c[1]            ? ", "
                                                           : " or ",
                                         *c);
        diag_error(d, at, row->help, "%s must be %s", row->name, words);
}

/* The text itself is never repeated: a credential may have ended up in the wrong place. */
static bool text_check(const char *text, const config_setting_t *setting,
                       const struct setting_row *row, struct diag *d)
{
        bool bounded = row->min || row->max;
        int64_t min = bounded ? row->min : 1, max = bounded ? row->max : SETTING_TEXT_MAX;
        int64_t length = (int64_t)strlen(text);
        struct place at = value_place(setting);

        if (text_holds_zero(setting_mark(setting)->text) || text_holds_control(text))
                diag_error(d, at, NULL, "%s holds a control character", row->name);
        else if ((row->flags & SETTING_NAME) && !setting_name_is_legal(text))
                diag_error(d, at, "1 to 64 of A-Z a-z 0-9 . _ -, not starting with a dot",
                           "%s is not a legal name", row->name);
        else if (row->choices && !text_is_choice(text, row->choices))
                choices_report(at, row, d);
        else if (length == 0 && min > 0)
                diag_error(d, at, row->help, "%s is empty", row->name);
        else if (length < min || length > max)
                diag_error(d, at, row->help,
                           "%s has %" PRId64 " characters, outside %" PRId64 "..%" PRId64,
                           row->name, length, min, max);
        else
                return true;
        return false;
}

bool text_read(const config_setting_t *setting, const struct setting_row *row, struct diag *d,
               char **ret)
{
        const char *text;

        if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
                type_report(setting, row, "text in quotes", d);
                return false;
        }
        text = config_setting_get_string(setting);
        if (!text_check(text, setting, row, d))
                return false;
        *ret = setting->value.sval;
        return true;
}
