/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys come first, since the groups point to them; then the desks, and the map of addresses anew.
 *
 * New desks get a block of addresses of 100::/64, which is routed nowhere (RFC 6666), so the first
 * block is free as a rule. A translation of the block to itself, the most specific that there is,
 * keeps the group's own from reaching it.
 */
#include "policy/whatif.h"

#include "lib/base/fault.h"
#include "policy/address_map.h"
#include "policy/ledger/entries.h"
#include "policy/policy.h"
#include "policy/ranges.h"
#include "policy/schema.h"
#include "policy/terms.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define BLOCK_BITS 108U /* 2^20 addresses */
#define BLOCKS_MAX 65536U
#define NAME_MAX_BYTES 64

_Static_assert(WHATIF_MAX_DESKS <= 1U << (128 - BLOCK_BITS), "a block holds the desks");

struct changing {
        struct policy *p;
        const struct whatif *w;
        struct whatif_flaw *flaw;
        const struct provider **providers; /* of each key of w */
        const struct key **moved;          /* of each key of before: where it is now, or NULL */
        struct range_set taken;            /* addresses that new desks keep away from */
        unsigned next_block;
};

static void changing_done(struct changing *c)
{
        free(c->providers);
        free(c->moved);
        range_set_done(&c->taken);
}

static int flaw_set(struct changing *c, int answer, const char *remedy, const char *format, ...)
        PRINTF_LIKE(4, 5);

static int flaw_set(struct changing *c, int answer, const char *remedy, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(c->flaw->text, sizeof(c->flaw->text), format, args);
        va_end(args);
        snprintf(c->flaw->remedy, sizeof(c->flaw->remedy), "%s", remedy ? remedy : "");
        return answer;
}

/* `names`: what the policy has of that kind, NULL-terminated. */
static int unknown(struct changing *c, const char *what, const char *name, const char *const *names)
{
        const char *nearest = names ? diag_nearest(slice_of(name), names) : NULL;
        char remedy[128] = "";

        if (nearest)
                snprintf(remedy, sizeof(remedy), "did you mean \"%s\"?", nearest);
        return flaw_set(c, WHATIF_E_UNKNOWN, remedy, "the policy has no %s \"%.64s\"", what, name);
}

/* ---- names ---- */

static struct group *group_named(struct changing *c, const char *name, int *ret_answer)
{
        CLEANUP(freep) const char **names = calloc(c->p->n_groups + 1, sizeof(const char *));

        for (size_t i = 0; i < c->p->n_groups; i++) {
                if (strcmp(c->p->groups[i].name, name) == 0)
                        return &c->p->groups[i];
                if (names)
                        names[i] = c->p->groups[i].name;
        }
        *ret_answer = unknown(c, "group", name, names);
        return NULL;
}

static bool key_is_named(const struct policy *p, const char *name)
{
        for (size_t i = 0; i < p->n_keys; i++)
                if (strcmp(p->keys[i].name, name) == 0)
                        return true;
        return false;
}

static int removed_check(struct changing *c, const char *name)
{
        CLEANUP(freep) const char **names = calloc(c->p->n_keys + 1, sizeof(const char *));

        if (key_is_named(c->p, name))
                return 0;
        for (size_t i = 0; names && i < c->p->n_keys; i++)
                names[i] = c->p->keys[i].name;
        return unknown(c, "key", name, names);
}

static bool is_removed(const struct whatif *w, const char *name)
{
        for (size_t i = 0; i < w->n_removed; i++)
                if (strcmp(w->removed[i], name) == 0)
                        return true;
        return false;
}

/* As in a policy: SETTING_NAME. */
static bool name_is_good(const char *name)
{
        size_t length = strlen(name);

        return length >= 1 && length <= NAME_MAX_BYTES && name[0] != '.' &&
               strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
                       length;
}

static int name_check(struct changing *c, size_t i)
{
        const char *name = c->w->keys[i].name;

        if (!name_is_good(name))
                return flaw_set(c, WHATIF_E_WRONG, "1 to 64 of A-Z a-z 0-9 . _ -, no dot first",
                                "\"%.80s\" is no name for a key", name);
        if (key_is_named(c->p, name) && !is_removed(c->w, name))
                return flaw_set(c, WHATIF_E_WRONG,
                                "give the new key another name, or remove it too",
                                "the policy has a key \"%s\" already", name);
        for (size_t j = 0; j < i; j++)
                if (strcmp(c->w->keys[j].name, name) == 0)
                        return flaw_set(c, WHATIF_E_WRONG, NULL, "key \"%s\" is added twice", name);
        return 0;
}

/* ---- whose key ---- */

static bool groups_have_key_of(struct changing *c, const struct whatif_key *k,
                               const struct provider *provider)
{
        for (size_t i = 0; i < k->n_groups; i++) {
                int answer;
                const struct group *g = group_named(c, k->groups[i], &answer);

                if (g && group_has_key_of(g, provider))
                        return true;
        }
        return false;
}

static bool policy_has_key_of(const struct policy *p, const struct provider *provider)
{
        for (size_t i = 0; i < p->n_keys; i++)
                if (p->keys[i].provider == provider)
                        return true;
        return false;
}

/* What speaks for a provider, the strongest first. */
enum hint { HINT_GROUPS, HINT_KEYS, HINT_OFFERED, N_HINTS };

static bool hint_holds(struct changing *c, const struct whatif_key *k, enum hint hint,
                       const struct provider *provider)
{
        if (!provider->classes[CLASS_EMBEDDED].offered)
                return false;
        switch (hint) {
        case HINT_GROUPS:
                return groups_have_key_of(c, k, provider);
        case HINT_KEYS:
                return policy_has_key_of(c->p, provider);
        case HINT_OFFERED:
        case N_HINTS:
                break;
        }
        return true;
}

static int provider_guess(struct changing *c, const struct whatif_key *k,
                          const struct provider **ret)
{
        for (int hint = 0; hint < N_HINTS; hint++) {
                size_t n = 0;

                for (size_t i = 0; i < c->p->n_providers; i++) {
                        if (!hint_holds(c, k, (enum hint)hint, &c->p->providers[i]))
                                continue;
                        *ret = &c->p->providers[i];
                        n++;
                }
                if (n == 1)
                        return 0;
                if (n > 1)
                        return flaw_set(c, WHATIF_E_WRONG, "write PROVIDER/NAME",
                                        "key \"%s\" could be of several providers", k->name);
        }
        return flaw_set(c, WHATIF_E_WRONG, NULL, "no provider of the policy has embedded keys");
}

static int provider_choose(struct changing *c, const struct whatif_key *k,
                           const struct provider **ret)
{
        const struct provider *found = NULL;

        if (!k->provider)
                return provider_guess(c, k, ret);
        for (size_t i = 0; i < c->p->n_providers; i++)
                if (strcmp(c->p->providers[i].name, k->provider) == 0)
                        found = &c->p->providers[i];
        if (!found)
                return unknown(c, "provider", k->provider, NULL);
        if (!found->classes[CLASS_EMBEDDED].offered)
                return flaw_set(c, WHATIF_E_WRONG, NULL, "provider \"%s\" has no embedded keys",
                                found->name);
        *ret = found;
        return 0;
}

static int key_check(struct changing *c, size_t i)
{
        const struct whatif_key *k = &c->w->keys[i];
        int r = name_check(c, i);
        int64_t most;

        for (size_t j = 0; r == 0 && j < k->n_groups; j++)
                if (!group_named(c, k->groups[j], &r))
                        return r;
        if (r == 0)
                r = provider_choose(c, k, &c->providers[i]);
        if (r)
                return r;
        most = MAX(c->providers[i]->classes[CLASS_EMBEDDED].capacity, KEY_CAPACITY_MAX);
        if (k->capacity >= 0 && k->capacity <= most)
                return 0;
        return flaw_set(c, WHATIF_E_WRONG, NULL, "the capacity of key \"%s\" is not 1 to %lld",
                        k->name, (long long)most);
}

/* ---- keys ---- */

/* Is this the first key of a provider that has none when all is done? */
static bool key_is_the_last_trace(const struct changing *c, const struct key *key)
{
        for (size_t i = 0; i < c->w->n_keys; i++)
                if (c->providers[i] == key->provider)
                        return false;
        for (size_t i = 0; i < c->p->n_keys; i++) {
                const struct key *k = &c->p->keys[i];

                if (k->provider == key->provider &&
                    (!is_removed(c->w, k->name) || k->index < key->index))
                        return false;
        }
        return true;
}

static char *name_copy(struct policy *p, const char *name)
{
        size_t size = strlen(name) + 1;
        char *copy = settings_alloc(p->file, size, 1);

        return copy ? memcpy(copy, name, size) : NULL;
}

static int key_add(struct changing *c, size_t i, struct key *k)
{
        const struct whatif_key *w = &c->w->keys[i];
        const struct provider *provider = c->providers[i];

        *k = (struct key){ .name = name_copy(c->p, w->name), .provider = provider };
        k->capacity = w->capacity ? w->capacity : provider->classes[CLASS_EMBEDDED].capacity;
        return k->name ? 0 : fault(-ENOMEM);
}

/* May the group use the i-th of the added keys? */
static bool key_is_for(const struct changing *c, size_t i, const struct group *g)
{
        const struct whatif_key *k = &c->w->keys[i];

        for (size_t j = 0; j < k->n_groups; j++)
                if (strcmp(k->groups[j], g->name) == 0)
                        return true;
        return k->n_groups == 0 && group_has_key_of(g, c->providers[i]);
}

/* The group's keys among the `keys` of then, of which the last ones are added. */
static int group_keys_change(struct changing *c, struct group *g, const struct key *added)
{
        const struct key **keys = settings_alloc(c->p->file, g->n_keys + c->w->n_keys + 1,
                                                 sizeof(const struct key *));
        size_t n = 0;

        if (!keys)
                return fault(-ENOMEM);
        for (size_t i = 0; i < g->n_keys; i++)
                if (c->moved[g->keys[i]->index])
                        keys[n++] = c->moved[g->keys[i]->index];
        for (size_t i = 0; i < c->w->n_keys; i++)
                if (key_is_for(c, i, g))
                        keys[n++] = &added[i];
        g->keys = keys;
        g->n_keys = n;
        return 0;
}

static int keys_change(struct changing *c)
{
        struct policy *p = c->p;
        struct key *keys = settings_alloc(p->file, p->n_keys + c->w->n_keys + 1, sizeof(*keys));
        size_t n = 0;
        int r = 0;

        if (!keys)
                return fault(-ENOMEM);
        for (size_t i = 0; i < p->n_keys; i++) {
                bool removed = is_removed(c->w, p->keys[i].name);

                if (removed && !key_is_the_last_trace(c, &p->keys[i]))
                        continue;
                keys[n] = p->keys[i];
                if (removed)
                        keys[n].capacity = keys[n].reserve = 0;
                else
                        c->moved[i] = &keys[n];
                n++;
        }
        for (size_t i = 0; r == 0 && i < c->w->n_keys; i++)
                r = key_add(c, i, &keys[n + i]);
        for (size_t i = 0; r == 0 && i < p->n_groups; i++)
                r = group_keys_change(c, &p->groups[i], &keys[n]);
        p->keys = keys;
        p->n_keys = n + c->w->n_keys;
        for (size_t i = 0; i < p->n_keys; i++)
                keys[i].index = (unsigned)i;
        return r;
}

/* ---- desks ---- */

static int taken_add_prefix(struct changing *c, const struct prefix *p)
{
        struct range r = prefix_range(p);

        return range_set_add(&c->taken, &r);
}

static int taken_add_addr(struct changing *c, const struct addr *a)
{
        return range_set_add(&c->taken, &(struct range){ *a, *a });
}

/* A translation that begins inside a block would be more specific than the block's own. */
static int taken_add_group(struct changing *c, const struct group *g)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < g->n_workstations; i++)
                r = range_set_add(&c->taken, &g->workstations[i]);
        for (size_t i = 0; r == 0 && i < g->n_egress_list; i++)
                r = taken_add_addr(c, &g->egress_list[i]);
        for (size_t i = 0; r == 0 && i < g->n_translations; i++) {
                r = taken_add_prefix(c, &g->translations[i].to);
                if (r == 0 && g->translations[i].from.bits >= BLOCK_BITS)
                        r = taken_add_prefix(c, &g->translations[i].from);
        }
        return r;
}

static int taken_fill(struct changing *c, const struct entry_set *entries)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < c->p->n_groups; i++)
                r = taken_add_group(c, &c->p->groups[i]);
        for (size_t i = 0; r == 0 && entries && i < entries->n; i++)
                r = taken_add_addr(c, &entries->entries[i].addr);
        if (r == 0)
                range_set_order(&c->taken);
        return r;
}

static int block_take(struct changing *c, struct prefix *ret)
{
        while (c->next_block < BLOCKS_MAX) {
                unsigned i = c->next_block++;
                struct prefix block = { { { 0x01, 0x00 } }, BLOCK_BITS };
                struct range r;

                block.base.bytes[8] = (uint8_t)(i >> 8);
                block.base.bytes[9] = (uint8_t)i;
                r = prefix_range(&block);
                if (range_set_overlaps(&c->taken, &r))
                        continue;
                *ret = block;
                return 0;
        }
        return flaw_set(c, WHATIF_E_WRONG, NULL, "the policy leaves no addresses for more desks");
}

static struct range block_desks(const struct prefix *block, unsigned n)
{
        struct range r = { block->base, block->base };
        unsigned last = n - 1; /* the block's own low bits are zero */

        for (size_t i = sizeof(r.last.bytes); last > 0; last >>= 8)
                r.last.bytes[--i] |= (uint8_t)last;
        return r;
}

static int desks_insert(struct policy *p, struct group *g, const struct range *desks)
{
        struct range *ranges = settings_alloc(p->file, g->n_workstations + 1, sizeof(*ranges));
        size_t n = 0;

        if (!ranges)
                return fault(-ENOMEM);
        while (n < g->n_workstations &&
               addr_compare(&g->workstations[n].first, &desks->first) < 0) {
                ranges[n] = g->workstations[n];
                n++;
        }
        ranges[n] = *desks;
        for (; n < g->n_workstations; n++)
                ranges[n + 1] = g->workstations[n];
        g->workstations = ranges;
        g->n_workstations++;
        return 0;
}

static bool translation_is_shared(const struct translation *t)
{
        return t->to.bits == 128 && t->from.bits < 128;
}

static bool range_is_translated(const struct group *g, const struct range *desks,
                                const struct translation **ret)
{
        for (size_t i = 0; i < g->n_translations; i++) {
                const struct translation *t = &g->translations[i];

                if (translation_is_shared(t) && prefix_contains(&t->from, &desks->first) &&
                    prefix_contains(&t->from, &desks->last)) {
                        *ret = t;
                        return true;
                }
        }
        return false;
}

/* The NAT that all desks of the group stand behind, one of them or several; NULL: some do not. */
static const struct translation *group_nat(const struct group *g)
{
        const struct translation *nat = NULL;

        for (size_t i = 0; i < g->n_workstations; i++)
                if (!range_is_translated(g, &g->workstations[i], &nat))
                        return NULL;
        return nat;
}

/* Where the desks' own address is what the vendor sees, or is translated. */
static int desks_translate(struct policy *p, struct group *g, const struct prefix *block)
{
        const struct translation *nat = group_nat(g);
        struct translation *all;

        if (g->egress != EGRESS_TRANSPARENT && g->egress != EGRESS_DIRECT)
                return 0;
        all = settings_alloc(p->file, g->n_translations + 1, sizeof(*all));
        if (!all)
                return fault(-ENOMEM);
        if (g->n_translations)
                memcpy(all, g->translations, g->n_translations * sizeof(*all));
        all[g->n_translations++] = (struct translation){ *block, nat ? nat->to : *block };
        g->translations = all;
        return 0;
}

static int desks_add(struct changing *c, const struct whatif_desks *w)
{
        struct prefix block;
        struct range desks;
        int r = 0;
        struct group *g = group_named(c, w->group, &r);

        if (!g)
                return r;
        if (w->n == 0 || w->n > WHATIF_MAX_DESKS)
                return flaw_set(c, WHATIF_E_WRONG, NULL, "desks are added by 1 to %u",
                                WHATIF_MAX_DESKS);
        r = block_take(c, &block);
        if (r == 0)
                r = desks_translate(c->p, g, &block);
        if (r)
                return r;
        desks = block_desks(&block, w->n);
        return desks_insert(c->p, g, &desks);
}

static int map_renew(struct policy *p)
{
        struct address_map *map;
        int r = address_map_new(p, &map);

        if (r)
                return r;
        address_map_free(p->map);
        p->map = map;
        return 0;
}

int policy_whatif(struct policy *p, const struct whatif *w, const struct entry_set *entries,
                  struct whatif_flaw *flaw)
{
        CLEANUP(changing_done) struct changing c = { p, w, flaw };
        int r = 0;

        c.providers = calloc(w->n_keys + 1, sizeof(const struct provider *));
        c.moved = calloc(p->n_keys + 1, sizeof(const struct key *));
        if (!c.providers || !c.moved)
                return fault(-ENOMEM);
        for (size_t i = 0; r == 0 && i < w->n_removed; i++)
                r = removed_check(&c, w->removed[i]);
        for (size_t i = 0; r == 0 && i < w->n_keys; i++)
                r = key_check(&c, i);
        if (r == 0)
                r = keys_change(&c);
        if (r == 0)
                r = taken_fill(&c, entries);
        for (size_t i = 0; r == 0 && i < w->n_desks; i++)
                r = desks_add(&c, &w->desks[i]);
        return r ? r : map_renew(p);
}
