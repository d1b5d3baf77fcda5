/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries and slots are both sorted by address within a provider: one pass over the two takes each
 * address with its slot and its entries. Moves point into both until all are known, then the list
 * gets texts of its own.
 */
#include "policy/settle.h"

#include "lib/base/fault.h"
#include "policy/plan.h"
#include "policy/standing.h"
#include "policy/terms.h"

#include <errno.h>

#define GONE (-1)

struct change_note {
        struct entry_move move;  /* its texts are another's */
        const struct slot *slot; /* of a new entry, whose host is not written yet; or NULL */
};

struct settling {
        const struct plan *plan;
        const struct entry_set *before;
        struct key_names names;
        int64_t *surplus; /* for each key: foreign entries that it has no room for */
        int64_t now_us;
        struct change_note *notes;
        size_t n_notes, n_allocated;
        size_t n_bytes; /* that the texts take */
};

/* The entries of one address, all of the same provider, and its slot. */
struct address {
        const struct entry *entries;
        size_t n;
        const struct slot *slot; /* NULL: none, or not of these entries */
};

static void settling_done(struct settling *s)
{
        key_names_done(&s->names);
        free(s->surplus);
        free(s->notes);
}

const char *slot_host(const struct slot *s, char text[static ADDR_TEXT_MAX])
{
        return addr_is_unspecified(&s->seen) ? "router" : addr_format(&s->seen, text);
}

/* ---- notes ---- */

static int note_add(struct settling *s, const struct change_note *n)
{
        if (s->n_notes == s->n_allocated) {
                size_t n_wanted = s->n_allocated ? s->n_allocated * 2 : 256;
                struct change_note *notes = reallocarray(s->notes, n_wanted, sizeof(*notes));

                if (!notes)
                        return fault(-ENOMEM);
                s->notes = notes;
                s->n_allocated = n_wanted;
        }
        s->notes[s->n_notes++] = *n;
        s->n_bytes += strlen(n->move.provider) + strlen(n->move.key) + 3 +
                      (n->slot ? ADDR_TEXT_MAX : strlen(n->move.host));
        return 0;
}

static int note_entry(struct settling *s, const struct entry *e, int to, int64_t added_us,
                      int64_t live_us)
{
        struct change_note n = {
                { e->provider, e->key, e->host, (int)e->state, to, added_us, live_us }, NULL
        };

        return to == (int)e->state ? 0 : note_add(s, &n);
}

/* A new one, at its place among those of the address, which begin at `first`. */
static int note_wanted(struct settling *s, const struct slot *slot, size_t first)
{
        struct change_note n = {
                { slot->provider->name, slot->key->name, NULL, GONE, ENTRY_WANTED, 0, 0 }, slot
        };
        size_t place = s->n_notes;
        int r = note_add(s, &n);

        if (r)
                return r;
        for (; place > first && strcmp(s->notes[place - 1].move.key, n.move.key) > 0; place--)
                s->notes[place] = s->notes[place - 1];
        s->notes[place] = n;
        return 0;
}

/* ---- rules ---- */

static bool entry_is_on(const struct entry *e, const struct slot *slot)
{
        return slot && slot->key && strcmp(slot->key->name, e->key) == 0;
}

/* May everybody behind the slot's address who has a say use the key? */
static bool slot_may_use(const struct slot *slot, const struct key *key)
{
        for (unsigned i = 0; i < slot->n_shares; i++) {
                const struct group *g = slot->shares[i].group;
                bool has = false;

                for (size_t j = 0; j < g->n_keys && !has; j++)
                        has = g->keys[j] == key;
                if (!has && group_has_key_of(g, slot->provider))
                        return false;
        }
        return slot->reason != plan_reason_no_key;
}

/* What is foreign stands at the vendor and works, as far as anybody knows. */
static int settle_taken_over(struct settling *s, const struct entry *e, enum entry_state to)
{
        return note_entry(s, e, (int)to, e->added_us ? e->added_us : s->now_us, s->now_us);
}

static int settle_planned(struct settling *s, const struct entry *e)
{
        if (e->state == ENTRY_FOREIGN)
                return settle_taken_over(s, e, ENTRY_LIVE);
        if (e->state == ENTRY_LEAVING)
                return note_entry(s, e, (int)entry_state_back(e), e->added_us, e->live_us);
        return 0;
}

static int settle_foreign(struct settling *s, const struct entry *e, const struct slot *slot)
{
        uint32_t key;

        if (!slot)
                return 0;
        key = key_names_find(&s->names, slot->provider, e->key);
        if (key == STANDING_NO_KEY || s->surplus[key] <= 0 ||
            !slot_may_use(slot, &s->plan->policy->keys[key]))
                return 0;
        s->surplus[key]--;
        return settle_taken_over(s, e, ENTRY_LEAVING);
}

static int settle_other(struct settling *s, const struct entry *e, const struct slot *slot)
{
        if (e->state == ENTRY_FOREIGN)
                return settle_foreign(s, e, slot);
        if (e->state == ENTRY_LEAVING)
                return 0;
        if (e->state == ENTRY_WANTED)
                return note_entry(s, e, GONE, 0, 0);
        return note_entry(s, e, ENTRY_LEAVING, e->added_us, e->live_us);
}

static int settle_address(struct settling *s, const struct address *a)
{
        size_t first = s->n_notes;
        bool stands = false;
        int r;

        for (size_t i = 0; i < a->n; i++) {
                const struct entry *e = &a->entries[i];
                const struct slot *slot = entry_has_address(e) ? a->slot : NULL;
                bool planned = entry_is_on(e, slot);

                r = planned && !stands ? settle_planned(s, e) : settle_other(s, e, slot);
                if (r)
                        return r;
                stands = stands || planned;
        }
        return a->slot && a->slot->key && !stands ? note_wanted(s, a->slot, first) : 0;
}

/* ---- the pass ---- */

/* What is left of a provider: its entries, its slots. */
struct block {
        const struct entry *entry, *entry_end;
        const struct slot *slot, *slot_end;
};

/* Takes off the lowest address. */
static struct address block_take(struct block *b)
{
        struct address a = { b->entry, 0, NULL };
        int r = b->entry == b->entry_end ? 1
                : b->slot == b->slot_end ? -1
                                         : addr_compare(&b->entry->addr, &b->slot->seen);

        if (r <= 0)
                for (; b->entry < b->entry_end && addr_equal(&b->entry->addr, &a.entries->addr);
                     b->entry++)
                        a.n++;
        if (r >= 0)
                a.slot = b->slot++;
        return a;
}

static int block_settle(struct settling *s, struct block *b)
{
        while (b->entry < b->entry_end || b->slot < b->slot_end) {
                struct address a = block_take(b);
                int r = settle_address(s, &a);

                if (r)
                        return r;
        }
        return 0;
}

static int slots_compare_provider(const void *left, const void *right)
{
        const struct slot *const *a = left, *const *b = right;

        return strcmp((*a)->provider->name, (*b)->provider->name);
}

/* The first slots of all planned providers, by name. */
static size_t providers_list(const struct plan *plan, const struct slot **firsts)
{
        size_t n = 0;

        for (size_t i = 0; i < plan->n_slots; i += plan->census->n_egresses)
                firsts[n++] = &plan->slots[i];
        qsort(firsts, n, sizeof(const struct slot *), slots_compare_provider);
        return n;
}

/* All providers that have slots or entries, by name. */
static int settle_run(struct settling *s)
{
        const struct entry *e = s->before->entries, *end = e + s->before->n;
        CLEANUP(freep)
        const struct slot **firsts = calloc(s->plan->policy->n_providers + 1, sizeof(*firsts));
        size_t n, next = 0;

        if (!firsts)
                return fault(-ENOMEM);
        n = providers_list(s->plan, firsts);
        while (e < end || next < n) {
                struct block b = { e, e, NULL, NULL };
                int r = e == end    ? 1
                        : next == n ? -1
                                    : strcmp(e->provider, firsts[next]->provider->name);

                if (r <= 0)
                        for (; e < end && strcmp(e->provider, b.entry->provider) == 0; e++)
                                ;
                b.entry_end = e;
                if (r >= 0) {
                        b.slot = firsts[next++];
                        b.slot_end = b.slot + s->plan->census->n_egresses;
                }
                r = block_settle(s, &b);
                if (r)
                        return r;
        }
        return 0;
}

/* ---- the result ---- */

static const char *text_keep(char **end, const char *text)
{
        size_t size = strlen(text) + 1;
        char *kept = memcpy(*end, text, size);

        *end += size;
        return kept;
}

static int moves_keep(const struct settling *s, struct move_list **ret)
{
        CLEANUP(move_list_freep) struct move_list *m = calloc(1, sizeof(*m));
        char *end;

        if (!m)
                return fault(-ENOMEM);
        m->moves = calloc(s->n_notes + 1, sizeof(*m->moves));
        m->texts = end = malloc(s->n_bytes + 1);
        if (!m->moves || !m->texts)
                return fault(-ENOMEM);
        for (m->n = 0; m->n < s->n_notes; m->n++) {
                const struct change_note *n = &s->notes[m->n];
                struct entry_move *move = &m->moves[m->n];
                char text[ADDR_TEXT_MAX];

                *move = n->move;
                move->provider = text_keep(&end, n->move.provider);
                move->key = text_keep(&end, n->move.key);
                move->host = text_keep(&end, n->slot ? slot_host(n->slot, text) : n->move.host);
        }
        *ret = TAKE(m);
        return 0;
}

static int surplus_count(struct settling *s)
{
        s->surplus = calloc(s->plan->n_keys + 1, sizeof(*s->surplus));
        if (!s->surplus)
                return fault(-ENOMEM);
        for (size_t i = 0; i < s->plan->n_keys; i++) {
                const struct key_use *use = &s->plan->keys[i];
                int64_t most = use->key->capacity - MAX(use->key->reserve, 0);

                if (use->n_slots > 0)
                        s->surplus[i] = (int64_t)use->n_slots + use->n_foreign - most;
        }
        return 0;
}

int entries_settle(const struct plan *plan, const struct entry_set *before, int64_t now_us,
                   struct move_list **ret)
{
        struct entry none = { NULL };
        struct entry_set nothing = { .entries = &none };
        CLEANUP(settling_done)
        struct settling s = { .plan = plan,
                              .before = before ? before : &nothing,
                              .now_us = now_us };
        int r = key_names_init(&s.names, plan->policy);

        if (r)
                return r;
        r = surplus_count(&s);
        if (r)
                return r;
        r = settle_run(&s);
        return r ? r : moves_keep(&s, ret);
}
