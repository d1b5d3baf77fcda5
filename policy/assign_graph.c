/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/assign_graph.h"

#include "lib/base/fault.h"

#include <errno.h>

void assign_free(struct assign *a)
{
        free(a->edges);
        free(a->claims);
        free(a->keys);
        free(a->sets);
        free(a->demands);
        free(a->edges_of_keys);
        free(a->claims_of_keys);
        free(a->demands_of_sets);
        free(a->nodes);
        free(a->heap);
        free(a->reached);
        free(a);
}

static int graph_allocate(struct assign *a, const struct assign_problem *p)
{
        size_t n_nodes = (size_t)p->n_keys + p->n_sets + p->n_demands, n_edges = 0;

        for (uint32_t i = 0; i < p->n_sets; i++)
                n_edges += p->sets[i].n_keys;
        if (n_edges > INT32_MAX || n_nodes >= UINT32_MAX || p->n_claims > INT32_MAX)
                return fault(-E2BIG);
        a->edges = calloc(n_edges + 1, sizeof(*a->edges));
        a->claims = calloc((size_t)p->n_claims + 1, sizeof(*a->claims));
        a->keys = calloc((size_t)p->n_keys + 1, sizeof(*a->keys));
        a->sets = calloc((size_t)p->n_sets + 1, sizeof(*a->sets));
        a->demands = calloc((size_t)p->n_demands + 1, sizeof(*a->demands));
        a->edges_of_keys = calloc(n_edges + 1, sizeof(*a->edges_of_keys));
        a->claims_of_keys = calloc((size_t)p->n_claims + 1, sizeof(*a->claims_of_keys));
        a->demands_of_sets = calloc((size_t)p->n_demands + 1, sizeof(*a->demands_of_sets));
        a->nodes = calloc(n_nodes + 1, sizeof(*a->nodes));
        a->heap = calloc(n_nodes + 1, sizeof(*a->heap));
        a->reached = calloc(n_nodes + 1, sizeof(*a->reached));
        if (!a->edges || !a->claims || !a->keys || !a->sets || !a->demands || !a->edges_of_keys ||
            !a->claims_of_keys || !a->demands_of_sets || !a->nodes || !a->heap || !a->reached)
                return fault(-ENOMEM);
        return 0;
}

/* Here and below, first and end of what hangs on a key or set hold counts until they are known. */
static void sets_link(struct assign *a, const struct assign_problem *p)
{
        uint32_t n_edges = 0;

        for (uint32_t i = 0; i < p->n_sets; i++) {
                struct set_state *s = &a->sets[i];

                s->first_edge = s->cursor = n_edges;
                for (uint32_t j = 0; j < p->sets[i].n_keys; j++) {
                        uint32_t key = p->sets[i].keys[j];

                        assert(key < p->n_keys);
                        a->edges[n_edges++] = (struct edge){ i, key, 0 };
                        a->keys[key].end_edge++;
                }
                s->end_edge = n_edges;
        }
}

static void demands_link(struct assign *a, const struct assign_problem *p)
{
        for (uint32_t i = 0; i < p->n_demands; i++) {
                const struct assign_demand *d = &p->demands[i];

                assert(d->set < p->n_sets && d->first_claim + d->n_claims <= p->n_claims);
                assert(i == 0 || d->level >= p->demands[i - 1].level);
                a->demands[i] = (struct demand_state){ d->level,
                                                       d->set,
                                                       d->n,
                                                       0,
                                                       d->n,
                                                       d->first_claim,
                                                       d->first_claim + d->n_claims };
                if (d->n_claims > 0)
                        a->sets[d->set].end_demand++;
                for (uint32_t j = 0; j < d->n_claims; j++) {
                        uint32_t number = d->first_claim + j;
                        const struct assign_claim *c = &p->claims[number];

                        assert(c->key < p->n_keys && c->n <= d->n);
                        a->claims[number] = (struct claim){ i, c->key, c->n, 0,
                                                            c->is_held ? COST_HELD : COST_OTHER };
                        a->keys[c->key].end_claim++;
                        a->keys[c->key].expected += c->n;
                }
        }
}

/* Counts become the places where each list begins and, filled, ends. */
static void lists_fill(struct assign *a)
{
        uint32_t n_edges = 0, n_claims = 0, n_demands = 0;

        for (uint32_t i = 0; i < a->n_keys; i++) {
                struct key_state *k = &a->keys[i];
                uint32_t edges = k->end_edge, claims = k->end_claim;

                k->first_edge = k->end_edge = n_edges;
                k->first_claim = k->end_claim = n_claims;
                n_edges += edges;
                n_claims += claims;
        }
        for (uint32_t i = 0; i < a->n_sets; i++) {
                struct set_state *s = &a->sets[i];
                uint32_t demands = s->end_demand;

                s->first_demand = s->end_demand = n_demands;
                n_demands += demands;
        }
        for (uint32_t i = 0; i < n_edges; i++)
                a->edges_of_keys[a->keys[a->edges[i].key].end_edge++] = i;
        for (uint32_t i = 0; i < n_claims; i++)
                a->claims_of_keys[a->keys[a->claims[i].key].end_claim++] = i;
        for (uint32_t i = 0; i < a->n_demands; i++) {
                const struct demand_state *d = &a->demands[i];

                if (d->first_claim < d->end_claim)
                        a->demands_of_sets[a->sets[d->set].end_demand++] = i;
        }
}

int assign_graph_new(const struct assign_problem *p, struct assign **ret)
{
        CLEANUP(assign_freep) struct assign *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return fault(-ENOMEM);
        a->n_keys = p->n_keys;
        a->n_sets = p->n_sets;
        a->n_demands = p->n_demands;
        a->n_claims = p->n_claims;
        r = graph_allocate(a, p);
        if (r)
                return r;
        sets_link(a, p);
        demands_link(a, p);
        lists_fill(a);
        for (uint32_t i = 0; i < p->n_keys; i++)
                a->keys[i].room = p->rooms[i];
        *ret = TAKE(a);
        return 0;
}
