/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/fault.h"
#include "policy/load.h"
#include "policy/ranges.h"

static const char *group_name(const struct group *g)
{
        return g->name ? g->name : "?";
}

/* ---- can the group be served at all? ---- */

static bool provider_takes_embedded(const struct provider *p)
{
        /* A definition with mistakes has no APIs here; its own findings are enough. */
        bool takes = p->n_apis == 0;

        for (size_t i = 0; i < p->n_apis; i++)
                takes |= p->apis[i].methods[CLASS_EMBEDDED] != 0;
        return takes;
}

/* Capacities that are wrong have their findings. */
static bool key_is_reserved(const struct key *k)
{
        return k->capacity > 0 && k->capacity == k->reserve;
}

static void embedded_check(struct loading *l, const struct group *g)
{
        const struct provider *told = NULL;

        for (size_t i = 0; i < g->n_keys; i++) {
                const struct provider *p = g->keys[i]->provider;

                if (!p || p == told || provider_takes_embedded(p))
                        continue;
                diag_error(l->d, g->at, NULL,
                           "group \"%s\" has key \"%s\", but no API of provider \"%s\" takes an "
                           "embedded key",
                           group_name(g), g->keys[i]->name, p->name);
                told = p;
        }
}

static void service_check(struct loading *l, const struct group *g)
{
        const struct written_group *w = GROUP_LIST_AT(&l->w.groups, struct written_group, g->index);
        bool usable = false;

        for (size_t i = 0; i < g->n_keys; i++)
                usable |= !key_is_reserved(g->keys[i]);
        /* Names that lead nowhere have their findings. */
        if (usable || w->keys.n_items > g->n_keys || w->backends.n_items > g->n_backends)
                return;
        if (g->n_keys && g->n_backends)
                diag_warning(l->d, w->keys.at, "lower the reserve of one of them",
                             "group \"%s\" can never get a key: all of its keys are reserved",
                             group_name(g));
        else if (g->n_backends)
                return;
        else if (g->n_keys)
                diag_error(l->d, g->at, "give it a backend, or lower the reserve",
                           "group \"%s\" can never be served: all of its keys are reserved, and it "
                           "has no backend",
                           group_name(g));
        else
                diag_error(l->d, g->at, "give it keys, backends, or both",
                           "group \"%s\" can never be served: it has neither key nor backend",
                           group_name(g));
}

static bool group_has_backend(const struct group *g, const struct provider *p)
{
        for (size_t i = 0; i < g->n_backends; i++) {
                if (g->backends[i]->provider == p)
                        return true;
        }
        return false;
}

static void overflow_check(struct loading *l, const struct group *g)
{
        const struct written_group *w = GROUP_LIST_AT(&l->w.groups, struct written_group, g->index);
        const struct provider *told = NULL;

        if (g->overflow != OVERFLOW_BACKEND || w->backends.n_items > g->n_backends)
                return;
        for (size_t i = 0; i < g->n_keys; i++) {
                const struct provider *p = g->keys[i]->provider;

                if (!p || p == told || group_has_backend(g, p))
                        continue;
                diag_warning(
                        l->d, g->at, "add one to backends, or write  overflow = \"refuse\";",
                        "group \"%s\" overflows to a backend, but has none of provider \"%s\": "
                        "workstations without a slot are refused",
                        group_name(g), p->name);
                told = p;
        }
}

static void limits_check(struct loading *l, const struct group *g)
{
        const struct written_group *w = GROUP_LIST_AT(&l->w.groups, struct written_group, g->index);

        if (w->limits.tried_requests && !w->limits.has_requests)
                return; /* its value is wrong, and that was said */
        if (w->limits.has_burst && w->limits.requests_per_minute == 0)
                diag_warning(l->d, w->limits.burst_at,
                             "add requests_per_minute, or leave burst out",
                             "group \"%s\" has a burst but no requests_per_minute: its "
                             "workstations have no limit",
                             group_name(g));
}

/* ---- what does the vendor see? ---- */

/* `r` lies in t->from: the part of the other side that stands for it. */
static struct range translated(const struct translation *t, const struct range *r)
{
        struct range other = prefix_range(&t->to), from = prefix_range(&t->from);

        if (t->to.bits == 128)
                return other;
        for (size_t i = 0; i < sizeof(other.first.bytes); i++) {
                /* Bits in which the ends of the prefix differ are those of the host. */
                uint8_t host = from.first.bytes[i] ^ from.last.bytes[i];
                uint8_t base = t->to.base.bytes[i];

                other.first.bytes[i] = (uint8_t)(base | (r->first.bytes[i] & host));
                other.last.bytes[i] = (uint8_t)(base | (r->last.bytes[i] & host));
        }
        return other;
}

static struct range range_common(const struct range *a, const struct range *b)
{
        return (struct range){ addr_compare(&a->first, &b->first) > 0 ? a->first : b->first,
                               addr_compare(&a->last, &b->last) < 0 ? a->last : b->last };
}

/* Takes what `t` translates out of *left; *ret_found is set where that shows a private address. */
static int translation_take(const struct translation *t, struct range_set *left, struct addr *ret,
                            bool *ret_found)
{
        struct range from = prefix_range(&t->from);
        const struct range_set without = { &from, 1 };
        CLEANUP(range_set_done) struct range_set rest = { NULL };

        for (size_t i = 0; i < left->n; i++) {
                int r = range_set_add_without(&rest, &left->ranges[i], &without);

                if (r)
                        return r;
                if (range_overlaps(&left->ranges[i], &from) && !*ret_found) {
                        struct range common = range_common(&left->ranges[i], &from);
                        struct range seen = translated(t, &common);

                        *ret_found = range_find_private(&seen, ret);
                }
        }
        range_set_done(left);
        *left = rest;
        rest = (struct range_set){ NULL };
        return 0;
}

/* The addresses that calls of the group leave with. */
static int sources_take(const struct group *g, struct range_set *set)
{
        int r = 0;

        if (g->egress == EGRESS_LIST) {
                for (size_t i = 0; i < g->n_egress_list && r == 0; i++)
                        r = range_set_add(set,
                                          &(struct range){ g->egress_list[i], g->egress_list[i] });
        } else {
                for (size_t i = 0; i < g->n_workstations && r == 0; i++)
                        r = range_set_add(set, &g->workstations[i]);
        }
        range_set_order(set);
        return r;
}

#define PRIVATE_MAX_STEPS 4000000U /* translations times ranges looked at for a group */

/* Longest prefix first, as they are applied. */
static int private_find(const struct group *g, struct addr *ret, bool *ret_found)
{
        CLEANUP(range_set_done) struct range_set left = { NULL };
        size_t n_steps = 0;
        int r = sources_take(g, &left);

        for (size_t i = 0; i < g->n_translations && r == 0 && !*ret_found; i++) {
                n_steps += left.n + 1;
                if (n_steps > PRIVATE_MAX_STEPS)
                        return 0; /* a warning is not worth minutes */
                r = translation_take(&g->translations[i], &left, ret, ret_found);
        }
        for (size_t i = 0; i < left.n && r == 0 && !*ret_found; i++)
                *ret_found = range_find_private(&left.ranges[i], ret);
        return r;
}

static int private_check(struct loading *l, const struct group *g)
{
        char text[ADDR_TEXT_MAX];
        bool found = false;
        struct addr a;
        int r;

        /* Backends go out by the router's own address, whatever the egress. */
        if (g->n_keys == 0 || g->egress == EGRESS_ROUTER)
                return 0;
        r = private_find(g, &a, &found);
        if (found)
                diag_warning(l->d, g->at,
                             "say with public = [ \"PREFIX -> PREFIX\" ] what the vendor sees",
                             "group \"%s\" shows the vendor private addresses, %s for one",
                             group_name(g), addr_format(&a, text));
        return r;
}

static void direct_check(struct loading *l, const struct group *g)
{
        const struct written_group *w = GROUP_LIST_AT(&l->w.groups, struct written_group, g->index);

        if (g->egress == EGRESS_DIRECT)
                diag_warning(l->d, w->egress.at, NULL,
                             "group \"%s\" has egress \"direct\": the shim of this version does "
                             "not call "
                             "the vendor itself, so its workstations are served by the backend",
                             group_name(g));
}

/* Nobody means that; but a file whose end is missing looks so. */
static void policy_check_whole(struct loading *l)
{
        const struct policy *p = l->p;

        if (p->n_groups == 0 && l->w.unknown.n_items == 0 && l->w.site.text)
                diag_error(l->d, l->w.site.at,
                           "is the file whole? add groups, or name a backend in unknown",
                           "the policy has no group: every workstation would be refused");
}

int policy_check(struct loading *l)
{
        for (size_t i = 0; i < l->p->n_groups; i++) {
                const struct group *g = &l->p->groups[i];
                int r = private_check(l, g);

                if (r)
                        return r;
                embedded_check(l, g);
                service_check(l, g);
                overflow_check(l, g);
                limits_check(l, g);
                direct_check(l, g);
        }
        policy_check_whole(l);
        return 0;
}
