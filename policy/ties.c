/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/ties.h"

#include "lib/base/fault.h"

#include <errno.h>

/* The entry on the key, or NULL. */
static const struct entry *stake_on(const struct standing *s, const struct stake *stake,
                                    uint32_t key)
{
        for (uint32_t i = stake->first; i < stake->first + stake->n; i++)
                if (s->keys[i] == key && entry_has_address(&s->entries[i]))
                        return &s->entries[i];
        return NULL;
}

/* NULL: none. *ret_key may be STANDING_NO_KEY. */
static const struct entry *stake_held(const struct standing *s, const struct stake *stake,
                                      uint32_t *ret_key)
{
        for (uint32_t i = stake->first; i < stake->first + stake->n; i++) {
                if (!entry_state_is_held(s->entries[i].state) || !entry_has_address(&s->entries[i]))
                        continue;
                *ret_key = s->keys[i];
                return &s->entries[i];
        }
        return NULL;
}

void ties_restore(const struct standing *s, struct plan *plan, size_t first)
{
        for (size_t i = first; i < plan->n_slots; i++) {
                uint32_t key = STANDING_NO_KEY;

                if (!stake_held(s, &s->stakes[i - first], &key) || key == STANDING_NO_KEY)
                        continue;
                plan->slots[i].key = &plan->policy->keys[key];
                plan->slots[i].reason = NULL;
        }
}

static void slot_tie(struct slot *slot, const struct entry *e, struct key_use *use)
{
        slot->added_us = e->added_us;
        if (e->state == ENTRY_LEAVING) {
                slot->state = entry_state_back(e);
                use->n_leaving--;
        } else if (e->state == ENTRY_FOREIGN) {
                slot->state = ENTRY_LIVE;
                use->n_foreign--;
        } else {
                slot->state = e->state;
        }
}

void ties_state(const struct standing *s, struct plan *plan, size_t first)
{
        for (size_t i = first; i < plan->n_slots; i++) {
                struct slot *slot = &plan->slots[i];
                const struct entry *e;

                if (!slot->key)
                        continue;
                e = stake_on(s, &s->stakes[i - first], slot->key->index);
                if (e)
                        slot_tie(slot, e, &plan->keys[slot->key->index]);
        }
}

/* The leaving entry on the first key in policy order that is not the slot's, or NULL. */
static const struct entry *slot_former(const struct standing *s, const struct stake *stake,
                                       const struct slot *slot, uint32_t *ret_key)
{
        const struct entry *best = NULL;

        for (uint32_t i = stake->first; i < stake->first + stake->n; i++) {
                const struct entry *e = &s->entries[i];

                if (e->state != ENTRY_LEAVING || !entry_has_address(e) ||
                    s->keys[i] == STANDING_NO_KEY ||
                    (slot->key && slot->key->index == s->keys[i]) ||
                    (best && s->keys[i] >= *ret_key))
                        continue;
                *ret_key = s->keys[i];
                best = e;
        }
        return best;
}

void ties_former(const struct standing *s, struct plan *plan, size_t first)
{
        for (size_t i = first; i < plan->n_slots; i++) {
                struct slot *slot = &plan->slots[i], *former;
                uint32_t key = 0;
                const struct entry *e = slot_former(s, &s->stakes[i - first], slot, &key);

                if (!e)
                        continue;
                former = &plan->formers[plan->n_formers++];
                *former = *slot;
                former->key = &plan->policy->keys[key];
                former->number = 0;
                former->state = ENTRY_LEAVING;
                former->added_us = e->added_us;
                former->reason = NULL;
                former->former = NULL;
                slot->former = former;
        }
}

/* The name of the key that a slot's address has to give up, or NULL. */
static const char *slot_leaves(const struct standing *s, const struct stake *stake,
                               const struct slot *slot)
{
        uint32_t key = STANDING_NO_KEY;
        const struct entry *e = stake_held(s, stake, &key);

        return e && (!slot->key || slot->key->index != key) ? e->key : NULL;
}

int ties_move(const struct standing *s, struct plan *plan, size_t first)
{
        size_t n = plan->n_moves;
        struct move *moves;

        for (size_t i = first; i < plan->n_slots; i++)
                n += slot_leaves(s, &s->stakes[i - first], &plan->slots[i]) != NULL;
        moves = reallocarray(plan->moves, n + 1, sizeof(*moves));
        if (!moves)
                return fault(-ENOMEM);
        plan->moves = moves;
        for (size_t i = first; i < plan->n_slots; i++) {
                const struct slot *slot = &plan->slots[i];
                const char *from = slot_leaves(s, &s->stakes[i - first], slot);

                if (from)
                        moves[plan->n_moves++] = (struct move){ slot, from };
        }
        return 0;
}

int ties_keep_texts(struct plan *plan)
{
        size_t n_bytes = 1;
        char *end;

        for (size_t i = 0; i < plan->n_moves; i++)
                n_bytes += strlen(plan->moves[i].from) + 1;
        plan->texts = end = malloc(n_bytes);
        if (!end)
                return fault(-ENOMEM);
        for (size_t i = 0; i < plan->n_moves; i++) {
                size_t size = strlen(plan->moves[i].from) + 1;

                plan->moves[i].from = memcpy(end, plan->moves[i].from, size);
                end += size;
        }
        return 0;
}
