/* SPDX-License-Identifier: Apache-2.0 */
/* Entries and census are both sorted by address: they are tied in one pass over the two. */
#include "policy/standing.h"

#include "lib/base/fault.h"
#include "policy/policy.h"

#include <errno.h>

static uint64_t name_hash(const char *name)
{
        uint64_t hash = 0xcbf29ce484222325U; /* FNV-1a */

        for (; *name; name++)
                hash = (hash ^ (unsigned char)*name) * 0x100000001b3U;
        return hash ^ hash >> 32;
}

int key_names_init(struct key_names *n, const struct policy *policy)
{
        size_t size = 16;

        while (size < policy->n_keys * 2)
                size *= 2;
        *n = (struct key_names){ policy, calloc(size, sizeof(*n->table)), size - 1 };
        if (!n->table)
                return fault(-ENOMEM);
        for (size_t i = 0; i < policy->n_keys; i++) {
                size_t place = name_hash(policy->keys[i].name) & n->mask;

                while (n->table[place])
                        place = (place + 1) & n->mask;
                n->table[place] = (uint32_t)i + 1;
        }
        return 0;
}

void key_names_done(struct key_names *n)
{
        free(n->table);
}

uint32_t key_names_find(const struct key_names *n, const struct provider *provider,
                        const char *name)
{
        for (size_t place = name_hash(name) & n->mask; n->table[place];
             place = (place + 1) & n->mask) {
                const struct key *k = &n->policy->keys[n->table[place] - 1];

                if (k->provider == provider && strcmp(k->name, name) == 0)
                        return n->table[place] - 1;
        }
        return STANDING_NO_KEY;
}

bool entry_has_address(const struct entry *e)
{
        return !addr_is_unspecified(&e->addr) || strcmp(e->host, "router") == 0;
}

enum entry_state entry_state_back(const struct entry *e)
{
        if (e->live_us)
                return ENTRY_LIVE;
        return e->added_us ? ENTRY_PROPAGATING : ENTRY_WANTED;
}

/* The first entry from `low` on whose provider is not below the name (or, `above`, is above). */
static size_t provider_begin(const struct entry_set *s, size_t low, const char *provider,
                             bool above)
{
        size_t high = s->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(s->entries[middle].provider, provider) < (above ? 1 : 0))
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

const struct entry *entries_of_provider(const struct entry_set *entries, const char *provider,
                                        size_t *ret_n)
{
        size_t first = provider_begin(entries, 0, provider, false);

        *ret_n = provider_begin(entries, first, provider, true) - first;
        return &entries->entries[first];
}

static void standing_tie(struct standing *s, const struct egress_census *census)
{
        size_t next = 0;

        for (size_t i = 0; i < census->n_egresses; i++) {
                const struct addr *seen = &census->egresses[i].seen;

                while (next < s->n && addr_compare(&s->entries[next].addr, seen) < 0)
                        next++;
                s->stakes[i].first = (uint32_t)next;
                while (next < s->n && addr_equal(&s->entries[next].addr, seen))
                        next++;
                s->stakes[i].n = (uint32_t)next - s->stakes[i].first;
        }
}

int standing_init(struct standing *s, const struct key_names *names,
                  const struct egress_census *census, const struct entry_set *entries,
                  const struct provider *provider)
{
        *s = (struct standing){ NULL };
        if (entries)
                s->entries = entries_of_provider(entries, provider->name, &s->n);
        if (s->n >= UINT32_MAX)
                return fault(-E2BIG);
        s->keys = calloc(s->n + 1, sizeof(*s->keys));
        s->stakes = calloc(census->n_egresses + 1, sizeof(*s->stakes));
        if (!s->keys || !s->stakes)
                return fault(-ENOMEM);
        for (size_t i = 0; i < s->n; i++)
                s->keys[i] = key_names_find(names, provider, s->entries[i].key);
        standing_tie(s, census);
        return 0;
}

void standing_done(struct standing *s)
{
        free(s->keys);
        free(s->stakes);
}
