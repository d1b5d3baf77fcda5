/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/whatif_ask.h"

#include <errno.h>

void whatif_ask_done(struct whatif_ask *a)
{
        for (size_t i = 0; a->keys && i < a->what.n_keys; i++)
                free((void *)a->keys[i].groups);
        free(a->desks);
        free(a->keys);
        free(a->removed);
}

/* A list of the request, perhaps empty. False: refused. */
static bool list_read(struct op *o, const char *name, json_t **ret, size_t *ret_n)
{
        json_t *list = json_object_get(o->request, name);

        *ret = json_is_array(list) ? list : NULL;
        *ret_n = json_array_size(list);
        if (list && !json_is_null(list) && !*ret)
                op_refuse(o, EX_USAGE, NULL, "\"%s\" is not a list", name);
        else if (*ret_n > WHATIF_MAX_ASKED)
                op_refuse(o, EX_USAGE, NULL, "\"%s\" has more than %d items", name,
                          WHATIF_MAX_ASKED);
        else
                return true;
        return false;
}

static int desks_read(struct op *o, struct whatif_ask *a)
{
        json_t *list, *each;
        size_t i, n;

        if (!list_read(o, "add", &list, &n))
                return 0;
        a->desks = calloc(n + 1, sizeof(*a->desks));
        if (!a->desks)
                return -ENOMEM;
        json_array_foreach(list, i, each)
        {
                json_t *count = json_object_get(each, "count");
                const char *group = json_string_value(json_object_get(each, "group"));

                if (!group || !json_is_integer(count) || json_integer_value(count) < 1 ||
                    json_integer_value(count) > WHATIF_MAX_DESKS)
                        return op_refuse(o, EX_USAGE, NULL,
                                         "\"add\" holds no count of 1 to %u and group",
                                         WHATIF_MAX_DESKS);
                a->desks[i] = (struct whatif_desks){ group, (unsigned)json_integer_value(count) };
        }
        a->what.n_desks = n;
        return 0;
}

/* The names of a list of texts. NULL, where *ret_n is not 0: no memory, or not texts. */
static const char **names_read(json_t *list, size_t *ret_n)
{
        size_t n = json_array_size(list);
        const char **names = calloc(n + 1, sizeof(const char *));

        *ret_n = n;
        for (size_t i = 0; names && i < n; i++) {
                names[i] = json_string_value(json_array_get(list, i));
                if (!names[i]) {
                        free(TAKE(names));
                        break;
                }
        }
        return names;
}

static bool key_read(json_t *each, struct whatif_key *ret)
{
        json_t *capacity = json_object_get(each, "capacity");
        json_t *groups = json_object_get(each, "groups");

        *ret = (struct whatif_key){ .name = json_string_value(json_object_get(each, "name")),
                                    .provider =
                                            json_string_value(json_object_get(each, "provider")),
                                    .capacity = json_integer_value(capacity) };
        if (!ret->name || (capacity && (!json_is_integer(capacity) || ret->capacity < 1)) ||
            (groups && !json_is_array(groups)))
                return false;
        ret->groups = names_read(groups, &ret->n_groups);
        return ret->groups != NULL;
}

static int keys_read(struct op *o, struct whatif_ask *a)
{
        json_t *list, *each;
        size_t i, n;

        if (o->reply->body || !list_read(o, "add_keys", &list, &n))
                return 0;
        a->keys = calloc(n + 1, sizeof(*a->keys));
        if (!a->keys)
                return -ENOMEM;
        json_array_foreach(list, i, each)
        {
                a->what.n_keys = i + 1;
                if (!key_read(each, &a->keys[i]))
                        return op_refuse(o, EX_USAGE, NULL,
                                         "a key of \"add_keys\" has no name, or something that is "
                                         "no capacity, provider or list of groups");
        }
        return 0;
}

static int removed_read(struct op *o, struct whatif_ask *a)
{
        json_t *list;

        if (o->reply->body || !op_texts(o, "remove_keys", &list))
                return 0;
        if (json_array_size(list) > WHATIF_MAX_ASKED)
                return op_refuse(o, EX_USAGE, NULL, "\"remove_keys\" has more than %d items",
                                 WHATIF_MAX_ASKED);
        a->removed = names_read(list, &a->what.n_removed);
        return a->removed ? 0 : -ENOMEM;
}

int whatif_ask_read(struct op *o, struct whatif_ask *a)
{
        int r = desks_read(o, a);

        if (r == 0)
                r = keys_read(o, a);
        if (r == 0)
                r = removed_read(o, a);
        a->what.desks = a->desks;
        a->what.keys = a->keys;
        a->what.removed = a->removed;
        return r;
}
