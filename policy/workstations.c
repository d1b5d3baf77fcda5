/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shares out the addresses among the groups. A written range of a group may lie inside one of
 * another group: the inner one wins, whatever `except` leaves of it. All ranges are sorted and
 * swept once, with a stack of those that are open; each pair that overlaps is judged once. An
 * inner range is a hole in all that hold it; what is left of every range makes up its group.
 */
#include "lib/base/fault.h"
#include "policy/members.h"
#include "policy/ranges.h"

#include <errno.h>
#include <stdio.h>

#define NESTED_MAX 16 /* ranges inside each other */

struct written_range {
        struct range range;
        unsigned group;
        const struct text_item *item;
        bool *told; /* see struct member */
        struct range_set holes;
};

struct sharing {
        struct loading *l;
        struct members members;
        struct written_range *written; /* in the order of the files */
        size_t n_written;
        struct written_range **sorted; /* by first address, the longer first */
        struct range_set *excepts;     /* of each group, in order */
        size_t n_groups;
};

static void sharing_done(struct sharing *s)
{
        for (size_t i = 0; i < s->n_written; i++)
                range_set_done(&s->written[i].holes);
        for (size_t i = 0; s->excepts && i < s->n_groups; i++)
                range_set_done(&s->excepts[i]);
        free(s->written);
        free(s->sorted);
        free(s->excepts);
        members_done(&s->members);
}

static const char *group_name(const struct sharing *s, unsigned group)
{
        const char *name = s->l->p->groups[group].name;

        return name ? name : "?";
}

static int excepts_read(struct sharing *s, size_t group)
{
        const struct member_list *list = &s->members.excepts[group];

        for (size_t i = 0; i < list->n; i++) {
                int r = range_set_add(&s->excepts[group], &list->members[i].range);

                if (r)
                        return r;
        }
        range_set_order(&s->excepts[group]);
        return 0;
}

/* IPv4 addresses are a block of IPv6 here (see addr.h); who writes ::/0 does not mean them. */
static int range_without_v4(struct written_range *w)
{
        struct prefix v4;

        if (addr_is_v4(&w->range.first) || prefix_parse(SLICE_LITERAL("0.0.0.0/0"), &v4))
                return 0;
        {
                struct range hole = prefix_range(&v4);

                return range_overlaps(&w->range, &hole) ? range_set_add(&w->holes, &hole) : 0;
        }
}

static int ranges_read(struct sharing *s, size_t group)
{
        const struct member_list *list = &s->members.workstations[group];

        for (size_t i = 0; i < list->n; i++) {
                const struct member *m = &list->members[i];
                struct written_range *w = &s->written[s->n_written++];
                int r;

                *w = (struct written_range){ m->range, (unsigned)group, m->item, m->told };
                r = range_without_v4(w);
                if (r)
                        return r;
        }
        return 0;
}

static int sharing_read(struct sharing *s)
{
        size_t n = 0;

        for (size_t i = 0; i < s->n_groups; i++)
                n += s->members.workstations[i].n;
        s->written = calloc(n + 1, sizeof(*s->written));
        s->sorted = calloc(n + 1, sizeof(struct written_range *));
        s->excepts = calloc(s->n_groups + 1, sizeof(*s->excepts));
        if (!s->written || !s->sorted || !s->excepts)
                return fault(-ENOMEM);
        for (size_t i = 0; i < s->n_groups; i++) {
                int r = excepts_read(s, i);

                if (r == 0)
                        r = ranges_read(s, i);
                if (r)
                        return r;
        }
        for (size_t i = 0; i < s->n_written; i++)
                s->sorted[i] = &s->written[i];
        return 0;
}

static int written_compare(const void *left, const void *right)
{
        const struct written_range *a = *(struct written_range *const *)left;
        const struct written_range *b = *(struct written_range *const *)right;
        int r = addr_compare(&a->range.first, &b->range.first);

        if (r == 0)
                r = addr_compare(&b->range.last, &a->range.last);
        return r ? r : (a > b) - (a < b);
}

/* ---- pairs ---- */

/* Another group and a host name stand for many ranges: their conflicts are told once. */
static bool is_told(const struct written_range *a, const struct written_range *b)
{
        bool told = (a->told && *a->told) || (b->told && *b->told);

        if (a->told)
                *a->told = true;
        if (b->told)
                *b->told = true;
        return told;
}

/* Of one group: harmless unless it is the same thing twice. */
static void same_group_report(struct sharing *s, const struct written_range *a,
                              const struct written_range *b, bool same)
{
        const struct written_range *second = a > b ? a : b, *first = a > b ? b : a;

        if (is_told(a, b))
                return;
        if (same)
                diag_error(s->l->d, second->item->at, "keep one of them",
                           "\"%s\" is listed twice in group \"%s\", first in %s:%u",
                           second->item->text, group_name(s, second->group), first->item->at.file,
                           first->item->at.line);
        else
                diag_warning(s->l->d, second->item->at, NULL,
                             "\"%s\" overlaps \"%s\" (%s:%u) of the same group, \"%s\"",
                             second->item->text, first->item->text, first->item->at.file,
                             first->item->at.line, group_name(s, second->group));
}

static void conflict_report(struct sharing *s, const struct written_range *a,
                            const struct written_range *b, bool same)
{
        const struct written_range *second = a > b ? a : b, *first = a > b ? b : a;

        if (is_told(a, b))
                return;
        diag_error(
                s->l->d, second->item->at,
                same ? "a workstation is in one group"
                     : "one range may lie inside the other, or except may take the common part out",
                "\"%s\" of group \"%s\" %s \"%s\" of group \"%s\" (%s:%u)", second->item->text,
                group_name(s, second->group), same ? "is the same as" : "overlaps",
                first->item->text, group_name(s, first->group), first->item->at.file,
                first->item->at.line);
}

/* What `except` leaves of the inner range belongs to its group alone. */
static int inner_cut(struct sharing *s, struct written_range *outer, struct written_range *inner)
{
        if (!is_told(outer, inner))
                diag_warning(
                        s->l->d, inner->item->at, NULL,
                        "\"%s\" lies inside \"%s\" of group \"%s\" (%s:%u): here group \"%s\" wins",
                        inner->item->text, outer->item->text, group_name(s, outer->group),
                        outer->item->at.file, outer->item->at.line, group_name(s, inner->group));
        return range_set_add_without(&outer->holes, &inner->range, &s->excepts[inner->group]);
}

/* `a` comes before `b` in the sorted order, and they overlap. */
static int pair_judge(struct sharing *s, struct written_range *a, struct written_range *b)
{
        bool inside = addr_compare(&b->range.last, &a->range.last) <= 0;
        bool same = inside && addr_equal(&a->range.first, &b->range.first) &&
                    addr_equal(&a->range.last, &b->range.last);
        struct range common = { b->range.first, inside ? b->range.last : a->range.last };

        if (addr_is_v4(&b->range.first) && !addr_is_v4(&a->range.first))
                return 0;
        if (a->group == b->group) {
                same_group_report(s, a, b, same);
                return 0;
        }
        if (range_is_covered(&common, &s->excepts[a->group], &s->excepts[b->group]))
                return 0;
        if (inside && !same)
                return inner_cut(s, a, b);
        conflict_report(s, a, b, same);
        return 0;
}

static int pairs_judge(struct sharing *s)
{
        struct written_range *open[NESTED_MAX];
        size_t n_open = 0;

        for (size_t i = 0; i < s->n_written; i++) {
                struct written_range *w = s->sorted[i];
                size_t n_kept = 0;

                for (size_t j = 0; j < n_open; j++) {
                        int r;

                        if (addr_compare(&open[j]->range.last, &w->range.first) < 0)
                                continue;
                        open[n_kept++] = open[j];
                        r = pair_judge(s, open[j], w);
                        if (r)
                                return r;
                }
                n_open = n_kept;
                if (n_open == NESTED_MAX) {
                        diag_error(s->l->d, w->item->at, NULL,
                                   "more than %d ranges overlap at \"%s\"", NESTED_MAX,
                                   w->item->text);
                        return 0;
                }
                open[n_open++] = w;
        }
        return 0;
}

/* ---- what is left ---- */

static int group_settle(struct sharing *s, size_t group, struct range_set *sets)
{
        struct group *g = &s->l->p->groups[group];
        struct range_set *set = &sets[group];

        range_set_order(set);
        g->workstations = settings_alloc(s->l->p->file, set->n, sizeof(*g->workstations));
        if (!g->workstations)
                return fault(-ENOMEM);
        if (set->n)
                memcpy(g->workstations, set->ranges, set->n * sizeof(*set->ranges));
        g->n_workstations = set->n;
        return 0;
}

/* The range without its holes, and without what its group excepts. */
static int range_settle(struct sharing *s, struct written_range *w, struct range_set *set)
{
        CLEANUP(range_set_done) struct range_set rest = { NULL };
        int r;

        range_set_order(&w->holes);
        r = range_set_add_without(&rest, &w->range, &w->holes);
        for (size_t i = 0; i < rest.n && r == 0; i++)
                r = range_set_add_without(set, &rest.ranges[i], &s->excepts[w->group]);
        return r;
}

struct set_list {
        struct range_set *sets;
        size_t n;
};

static void set_list_done(struct set_list *l)
{
        for (size_t i = 0; l->sets && i < l->n; i++)
                range_set_done(&l->sets[i]);
        free(l->sets);
}

static int ranges_settle(struct sharing *s)
{
        CLEANUP(set_list_done)
        struct set_list list = { calloc(s->n_groups + 1, sizeof(*list.sets)), s->n_groups };
        int r = list.sets ? 0 : fault(-ENOMEM);

        for (size_t i = 0; i < s->n_written && r == 0; i++)
                r = range_settle(s, &s->written[i], &list.sets[s->written[i].group]);
        for (size_t i = 0; i < s->n_groups && r == 0; i++)
                r = group_settle(s, i, list.sets);
        return r;
}

/* ---- warnings ---- */

/* Items of except that take nothing out. */
static void except_check(struct sharing *s, size_t group, const struct range_set *all)
{
        const struct member_list *list = &s->members.excepts[group];

        for (size_t i = 0, next; i < list->n; i = next) {
                const struct text_item *item = list->members[i].item;
                bool takes = false;

                for (next = i; next < list->n && list->members[next].item == item; next++)
                        takes |= range_set_overlaps(all, &list->members[next].range);
                if (!takes)
                        diag_warning(s->l->d, item->at, NULL,
                                     "\"%s\" of except excludes nothing from group \"%s\"",
                                     item->text, group_name(s, (unsigned)group));
        }
}

static int excepts_check(struct sharing *s)
{
        size_t next = 0;

        for (size_t i = 0; i < s->n_groups; i++) {
                CLEANUP(range_set_done) struct range_set all = { NULL };
                int r = 0;

                for (; next < s->n_written && s->written[next].group == i && r == 0; next++)
                        r = range_set_add(&all, &s->written[next].range);
                if (r)
                        return r;
                range_set_order(&all);
                if (s->members.workstations[i].is_whole)
                        except_check(s, i, &all);
        }
        return 0;
}

static void edge_format(const struct group *g, const struct addr *edge, char *out, size_t size)
{
        const struct range_set set = { g->workstations, g->n_workstations };
        size_t used = strlen(out);
        char text[ADDR_TEXT_MAX];

        if (range_set_contains(&set, edge))
                snprintf(out + used, size - used, "%s\"%s\"", used ? " and " : "",
                         addr_format(edge, text));
}

/* The first and the last address of an IPv4 prefix that has room for more are no host's (RFC 1122
 * section 3.2.1.3). */
static void edges_check(struct sharing *s, const struct written_range *w)
{
        char edges[2 * ADDR_TEXT_MAX + 16] = "";
        struct prefix p;

        if (prefix_parse(slice_of(w->item->text), &p) || !addr_is_v4(&p.base) || p.bits < 96 ||
            p.bits > 126)
                return;
        edge_format(&s->l->p->groups[w->group], &w->range.first, edges, sizeof(edges));
        edge_format(&s->l->p->groups[w->group], &w->range.last, edges, sizeof(edges));
        if (edges[0])
                diag_warning(s->l->d, w->item->at,
                             "if they are no workstations, add them to except",
                             "network or broadcast address of \"%s\" taken for a workstation: %s",
                             w->item->text, edges);
}

/* Host names without an address may be the ones that fill a group. */
static void emptiness_check(struct sharing *s)
{
        for (size_t i = 0; i < s->n_groups; i++) {
                const struct group *g = &s->l->p->groups[i];
                const struct member_list *list = &s->members.workstations[i];

                if (g->n_workstations == 0 && list->is_whole && list->n > 0)
                        diag_error(s->l->d, g->at, NULL,
                                   "except and other groups leave group \"%s\" no workstation",
                                   group_name(s, (unsigned)i));
        }
}

int workstations_load(struct loading *l)
{
        CLEANUP(sharing_done) struct sharing s = { .l = l, .n_groups = l->p->n_groups };
        size_t n_errors = l->d->n_errors;
        int r = members_load(l, &s.members);

        if (r || s.members.is_full)
                return r;
        r = sharing_read(&s);
        if (r)
                return r;
        qsort(s.sorted, s.n_written, sizeof(*s.sorted), written_compare);
        r = pairs_judge(&s);
        if (r == 0)
                r = ranges_settle(&s);
        if (r == 0)
                r = excepts_check(&s);
        if (r)
                return r;
        for (size_t i = 0; i < s.n_written; i++)
                edges_check(&s, &s.written[i]);
        if (l->d->n_errors == n_errors)
                emptiness_check(&s);
        return 0;
}
