/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each list is expanded once. A group that another one refers to is expanded first, so references
 * go forward as well as back; what is open while it is asked for once more is a circle.
 */
#include "policy/members.h"

#include "lib/base/fault.h"
#include "lib/settings/mask.h"
#include "policy/host_name.h"
#include "policy/ledger/pins.h"
#include "policy/ranges.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#define DEPTH_MAX 64 /* groups that refer to each other, one after the other */
#define NOTATION_REMEDY \
        "write an address, a prefix, first-last, @ and the name of a group, or a host name"

enum progress { PROGRESS_NONE, PROGRESS_OPEN, PROGRESS_DONE };

struct expanding {
        struct loading *l;
        struct members *m;
        enum progress *progress;  /* of each group's workstations */
        unsigned path[DEPTH_MAX]; /* the groups that are open */
        size_t depth;
        const char **hosts; /* all names, as often as they are listed */
        size_t n_hosts;
};

static void expanding_done(struct expanding *x)
{
        free(x->progress);
        free(x->hosts);
}

static void lists_done(struct member_list *lists, size_t n)
{
        for (size_t i = 0; lists && i < n; i++) {
                free(lists[i].members);
                free(lists[i].told);
        }
        free(lists);
}

void members_done(struct members *m)
{
        lists_done(m->workstations, m->n_groups);
        lists_done(m->excepts, m->n_groups);
        *m = (struct members){ NULL };
}

/* A list that is being expanded. */
struct target {
        struct member_list *list;
        const struct text_list *written;
        const char *setting;
        bool is_left_out; /* except: no workstations, so any address will do */
};

static int member_add(struct expanding *x, const struct target *t, size_t i,
                      const struct range *range, bool is_one)
{
        const struct text_item *item = &t->written->items[i];
        struct member_list *list = t->list;
        struct member *larger = list->members;

        if (x->m->is_full)
                return 0;
        if (x->m->n_members == MEMBERS_MAX) {
                x->m->is_full = true;
                diag_error(x->l->d, item->at, "use prefixes and first-last",
                           "the groups list more than %u ranges", MEMBERS_MAX);
                return 0;
        }
        if ((list->n & (list->n - 1)) == 0)
                larger = reallocarray(list->members, MAX(list->n * 2, 1U), sizeof(*larger));
        if (!larger)
                return fault(-ENOMEM);
        list->members = larger;
        list->members[list->n++] = (struct member){ *range, item, is_one ? NULL : &list->told[i] };
        x->m->n_members++;
        return 0;
}

/* ---- host names ---- */

static void addresses_text(const struct pin *p, char *text, size_t size)
{
        char one[ADDR_TEXT_MAX];
        size_t used = 0;

        text[0] = 0;
        for (unsigned i = 0; i < p->n_addrs && used < size; i++)
                used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "",
                                         addr_format(&p->addrs[i], one));
}

static bool pin_is_same(const struct pin *a, const struct pin *b)
{
        bool same = a->n_addrs == b->n_addrs;

        for (unsigned i = 0; same && i < a->n_addrs; i++)
                same = addr_equal(&a->addrs[i], &b->addrs[i]);
        return same;
}

static void answer_check(struct expanding *x, const struct text_item *item, const struct pin *pin)
{
        const struct pin *answer = pin_set_find(x->l->source->answers, item->text);
        char pinned[256], told[256];

        if (!answer || answer->n_addrs == 0 || pin_is_same(pin, answer))
                return;
        addresses_text(pin, pinned, sizeof(pinned));
        addresses_text(answer, told, sizeof(told));
        diag_warning(x->l->d, item->at, "keyrouter resolve --update takes the new address over",
                     "host name \"%s\" is pinned to %s, but DNS now says %s", item->text, pinned,
                     told);
}

/* Somebody may have forgotten the @. */
static void unpinned_report(struct expanding *x, const struct text_item *item)
{
        char remedy[128] = "keyrouter resolve POLICY looks it up, and so does keyrouter apply";
        unsigned index;

        if (names_find(&x->l->groups, item->text, &index))
                snprintf(remedy, sizeof(remedy), "did you mean the group, \"@%s\"?", item->text);
        diag_warning(x->l->d, item->at, remedy,
                     "host name \"%s\" has no address yet: it counts as no workstation",
                     item->text);
}

static int host_note(struct expanding *x, const char *name)
{
        const char **larger = x->hosts;

        if ((x->n_hosts & (x->n_hosts - 1)) == 0)
                larger = reallocarray(x->hosts, MAX(x->n_hosts * 2, 1U), sizeof(const char *));
        if (!larger)
                return fault(-ENOMEM);
        x->hosts = larger;
        x->hosts[x->n_hosts++] = name;
        return 0;
}

static int host_add(struct expanding *x, const struct target *t, size_t i)
{
        const struct text_item *item = &t->written->items[i];
        const struct pin *pin;
        int r;

        for (char *c = item->text; *c; c++)
                *c = (char)tolower((unsigned char)*c);
        r = host_note(x, item->text);
        if (r)
                return r;
        pin = pin_set_find(x->l->source->pins, item->text);
        if (!pin || pin->n_addrs == 0) {
                unpinned_report(x, item);
                t->list->is_whole = false;
                return 0;
        }
        answer_check(x, item, pin);
        for (unsigned j = 0; j < pin->n_addrs && r == 0; j++) {
                const struct range one = { pin->addrs[j], pin->addrs[j] };

                r = member_add(x, t, i, &one, false);
        }
        return r;
}

/* ---- groups ---- */

static int group_expand(struct expanding *x, unsigned group);

static void unknown_report(struct expanding *x, const struct text_item *item)
{
        const char *name = item->text + 1, *nearest = names_nearest(&x->l->groups, name);
        char remedy[128];

        if (nearest)
                snprintf(remedy, sizeof(remedy), "did you mean \"@%s\"?", nearest);
        diag_error(x->l->d, item->at, nearest ? remedy : NULL, "unknown group \"%.64s\"",
                   nearest ? name : masked(name).text);
}

static void circle_report(struct expanding *x, const struct text_item *item, unsigned group)
{
        char text[256] = "";
        size_t used = 0, i = 0;

        while (x->path[i] != group)
                i++;
        for (; i < x->depth && used < sizeof(text); i++) {
                const char *name = x->l->p->groups[x->path[i]].name;

                used += (size_t)snprintf(text + used, sizeof(text) - used, "%s, ",
                                         name ? name : "?");
        }
        diag_error(x->l->d, item->at, "list the workstations themselves in one of them",
                   "groups stand for each other in a circle: %.200s%s", text, item->text + 1);
}

static int reference_add(struct expanding *x, const struct target *t, size_t i)
{
        const struct text_item *item = &t->written->items[i];
        const struct member_list *other;
        unsigned group;
        int r = 0;

        if (!names_find(&x->l->groups, item->text + 1, &group)) {
                unknown_report(x, item);
                t->list->is_whole = false;
                return 0;
        }
        if (x->progress[group] == PROGRESS_OPEN) {
                circle_report(x, item, group);
                t->list->is_whole = false;
                return 0;
        }
        if (x->progress[group] == PROGRESS_NONE)
                r = group_expand(x, group);
        other = &x->m->workstations[group];
        t->list->is_whole &= other->is_whole;
        for (size_t j = 0; j < other->n && r == 0; j++)
                r = member_add(x, t, i, &other->members[j].range, false);
        return r;
}

static int range_add(struct expanding *x, const struct target *t, size_t i,
                     const struct range *range)
{
        const struct text_item *item = &t->written->items[i];
        bool is_one = addr_equal(&range->first, &range->last);
        const char *hostless = t->is_left_out ? NULL : range_find_hostless(range);

        if (!hostless)
                return member_add(x, t, i, range, true);
        diag_error(x->l->d, item->at, is_one ? NULL : "name the ranges that hold desks",
                   "\"%s\" of %s %s %s, which no host can have", masked(item->text).text,
                   t->setting, is_one ? "is" : "holds", hostless);
        t->list->is_whole = false;
        return 0;
}

static int item_add(struct expanding *x, const struct target *t, size_t i)
{
        const struct text_item *item = &t->written->items[i];
        bool is_telling = strcmp(masked(item->text).text, item->text) != 0;
        struct range range;
        int r;

        if (item->text[0] == '@')
                return reference_add(x, t, i);
        r = range_parse(slice_of(item->text), &range);
        if (r == 0)
                return range_add(x, t, i, &range);
        /* A key that was pasted here is nothing to ask DNS for. */
        if (r == ADDR_E_SYNTAX && host_name_is_no_address(item->text) && !is_telling)
                return host_add(x, t, i);
        diag_error(x->l->d, item->at, r == ADDR_E_SYNTAX ? NOTATION_REMEDY : NULL,
                   "\"%s\" of %s %s", masked(item->text).text, t->setting, addr_explain(r));
        t->list->is_whole = false;
        return 0;
}

static int list_expand(struct expanding *x, const struct target *t)
{
        int r = 0;

        t->list->is_whole = true;
        t->list->told = calloc(MAX(t->written->n_items, 1U), sizeof(bool));
        if (!t->list->told)
                return fault(-ENOMEM);
        for (size_t i = 0; i < t->written->n_items && r == 0; i++)
                r = item_add(x, t, i);
        return r;
}

static const struct written_group *group_written(const struct expanding *x, size_t i)
{
        return GROUP_LIST_AT(&x->l->w.groups, struct written_group, i);
}

static int group_expand(struct expanding *x, unsigned group)
{
        const struct target t = { &x->m->workstations[group],
                                  &group_written(x, group)->workstations, "workstations", false };
        int r;

        if (x->depth == DEPTH_MAX) {
                diag_error(x->l->d, t.written->at, "list the workstations themselves",
                           "groups refer to groups more than %d deep", DEPTH_MAX);
                return 0;
        }
        x->path[x->depth++] = group;
        x->progress[group] = PROGRESS_OPEN;
        r = list_expand(x, &t);
        x->progress[group] = PROGRESS_DONE;
        x->depth--;
        return r;
}

/* ---- all ---- */

static int name_compare(const void *left, const void *right)
{
        return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int hosts_settle(struct expanding *x)
{
        struct policy *p = x->l->p;
        const char **names = settings_alloc(p->file, x->n_hosts, sizeof(const char *));

        if (!names)
                return fault(-ENOMEM);
        if (x->n_hosts)
                qsort(x->hosts, x->n_hosts, sizeof(const char *), name_compare);
        for (size_t i = 0; i < x->n_hosts; i++) {
                if (i == 0 || strcmp(x->hosts[i - 1], x->hosts[i]) != 0)
                        names[p->n_host_names++] = x->hosts[i];
        }
        p->host_names = names;
        return 0;
}

static int groups_expand(struct expanding *x)
{
        int r = 0;

        for (unsigned i = 0; i < x->m->n_groups && r == 0; i++) {
                if (x->progress[i] == PROGRESS_NONE)
                        r = group_expand(x, i);
        }
        for (size_t i = 0; i < x->m->n_groups && r == 0; i++) {
                const struct target t = { &x->m->excepts[i], &group_written(x, i)->except, "except",
                                          true };

                r = list_expand(x, &t);
        }
        return r ? r : hosts_settle(x);
}

int members_load(struct loading *l, struct members *ret)
{
        CLEANUP(members_done) struct members m = { .n_groups = l->p->n_groups };
        CLEANUP(expanding_done) struct expanding x = { .l = l, .m = &m };
        int r;

        m.workstations = calloc(m.n_groups + 1, sizeof(*m.workstations));
        m.excepts = calloc(m.n_groups + 1, sizeof(*m.excepts));
        x.progress = calloc(m.n_groups + 1, sizeof(*x.progress));
        if (!m.workstations || !m.excepts || !x.progress)
                return fault(-ENOMEM);
        r = groups_expand(&x);
        if (r)
                return r;
        *ret = m;
        m = (struct members){ NULL };
        return 0;
}
