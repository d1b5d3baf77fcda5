/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/explain.h"

#include <stdio.h>

#define WHY_MAX 512

static bool group_has_key(const struct group *g, const struct key *key)
{
        for (size_t i = 0; i < g->n_keys; i++)
                if (g->keys[i] == key)
                        return true;
        return false;
}

/* Another group behind the same address that keeps it from the key; NULL: none does. */
static const struct group *sharer_without(const struct explained *x, const struct key *key)
{
        const struct slot *s = x->planned;

        for (unsigned i = 0; s && i < s->n_shares; i++) {
                const struct group *g = s->shares[i].group;

                if (g != x->e->group && group_has_key_of(g, x->provider) && !group_has_key(g, key))
                        return g;
        }
        return NULL;
}

static int64_t key_free(const struct key_use *use)
{
        return use->key->capacity - use->key->reserve - (int64_t)use->n_slots -
               (int64_t)use->n_leaving - (int64_t)use->n_foreign;
}

/* "full: 90 of 100, 5 in reserve, 5 foreign" */
static void full_tell(const struct key_use *use, char why[static WHY_MAX])
{
        int n = snprintf(why, WHY_MAX, "full: %u of %lld", use->n_slots,
                         (long long)use->key->capacity);

        if (use->key->reserve > 0)
                n += snprintf(why + n, WHY_MAX - (size_t)n, ", %lld in reserve",
                              (long long)use->key->reserve);
        if (use->n_leaving > 0)
                n += snprintf(why + n, WHY_MAX - (size_t)n, ", %u leaving", use->n_leaving);
        if (use->n_foreign > 0)
                snprintf(why + n, WHY_MAX - (size_t)n, ", %u foreign", use->n_foreign);
}

static void room_tell(const struct explained *x, char why[static WHY_MAX])
{
        if (x->slot)
                snprintf(why, WHY_MAX, "has room, but the address is on %s", x->slot->key->name);
        else if (x->e->is_in_force)
                snprintf(why, WHY_MAX, "has room by now: keyrouter apply would use it");
        else
                snprintf(why, WHY_MAX, "has room, but not for one more address");
}

static void key_tell(const struct explained *x, const struct key_use *use, char why[static WHY_MAX])
{
        const struct key *key = use->key;
        const struct ledger_switch *off = switched_find(&x->e->switched, "key:", key->name);
        const struct group *sharer = sharer_without(x, key);
        const struct slot *former = x->planned ? x->planned->former : NULL;
        struct slot_health health;

        if (!group_has_key(x->e->group, key))
                snprintf(why, WHY_MAX, "the group may not use it");
        else if (sharer)
                snprintf(why, WHY_MAX, "group %s, behind the same address, may not use it",
                         sharer->name);
        else if (off)
                snprintf(why, WHY_MAX, "switched off by %s%s%s", off->who, off->why[0] ? ": " : "",
                         off->why);
        else if (former && former->key == key)
                snprintf(why, WHY_MAX, "the address is leaving it");
        else if (key_free(use) <= 0)
                full_tell(use, why);
        else if (explain_key_health(x, key, &health) && health.is_suspended)
                snprintf(why, WHY_MAX, "suspended: %s", health.cause ? health.cause : "refused");
        else
                room_tell(x, why);
}

json_t *explain_why_not(const struct explained *x)
{
        const struct plan *plan = x->e->plan;
        json_t *list = json_array();
        char why[WHY_MAX];

        for (size_t i = 0; list && x->e->group && i < plan->n_keys; i++) {
                const struct key *key = plan->keys[i].key;

                if (key->provider != x->provider || (x->slot && x->slot->key == key))
                        continue;
                key_tell(x, &plan->keys[i], why);
                if (json_array_append_new(list, json_pack("{s:o, s:o}", "key", text_json(key->name),
                                                          "reason", text_json(why))) != 0) {
                        json_decref(list);
                        list = NULL;
                }
        }
        return list;
}
