/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path begins at a demand that wants more and goes, by a claim or over the demand's set, to a
 * key. If that is full, somebody there has to make room: back to a set with a place there (which
 * another of its keys could give it), or to a demand with a claim met there (which costs it), from
 * the set back to a demand with a claim elsewhere still to be met, and so forth to a key with room.
 *
 * Some steps cost less than nothing, yet whoever has the lowest bound is looked at first and the
 * first key with room is taken, as Dijkstra would. That is right because what is left of a path
 * never costs less than nothing from a key or a set on, else the assignment so far would not be a
 * cheapest one; and from a demand on no less than its best claim still to be met. A node whose
 * label falls after it was looked at is looked at again.
 */
#include "policy/assign_graph.h"

static bool heap_before(const struct assign *a, uint32_t left, uint32_t right)
{
        const struct node *x = &a->nodes[left], *y = &a->nodes[right];

        return x->bound != y->bound ? x->bound < y->bound : x->order < y->order;
}

static void heap_put(struct assign *a, uint32_t place, uint32_t node)
{
        a->heap[place] = node;
        a->nodes[node].place = place;
}

static void heap_raise(struct assign *a, uint32_t place, uint32_t node)
{
        for (uint32_t up; place > 0; place = up) {
                up = (place - 1) / 2;
                if (!heap_before(a, node, a->heap[up]))
                        break;
                heap_put(a, place, a->heap[up]);
        }
        heap_put(a, place, node);
}

static uint32_t heap_pop(struct assign *a)
{
        uint32_t top = a->heap[0], last = a->heap[--a->n_heap], place = 0;

        a->nodes[top].place = NODE_NONE;
        if (a->n_heap == 0)
                return top;
        for (uint32_t down; (down = 2 * place + 1) < a->n_heap; place = down) {
                if (down + 1 < a->n_heap && heap_before(a, a->heap[down + 1], a->heap[down]))
                        down++;
                if (!heap_before(a, a->heap[down], last))
                        break;
                heap_put(a, place, a->heap[down]);
        }
        heap_put(a, place, last);
        return top;
}

/* Offers a node a path. True: it is cheaper than what it had. */
static bool node_offer(struct assign *a, uint32_t node, int64_t label, int64_t ahead, uint32_t from,
                       uint32_t over)
{
        struct node *n = &a->nodes[node];

        if (n->closed || (n->search == a->search && n->label <= label))
                return false;
        assert(label > -COST_HELD * ((int64_t)a->n_keys + 1)); /* else there is a cycle below 0 */
        if (n->search != a->search) {
                n->search = a->search;
                n->place = NODE_NONE;
                a->reached[a->n_reached++] = node;
        }
        n->label = label;
        n->bound = label + ahead;
        n->from = from;
        n->over = over;
        n->order = a->order++;
        heap_raise(a, n->place == NODE_NONE ? a->n_heap++ : n->place, node);
        return true;
}

/* True: the key has room, and no path can be cheaper than this one to it. */
static bool key_offer(struct assign *a, uint32_t key, int64_t label, uint32_t from, uint32_t over)
{
        return node_offer(a, key, label, 0, from, over) && a->keys[key].room > 0 &&
               label <= a->nodes[from].bound;
}

static void set_offer(struct assign *a, uint32_t set, int64_t label, uint32_t from, uint32_t over)
{
        node_offer(a, a->n_keys + set, label, 0, from, over);
}

static void demand_offer(struct assign *a, uint32_t demand, int64_t label, uint32_t from,
                         uint32_t over)
{
        const struct demand_state *d = &a->demands[demand];
        int64_t best = 0;

        for (uint32_t i = d->first_claim; i < d->end_claim; i++)
                if (a->claims[i].flow < a->claims[i].n)
                        best = MAX(best, a->claims[i].cost);
        node_offer(a, a->n_keys + a->n_sets + demand, label, -best, from, over);
}

static void key_expand(struct assign *a, uint32_t node)
{
        const struct key_state *k = &a->keys[node];
        int64_t label = a->nodes[node].label;

        for (uint32_t i = k->first_edge; i < k->end_edge; i++) {
                uint32_t edge = a->edges_of_keys[i];

                if (a->edges[edge].flow > 0)
                        set_offer(a, a->edges[edge].set, label, node, edge);
        }
        for (uint32_t i = k->first_claim; i < k->end_claim; i++) {
                uint32_t number = a->claims_of_keys[i];
                const struct claim *c = &a->claims[number];

                if (c->flow > 0)
                        demand_offer(a, c->demand, label + c->cost, node, number);
        }
}

/* The last two return a key at which the search may end, or NODE_NONE. */
static uint32_t set_expand(struct assign *a, uint32_t node)
{
        const struct set_state *s = &a->sets[node - a->n_keys];
        int64_t label = a->nodes[node].label;

        for (uint32_t i = s->first_edge; i < s->end_edge; i++)
                if (key_offer(a, a->edges[i].key, label, node, i))
                        return a->edges[i].key;
        for (uint32_t i = s->first_demand; i < s->end_demand; i++) {
                uint32_t demand = a->demands_of_sets[i];

                if (a->demands[demand].general > 0)
                        demand_offer(a, demand, label, node, 0);
        }
        return NODE_NONE;
}

static uint32_t demand_expand(struct assign *a, uint32_t node)
{
        const struct demand_state *d = &a->demands[node - a->n_keys - a->n_sets];
        int64_t label = a->nodes[node].label;

        for (uint32_t i = d->first_claim; i < d->end_claim; i++) {
                const struct claim *c = &a->claims[i];

                if (c->flow < c->n && key_offer(a, c->key, label - c->cost, node, i))
                        return c->key;
        }
        set_offer(a, d->set, label, node, 0);
        return NODE_NONE;
}

static void search_close(struct assign *a)
{
        for (uint32_t i = 0; i < a->n_reached; i++)
                a->nodes[a->reached[i]].closed = true;
}

uint32_t assign_search(struct assign *a, uint32_t first, uint32_t end, int64_t limit)
{
        a->search++;
        a->order = 0;
        a->n_heap = a->n_reached = 0;
        for (uint32_t i = first; i < end; i++)
                if (a->demands[i].left > 0)
                        demand_offer(a, i, 0, NODE_NONE, 0);
        while (a->n_heap > 0) {
                uint32_t node, found = NODE_NONE;

                if (a->nodes[a->heap[0]].bound > limit)
                        return NODE_NONE;
                node = heap_pop(a);
                if (node < a->n_keys && a->keys[node].room > 0)
                        return node;
                if (node < a->n_keys)
                        key_expand(a, node);
                else if (node < a->n_keys + a->n_sets)
                        found = set_expand(a, node);
                else
                        found = demand_expand(a, node);
                if (found != NODE_NONE)
                        return found;
        }
        search_close(a);
        return NODE_NONE;
}

/* What may pass the step to this node. */
static uint32_t step_width(const struct assign *a, uint32_t node)
{
        const struct node *n = &a->nodes[node];
        uint32_t first_demand = a->n_keys + a->n_sets;

        if (node < a->n_keys)
                return n->from < first_demand ? UINT32_MAX
                                              : a->claims[n->over].n - a->claims[n->over].flow;
        if (node < first_demand)
                return n->from < a->n_keys ? a->edges[n->over].flow : UINT32_MAX;
        if (n->from == NODE_NONE)
                return a->demands[node - first_demand].left;
        return n->from < a->n_keys ? a->claims[n->over].flow
                                   : a->demands[node - first_demand].general;
}

static void step_shift(struct assign *a, uint32_t node, uint32_t width)
{
        const struct node *n = &a->nodes[node];
        uint32_t first_demand = a->n_keys + a->n_sets;

        if (node < a->n_keys) {
                if (n->from < first_demand)
                        a->edges[n->over].flow += width;
                else
                        a->claims[n->over].flow += width;
        } else if (node < first_demand) {
                if (n->from < a->n_keys)
                        a->edges[n->over].flow -= width;
                else
                        a->demands[n->from - first_demand].general += width;
        } else if (n->from == NODE_NONE) {
                a->demands[node - first_demand].left -= width;
        } else if (n->from < a->n_keys) {
                a->claims[n->over].flow -= width;
        } else {
                a->demands[node - first_demand].general -= width;
        }
}

uint32_t assign_shift(struct assign *a, uint32_t key)
{
        uint32_t width = a->keys[key].room;

        for (uint32_t node = key; node != NODE_NONE; node = a->nodes[node].from)
                width = MIN(width, step_width(a, node));
        assert(width > 0);
        for (uint32_t node = key; node != NODE_NONE; node = a->nodes[node].from)
                step_shift(a, node, width);
        a->keys[key].room -= width;
        a->keys[key].used = true;
        return width;
}
