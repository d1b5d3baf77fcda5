/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flow of least cost, grown level by level along cheapest augmenting paths. Every path serves one
 * more of the level in turn and un-serves nobody of the levels before, so that serving by falling
 * importance is exact (the sets of addresses that can be served together form a transversal
 * matroid, where greedy is optimal, and which fixes how many of each level are served); and a flow
 * of least cost that is augmented along a cheapest path is one of least cost again (successive
 * shortest paths), so that claims met are exact too.
 *
 * No path costs less than its first step (see assign_search.c). So while a demand has a held claim
 * to a key with room, that is a cheapest path; when no cheaper path is left, so is an other claim,
 * and then any key with room. Only what these leave over is searched for. Where nothing is found,
 * the keys that were reached are full with addresses that can go nowhere else, and that never
 * changes again: those nodes are closed, and all searches in vain cost one pass together.
 */
#include "policy/assign.h"

#include "policy/assign_graph.h"

/* The demands of one level. */
struct level {
        uint32_t first, end;
};

static void claim_meet(struct assign *a, struct claim *c)
{
        struct key_state *k = &a->keys[c->key];
        struct demand_state *d = &a->demands[c->demand];
        uint32_t n = MIN(MIN(c->n - c->flow, k->room), d->left);

        if (n == 0)
                return;
        c->flow += n;
        d->left -= n;
        k->room -= n;
        k->used = true;
}

/* Claims of this cost whose key has room. */
static void level_meet(struct assign *a, const struct level *l, int64_t cost)
{
        for (uint32_t i = l->first; i < l->end; i++)
                for (uint32_t j = a->demands[i].first_claim; j < a->demands[i].end_claim; j++)
                        if (a->claims[j].cost == cost)
                                claim_meet(a, &a->claims[j]);
}

/* Does a demand that wants more have a claim of this cost still to be met? */
static bool level_lacks(const struct assign *a, const struct level *l, int64_t cost)
{
        for (uint32_t i = l->first; i < l->end; i++) {
                const struct demand_state *d = &a->demands[i];

                for (uint32_t j = d->first_claim; d->left > 0 && j < d->end_claim; j++)
                        if (a->claims[j].cost >= cost && a->claims[j].flow < a->claims[j].n)
                                return true;
        }
        return false;
}

/* Room of a key that claims of later levels leave to others. */
static uint32_t key_spare(const struct key_state *k)
{
        return k->room > k->expected ? k->room - k->expected : 0;
}

/*
 * The next key in order that has room; but one in use that takes all of `wanted` before a split.
 * At first only room that nobody is expected to claim.
 */
static struct edge *set_choose(struct assign *a, struct set_state *s, uint32_t wanted, bool spare,
                               uint32_t *ret_room)
{
        struct edge *first = NULL;

        while (s->cursor < s->end_edge && a->keys[a->edges[s->cursor].key].room == 0)
                s->cursor++;
        for (uint32_t i = s->cursor; i < s->end_edge; i++) {
                const struct key_state *k = &a->keys[a->edges[i].key];
                uint32_t room = spare ? key_spare(k) : k->room;

                if (room == 0 || (first && !(k->used && room >= wanted)))
                        continue;
                first = &a->edges[i];
                *ret_room = room;
                if (room >= wanted)
                        break;
        }
        return first;
}

static void demand_fill(struct assign *a, struct demand_state *d, bool spare)
{
        struct set_state *s = &a->sets[d->set];

        while (d->left > 0) {
                uint32_t room = 0;
                struct edge *e = set_choose(a, s, d->left, spare, &room);
                uint32_t n = MIN(d->left, room);

                if (!e)
                        return;
                e->flow += n;
                d->general += n;
                d->left -= n;
                a->keys[e->key].room -= n;
                a->keys[e->key].used = true;
        }
}

static bool level_wants(const struct assign *a, const struct level *l)
{
        for (uint32_t i = l->first; i < l->end; i++)
                if (a->demands[i].left > 0)
                        return true;
        return false;
}

/* Paths that cost `limit` at most, the cheapest first. */
static void level_search(struct assign *a, const struct level *l, int64_t limit)
{
        while (level_wants(a, l)) {
                uint32_t key = assign_search(a, l->first, l->end, limit);

                if (key == NODE_NONE)
                        return;
                assign_shift(a, key);
        }
}

static void level_serve(struct assign *a, const struct level *l)
{
        for (uint32_t i = l->first; i < l->end; i++)
                for (uint32_t j = a->demands[i].first_claim; j < a->demands[i].end_claim; j++)
                        a->keys[a->claims[j].key].expected -= a->claims[j].n;
        level_meet(a, l, COST_HELD);
        if (level_lacks(a, l, COST_HELD))
                level_search(a, l, -COST_OTHER - 1);
        level_meet(a, l, COST_OTHER);
        if (level_lacks(a, l, COST_OTHER))
                level_search(a, l, -COST_OTHER);
        for (uint32_t i = l->first; i < l->end; i++)
                demand_fill(a, &a->demands[i], true);
        for (uint32_t i = l->first; i < l->end; i++)
                demand_fill(a, &a->demands[i], false);
        level_search(a, l, INT64_MAX);
}

int assign_solve(const struct assign_problem *p, struct assign **ret)
{
        CLEANUP(assign_freep) struct assign *a = NULL;
        int r = assign_graph_new(p, &a);

        if (r)
                return r;
        for (struct level l = { 0, 0 }; l.first < a->n_demands; l.first = l.end) {
                for (l.end = l.first + 1; l.end < a->n_demands; l.end++)
                        if (a->demands[l.end].level != a->demands[l.first].level)
                                break;
                level_serve(a, &l);
        }
        *ret = TAKE(a);
        return 0;
}

uint32_t assign_served(const struct assign *a, uint32_t demand)
{
        assert(demand < a->n_demands);
        return a->demands[demand].n - a->demands[demand].left;
}

uint32_t assign_met(const struct assign *a, uint32_t claim)
{
        assert(claim < a->n_claims);
        return a->claims[claim].flow;
}

uint32_t assign_flow(const struct assign *a, uint32_t set, uint32_t i)
{
        assert(i < a->sets[set].end_edge - a->sets[set].first_edge);
        return a->edges[a->sets[set].first_edge + i].flow;
}
