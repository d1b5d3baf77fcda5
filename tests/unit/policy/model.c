/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/policy/model.h"

#include <stdio.h>

#define N_OUTSIDE 2U /* keys "x0" and "x1" are in no policy */
#define MAX_ENTRIES 512U

/* The entries by address and key. */
struct table {
        int state[MODEL_MAX_ADDRESSES][MODEL_MAX_KEYS]; /* -1: none */
        bool held[MODEL_MAX_ADDRESSES];                 /* somewhere, be it outside */
        unsigned rooms[MODEL_MAX_KEYS];
};

struct trial {
        const struct model *m;
        const struct table *t;
        unsigned rooms[MODEL_MAX_KEYS];
        struct score best;
        unsigned n_best; /* with as many desks */
        bool any;
};

bool model_has(const struct model *m, unsigned address)
{
        for (unsigned g = 0; g < m->n_groups; g++)
                if (m->desks[address][g])
                        return true;
        return false;
}

/* ~0: no group behind it has any key. */
static unsigned keys_common(const struct model *m, unsigned address)
{
        unsigned keys = ~0U;

        for (unsigned g = 0; g < m->n_groups; g++)
                if (m->desks[address][g] && m->keys_of[g])
                        keys &= m->keys_of[g];
        return keys;
}

unsigned model_keys(const struct model *m, unsigned address)
{
        unsigned keys = keys_common(m, address);

        return keys == ~0U ? 0 : keys;
}

bool model_is_possible(const struct model *m)
{
        unsigned any = 0;

        for (unsigned g = 0; g < m->n_groups; g++)
                any |= m->keys_of[g];
        for (unsigned a = 0; any && a < m->n_addresses; a++)
                if (keys_common(m, a) == 0)
                        return false;
        return true;
}

void model_random(struct model *m, uint64_t *seed, unsigned max_groups, unsigned max_keys,
                  unsigned max_addresses)
{
        *m = (struct model){ .n_groups = 1 + (unsigned)build_random(seed, max_groups),
                             .n_keys = 1 + (unsigned)build_random(seed, max_keys),
                             .n_addresses = 1 + (unsigned)build_random(seed, max_addresses) };
        for (unsigned k = 0; k < m->n_keys; k++) {
                m->capacity[k] = (unsigned)build_random(seed, 2 + max_addresses / m->n_keys);
                m->reserve[k] = (unsigned)build_random(seed, 2);
        }
        for (unsigned g = 0; g < m->n_groups; g++) {
                m->keys_of[g] = (unsigned)build_random(seed, 1U << m->n_keys);
                m->priority[g] = (unsigned)build_random(seed, MODEL_N_PRIORITIES);
        }
        for (unsigned a = 0; a < m->n_addresses; a++) {
                unsigned n_sharing = build_random(seed, max_addresses) == 0 ? 2 : 1;

                while (n_sharing--)
                        m->desks[a][build_random(seed, m->n_groups)] =
                                1 + (unsigned)build_random(seed, 3);
        }
}

static const char *const key_names[] = { "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7" };
static const char *const outside_names[] = { "x0", "x1" };
static const char *const group_names[] = { "g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7" };

/* Desk d of group g behind address a is 10.g.a.d. */
static struct build_group group_row(const struct model *m, unsigned g, char lists[3][4096])
{
        char *desks = lists[0], *allowed = lists[1], *nat = lists[2];

        for (unsigned k = 0; k < m->n_keys; k++)
                if (m->keys_of[g] & 1U << k)
                        allowed += sprintf(allowed, "%s%s", allowed == lists[1] ? "" : ",",
                                           key_names[k]);
        for (unsigned a = 0; a < m->n_addresses; a++) {
                const char *comma = desks == lists[0] ? "" : ",";

                if (!m->desks[a][g])
                        continue;
                desks += sprintf(desks, "%s10.%u.%u.1-10.%u.%u.%u", comma, g, a, g, a,
                                 m->desks[a][g]);
                nat += sprintf(nat, "%s10.%u.%u.0/24>203.0.113.%u", comma, g, a, a);
        }
        return (struct build_group){ group_names[g], lists[0][0] ? lists[0] : NULL,
                                     lists[1][0] ? lists[1] : NULL, lists[2][0] ? lists[2] : NULL,
                                     .priority = m->priority[g] };
}

struct policy *model_policy(struct model *m)
{
        struct build_key keys[MODEL_MAX_KEYS + 1] = { { NULL } };
        struct build_group groups[MODEL_MAX_GROUPS + 1] = { { NULL } };
        static char lists[MODEL_MAX_GROUPS][3][4096];
        size_t n = 0;

        memset(lists, 0, sizeof(lists));
        m->text[0] = 0;
        for (unsigned k = 0; k < m->n_keys; k++) {
                keys[k] = (struct build_key){ key_names[k], 0, m->capacity[k], m->reserve[k] };
                n += (size_t)snprintf(m->text + n, sizeof(m->text) - n, "%s: %u less %u; ",
                                      key_names[k], m->capacity[k], m->reserve[k]);
        }
        for (unsigned g = 0; g < m->n_groups; g++) {
                groups[g] = group_row(m, g, lists[g]);
                if (n < sizeof(m->text))
                        n += (size_t)snprintf(m->text + n, sizeof(m->text) - n,
                                              "%s: %s on %s, priority %u; ", group_names[g],
                                              lists[g][2], lists[g][1], m->priority[g]);
        }
        return build_policy(keys, groups);
}

/* ---- entries ---- */

struct draft {
        struct entry entries[MAX_ENTRIES];
        char hosts[MAX_ENTRIES][32];
        size_t n;
};

static void draft_add(struct draft *d, uint64_t *seed, const char *host, const char *key,
                      enum entry_state state)
{
        struct entry *e = &d->entries[d->n];

        if (d->n == MAX_ENTRIES)
                return;
        strcpy(d->hosts[d->n++], host);
        *e = (struct entry){ "smarty", key, d->hosts[d->n - 1], { { 0 } }, state, 1, 0, 0 };
        if (addr_parse(slice_of(host), &e->addr) != 0)
                e->addr = (struct addr){ { 0 } };
        if (state != ENTRY_WANTED)
                e->added_us = 1 + (int64_t)build_random(seed, 1000);
        if (state == ENTRY_LIVE || state == ENTRY_SUSPENDED ||
            (state == ENTRY_LEAVING && build_random(seed, 2)))
                e->live_us = 1 + (int64_t)build_random(seed, 1000);
}

static const char *any_key(uint64_t *seed, unsigned n_keys, unsigned i)
{
        return i < n_keys ? key_names[i] : outside_names[(i - n_keys) % N_OUTSIDE];
}

/* One of an address is held, at most; leaving and foreign ones may be on any key beside it. */
static void draft_address(struct draft *d, uint64_t *seed, unsigned n_keys, unsigned byte)
{
        unsigned held = (unsigned)build_random(seed, 2 * (n_keys + N_OUTSIDE));
        unsigned density = 2 + (unsigned)build_random(seed, 8);
        char host[32];

        snprintf(host, sizeof(host), "203.0.113.%u", byte);
        for (unsigned k = 0; k < n_keys + N_OUTSIDE; k++) {
                if (k == held)
                        draft_add(d, seed, host, any_key(seed, n_keys, k),
                                  (enum entry_state)build_random(seed, ENTRY_LEAVING));
                else if (build_random(seed, density) == 0)
                        draft_add(d, seed, host, any_key(seed, n_keys, k),
                                  build_random(seed, 4) ? ENTRY_LEAVING : ENTRY_FOREIGN);
        }
}

struct entry_set *model_entries(struct model *m, uint64_t *seed)
{
        struct draft d = { .n = 0 };
        struct entry_set *set = NULL;
        unsigned n_strangers = (unsigned)build_random(seed, 1 + m->n_addresses / 2);
        size_t n = strlen(m->text);

        for (unsigned a = 0; a < m->n_addresses; a++)
                draft_address(&d, seed, m->n_keys, a);
        for (unsigned i = 0; i < n_strangers; i++)
                draft_address(&d, seed, m->n_keys, MODEL_STRANGERS + i);
        if (build_random(seed, 2))
                draft_add(&d, seed, "www.example.com", key_names[build_random(seed, m->n_keys)],
                          ENTRY_FOREIGN);
        for (size_t i = 0; i < d.n && n < sizeof(m->text); i++)
                n += (size_t)snprintf(m->text + n, sizeof(m->text) - n, "%s %s %s; ",
                                      d.entries[i].host, entry_state_name(d.entries[i].state),
                                      d.entries[i].key);
        assert_int_equal(entry_set_new(d.entries, d.n, &set), 0);
        return set;
}

/* ---- the rules ---- */

/* MODEL_MAX_ADDRESSES: not the model's. */
static unsigned entry_address(const struct model *m, const struct entry *e)
{
        unsigned byte = e->addr.bytes[15];
        bool inside = !addr_is_unspecified(&e->addr) && byte < m->n_addresses && model_has(m, byte);

        return inside ? byte : MODEL_MAX_ADDRESSES;
}

static void table_fill(struct table *t, const struct model *m, const struct entry_set *entries)
{
        int most[MODEL_MAX_KEYS], leaving[MODEL_MAX_KEYS] = { 0 }, held[MODEL_MAX_KEYS] = { 0 };

        memset(t, 0, sizeof(*t));
        memset(t->state, -1, sizeof(t->state));
        for (unsigned k = 0; k < m->n_keys; k++)
                most[k] = (int)m->capacity[k] - (int)m->reserve[k];
        for (size_t i = 0; entries && i < entries->n; i++) {
                const struct entry *e = &entries->entries[i];
                unsigned a = entry_address(m, e), k = (unsigned)(e->key[1] - '0');
                bool is_held = entry_state_is_held(e->state);

                if (a < MODEL_MAX_ADDRESSES && is_held)
                        t->held[a] = true;
                if (e->key[0] != 'k' || k >= m->n_keys)
                        continue;
                if (a < MODEL_MAX_ADDRESSES)
                        t->state[a][k] = (int)e->state;
                held[k] += is_held;
                if (a < MODEL_MAX_ADDRESSES && model_keys(m, a) & 1U << k)
                        continue; /* its own to have back */
                most[k] -= e->state == ENTRY_FOREIGN;
                leaving[k] += e->state == ENTRY_LEAVING;
        }
        for (unsigned k = 0; k < m->n_keys; k++)
                t->rooms[k] = (unsigned)MAX(MIN(most[k], MAX(most[k] - leaving[k], held[k])), 0);
}

void model_rooms(const struct model *m, const struct entry_set *entries, unsigned *rooms)
{
        struct table t;

        table_fill(&t, m, entries);
        memcpy(rooms, t.rooms, sizeof(t.rooms));
}

/* Counts an address that gets this key, or none (-1). */
static void score_add(struct score *s, const struct model *m, const struct table *t, unsigned a,
                      int key)
{
        unsigned n_desks = 0, priority = 0;
        int state = key < 0 ? -1 : t->state[a][key];

        s->moves += t->held[a] && (state < 0 || !entry_state_is_held((enum entry_state)state));
        s->reclaims += state == ENTRY_LEAVING || state == ENTRY_FOREIGN;
        if (key < 0)
                return;
        for (unsigned g = 0; g < m->n_groups; g++) {
                if (!m->desks[a][g] || !m->keys_of[g])
                        continue;
                n_desks += m->desks[a][g];
                priority = MAX(priority, m->priority[g]);
        }
        s->desks[MODEL_N_PRIORITIES - 1 - priority] += n_desks;
}

static int desks_compare(const struct score *a, const struct score *b)
{
        for (unsigned i = 0; i < MODEL_N_PRIORITIES; i++)
                if (a->desks[i] != b->desks[i])
                        return a->desks[i] < b->desks[i] ? -1 : 1;
        return 0;
}

int score_compare(const struct score *a, const struct score *b)
{
        int r = desks_compare(a, b);

        if (r)
                return r;
        if (a->moves != b->moves)
                return a->moves > b->moves ? -1 : 1;
        return (a->reclaims > b->reclaims) - (a->reclaims < b->reclaims);
}

/* Every way to give the addresses from `a` on a key or none. */
static void try_everything(struct trial *t, unsigned a, struct score so_far)
{
        unsigned keys;

        for (; a < t->m->n_addresses && !model_has(t->m, a); a++)
                ;
        if (a == t->m->n_addresses) {
                int desks = t->any ? desks_compare(&so_far, &t->best) : 1;

                t->n_best = desks > 0 ? 1 : desks == 0 ? t->n_best + 1 : t->n_best;
                if (!t->any || score_compare(&so_far, &t->best) > 0)
                        t->best = so_far;
                t->any = true;
                return;
        }
        keys = model_keys(t->m, a);
        for (int k = -1; k < (int)t->m->n_keys; k++) {
                struct score with = so_far;

                if (k >= 0 && (!(keys & 1U << k) || t->rooms[k] == 0))
                        continue;
                score_add(&with, t->m, t->t, a, k);
                if (k >= 0)
                        t->rooms[k]--;
                try_everything(t, a + 1, with);
                if (k >= 0)
                        t->rooms[k]++;
        }
}

struct score model_best(const struct model *m, const struct entry_set *entries, unsigned *ret_n)
{
        struct table table;
        struct trial t = { .m = m, .t = &table };

        table_fill(&table, m, entries);
        memcpy(t.rooms, table.rooms, sizeof(t.rooms));
        try_everything(&t, 0, (struct score){ { 0 } });
        if (ret_n)
                *ret_n = t.n_best;
        return t.best;
}

struct score model_score(const struct model *m, const struct entry_set *entries,
                         const struct plan *plan)
{
        unsigned used[MODEL_MAX_KEYS] = { 0 };
        uint64_t numbers[MODEL_MAX_KEYS] = { 0 };
        struct score score = { { 0 } };
        struct table t;

        table_fill(&t, m, entries);
        for (size_t i = 0; i < plan->n_slots; i++) {
                const struct slot *s = &plan->slots[i];
                unsigned a = s->seen.bytes[15];

                assert_true((s->key == NULL) == (s->reason != NULL));
                score_add(&score, m, &t, a, s->key ? (int)s->key->index : -1);
                if (!s->key)
                        continue;
                if (!(model_keys(m, a) & 1U << s->key->index))
                        fail_msg("%s: address %u on %s", m->text, a, s->key->name);
                used[s->key->index]++;
                numbers[s->key->index] |= (uint64_t)1 << s->number;
        }
        for (unsigned k = 0; k < plan->n_keys; k++) {
                if (plan->keys[k].room != t.rooms[k])
                        fail_msg("%s: room %u of k%u, not %u", m->text, plan->keys[k].room, k,
                                 t.rooms[k]);
                if (used[k] > t.rooms[k])
                        fail_msg("%s: %u on k%u, room for %u", m->text, used[k], k, t.rooms[k]);
                assert_int_equal(used[k], plan->keys[k].n_slots);
                assert_int_equal(numbers[k], ((uint64_t)1 << (used[k] + 1)) - 2);
        }
        return score;
}
