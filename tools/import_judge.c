/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows are judged in the order of their addresses, each once: whatever a row is refused for first is
 * what is said of it. Of what is left, addresses that follow each other become one range, unless the
 * innermost range of the policy that holds them differs: a range may lie inside another group's, and
 * may not overlap one in part.
 */
#include "tools/import.h"

#include <sysexits.h>

static const struct {
        const char *name;
        bool is_taken;
} kinds[] = {
#define X(name, text, taken) [DESK_##name] = { text, taken },
        DESK_KINDS(X)
#undef X
};

const char *desk_kind_name(enum desk_kind kind)
{
        return kinds[kind].name;
}

bool desk_kind_is_taken(enum desk_kind kind)
{
        return kinds[kind].is_taken;
}

static const char *name_of(const struct written_group *g)
{
        return g->name.text ? g->name.text : "?";
}

/* ---- what the policy says of an address ---- */

/* IPv4 addresses are a block of IPv6 (addr.h); an IPv6 prefix does not mean them. */
static bool item_holds(const struct policy_item *item, const struct addr *a)
{
        return addr_is_v4(&item->range.first) == addr_is_v4(a) && range_contains(&item->range, a);
}

/* The innermost item that holds it, of one group or (NULL) of any. Items come larger first. */
static const struct policy_item *item_of(const struct import *i, const struct addr *a,
                                         const struct written_group *g)
{
        for (size_t j = i->n_items; j-- > 0;)
                if ((!g || i->items[j].group == g) && item_holds(&i->items[j], a))
                        return &i->items[j];
        return NULL;
}

/* Network's or broadcast address of a prefix (RFC 1122 section 3.2.1.3). */
static const struct policy_item *edge_of(const struct import *i, const struct addr *a)
{
        for (size_t j = 0; j < i->n_items; j++) {
                const struct policy_item *item = &i->items[j];

                if (item->is_prefix && addr_is_v4(a) && range_count(&item->range) > 2 &&
                    (addr_equal(a, &item->range.first) || addr_equal(a, &item->range.last)))
                        return item;
        }
        return NULL;
}

static const struct text_item *except_of(const struct written_group *g, const struct addr *a)
{
        struct range range;

        for (size_t j = 0; g && j < g->except.n_items; j++)
                if (range_parse(slice_of(g->except.items[j].text), &range) == 0 &&
                    range_contains(&range, a))
                        return &g->except.items[j];
        return NULL;
}

static const struct written_group *group_now(const struct import *i, const struct addr *a)
{
        const struct group *g = policy_group_of(i->policy, a);

        return g ? GROUP_LIST_AT(&i->written.groups, struct written_group, g->index) : NULL;
}

static void other_group_say(const struct import *i, struct desk *d, const struct written_group *g,
                            const struct policy_item *item)
{
        int n = (int)d->text.length;

        if (item && item->is_prefix)
                desk_say(d, DESK_NESTED, NULL,
                         "%.*s lies inside \"%s\" of group \"%s\" (%s:%u): here group \"%s\" wins",
                         n, d->text.data, item->item->text, name_of(g), item->item->at.file,
                         item->item->at.line, i->group);
        else
                desk_say(d, DESK_IN_GROUP, "take it out there first",
                         "%.*s is in group \"%s\" already (%s:%u)", n, d->text.data, name_of(g),
                         item ? item->item->at.file : g->at.file,
                         item ? item->item->at.line : g->at.line);
}

static void policy_judge(const struct import *i, struct desk *d)
{
        const struct policy_item *edge = edge_of(i, &d->address), *item;
        const struct written_group *g = group_now(i, &d->address);
        const struct text_item *except = except_of(i->existing, &d->address);
        int n = (int)d->text.length;

        item = item_of(i, &d->address, NULL);
        d->holder = item ? item->item : NULL;
        if (edge)
                desk_say(d, DESK_NO_WORKSTATION, NULL,
                         "%.*s is the network's or broadcast address of \"%s\" (%s:%u)", n,
                         d->text.data, edge->item->text, edge->item->at.file, edge->item->at.line);
        else if (except)
                desk_say(d, DESK_EXCEPTED, "take it out there first",
                         "group \"%s\" excepts %.*s (%s:%u)", i->group, n, d->text.data,
                         except->at.file, except->at.line);
        else if (g && g == i->existing)
                desk_say(d, DESK_LISTED, NULL, "%.*s is in group \"%s\" already (%s:%u)", n,
                         d->text.data, i->group, item ? item->item->at.file : g->at.file,
                         item ? item->item->at.line : g->at.line);
        else if (g)
                other_group_say(i, d, g, item_of(i, &d->address, g));
}

/* ---- one after the other ---- */

static int desk_compare(const void *left, const void *right)
{
        const struct desk *a = *(struct desk *const *)left, *b = *(struct desk *const *)right;
        int r = addr_compare(&a->address, &b->address);

        return r ? r : (a->line > b->line) - (a->line < b->line);
}

static void all_judge(struct import *i, size_t n)
{
        const struct desk *first = NULL;

        for (size_t j = 0; j < n; j++) {
                struct desk *d = i->sorted[j];

                if (first && addr_equal(&first->address, &d->address))
                        desk_say(d, DESK_TWICE, NULL, "%.*s is there twice, first in line %u",
                                 (int)d->text.length, d->text.data, first->line);
                else if (i->policy)
                        policy_judge(i, d);
                if (d->kind != DESK_TWICE)
                        first = d;
                if (desk_kind_is_taken(d->kind))
                        i->sorted[i->n_sorted++] = d;
        }
}

/* ---- ranges ---- */

static bool desk_follows(const struct desk *a, const struct desk *b)
{
        struct addr next = addr_next(&a->address);

        return addr_equal(&next, &b->address) &&
               addr_is_v4(&a->address) == addr_is_v4(&b->address) && a->holder == b->holder;
}

static struct desk_range range_of(const struct import *i, size_t first, size_t n)
{
        struct desk_range r = { .range = { i->sorted[first]->address,
                                           i->sorted[first + n - 1]->address },
                                .first = first,
                                .n = n,
                                .first_line = i->sorted[first]->line,
                                .last_line = i->sorted[first]->line };

        for (size_t j = first; j < first + n; j++) {
                r.first_line = MIN(r.first_line, i->sorted[j]->line);
                r.last_line = MAX(r.last_line, i->sorted[j]->line);
        }
        return r;
}

/* The same range in two groups is an error, nested or not. */
static bool range_is_taken(struct import *i, const struct desk_range *r)
{
        for (size_t j = 0; j < i->n_items; j++) {
                const struct policy_item *item = &i->items[j];

                if (!addr_equal(&item->range.first, &r->range.first) ||
                    !addr_equal(&item->range.last, &r->range.last) || item->group == i->existing)
                        continue;
                for (size_t k = r->first; k < r->first + r->n; k++)
                        other_group_say(i, i->sorted[k], item->group,
                                        &(struct policy_item){ .item = item->item });
                return true;
        }
        return false;
}

static int ranges_make(struct import *i)
{
        i->ranges = calloc(i->n_sorted + 1, sizeof(*i->ranges));
        if (!i->ranges)
                return EX_OSERR;
        for (size_t first = 0, n; first < i->n_sorted; first += n) {
                struct desk_range r;

                for (n = 1; first + n < i->n_sorted; n++)
                        if (!desk_follows(i->sorted[first + n - 1], i->sorted[first + n]))
                                break;
                r = range_of(i, first, n);
                if (range_is_taken(i, &r))
                        continue;
                i->ranges[i->n_ranges++] = r;
                i->n_proposed += n;
        }
        return 0;
}

void import_done(struct import *i)
{
        for (size_t j = 0; j < i->n_desks; j++) {
                free(i->desks[j].message);
                free(i->desks[j].remedy);
        }
        free(i->desks);
        free(i->sorted);
        free(i->ranges);
        free(i->items);
        csv_done(&i->table);
        free(i->bytes);
        settings_file_free(i->settings);
        if (i->policy)
                policy_unref(i->policy);
        file_set_done(&i->files);
}

int import_judge(struct import *i)
{
        size_t n = 0;

        i->sorted = calloc(i->n_desks + 1, sizeof(struct desk *));
        if (!i->sorted)
                return EX_OSERR;
        for (size_t j = 0; j < i->n_desks; j++)
                if (i->desks[j].kind == DESK_FINE)
                        i->sorted[n++] = &i->desks[j];
        qsort(i->sorted, n, sizeof(struct desk *), desk_compare);
        all_judge(i, n);
        return ranges_make(i);
}

bool import_has_bad_rows(const struct import *i)
{
        for (size_t j = 0; j < i->n_desks; j++)
                if (!desk_kind_is_taken(i->desks[j].kind) && i->desks[j].kind != DESK_LISTED)
                        return true;
        return false;
}
