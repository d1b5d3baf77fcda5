/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/plan_print.h"

#include "lib/base/cleanup.h"

#include <string.h>

static void moves_print(const json_t *plan)
{
        static const char *const heads[] = { "address", "from", "to", ">desks", "groups", NULL };
        const json_t *moves = json_object_get(plan, "moves"), *each, *group;
        struct table *t;
        size_t i, j;

        if (json_array_size(moves) == 0)
                return;
        printf("%s%s: each means a new entry at the vendor and one to remove%s\n", bold_on(),
               count_text(json_array_size(moves), "address changes its key",
                          "addresses change their key"),
               bold_off());
        t = table_new(heads);
        json_array_foreach(moves, i, each)
        {
                char groups[256] = "";
                size_t n = 0;

                json_array_foreach(json_object_get(each, "groups"), j,
                                   group) if (n < sizeof(groups)) n +=
                        (size_t)snprintf(groups + n, sizeof(groups) - n, "%s%s", j ? ", " : "",
                                         json_string_value(group));
                table_add(t,
                          (const char *[]){
                                  member_text(each, "address"), member_text(each, "from"),
                                  json_is_string(json_object_get(each, "to"))
                                          ? member_text(each, "to")
                                          : "none",
                                  count_text((size_t)member_number(each, "desks"), "desk", "desks"),
                                  groups });
        }
        table_print(t, "  ", stdout);
        putchar('\n');
}

static int digits(long long n)
{
        return snprintf(NULL, 0, "%lld", n);
}

/* Columns line up over all headings. */
struct columns {
        int name, slots, capacity;
};

static struct columns columns_of(const json_t *keys)
{
        struct columns c = { 0 };
        const json_t *k;
        size_t i;

        json_array_foreach(keys, i, k)
        {
                c.name = MAX(c.name, (int)(strlen(member_text(k, "name")) +
                                           strlen(member_text(k, "provider"))));
                c.slots = MAX(c.slots, digits(member_number(k, "used")));
                c.capacity = MAX(c.capacity, digits(member_number(k, "capacity")));
        }
        return c;
}

static void key_head_print(const json_t *k, const struct columns *c)
{
        const char *name = member_text(k, "name"), *provider = member_text(k, "provider");
        int padding = c->name - (int)(strlen(name) + strlen(provider));
        size_t n_add = json_array_size(json_object_get(k, "add"));
        size_t n_remove = json_array_size(json_object_get(k, "remove"));
        size_t n_dropped = json_array_size(json_object_get(k, "dropped"));
        long long n_listed = member_number(k, "listed");

        printf("%skey %s (%s): %*s%*lld of %*lld slots, ", bold_on(), name, provider, padding, "",
               c->slots, member_number(k, "used"), c->capacity, member_number(k, "capacity"));
        if (member_number(k, "reserve"))
                printf("%lld in reserve, ", member_number(k, "reserve"));
        if (member_number(k, "foreign"))
                printf("%lld foreign, ", member_number(k, "foreign"));
        if (member_number(k, "leaving"))
                printf("%lld leaving, ", member_number(k, "leaving"));
        printf("%s; ", count_text((size_t)member_number(k, "desks"), "desk", "desks"));
        if (!n_add && !n_remove && !n_dropped && !n_listed) {
                printf("nothing changes%s\n", bold_off());
                return;
        }
        printf("%zu to add, %zu to remove, ", n_add, n_remove);
        if (n_dropped)
                printf("%zu to be added no more, ", n_dropped);
        if (n_listed)
                printf("%lld new that are listed already, ", n_listed);
        printf("%lld stay%s\n", member_number(k, "stay"), bold_off());
}

static void hosts_print(const json_t *hosts, const char *sign)
{
        const json_t *host;
        size_t i;

        json_array_foreach(hosts, i, host)
        {
                const char *text = json_string_value(host);

                if (strcmp(text, "router") == 0)
                        printf("%s the router's own address: say it in keyrouterd.cfg (address), "
                               "or with --router-address\n",
                               sign);
                else
                        printf("%s %s\n", sign, text);
        }
}

static void keys_print(const json_t *keys)
{
        struct columns c = columns_of(keys);
        const json_t *k;
        size_t i;

        json_array_foreach(keys, i, k)
        {
                key_head_print(k, &c);
                hosts_print(json_object_get(k, "remove"), "-");
                hosts_print(json_object_get(k, "dropped"), "to be added no more:");
                hosts_print(json_object_get(k, "add"), "+");
                putchar('\n');
        }
}

static bool same_head(const json_t *a, const json_t *b)
{
        static const char *const names[] = { "provider", "group", "reason", "backend" };

        for (size_t i = 0; i < N_ELEMENTS(names); i++)
                if (strcmp(member_text(a, names[i]), member_text(b, names[i])) != 0)
                        return false;
        return true;
}

/* The spills from `first` to before `end` have the same head. */
static void spills_print(const json_t *list, size_t first, size_t end)
{
        const json_t *s = json_array_get(list, first);
        const char *backend = member_text(s, "backend");
        size_t n_desks = 0;

        for (size_t i = first; i < end; i++)
                n_desks += (size_t)member_number(json_array_get(list, i), "desks");
        printf("%soverflow of group %s (%s): %s, %s, %s%s: %s%s\n", bold_on(),
               member_text(s, "group"), member_text(s, "provider"),
               count_text(end - first, "address", "addresses"),
               count_text(n_desks, "desk", "desks"), backend[0] ? "by backend " : "refused",
               backend, member_text(s, "reason"), bold_off());
        for (size_t i = first; i < end; i++)
                printf("  %s\n", member_text(json_array_get(list, i), "address"));
        putchar('\n');
}

void plan_print_totals(const json_t *plan)
{
        const json_t *t = json_object_get(plan, "totals");

        printf("%s embedded on %s, %lld by backend, %lld refused; %s, %lld to add, %lld to remove",
               count_text((size_t)member_number(t, "embedded"), "desk", "desks"),
               count_text((size_t)member_number(t, "keys_used"), "key", "keys"),
               member_number(t, "backend"), member_number(t, "refused"),
               count_text((size_t)member_number(t, "moves"), "move", "moves"),
               member_number(t, "add"), member_number(t, "remove"));
        if (member_number(t, "dropped"))
                printf(", %lld to be added no more", member_number(t, "dropped"));
        printf("\n%.1f %% of the desks are served by a backend\n",
               json_number_value(json_object_get(t, "backend_share")) * 100);
}

void plan_print(const json_t *plan)
{
        const json_t *spills = json_object_get(plan, "overflow");

        moves_print(plan);
        keys_print(json_object_get(plan, "keys"));
        for (size_t i = 0, end; i < json_array_size(spills); i = end) {
                for (end = i + 1; end < json_array_size(spills); end++)
                        if (!same_head(json_array_get(spills, i), json_array_get(spills, end)))
                                break;
                spills_print(spills, i, end);
        }
        plan_print_totals(plan);
}
