/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rooms.h"

#include "lib/base/fault.h"

#include <errno.h>

/* Entries on a key. */
struct count {
        int64_t n_held;
        int64_t n_own_leaving, n_own_foreign; /* of addresses that may use the key */
};

static void entries_count(const struct standing *s, struct key_use *uses, struct count *counts)
{
        for (size_t i = 0; i < s->n; i++) {
                uint32_t key = s->keys[i];

                if (key == STANDING_NO_KEY)
                        continue;
                if (s->entries[i].state == ENTRY_LEAVING)
                        uses[key].n_leaving++;
                else if (s->entries[i].state == ENTRY_FOREIGN)
                        uses[key].n_foreign++;
                else
                        counts[key].n_held++;
        }
}

static void own_count(const struct terms_table *t, const struct standing *s, size_t egress,
                      struct count *counts)
{
        const struct terms *terms = &t->cohorts[t->census->egresses[egress].cohort];
        const struct stake *stake = &s->stakes[egress];

        for (uint32_t i = stake->first; i < stake->first + stake->n; i++) {
                const struct entry *e = &s->entries[i];

                if (entry_state_is_held(e->state) || s->keys[i] == STANDING_NO_KEY ||
                    !entry_has_address(e) || !terms_allow(t, terms, s->keys[i]))
                        continue;
                if (e->state == ENTRY_LEAVING)
                        counts[s->keys[i]].n_own_leaving++;
                else
                        counts[s->keys[i]].n_own_foreign++;
        }
}

static unsigned room_of(const struct key_use *use, const struct count *c)
{
        int64_t n_kept_free = MAX(use->key->reserve, 0);
        int64_t n_foreign = use->n_foreign - c->n_own_foreign;
        int64_t n_leaving = use->n_leaving - c->n_own_leaving;
        int64_t most = use->key->capacity - n_kept_free - n_foreign;
        int64_t room = MIN(most, MAX(most - n_leaving, c->n_held));

        return (unsigned)MIN(MAX(room, 0), (int64_t)UINT32_MAX);
}

int rooms_count(const struct terms_table *t, const struct standing *s,
                const struct provider *provider, struct key_use *uses)
{
        size_t n_keys = t->policy->n_keys;
        CLEANUP(freep) struct count *counts = calloc(n_keys + 1, sizeof(*counts));

        if (!counts)
                return fault(-ENOMEM);
        entries_count(s, uses, counts);
        for (size_t i = 0; i < t->census->n_egresses; i++)
                own_count(t, s, i, counts);
        for (size_t i = 0; i < n_keys; i++)
                if (uses[i].key->provider == provider)
                        uses[i].room = room_of(&uses[i], &counts[i]);
        return 0;
}
