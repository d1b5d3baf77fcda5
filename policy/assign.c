/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A maximum flow from classes to keys, grown demand by demand along augmenting paths (Ford and
 * Fulkerson; the shortest first, Edmonds and Karp). A path starts at the class that wants more and
 * goes to a key; if that is full, on to a class that has places there and could go elsewhere, and
 * so forth to a key with room. Shifting one place along the path serves one more, and everybody
 * served before still is: so serving demands by falling importance is exact (the sets of addresses
 * that can be served together form a transversal matroid, where greedy is optimal).
 *
 * When no path is found, the keys that were reached are full with places of classes that can go
 * nowhere else, and that never changes again: those classes are closed and not searched any more.
 * So all searches in vain cost one pass over the graph together.
 */
#include "policy/assign.h"

#include "lib/base/fault.h"

#include <errno.h>
#include <stdbool.h>

struct edge {
        uint32_t class;
        uint32_t key;
        uint32_t flow;
};

struct class_state {
        uint32_t first, end; /* edges */
        uint32_t cursor;     /* no room at the keys of the edges before this */
        uint32_t seen;       /* the last search that reached it */
        uint32_t via;        /* edge that it was reached over: flow to take back */
        bool closed;
};

struct key_state {
        uint32_t first, end; /* in edges_of_keys */
        uint32_t room;
        uint32_t seen;
        uint32_t via; /* edge that it was reached over: flow to add */
        bool used;
};

struct assign {
        struct edge *edges; /* by class, then in order of preference */
        uint32_t *edges_of_keys;
        struct class_state *classes;
        struct key_state *keys;
        uint32_t n_classes;
        uint32_t n_keys;
        uint32_t *queue; /* classes reached by a search */
        uint32_t n_queue;
        uint32_t search; /* number of the current search */
};

void assign_free(struct assign *a)
{
        free(a->edges);
        free(a->edges_of_keys);
        free(a->classes);
        free(a->keys);
        free(a->queue);
        free(a);
}

static int assign_allocate(struct assign *a, const struct assign_class *classes)
{
        size_t n_edges = 0;

        for (uint32_t i = 0; i < a->n_classes; i++)
                n_edges += classes[i].n_keys;
        if (n_edges > INT32_MAX)
                return fault(-E2BIG);
        a->edges = calloc(MAX(n_edges, 1U), sizeof(*a->edges));
        a->edges_of_keys = calloc(MAX(n_edges, 1U), sizeof(*a->edges_of_keys));
        a->classes = calloc(MAX(a->n_classes, 1U), sizeof(*a->classes));
        a->keys = calloc((size_t)a->n_keys + 1, sizeof(*a->keys));
        a->queue = calloc(MAX(a->n_classes, 1U), sizeof(*a->queue));
        if (!a->edges || !a->edges_of_keys || !a->classes || !a->keys || !a->queue)
                return fault(-ENOMEM);
        return 0;
}

static void assign_link_classes(struct assign *a, const struct assign_class *classes)
{
        uint32_t n_edges = 0;

        for (uint32_t i = 0; i < a->n_classes; i++) {
                struct class_state *c = &a->classes[i];

                c->first = c->cursor = n_edges;
                for (uint32_t j = 0; j < classes[i].n_keys; j++) {
                        assert(classes[i].keys[j] < a->n_keys);
                        a->edges[n_edges++] = (struct edge){ i, classes[i].keys[j], 0 };
                        a->keys[classes[i].keys[j]].end++; /* the count, for now */
                }
                c->end = n_edges;
        }
}

static void assign_link_keys(struct assign *a)
{
        uint32_t n_edges = 0;

        for (uint32_t i = 0; i < a->n_keys; i++) {
                struct key_state *k = &a->keys[i];
                uint32_t count = k->end;

                k->first = k->end = n_edges;
                n_edges += count;
        }
        for (uint32_t i = 0; i < n_edges; i++)
                a->edges_of_keys[a->keys[a->edges[i].key].end++] = i;
}

int assign_new(const uint32_t *rooms, uint32_t n_keys, const struct assign_class *classes,
               uint32_t n_classes, struct assign **ret)
{
        CLEANUP(assign_freep) struct assign *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return fault(-ENOMEM);
        a->n_classes = n_classes;
        a->n_keys = n_keys;
        r = assign_allocate(a, classes);
        if (r)
                return r;
        assign_link_classes(a, classes);
        assign_link_keys(a);
        for (uint32_t i = 0; i < n_keys; i++)
                a->keys[i].room = rooms[i];
        *ret = TAKE(a);
        return 0;
}

static void edge_fill(struct assign *a, struct edge *e, uint32_t n)
{
        struct key_state *k = &a->keys[e->key];

        assert(n <= k->room);
        k->room -= n;
        k->used = true;
        e->flow += n;
}

/* The next key in order that has room; but one in use that takes all of `wanted` before a split. */
static struct edge *class_choose(struct assign *a, struct class_state *c, uint32_t wanted)
{
        while (c->cursor < c->end && a->keys[a->edges[c->cursor].key].room == 0)
                c->cursor++;
        if (c->cursor == c->end)
                return NULL;
        if (a->keys[a->edges[c->cursor].key].room < wanted) {
                for (uint32_t i = c->cursor + 1; i < c->end; i++) {
                        const struct key_state *k = &a->keys[a->edges[i].key];

                        if (k->used && k->room >= wanted)
                                return &a->edges[i];
                }
        }
        return &a->edges[c->cursor];
}

static uint32_t push_directly(struct assign *a, uint32_t class, uint32_t wanted)
{
        uint32_t served = 0;

        while (served < wanted) {
                struct edge *e = class_choose(a, &a->classes[class], wanted - served);
                uint32_t n;

                if (!e)
                        break;
                n = MIN(wanted - served, a->keys[e->key].room);
                edge_fill(a, e, n);
                served += n;
        }
        return served;
}

static void search_reach(struct assign *a, uint32_t class, uint32_t via)
{
        struct class_state *c = &a->classes[class];

        if (c->seen == a->search || c->closed)
                return;
        c->seen = a->search;
        c->via = via;
        a->queue[a->n_queue++] = class;
}

/* Breadth first from a class to the nearest key with room, or NULL. */
static const struct key_state *search_run(struct assign *a, uint32_t class)
{
        a->search++;
        a->n_queue = 0;
        search_reach(a, class, 0);
        for (uint32_t head = 0; head < a->n_queue; head++) {
                const struct class_state *c = &a->classes[a->queue[head]];

                for (uint32_t i = c->first; i < c->end; i++) {
                        struct key_state *k = &a->keys[a->edges[i].key];

                        if (k->seen == a->search)
                                continue;
                        k->seen = a->search;
                        k->via = i;
                        if (k->room > 0)
                                return k;
                        for (uint32_t j = k->first; j < k->end; j++) {
                                const struct edge *e = &a->edges[a->edges_of_keys[j]];

                                if (e->flow > 0)
                                        search_reach(a, e->class, a->edges_of_keys[j]);
                        }
                }
        }
        return NULL;
}

/* The most that fits through the path that ends at `last`. */
static uint32_t path_width(const struct assign *a, uint32_t class, const struct key_state *last,
                           uint32_t wanted)
{
        uint32_t width = MIN(wanted, last->room);

        for (uint32_t c = a->edges[last->via].class; c != class;) {
                const struct edge *back = &a->edges[a->classes[c].via];

                width = MIN(width, back->flow);
                c = a->edges[a->keys[back->key].via].class;
        }
        return width;
}

static void path_shift(struct assign *a, uint32_t class, const struct key_state *last, uint32_t n)
{
        struct edge *e = &a->edges[last->via];

        edge_fill(a, e, n);
        while (e->class != class) {
                struct edge *back = &a->edges[a->classes[e->class].via];

                back->flow -= n;
                e = &a->edges[a->keys[back->key].via];
                e->flow += n;
        }
}

uint32_t assign_push(struct assign *a, uint32_t class, uint32_t wanted)
{
        uint32_t served = push_directly(a, class, wanted);

        while (served < wanted && !a->classes[class].closed) {
                const struct key_state *last = search_run(a, class);

                if (last) {
                        uint32_t n = path_width(a, class, last, wanted - served);

                        path_shift(a, class, last, n);
                        served += n;
                        continue;
                }
                for (uint32_t i = 0; i < a->n_queue; i++)
                        a->classes[a->queue[i]].closed = true;
        }
        return served;
}

uint32_t assign_flow(const struct assign *a, uint32_t class, uint32_t i)
{
        assert(i < a->classes[class].end - a->classes[class].first);
        return a->edges[a->classes[class].first + i].flow;
}
