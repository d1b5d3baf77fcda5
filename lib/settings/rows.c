/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A struct is filled from several libconfig groups at once: the same group of the main file and of
 * each include. That is the whole of merging: a list takes its elements from all of them, a group
 * is filled from all of them, and a scalar that two of them have is an error. Texts stay where
 * libconfig has them; lists live in the file's memory.
 */
#include "lib/base/fault.h"
#include "lib/settings/file.h"
#include "lib/settings/mask.h"
#include "lib/settings/value.h"

#include <errno.h>
#include <stdio.h>

struct filling {
        struct settings_file *file;
        struct diag *d;
};

/* The groups that one struct is filled from, or the settings that one row found in them. */
struct found {
        config_setting_t **settings;
        size_t n;
};

const struct setting_row setting_include_row = {
        "include",
        SETTING_TEXTS,
        0,
        .help = "files that belong to this one: paths and patterns",
};

static int group_fill(struct filling *x, const struct setting_row *rows, void *target,
                      struct found groups);

int value_count(const config_setting_t *setting)
{
        int type = config_setting_type(setting);

        if (type == CONFIG_TYPE_ARRAY || type == CONFIG_TYPE_LIST)
                return config_setting_length(setting);
        return 1;
}

config_setting_t *value_at(config_setting_t *setting, int i)
{
        int type = config_setting_type(setting);

        if (type == CONFIG_TYPE_ARRAY || type == CONFIG_TYPE_LIST)
                return config_setting_get_elem(setting, (unsigned)i);
        return setting;
}

static bool offset_is_set(size_t offset)
{
        return offset != 0 && offset != SIZE_MAX;
}

static void *member(void *target, size_t offset)
{
        return (char *)target + offset;
}

static void twice_report(struct filling *x, const config_setting_t *first,
                         const config_setting_t *second)
{
        struct place a = setting_place(first);

        diag_error(x->d, setting_place(second), "keep one of them",
                   "%s is given twice, first in %s:%u", masked(config_setting_name(second)).text,
                   a.file, a.line);
}

static void default_set(const struct setting_row *row, void *target)
{
        void *m = member(target, row->offset);

        if (row->type == SETTING_INT)
                *(int64_t *)m = row->default_int;
        else if (row->type == SETTING_BOOL)
                *(bool *)m = row->default_int != 0;
        else if (row->type == SETTING_TEXT)
                *(const char **)m = row->default_text;
        else
                ((struct text_item *)m)->text = (char *)row->default_text;
}

static void scalar_fill(struct filling *x, const struct setting_row *row, void *target,
                        struct found found)
{
        void *m = member(target, row->offset);
        config_setting_t *s;

        default_set(row, target);
        for (size_t i = 1; i < found.n; i++)
                twice_report(x, found.settings[0], found.settings[i]);
        if (found.n == 0)
                return;
        s = found.settings[0];
        if (offset_is_set(row->tried_offset))
                *(bool *)member(target, row->tried_offset) = true;
        if (row->type == SETTING_INT && offset_is_set(row->place_offset))
                *(struct place *)member(target, row->place_offset) = value_place(s);
        if (row->type == SETTING_INT) {
                if (int_read(s, row, x->d, m) && offset_is_set(row->present_offset))
                        *(bool *)member(target, row->present_offset) = true;
        } else if (row->type == SETTING_BOOL) {
                (void)bool_read(s, row, x->d, m);
        } else if (row->type == SETTING_TEXT) {
                (void)text_read(s, row, x->d, m);
        } else {
                struct text_item *item = m;

                item->at = value_place(s);
                (void)text_read(s, row, x->d, &item->text);
        }
}

/* Number of elements in all that was found. */
static size_t found_count(struct found found)
{
        size_t n = 0;

        for (size_t i = 0; i < found.n; i++)
                n += (size_t)value_count(found.settings[i]);
        return n;
}

/* Forgotten commas: libconfig makes one text of two that stand side by side. */
static bool comma_is_missing(struct filling *x, const config_setting_t *element,
                             const struct setting_row *row)
{
        const struct mark *m = setting_mark(element);

        if (!m || m->n_parts < 2)
                return false;
        diag_error(x->d, value_place(element), NULL, "a comma is missing between two texts of %s",
                   row->name);
        return true;
}

static void texts_append(struct filling *x, const struct setting_row *row, config_setting_t *s,
                         struct text_list *list)
{
        for (int i = 0; i < value_count(s); i++) {
                config_setting_t *element = value_at(s, i);
                struct text_item *item = &list->items[list->n_items];

                if (element != s && comma_is_missing(x, element, row))
                        continue;
                if (!text_read(element, row, x->d, &item->text))
                        continue;
                item->at = value_place(element);
                list->n_items++;
        }
}

static int texts_fill(struct filling *x, const struct setting_row *row, void *target,
                      struct found found)
{
        struct text_list *list = member(target, row->offset);
        bool marked = row->type == SETTING_TEXT_OR_TEXTS_MARKED;

        if (found.n == 0)
                return 0;
        list->items = settings_alloc(x->file, found_count(found), sizeof(*list->items));
        if (!list->items)
                return fault(-ENOMEM);
        list->at = setting_place(found.settings[0]);
        list->was_list = !config_setting_is_scalar(found.settings[0]);
        for (size_t i = 0; i < found.n; i++) {
                bool scalar = config_setting_is_scalar(found.settings[i]);

                if (i > 0 && marked && (scalar || !list->was_list))
                        twice_report(x, found.settings[0], found.settings[i]);
                else if (config_setting_is_group(found.settings[i]))
                        type_report(found.settings[i], row, row_wants(row), x->d);
                else
                        texts_append(x, row, found.settings[i], list);
        }
        return 0;
}

static int ints_fill(struct filling *x, const struct setting_row *row, void *target,
                     struct found found)
{
        struct int_list *list = member(target, row->offset);

        if (found.n == 0)
                return 0;
        list->items = settings_alloc(x->file, found_count(found), sizeof(*list->items));
        if (!list->items)
                return fault(-ENOMEM);
        for (size_t i = 0; i < found.n; i++) {
                for (int j = 0; j < value_count(found.settings[i]); j++) {
                        config_setting_t *element = value_at(found.settings[i], j);

                        if (int_read(element, row, x->d, &list->items[list->n_items]))
                                list->n_items++;
                }
        }
        return 0;
}

/* Within one file libconfig has seen to it that names differ. */
static void pairs_append(struct filling *x, const struct setting_row *row, config_setting_t *group,
                         struct pair_list *list)
{
        size_t n_earlier = list->n_items;

        for (int i = 0; i < config_setting_length(group); i++) {
                config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
                struct pair_item *item = &list->items[list->n_items];
                const struct masked name = masked(config_setting_name(s));
                struct setting_row named = *row;
                bool twice = false;

                named.name = name.text;
                for (size_t j = 0; j < n_earlier && !twice; j++) {
                        twice = strcmp(list->items[j].name, config_setting_name(s)) == 0;
                        if (twice)
                                diag_error(x->d, setting_place(s), "keep one of them",
                                           "%s is given twice, first in %s:%u", named.name,
                                           list->items[j].at.file, list->items[j].at.line);
                }
                if (twice || !text_read(s, &named, x->d, &item->text))
                        continue;
                item->name = config_setting_name(s);
                item->at = setting_place(s);
                list->n_items++;
        }
}

static int pairs_fill(struct filling *x, const struct setting_row *row, void *target,
                      struct found found)
{
        struct pair_list *list = member(target, row->offset);
        size_t n = 0;

        for (size_t i = 0; i < found.n; i++) {
                if (config_setting_is_group(found.settings[i]))
                        n += (size_t)config_setting_length(found.settings[i]);
                else
                        type_report(found.settings[i], row, row_wants(row), x->d);
        }
        if (n == 0)
                return 0;
        list->items = settings_alloc(x->file, n, sizeof(*list->items));
        if (!list->items)
                return fault(-ENOMEM);
        for (size_t i = 0; i < found.n; i++) {
                if (config_setting_is_group(found.settings[i]))
                        pairs_append(x, row, found.settings[i], list);
        }
        return 0;
}

/* Drops what is not a group from `found`, each with a finding. */
static struct found groups_only(struct filling *x, const struct setting_row *row,
                                struct found found)
{
        size_t n = 0;

        for (size_t i = 0; i < found.n; i++) {
                if (config_setting_is_group(found.settings[i]))
                        found.settings[n++] = found.settings[i];
                else
                        type_report(found.settings[i], row, row_wants(row), x->d);
        }
        found.n = n;
        return found;
}

static int subgroup_fill(struct filling *x, const struct setting_row *row, void *target,
                         struct found found)
{
        if (found.n && offset_is_set(row->present_offset))
                *(bool *)member(target, row->present_offset) = true;
        if (found.n && offset_is_set(row->place_offset))
                *(struct place *)member(target, row->place_offset) =
                        setting_place(found.settings[0]);
        return group_fill(x, row->rows, member(target, row->offset), groups_only(x, row, found));
}

static int elements_append(struct filling *x, const struct setting_row *row, config_setting_t *s,
                           struct group_list *list)
{
        for (int i = 0; i < value_count(s); i++) {
                config_setting_t *element = value_at(s, i);
                void *target = (char *)list->data + list->n_items * row->size;
                int r;

                if (element == s || !config_setting_is_group(element)) {
                        type_report(element, row, row_wants(row), x->d);
                        continue;
                }
                if (offset_is_set(row->place_offset))
                        *(struct place *)member(target, row->place_offset) = value_place(element);
                r = group_fill(x, row->rows, target, (struct found){ &element, 1 });
                if (r)
                        return r;
                list->n_items++;
        }
        return 0;
}

static int elements_fill(struct filling *x, const struct setting_row *row, void *target,
                         struct found found)
{
        struct group_list *list = member(target, row->offset);

        list->item_size = row->size;
        if (found.n == 0)
                return 0;
        list->data = settings_alloc(x->file, found_count(found), row->size);
        if (!list->data)
                return fault(-ENOMEM);
        for (size_t i = 0; i < found.n; i++) {
                int r = elements_append(x, row, found.settings[i], list);

                if (r)
                        return r;
        }
        return 0;
}

/* Is anything in what a row that must be written was given? */
static void required_check(struct filling *x, const struct setting_row *row, struct found groups,
                           struct found found)
{
        if (!(row->flags & SETTING_REQUIRED) || groups.n == 0)
                return;
        if (found.n == 0)
                diag_error(x->d, setting_place(groups.settings[0]), row->help, "%s is missing",
                           row->name);
        else if (found_count(found) == 0)
                diag_error(x->d, setting_place(found.settings[0]), row->help, "%s is empty",
                           row->name);
}

static int row_fill(struct filling *x, const struct setting_row *row, void *target,
                    struct found found)
{
        switch (row->type) {
        case SETTING_TEXTS:
        case SETTING_TEXT_OR_TEXTS_MARKED:
                return texts_fill(x, row, target, found);
        case SETTING_INTS:
                return ints_fill(x, row, target, found);
        case SETTING_PAIRS:
                return pairs_fill(x, row, target, found);
        case SETTING_GROUP:
                return subgroup_fill(x, row, target, found);
        case SETTING_GROUPS:
                return elements_fill(x, row, target, found);
        default:
                scalar_fill(x, row, target, found);
                return 0;
        }
}

static const struct setting_row *row_find(const struct setting_row *rows, const char *name)
{
        for (; rows->name; rows++) {
                if (strcmp(rows->name, name) == 0)
                        return rows;
        }
        return NULL;
}

#define ROWS_MAX 64 /* of one struct, for the nearest name */

static void unknown_report(struct filling *x, const struct setting_row *rows,
                           const config_setting_t *s)
{
        const char *names[ROWS_MAX + 1] = { NULL };
        const char *nearest;
        char remedy[128];

        for (size_t i = 0; rows[i].name && i < ROWS_MAX; i++)
                names[i] = rows[i].name;
        nearest = diag_nearest(slice_of(config_setting_name(s)), names);
        if (nearest)
                snprintf(remedy, sizeof(remedy), "did you mean \"%s\"?", nearest);
        diag_error(x->d, setting_place(s), nearest ? remedy : NULL, "unknown setting \"%.64s\"",
                   nearest ? config_setting_name(s) : masked(config_setting_name(s)).text);
}

/* The include of the main file has been followed already; here it is checked like any other. */
static void include_check(struct filling *x, config_setting_t *s)
{
        char *text;

        if (source_of(s) != x->file->sources[0]) {
                diag_error(x->d, setting_place(s), NULL, "include works in the main file alone");
                return;
        }
        if (config_setting_is_group(s)) {
                type_report(s, &setting_include_row, row_wants(&setting_include_row), x->d);
                return;
        }
        for (int i = 0; i < value_count(s); i++) {
                if (value_at(s, i) == s ||
                    !comma_is_missing(x, value_at(s, i), &setting_include_row))
                        (void)text_read(value_at(s, i), &setting_include_row, x->d, &text);
        }
}

static void unknown_check(struct filling *x, const struct setting_row *rows,
                          config_setting_t *group)
{
        for (int i = 0; i < config_setting_length(group); i++) {
                config_setting_t *s = config_setting_get_elem(group, (unsigned)i);

                if (row_find(rows, config_setting_name(s)))
                        continue;
                if (config_setting_is_root(group) && strcmp(config_setting_name(s), "include") == 0)
                        include_check(x, s);
                else
                        unknown_report(x, rows, s);
        }
}

static int group_fill(struct filling *x, const struct setting_row *rows, void *target,
                      struct found groups)
{
        CLEANUP(freep)
        config_setting_t **settings = calloc(MAX(groups.n, 1U), sizeof(config_setting_t *));

        if (!settings)
                return fault(-ENOMEM);
        for (size_t i = 0; i < groups.n; i++)
                unknown_check(x, rows, groups.settings[i]);
        for (; rows->name; rows++) {
                struct found found = { settings, 0 };
                int r;

                for (size_t i = 0; i < groups.n; i++) {
                        settings[found.n] =
                                config_setting_get_member(groups.settings[i], rows->name);
                        found.n += settings[found.n] != NULL;
                }
                required_check(x, rows, groups, found);
                r = row_fill(x, rows, target, found);
                if (r)
                        return r;
        }
        return 0;
}

int rows_fill(struct settings_file *f, const struct setting_row *rows, void *target, struct diag *d)
{
        struct filling x = { f, d };
        CLEANUP(freep) config_setting_t **roots = calloc(f->n_sources, sizeof(config_setting_t *));

        if (!roots)
                return fault(-ENOMEM);
        for (size_t i = 0; i < f->n_sources; i++)
                roots[i] = config_root_setting(&f->sources[i]->config);
        return group_fill(&x, rows, target, (struct found){ roots, f->n_sources });
}
