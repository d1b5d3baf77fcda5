/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/fault.h"
#include "lib/settings/mask.h"
#include "policy/load.h"
#include "policy/ranges.h"

#include <errno.h>
#include <stdio.h>

struct key_ref {
        unsigned index;
        const struct text_item *item;
};

static int key_ref_compare(const void *left, const void *right)
{
        const struct key_ref *a = left, *b = right;

        if (a->index != b->index)
                return a->index < b->index ? -1 : 1;
        return (a->item > b->item) - (a->item < b->item);
}

/* In policy order, each once. */
static int group_keys_load(struct loading *l, const struct text_list *list, struct group *g)
{
        CLEANUP(freep) struct key_ref *refs = calloc(list->n_items + 1, sizeof(*refs));
        size_t n = 0;

        g->keys = settings_alloc(l->p->file, list->n_items, sizeof(const struct key *));
        if (!refs || !g->keys)
                return fault(-ENOMEM);
        for (size_t i = 0; i < list->n_items; i++) {
                refs[n].item = &list->items[i];
                n += names_refer(&l->keys, list->items[i].text, list->items[i].at, l->d,
                                 &refs[n].index);
        }
        qsort(refs, n, sizeof(*refs), key_ref_compare);
        for (size_t i = 0; i < n; i++) {
                if (i == 0 || refs[i].index != refs[i - 1].index)
                        g->keys[g->n_keys++] = &l->p->keys[refs[i].index];
                else
                        diag_error(l->d, refs[i].item->at, "keep one of them",
                                   "key \"%s\" is listed twice, first in line %u",
                                   refs[i].item->text, refs[i - 1].item->at.line);
        }
        return 0;
}

/* ---- public ---- */

/* NULL: right. Otherwise what is wrong, after "is". */
static const char *translation_parse(const char *text, struct translation *ret)
{
        const char *arrow = strstr(text, "->");
        struct slice from = { text, arrow ? (size_t)(arrow - text) : 0 };
        struct translation t;
        int r;

        if (!arrow)
                return "has no \"->\": write \"10.20.0.0/24 -> 203.0.113.0/24\"";
        r = prefix_parse(slice_trim(from), &t.from);
        if (!r)
                r = prefix_parse(slice_trim(slice_of(arrow + 2)), &t.to);
        if (r == ADDR_E_SYNTAX)
                return "does not hold an address or prefix on each side";
        if (r)
                return addr_explain(r);
        if (t.to.bits != 128 && t.to.bits != t.from.bits)
                return "has prefixes of different lengths: they must be equal, or the right side "
                       "one "
                       "address";
        if (t.to.bits != 128 && addr_is_v4(&t.to.base) != addr_is_v4(&t.from.base))
                return addr_explain(ADDR_E_FAMILIES);
        *ret = t;
        return NULL;
}

struct public_item {
        struct translation t;
        const struct text_item *item;
};

/* The longest prefix first. */
static int public_compare(const void *left, const void *right)
{
        const struct public_item *a = left, *b = right;

        if (a->t.from.bits != b->t.from.bits)
                return a->t.from.bits > b->t.from.bits ? -1 : 1;
        if (!addr_equal(&a->t.from.base, &b->t.from.base))
                return addr_compare(&a->t.from.base, &b->t.from.base);
        return (a->item > b->item) - (a->item < b->item);
}

static bool public_is_same(const struct public_item *a, const struct public_item *b)
{
        return a->t.from.bits == b->t.from.bits && addr_equal(&a->t.from.base, &b->t.from.base);
}

static bool translation_load(struct loading *l, const struct text_item *item,
                             struct translation *ret)
{
        const char *wrong = translation_parse(item->text, ret), *hostless = NULL;

        if (!wrong) {
                const struct range to = prefix_range(&ret->to);

                hostless = range_find_hostless(&to);
        }
        if (wrong)
                diag_error(l->d, item->at, NULL, "\"%.100s\" of public %s", masked(item->text).text,
                           wrong);
        else if (hostless)
                diag_error(l->d, item->at, "behind the arrow stands what the vendor sees",
                           "\"%.100s\" of public leads to %s, which no host can have",
                           masked(item->text).text, hostless);
        return !wrong && !hostless;
}

static int group_public_load(struct loading *l, const struct text_list *list, struct group *g)
{
        CLEANUP(freep) struct public_item *items = calloc(list->n_items + 1, sizeof(*items));
        size_t n = 0;

        g->translations = settings_alloc(l->p->file, list->n_items, sizeof(*g->translations));
        if (!items || !g->translations)
                return fault(-ENOMEM);
        for (size_t i = 0; i < list->n_items; i++) {
                items[n].item = &list->items[i];
                n += translation_load(l, items[n].item, &items[n].t);
        }
        qsort(items, n, sizeof(*items), public_compare);
        for (size_t i = 0; i < n; i++) {
                if (i > 0 && public_is_same(&items[i - 1], &items[i]))
                        diag_error(l->d, items[i].item->at, "keep one of them",
                                   "public translates the same addresses twice, first in line %u",
                                   items[i - 1].item->at.line);
                else
                        g->translations[g->n_translations++] = items[i].t;
        }
        return 0;
}

/* ---- egress ---- */

static void egress_word_report(struct loading *l, const struct text_item *item,
                               const char *const *words)
{
        const char *nearest = diag_nearest(slice_of(item->text), words);
        char remedy[128] = "";
        struct addr a;

        if (addr_parse(slice_of(item->text), &a) == 0)
                snprintf(remedy, sizeof(remedy),
                         "a list of addresses stands in brackets: [ \"%s\" ]", item->text);
        else if (nearest)
                snprintf(remedy, sizeof(remedy), "did you mean \"%s\"?", nearest);
        diag_error(l->d, item->at, remedy[0] ? remedy : NULL,
                   "egress must be \"router\", \"transparent\", \"direct\" or a list of addresses");
}

static void egress_word_parse(struct loading *l, const struct text_item *item, struct group *g)
{
        static const char *const words[] = { [EGRESS_ROUTER] = "router",
                                             [EGRESS_TRANSPARENT] = "transparent",
                                             [EGRESS_DIRECT] = "direct",
                                             [EGRESS_LIST] = NULL };

        for (size_t i = 0; words[i]; i++) {
                if (strcmp(item->text, words[i]) == 0) {
                        g->egress = (enum egress_kind)i;
                        return;
                }
        }
        egress_word_report(l, item, words);
}

static bool egress_has(const struct group *g, const struct addr *a)
{
        for (size_t i = 0; i < g->n_egress_list; i++) {
                if (addr_equal(&g->egress_list[i], a))
                        return true;
        }
        return false;
}

static void egress_list_add(struct loading *l, const struct text_item *item, struct group *g)
{
        static const char *const remedy = "egress lists the router's own addresses, one by one";
        const char *hostless = NULL;
        struct addr a;
        int r = addr_parse(slice_of(item->text), &a);

        if (r == 0)
                hostless = range_find_hostless(&(struct range){ a, a });
        if (r)
                diag_error(l->d, item->at, remedy, "\"%.100s\" of egress is not an address",
                           masked(item->text).text);
        else if (hostless)
                diag_error(l->d, item->at, remedy,
                           "\"%.100s\" of egress is %s, which no host can have",
                           masked(item->text).text, hostless);
        else if (egress_has(g, &a))
                diag_error(l->d, item->at, "keep one of them", "egress lists %s twice", item->text);
        else
                g->egress_list[g->n_egress_list++] = a;
}

#define EGRESS_LIST_MAX 4096 /* addresses of one group: each workstation weighs them all */

static int group_egress_load(struct loading *l, const struct text_list *list, struct group *g)
{
        g->egress = EGRESS_ROUTER;
        if (list->n_items == 0 && list->was_list)
                diag_error(l->d, list->at, NULL, "egress lists no address");
        if (list->n_items == 0)
                return 0;
        if (!list->was_list) {
                egress_word_parse(l, &list->items[0], g);
                return 0;
        }
        if (list->n_items > EGRESS_LIST_MAX) {
                diag_error(l->d, list->at, NULL, "egress lists more than %d addresses",
                           EGRESS_LIST_MAX);
                return 0;
        }
        g->egress = EGRESS_LIST;
        g->egress_list = settings_alloc(l->p->file, list->n_items, sizeof(*g->egress_list));
        if (!g->egress_list)
                return fault(-ENOMEM);
        for (size_t i = 0; i < list->n_items; i++)
                egress_list_add(l, &list->items[i], g);
        return 0;
}

static int group_load(struct loading *l, const struct written_group *w, unsigned index,
                      struct group *g)
{
        int r;

        g->name = w->name.text;
        g->index = index;
        g->overflow = strcmp(w->overflow, "refuse") == 0 ? OVERFLOW_REFUSE : OVERFLOW_BACKEND;
        g->priority = w->priority;
        g->requests_per_minute = w->limits.requests_per_minute;
        g->burst = w->limits.burst;
        g->at = place_of(&w->name, w->at);
        r = group_public_load(l, &w->public, g);
        if (r)
                return r;
        r = group_egress_load(l, &w->egress, g);
        if (r)
                return r;
        r = group_keys_load(l, &w->keys, g);
        if (r)
                return r;
        return backends_refer(l, &w->backends, &g->backends, &g->n_backends);
}

int groups_load(struct loading *l)
{
        size_t n = l->w.groups.n_items;
        int r = names_init(&l->groups, "group", n);

        if (r)
                return r;
        l->p->groups = settings_alloc(l->p->file, n, sizeof(*l->p->groups));
        if (!l->p->groups)
                return fault(-ENOMEM);
        l->p->n_groups = n;
        for (size_t i = 0; i < n; i++) {
                const struct written_group *w =
                        GROUP_LIST_AT(&l->w.groups, struct written_group, i);

                r = group_load(l, w, (unsigned)i, &l->p->groups[i]);
                if (r)
                        return r;
                names_add(&l->groups, w->name.text, w->name.at, (unsigned)i);
        }
        names_seal(&l->groups, l->d);
        return workstations_load(l);
}
