/* SPDX-License-Identifier: Apache-2.0 */
/*
 *  1. Each address with a key to go to is a seat. What it has on keys that it may use are its
 *     options: an entry that it holds, others that it could have back.
 *  2. Seats of the same priority, number of desks and set of keys differ in nothing that counts
 *     but their options. Those with one option at most are one demand, of the others those with
 *     the same options. Demands of the same priority and number of desks are one level of the flow,
 *     by falling importance: that serves the most desks of the highest priority, and so on down.
 *  3. The flow says how many of a demand get what they have an option for, and how many are served
 *     otherwise. In order of their groups in the policy and of their addresses, the former go to
 *     those who have the option, the latter to who holds an entry that it must give up, then to
 *     newcomers.
 *  4. Those are dealt out to the keys of each set in order of their groups, so that what a group
 *     newly gets lies together.
 */
#include "policy/seats.h"

#include "lib/base/fault.h"
#include "policy/assign.h"

#include <errno.h>

struct option {
        uint32_t key;
        bool is_held;
};

enum fate { FATE_NONE, FATE_OPTION, FATE_GENERAL };

struct seat {
        int64_t priority;
        uint32_t n_desks;
        uint32_t set;
        uint32_t group;
        uint32_t egress; /* index in the census */
        uint32_t first_option;
        uint32_t n_options;
        bool is_held; /* has an entry that it holds, be it on a key that it may not use */
        enum fate fate;
};

struct seating {
        const struct terms_table *terms;
        const struct standing *standing;
        const struct key_use *uses;
        struct slot *slots;
        struct seat *seats; /* by demand, then by group and address */
        size_t n_seats;
        struct option *options;
        size_t n_options;
        struct assign_demand *demands;
        uint32_t n_demands;
        struct assign_claim *claims; /* of a demand: sorted as options are */
        uint32_t n_claims;
        uint32_t *rooms;
        uint32_t *left; /* of each claim's flow, not yet dealt out */
};

static void seating_done(struct seating *s)
{
        free(s->seats);
        free(s->options);
        free(s->demands);
        free(s->claims);
        free(s->rooms);
        free(s->left);
}

static int seating_init(struct seating *s, const struct terms_table *t,
                        const struct standing *standing, const struct key_use *uses,
                        struct slot *slots)
{
        size_t n = t->census->n_egresses, n_keys = t->policy->n_keys;

        *s = (struct seating){ .terms = t, .standing = standing, .uses = uses, .slots = slots };
        s->seats = calloc(n + 1, sizeof(*s->seats));
        s->demands = calloc(n + 1, sizeof(*s->demands));
        s->options = calloc(standing->n + 1, sizeof(*s->options));
        s->claims = calloc(standing->n + 1, sizeof(*s->claims));
        s->left = calloc(standing->n + 1, sizeof(*s->left));
        s->rooms = calloc(n_keys + 1, sizeof(*s->rooms));
        if (!s->seats || !s->demands || !s->options || !s->claims || !s->left || !s->rooms)
                return fault(-ENOMEM);
        for (size_t i = 0; i < n_keys; i++)
                s->rooms[i] = uses[i].room;
        return 0;
}

static int option_compare(const void *left, const void *right)
{
        const struct option *a = left, *b = right;

        if (a->key != b->key)
                return a->key < b->key ? -1 : 1;
        return b->is_held - a->is_held;
}

/* Sorts, and leaves of several on one key the first. Returns how many are left. */
static uint32_t options_fold(struct option *options, uint32_t n)
{
        uint32_t kept = 0;

        if (n > 1)
                qsort(options, n, sizeof(*options), option_compare);
        for (uint32_t i = 0; i < n; i++)
                if (kept == 0 || options[kept - 1].key != options[i].key)
                        options[kept++] = options[i];
        return kept;
}

static void seat_take_options(struct seating *s, struct seat *seat)
{
        const struct standing *standing = s->standing;
        const struct stake *stake = &standing->stakes[seat->egress];
        const struct terms *terms =
                &s->terms->cohorts[s->terms->census->egresses[seat->egress].cohort];

        seat->first_option = (uint32_t)s->n_options;
        for (uint32_t i = stake->first; i < stake->first + stake->n; i++) {
                bool is_held = entry_state_is_held(standing->entries[i].state);

                if (!entry_has_address(&standing->entries[i]))
                        continue;
                seat->is_held = seat->is_held || is_held;
                if (standing->keys[i] != STANDING_NO_KEY &&
                    terms_allow(s->terms, terms, standing->keys[i]))
                        s->options[s->n_options++] = (struct option){ standing->keys[i], is_held };
        }
        seat->n_options = options_fold(&s->options[seat->first_option],
                                       (uint32_t)s->n_options - seat->first_option);
        s->n_options = seat->first_option + seat->n_options;
}

static void seats_take(struct seating *s)
{
        const struct egress_census *census = s->terms->census;

        for (uint32_t i = 0; i < census->n_egresses; i++) {
                const struct terms *t = &s->terms->cohorts[census->egresses[i].cohort];
                struct seat *seat = &s->seats[s->n_seats];

                if (t->n_keys == 0)
                        continue;
                *seat = (struct seat){ .priority = t->priority,
                                       .n_desks = s->slots[i].n_desks,
                                       .set = t->set,
                                       .group = t->group->index,
                                       .egress = i };
                seat_take_options(s, seat);
                s->n_seats++;
        }
}

static int level_compare(const struct seat *a, const struct seat *b)
{
        if (a->priority != b->priority)
                return a->priority > b->priority ? -1 : 1;
        if (a->n_desks != b->n_desks)
                return a->n_desks > b->n_desks ? -1 : 1;
        return 0;
}

static int options_compare(const struct seating *s, const struct seat *a, const struct seat *b)
{
        if (a->n_options < 2 && b->n_options < 2)
                return 0;
        if (a->n_options != b->n_options)
                return a->n_options < b->n_options ? -1 : 1;
        for (uint32_t i = 0; i < a->n_options; i++) {
                int r = option_compare(&s->options[a->first_option + i],
                                       &s->options[b->first_option + i]);

                if (r)
                        return r;
        }
        return 0;
}

static int demand_compare(const struct seating *s, const struct seat *a, const struct seat *b)
{
        int r = level_compare(a, b);

        if (r == 0)
                r = (a->set > b->set) - (a->set < b->set);
        return r ? r : options_compare(s, a, b);
}

static int place_compare(const struct seat *a, const struct seat *b)
{
        if (a->group != b->group)
                return a->group < b->group ? -1 : 1;
        return (a->egress > b->egress) - (a->egress < b->egress);
}

/* Most important first; within a demand in order of group and address. */
static int seat_compare(const void *left, const void *right, void *context)
{
        int r = demand_compare(context, left, right);

        return r ? r : place_compare(left, right);
}

static int seat_compare_in_set(const void *left, const void *right)
{
        const struct seat *a = left, *b = right;

        if (a->set != b->set)
                return a->set < b->set ? -1 : 1;
        return place_compare(a, b);
}

/* The options of the seats from `first` to before `end` become the claims of their demand. */
static void demand_take_claims(struct seating *s, struct assign_demand *d, size_t first, size_t end,
                               struct option *scratch)
{
        size_t n = 0;

        for (size_t i = first; i < end; i++)
                for (uint32_t j = 0; j < s->seats[i].n_options; j++)
                        scratch[n++] = s->options[s->seats[i].first_option + j];
        qsort(scratch, n, sizeof(*scratch), option_compare);
        d->first_claim = s->n_claims;
        for (size_t i = 0; i < n; i++) {
                if (i == 0 || option_compare(&scratch[i - 1], &scratch[i]) != 0)
                        s->claims[s->n_claims++] =
                                (struct assign_claim){ scratch[i].key, 0, scratch[i].is_held };
                s->claims[s->n_claims - 1].n++;
        }
        d->n_claims = s->n_claims - d->first_claim;
}

static int demands_make(struct seating *s)
{
        CLEANUP(freep) struct option *scratch = calloc(s->n_options + 1, sizeof(*scratch));
        uint32_t level = 0;

        if (!scratch)
                return fault(-ENOMEM);
        qsort_r(s->seats, s->n_seats, sizeof(*s->seats), seat_compare, s);
        for (size_t i = 0, end; i < s->n_seats; i = end) {
                const struct seat *seat = &s->seats[i];
                struct assign_demand *d = &s->demands[s->n_demands++];

                for (end = i + 1; end < s->n_seats; end++)
                        if (demand_compare(s, seat, &s->seats[end]) != 0)
                                break;
                if (i > 0 && level_compare(seat - 1, seat) != 0)
                        level++;
                *d = (struct assign_demand){ .level = level,
                                             .set = seat->set,
                                             .n = (uint32_t)(end - i) };
                demand_take_claims(s, d, i, end, scratch);
        }
        return 0;
}

static void seat_give(struct seating *s, struct seat *seat, uint32_t key, enum fate fate)
{
        struct slot *slot = &s->slots[seat->egress];

        assert(!slot->key);
        slot->key = s->uses[key].key;
        slot->reason = NULL;
        seat->fate = fate;
}

/* The first of its options that is met and not dealt out yet. */
static bool seat_take_claim(struct seating *s, struct seat *seat, const struct assign_demand *d)
{
        for (uint32_t i = 0; i < seat->n_options; i++) {
                const struct option *o = &s->options[seat->first_option + i];
                uint32_t low = d->first_claim, high = d->first_claim + d->n_claims;

                while (low < high) {
                        uint32_t middle = low + (high - low) / 2;
                        struct option there = { s->claims[middle].key, s->claims[middle].is_held };

                        if (option_compare(&there, o) < 0)
                                low = middle + 1;
                        else
                                high = middle;
                }
                if (s->left[low] == 0)
                        continue;
                s->left[low]--;
                seat_give(s, seat, o->key, FATE_OPTION);
                return true;
        }
        return false;
}

/* Marks up to `n` seats of a demand that are without a key, of those that hold an entry or not. */
static uint32_t seats_mark(struct seat *seats, uint32_t n_seats, uint32_t n, bool is_held)
{
        for (uint32_t i = 0; i < n_seats && n > 0; i++) {
                if (seats[i].fate != FATE_NONE || seats[i].is_held != is_held)
                        continue;
                seats[i].fate = FATE_GENERAL;
                n--;
        }
        return n;
}

static void demand_deal(struct seating *s, const struct assign *a, uint32_t demand,
                        struct seat *seats)
{
        const struct assign_demand *d = &s->demands[demand];
        uint32_t n = assign_served(a, demand);

        for (uint32_t i = d->first_claim; i < d->first_claim + d->n_claims; i++)
                s->left[i] = assign_met(a, i);
        for (uint32_t i = 0; i < d->n; i++)
                if (seat_take_claim(s, &seats[i], d))
                        n--;
        n = seats_mark(seats, d->n, n, true);
        n = seats_mark(seats, d->n, n, false);
        assert(n == 0);
}

/* What is served otherwise, set by set, key by key. */
static void sets_deal(struct seating *s, const struct assign *a)
{
        size_t n = 0, next = 0;

        for (size_t i = 0; i < s->n_seats; i++)
                if (s->seats[i].fate == FATE_GENERAL)
                        s->seats[n++] = s->seats[i];
        qsort(s->seats, n, sizeof(*s->seats), seat_compare_in_set);
        for (uint32_t set = 0; set < s->terms->n_sets; set++)
                for (uint32_t i = 0; i < s->terms->sets[set].n_keys; i++)
                        for (uint32_t left = assign_flow(a, set, i); left > 0; left--)
                                seat_give(s, &s->seats[next++], s->terms->sets[set].keys[i],
                                          FATE_GENERAL);
        assert(next == n);
}

int seats_assign(const struct terms_table *t, const struct standing *standing,
                 const struct key_use *uses, struct slot *slots)
{
        CLEANUP(seating_done) struct seating s = { NULL };
        CLEANUP(assign_freep) struct assign *a = NULL;
        struct assign_problem problem;
        size_t next = 0;
        int r = seating_init(&s, t, standing, uses, slots);

        if (r)
                return r;
        seats_take(&s);
        r = demands_make(&s);
        if (r)
                return r;
        problem = (struct assign_problem){ s.rooms,   (uint32_t)t->policy->n_keys,
                                           t->sets,   t->n_sets,
                                           s.demands, s.n_demands,
                                           s.claims,  s.n_claims };
        r = assign_solve(&problem, &a);
        if (r)
                return r;
        for (uint32_t i = 0; i < s.n_demands; i++) {
                demand_deal(&s, a, i, &s.seats[next]);
                next += s.demands[i].n;
        }
        sets_deal(&s, a);
        return 0;
}
