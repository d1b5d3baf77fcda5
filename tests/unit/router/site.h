/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * site - a small policy and its plan, built by hand, for the tests of this folder
 *
 * Workstations are seen by the vendor under their own address, 198.51.100.N; slot N-1 of the plan
 * is that of 198.51.100.N. Each test gets a fresh site from site_init() and may change what it
 * likes.
 */
#include "lib/base/cleanup.h"
#include "policy/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N_SITE_SLOTS 8
#define SITE_WORD(text) ((char *)(text)) /* nobody frees a site */

enum { GROUP_SALES, GROUP_STRICT, GROUP_POOR, GROUP_DIRECT, N_SITE_GROUPS };

struct site {
        struct api apis[4];
        struct provider provider;
        struct key keys[2];
        struct backend backends[2];
        struct group groups[N_SITE_GROUPS];
        const struct key *group_keys[2];
        const struct backend *group_backends[1], *unknown[1];
        struct slot slots[N_SITE_SLOTS], formers[N_SITE_SLOTS];
        struct policy policy;
        struct plan plan;
};

/* Names the row that fails. */
#define ROW_CHECK(condition, row, sentence)                                            \
        do {                                                                           \
                if (!(condition))                                                      \
                        fail_msg("row %zu: %s: not so: %s", (size_t)(row), (sentence), \
                                 #condition);                                          \
        } while (0)

static inline struct addr site_addr(const char *text)
{
        struct addr a = { { 0 } };

        assert_int_equal(addr_parse(slice_of(text), &a), 0);
        return a;
}

static inline void site_init_provider(struct site *s)
{
        enum { GET = 1 << METHOD_GET, POST = 1 << METHOD_POST };

        s->apis[0] = (struct api){ .name = SITE_WORD("us-street"), .methods = { GET, GET | POST } };
        s->apis[1] = (struct api){ .name = SITE_WORD("us-extract"), .methods = { 0, POST } };
        s->apis[2] = (struct api){ .name = SITE_WORD("us-basic"), .methods = { GET, 0 } };
        s->apis[3] = (struct api){ .name = SITE_WORD("loose"), .methods = { GET | POST, GET } };
        s->provider =
                (struct provider){ .name = SITE_WORD("vendor"), .apis = s->apis, .n_apis = 4 };
        s->provider.classes[CLASS_EMBEDDED].offered = true;
        s->provider.classes[CLASS_EMBEDDED].propagation_ms = 600000;
        s->provider.classes[CLASS_SECRET].offered = true;
}

static inline void site_init_groups(struct site *s)
{
        static const char *const names[] = { "sales", "strict", "poor", "direct" };

        for (unsigned i = 0; i < N_SITE_GROUPS; i++)
                s->groups[i] = (struct group){
                        .name = SITE_WORD(names[i]),
                        .index = i,
                        .egress = EGRESS_TRANSPARENT,
                        .keys = s->group_keys,
                        .n_keys = 2,
                        .backends = s->group_backends,
                        .n_backends = 1,
                };
        s->groups[GROUP_STRICT].overflow = OVERFLOW_REFUSE;
        s->groups[GROUP_POOR].n_backends = 0;
        s->groups[GROUP_DIRECT].egress = EGRESS_DIRECT;
}

/* Six slots on austin-1, one on austin-2, one in overflow. */
static inline void site_init_slots(struct site *s)
{
        for (unsigned i = 0; i < N_SITE_SLOTS; i++) {
                s->slots[i] = (struct slot){
                        .seen = site_addr("198.51.100.1"),
                        .provider = &s->provider,
                        .key = &s->keys[0],
                        .number = i + 1,
                        .n_desks = 1,
                        .state = ENTRY_LIVE,
                        .index = i,
                        .group = &s->groups[GROUP_SALES],
                };
                s->slots[i].seen.bytes[15] = (uint8_t)(i + 1);
        }
        s->slots[6].key = &s->keys[1];
        s->slots[6].number = 1;
        s->slots[7].key = NULL;
        s->slots[7].number = 0;
        s->slots[7].reason = plan_reason_full;
}

static inline void site_init(struct site *s)
{
        memset(s, 0, sizeof(*s));
        site_init_provider(s);
        s->keys[0] = (struct key){ SITE_WORD("austin-1"), &s->provider, NULL, 100, 0, 0, { 0 } };
        s->keys[1] = (struct key){ SITE_WORD("austin-2"), &s->provider, NULL, 100, 0, 1, { 0 } };
        s->backends[0] = (struct backend){ SITE_WORD("spare"), &s->provider, NULL, 0, 0, { 0 } };
        s->backends[1] = (struct backend){ SITE_WORD("secret"), &s->provider, NULL, 0, 1, { 0 } };
        s->group_keys[0] = &s->keys[0];
        s->group_keys[1] = &s->keys[1];
        s->group_backends[0] = &s->backends[1];
        site_init_groups(s);
        site_init_slots(s);
        s->policy = (struct policy){
                .n_refs = 1,
                .providers = &s->provider,
                .n_providers = 1,
                .keys = s->keys,
                .n_keys = 2,
                .backends = s->backends,
                .n_backends = 2,
                .groups = s->groups,
                .n_groups = N_SITE_GROUPS,
                .unknown = s->unknown,
        };
        s->plan = (struct plan){ .slots = s->slots,
                                 .n_slots = N_SITE_SLOTS,
                                 .formers = s->formers,
                                 .router = site_addr("192.0.2.1"),
                                 .policy = &s->policy };
}

/* The address of the slot is still listed at that key; called in the order of slots. */
static inline struct slot *site_add_former(struct site *s, unsigned slot, unsigned key)
{
        struct slot *former = &s->formers[s->plan.n_formers];

        assert_true(s->plan.n_formers < N_SITE_SLOTS && s->slots[slot].key != &s->keys[key]);
        *former = s->slots[slot];
        former->key = &s->keys[key];
        former->number = 0;
        former->state = ENTRY_LEAVING;
        former->index = (unsigned)(N_SITE_SLOTS + s->plan.n_formers++);
        s->slots[slot].former = former;
        return former;
}
