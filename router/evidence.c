/* SPDX-License-Identifier: Apache-2.0 */
#include "router/evidence.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"

#include <errno.h>
#include <stdio.h>

/* What health makes of an entry that stands so. */
static enum entry_state state_seen(enum entry_state stands, const struct health_view *v)
{
        if (stands < ENTRY_LIVE && !v->was_live)
                return stands;
        return v->state == HEALTH_STATE_OK ? ENTRY_LIVE : ENTRY_SUSPENDED;
}

/* The held entry of the slot on its key, or NULL: it is another's by now. */
static const struct entry *entry_of(const struct entry_set *entries, const struct slot *slot)
{
        size_t n;
        const struct entry *e = entry_set_find(entries, slot->provider->name, &slot->seen, &n);

        for (; n > 0; n--, e++)
                if (entry_state_is_held(e->state) && strcmp(e->key, slot->key->name) == 0)
                        return e;
        return NULL;
}

int known_new(const struct plan *plan, const struct entry_set *entries, enum entry_state **ret)
{
        enum entry_state *known = calloc(plan->n_slots + 1, sizeof(*known));

        if (!known)
                return fault(-ENOMEM);
        for (size_t i = 0; i < plan->n_slots; i++) {
                const struct slot *slot = &plan->slots[i];
                const struct entry *entry = slot->key ? entry_of(entries, slot) : NULL;

                known[i] = entry ? entry->state : N_ENTRY_STATES;
        }
        *ret = known;
        return 0;
}

int evidence_find(const struct plan *plan, struct health *health, const enum entry_state *known,
                  const struct entry_set *entries, struct evidence *e)
{
        uint64_t now_ms = clock_monotonic_ms();

        *e = (struct evidence){ .signs = calloc(plan->n_slots + 1, sizeof(*e->signs)) };
        if (!e->signs)
                return fault(-ENOMEM);
        for (size_t i = 0; i < plan->n_slots; i++) {
                const struct slot *slot = &plan->slots[i];
                const struct entry *entry = slot->key ? entry_of(entries, slot) : NULL;
                struct health_view v;
                enum entry_state to;

                if (!entry || entry->state != known[i])
                        continue;
                v = health_slot_view(health, slot, now_ms);
                to = state_seen(entry->state, &v);
                if (to == entry->state)
                        continue;
                e->signs[e->n++] = (struct sign){ i, (size_t)(entry - entries->entries), to };
                e->n_live += to == ENTRY_LIVE;
                e->n_suspended += to == ENTRY_SUSPENDED;
        }
        return 0;
}

void evidence_done(struct evidence *e)
{
        free(e->signs);
}

static struct entry_move sign_move(const struct sign *s, const struct entry *e, int64_t now_us)
{
        return (struct entry_move){ .provider = e->provider,
                                    .key = e->key,
                                    .host = e->host,
                                    .from = (int)e->state,
                                    .to = (int)s->to,
                                    .added_us = e->added_us ? e->added_us : now_us,
                                    .live_us = e->live_us ? e->live_us : now_us };
}

void evidence_lay_over(const struct evidence *e, struct entry_set *entries, int64_t now_us)
{
        for (size_t i = 0; i < e->n; i++) {
                struct entry *entry = &entries->entries[e->signs[i].entry];
                struct entry_move move = sign_move(&e->signs[i], entry, now_us);

                entry->state = e->signs[i].to;
                entry->since_us = now_us;
                entry->added_us = move.added_us;
                entry->live_us = move.live_us;
        }
}

int evidence_commit(const struct evidence *e, const struct entry_set *entries,
                    struct ledger *ledger, int64_t now_us, enum entry_state *known)
{
        CLEANUP(freep) struct entry_move *moves = calloc(e->n + 1, sizeof(*moves));
        char summary[160];
        struct change c = { .expected_head = UINT64_MAX,
                            .who = "keyrouterd",
                            .what = "evidence",
                            .summary = summary,
                            .at_us = now_us,
                            .moves = moves,
                            .n_moves = e->n };
        uint64_t row;
        int r;

        if (!moves)
                return fault(-ENOMEM);
        for (size_t i = 0; i < e->n; i++)
                moves[i] = sign_move(&e->signs[i], &entries->entries[e->signs[i].entry], now_us);
        snprintf(summary, sizeof(summary), "addresses that the vendor took calls of: %zu; that it refused: %zu",
                 e->n_live, e->n_suspended);
        r = ledger_commit(ledger, &c, &row);
        for (size_t i = 0; i < e->n && r == 0; i++)
                known[e->signs[i].slot] = e->signs[i].to;
        return r;
}
