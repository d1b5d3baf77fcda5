/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * health - which slots and keys the vendor refuses just now
 *
 * One table for all workers, made for one plan. health_admit() is lock-free; states change in
 * health_move() and nowhere else, under the table's mutex. Every time is a monotonic clock reading
 * that the caller passes in.
 *
 * A refused slot is suspended for a minute, and twice as long after each further refusal in a row,
 * up to 15 minutes; then one request at a time may try it (a probe), and a success restores it. A
 * key is suspended the same way, but only when HEALTH_KEY_ADDRESSES addresses that worked before
 * were refused by it within HEALTH_KEY_WINDOW_MS: a key that nobody has entered at the vendor yet
 * is not punished. Server errors, time-outs and DNS never count (health_event_of() sees to it).
 *
 * A slot that the plan calls wanted or propagating, and that never had a success, takes one request
 * now and then (a trial); its refusal changes nothing, its success makes the slot serve, and the
 * next one of its key may be tried at once: so a list that was entered at the vendor is live as
 * fast as calls come, and one that was not costs a refusal in HEALTH_TRIAL_KEY_MS. Slots that were
 * refused before a success on their key may try again at once, after HEALTH_TRIAL_AGAIN_MS at the
 * earliest.
 *
 * A slot that the plan calls suspended, by an earlier run, is half-open from the start.
 */
#include "policy/plan.h"

#include <stdbool.h>
#include <stdint.h>

#define HEALTH_SUSPEND_MIN_MS ((uint64_t)60 * 1000)
#define HEALTH_SUSPEND_MAX_MS ((uint64_t)15 * 60 * 1000)
#define HEALTH_KEY_ADDRESSES 3
#define HEALTH_KEY_WINDOW_MS ((uint64_t)60 * 1000)
#define HEALTH_PROBE_MS \
        ((uint64_t)60 * 1000) /* after that a probe counts as lost, another may try */
#define HEALTH_TRIAL_WANTED_MS ((uint64_t)15 * 60 * 1000) /* between two trials of a wanted slot */
#define HEALTH_TRIAL_PROPAGATING_MS ((uint64_t)60 * 1000) /* of a propagating one, its delay over */
#define HEALTH_TRIAL_AGAIN_MS \
        ((uint64_t)60 * 1000) /* between two successes that let refused slots try again */
#define HEALTH_TRIAL_KEY_MS ((uint64_t)5 * 1000)          /* between two trials on one key */
#define HEALTH_MAX_CAUSES 64 /* different texts a table remembers; further ones read "refused" */

struct health;

/*
 * Owner: the caller. The plan must outlive the table, which also holds its former slots. `wall_us`:
 * since 1970, for how long ago a propagating slot was entered at the vendor. Returns 0 or -ENOMEM.
 */
MUST_CHECK int health_new(const struct plan *plan, uint64_t now_ms, int64_t wall_us,
                          struct health **ret);
void health_free(struct health *h);
DEFINE_FREEP(struct health, health_free);

/*
 * Copies what `old` knows into `fresh`, which no other thread may see yet: slots by provider name,
 * egress address and key name, keys by name. What happens to `old` later does not follow.
 */
void health_carry(struct health *old, struct health *fresh);

/* The slot is in order again, whatever was carried over: somebody has looked at the vendor's list.
 * Before any other thread sees the table. */
void health_trust(struct health *h, const struct slot *slot);

/* A call of the slot has succeeded, as another table saw. Before any other thread sees this one. */
void health_learn(struct health *h, const struct slot *slot);

/* Calls `on_change`, from any thread, behind each change of a slot's state. Before any other thread
 * sees the table. */
void health_watch(struct health *h, void (*on_change)(void *context), void *context);

enum health_verdict {
        HEALTH_SERVE, /* go ahead */
        HEALTH_PROBE, /* go ahead, you are the one that tries; health_move() must follow */
        HEALTH_TRIAL, /* the same, of a slot that is not live yet: a refusal is no surprise */
        HEALTH_SLOT_SUSPENDED,
        HEALTH_KEY_SUSPENDED,
        HEALTH_NOT_LIVE, /* wanted or propagating, and no trial is due */
};

/*
 * May a request use this slot of the table's plan (one with a key)? *ret_cause is the cause of the
 * suspension, also for a probe that follows one, and NULL otherwise; it lives as long as the table.
 */
enum health_verdict health_admit(struct health *h, const struct slot *slot, uint64_t now_ms,
                                 const char **ret_cause);

enum health_event {
        HEALTH_SUCCEEDED,
        HEALTH_REFUSED,      /* slot or key were to blame */
        HEALTH_INCONCLUSIVE, /* says nothing about the credential: a probe's claim is given back */
};

/* What an answer to an embedded attempt means here: `rule` as answer_classify() gave it, or NULL.
 * Without an answer (time-out, reset, DNS) pass status 0. */
enum health_event health_event_of(unsigned status, const struct answer_rule *rule);

/*
 * Tells how an embedded attempt ended. `cause` is copied and needed for HEALTH_REFUSED only. Emits
 * slot_suspended, slot_restored, slot_live, key_suspended and key_restored. A success of a slot
 * that is in order takes no lock.
 */
void health_move(struct health *h, const struct slot *slot, enum health_event event,
                 const char *cause, bool is_probe, uint64_t now_ms);

enum health_state { HEALTH_STATE_OK, HEALTH_STATE_SUSPENDED, HEALTH_STATE_PROBING };

/* "ok", "suspended", "probing". */
const char *health_state_name(enum health_state s);

/* For status pages: a consistent picture, taken under the mutex. */
struct health_view {
        enum health_state state;
        uint64_t until_ms;   /* end of the suspension, 0 for OK */
        unsigned n_refusals; /* in a row */
        bool was_live;       /* slots: has had a success */
        const char *cause;   /* NULL for OK; lives as long as the table */
};

struct health_view health_slot_view(struct health *h, const struct slot *slot, uint64_t now_ms);
struct health_view health_key_view(struct health *h, const struct key *key, uint64_t now_ms);
