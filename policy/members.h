/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * members - what the groups list, made into ranges
 *
 * Internal to policy/. An item of a list is an address, a prefix, a range, another group (@NAME:
 * what its workstations list) or a host name, which stands for the addresses it is pinned to. Owner
 * of it all: the caller, members_done().
 */
#include "policy/load.h"

struct member {
        struct range range;
        const struct text_item *item; /* of the list */
        bool *told; /* items that stand for many ranges: conflicts of one are told once; else NULL */
};

struct member_list {
        struct member *members; /* in the order of the items */
        size_t n;
        bool is_whole; /* no item is wrong, no host name without an address */
        bool *told;    /* for each item */
};

struct members {
        struct member_list *workstations, *excepts; /* one for each group */
        size_t n_groups, n_members;
        bool is_full; /* there are more than MEMBERS_MAX, which is told; the rest is left out */
};

/* Beyond, somebody lists single addresses by program. */
#define MEMBERS_MAX 200000U

/* Fills *ret, and l->p->host_names. Returns 0, whatever was found, or -ENOMEM. */
MUST_CHECK int members_load(struct loading *l, struct members *ret);
void members_done(struct members *m);
