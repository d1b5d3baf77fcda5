/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * build - policies for tests, from rows of text, without a file
 *
 * What is wrong in a row stops the test at once. Owner of the policy: the caller, build_free().
 */
#include "policy/address_map.h"
#include "policy/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct build_key {
        const char *name; /* NULL ends the rows */
        unsigned provider;
        int64_t capacity, reserve;
};

struct build_group {
        const char *name;         /* NULL ends the rows */
        const char *workstations; /* "10.0.0.0/24,10.0.1.1-10.0.1.9" */
        const char *keys;         /* "k1,k2"; NULL: none */
        const char *public;       /* "10.0.0.0/24>203.0.113.0/24,..."; NULL: none */
        const char *egress; /* NULL: transparent; "router", "direct", or addresses with commas */
        int64_t priority;
        enum overflow overflow;
};

#define BUILD_N_PROVIDERS 3
#define BUILD_NO_EMBEDDED 2 /* this provider has no embedded class */

static inline struct addr build_addr(const char *text)
{
        struct addr a;

        assert_int_equal(addr_parse(slice_of(text), &a), 0);
        return a;
}

static inline size_t build_count(const char *list)
{
        size_t n = list ? 1 : 0;

        for (const char *c = list; c && *c; c++)
                n += *c == ',';
        return n;
}

static inline const struct key *build_key_named(const struct policy *p, struct slice name)
{
        for (size_t i = 0; i < p->n_keys; i++)
                if (slice_is(name, p->keys[i].name))
                        return &p->keys[i];
        fail_msg("no key %.*s", (int)name.length, name.data);
        return NULL;
}

static inline void build_translation(struct slice text, struct translation *ret)
{
        struct slice from;

        assert_true(slice_split(&text, '>', &from));
        assert_int_equal(prefix_parse(from, &ret->from), 0);
        assert_int_equal(prefix_parse(text, &ret->to), 0);
}

static inline void build_egress(struct group *g, const char *text)
{
        struct slice rest = slice_of(text), part;

        g->egress = !text                         ? EGRESS_TRANSPARENT
                    : strcmp(text, "router") == 0 ? EGRESS_ROUTER
                    : strcmp(text, "direct") == 0 ? EGRESS_DIRECT
                                                  : EGRESS_LIST;
        if (g->egress != EGRESS_LIST)
                return;
        g->egress_list = calloc(build_count(text), sizeof(*g->egress_list));
        while (slice_split(&rest, ',', &part))
                assert_int_equal(addr_parse(part, &g->egress_list[g->n_egress_list++]), 0);
}

static inline void build_group(struct policy *p, const struct build_group *row, struct group *g)
{
        struct slice rest = slice_of(row->workstations), part;

        *g = (struct group){ .name = strdup(row->name),
                             .index = (unsigned)(g - p->groups),
                             .overflow = row->overflow,
                             .priority = row->priority,
                             .at = { "test.cfg", 10 + (unsigned)(g - p->groups) } };
        g->workstations = calloc(build_count(row->workstations) + 1, sizeof(*g->workstations));
        while (row->workstations && slice_split(&rest, ',', &part))
                assert_int_equal(range_parse(part, &g->workstations[g->n_workstations++]), 0);
        g->keys = calloc(build_count(row->keys) + 1, sizeof(const struct key *));
        rest = slice_of(row->keys);
        while (row->keys && slice_split(&rest, ',', &part))
                g->keys[g->n_keys++] = build_key_named(p, part);
        g->translations = calloc(build_count(row->public) + 1, sizeof(*g->translations));
        rest = slice_of(row->public);
        while (row->public && slice_split(&rest, ',', &part))
                build_translation(part, &g->translations[g->n_translations++]);
        build_egress(g, row->egress);
}

static inline struct policy *build_policy(const struct build_key *keys,
                                          const struct build_group *groups)
{
        static const char *const names[BUILD_N_PROVIDERS] = { "smarty", "alloy", "plain" };
        struct policy *p = calloc(1, sizeof(*p));

        p->n_refs = 1;
        p->providers = calloc(BUILD_N_PROVIDERS, sizeof(*p->providers));
        p->n_providers = BUILD_N_PROVIDERS;
        for (size_t i = 0; i < BUILD_N_PROVIDERS; i++) {
                p->providers[i].name = strdup(names[i]);
                p->providers[i].classes[CLASS_EMBEDDED].offered = i != BUILD_NO_EMBEDDED;
        }
        for (; keys[p->n_keys].name; p->n_keys++)
                ;
        p->keys = calloc(p->n_keys + 1, sizeof(*p->keys));
        for (size_t i = 0; i < p->n_keys; i++)
                p->keys[i] = (struct key){ .name = strdup(keys[i].name),
                                           .provider = &p->providers[keys[i].provider],
                                           .capacity = keys[i].capacity,
                                           .reserve = keys[i].reserve,
                                           .index = (unsigned)i };
        for (; groups[p->n_groups].name; p->n_groups++)
                ;
        p->groups = calloc(p->n_groups + 1, sizeof(*p->groups));
        for (size_t i = 0; i < p->n_groups; i++)
                build_group(p, &groups[i], &p->groups[i]);
        assert_int_equal(address_map_new(p, &p->map), 0);
        return p;
}

static inline void build_free(struct policy *p)
{
        assert_int_equal(p->n_refs, 1); /* every plan has given its reference back */
        for (size_t i = 0; i < p->n_groups; i++) {
                struct group *g = &p->groups[i];

                free(g->name);
                free(g->workstations);
                free(g->keys);
                free(g->translations);
                free(g->egress_list);
        }
        for (size_t i = 0; i < p->n_keys; i++)
                free(p->keys[i].name);
        for (size_t i = 0; i < p->n_providers; i++)
                free(p->providers[i].name);
        address_map_free(p->map);
        free(p->groups);
        free(p->keys);
        free(p->providers);
        free(p);
}

static inline void build_freep(struct policy **p)
{
        if (*p)
                build_free(*p);
}

/* xorshift64*: the same numbers on every machine. */
static inline uint64_t build_random(uint64_t *state, uint64_t below)
{
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        return (*state * 0x2545f4914f6cdd1dU >> 32) % below;
}
