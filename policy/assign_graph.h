/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * assign_graph - the flow network of assign.c, and the search for a cheapest path in it
 *
 *   demand -claim-> key          costs less than nothing: see COST_HELD
 *   demand -------> set -edge-> key
 *
 * Nodes are numbered: the keys, then the sets, then the demands.
 */
#include "policy/assign.h"

/* A path is worth what it costs: claims met and given up again. Held ones count first. */
#define COST_HELD ((int64_t)1 << 32)
#define COST_OTHER ((int64_t)1)

#define NODE_NONE UINT32_MAX

struct edge {
        uint32_t set;
        uint32_t key;
        uint32_t flow;
};

struct claim {
        uint32_t demand;
        uint32_t key;
        uint32_t n;
        uint32_t flow;
        int64_t cost; /* what it costs to give it up */
};

struct key_state {
        uint32_t first_edge, end_edge;   /* in edges_of_keys */
        uint32_t first_claim, end_claim; /* in claims_of_keys */
        uint32_t room;
        uint32_t expected; /* claims of levels that are still to come */
        bool used;
};

struct set_state {
        uint32_t first_edge, end_edge;
        uint32_t cursor;                   /* no room at the keys of the edges before this */
        uint32_t first_demand, end_demand; /* in demands_of_sets: those with claims */
};

struct demand_state {
        uint32_t level, set;
        uint32_t left;    /* not served */
        uint32_t general; /* served over the set */
        uint32_t n;
        uint32_t first_claim, end_claim;
};

struct node {
        int64_t label; /* cost of the cheapest path so far */
        int64_t bound; /* no path over this node costs less */
        uint64_t order;
        uint32_t search; /* the last that reached it */
        uint32_t from;   /* node; NODE_NONE: it is where the path begins */
        uint32_t over;   /* edge or claim, as from and this node tell */
        uint32_t place;  /* in the heap; NODE_NONE: not there */
        bool closed;
};

struct assign {
        struct edge *edges; /* by set, then in order of preference */
        struct claim *claims;
        struct key_state *keys;
        struct set_state *sets;
        struct demand_state *demands;
        uint32_t *edges_of_keys;
        uint32_t *claims_of_keys;
        uint32_t *demands_of_sets;
        uint32_t n_keys, n_sets, n_demands, n_claims;

        struct node *nodes;
        uint32_t *heap; /* nodes to look at, the lowest bound on top, then the first come */
        uint32_t n_heap;
        uint32_t *reached; /* by the current search */
        uint32_t n_reached;
        uint32_t search;
        uint64_t order;
};

/* Returns 0, -E2BIG or -ENOMEM. */
MUST_CHECK int assign_graph_new(const struct assign_problem *p, struct assign **ret);

/*
 * A cheapest path from the demands first..end (not all served) to a key with room: returns the key,
 * or NODE_NONE where there is none that costs `limit` at most. Where there is none at all, what was
 * reached is closed.
 */
uint32_t assign_search(struct assign *a, uint32_t first, uint32_t end, int64_t limit);

/* Shifts as many as fit along the path that the search found. Returns how many more are served. */
uint32_t assign_shift(struct assign *a, uint32_t key);
