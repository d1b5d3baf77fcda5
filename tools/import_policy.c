/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy is read twice from the same texts: compiled, for who has an address now, and as it is
 * written, for the places.
 */
#include "tools/import.h"
#include "tools/verb.h"

#include <errno.h>
#include <sysexits.h>

static int load(struct import *i, const char *providers, struct diag *d)
{
        struct policy_source source = { .path = i->policy_path,
                                        .provider_dir = providers,
                                        .record = &i->files };
        struct settings_input input = { .path = i->policy_path,
                                        .role = "policy",
                                        .files = &i->files };
        int r = policy_load_from(&source, d, &i->policy);

        return r ? r : settings_load_from(&input, policy_rows, &i->written, d, &i->settings);
}

static int item_compare(const void *left, const void *right)
{
        const struct policy_item *a = left, *b = right;
        uint64_t x = range_count(&a->range), y = range_count(&b->range);

        return x != y ? (x < y) - (x > y) : (a->item > b->item) - (a->item < b->item);
}

static void group_items_add(struct import *i, const struct written_group *g)
{
        for (size_t j = 0; j < g->workstations.n_items; j++) {
                struct policy_item *item = &i->items[i->n_items];
                struct slice text = slice_of(g->workstations.items[j].text);
                struct prefix prefix;

                if (range_parse(text, &item->range) != 0)
                        continue; /* a host name */
                item->item = &g->workstations.items[j];
                item->group = g;
                item->is_prefix = prefix_parse(text, &prefix) == 0 && prefix.bits < 128;
                i->n_items++;
        }
}

static int items_make(struct import *i)
{
        size_t n = 0;

        for (size_t j = 0; j < i->written.groups.n_items; j++)
                n += GROUP_LIST_AT(&i->written.groups, struct written_group, j)
                             ->workstations.n_items;
        i->items = calloc(n + 1, sizeof(*i->items));
        if (!i->items)
                return EX_OSERR;
        for (size_t j = 0; j < i->written.groups.n_items; j++) {
                const struct written_group *g =
                        GROUP_LIST_AT(&i->written.groups, struct written_group, j);

                group_items_add(i, g);
                if (g->name.text && strcmp(g->name.text, i->group) == 0)
                        i->existing = g;
        }
        qsort(i->items, i->n_items, sizeof(*i->items), item_compare);
        return 0;
}

int import_policy_read(struct import *i, const char *path, const char *providers)
{
        CLEANUP(diag_done) struct diag d;
        int r;

        diag_init(&d);
        if (!path && access(KEYROUTER_POLICY, F_OK) != 0 && errno == ENOENT) {
                fputs("keyrouter import: there is no " KEYROUTER_POLICY
                      " to compare with, and no --policy\n",
                      stderr);
                return 0;
        }
        i->policy_path = path ? path : KEYROUTER_POLICY;
        r = load(i, providers, &d);
        if (r == 0)
                return items_make(i);
        diag_print(&d, stderr);
        fprintf(stderr, "keyrouter import: the policy %s cannot be compared with: %s\n",
                i->policy_path, r == -EINVAL ? "it has errors" : strerror(-r));
        return r == -EINVAL ? EX_DATAERR : r == -ENOMEM ? EX_OSERR : EX_NOINPUT;
}
