/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record (of a slot or a key) is in order while `until_ms` is 0. Otherwise it is suspended until
 * then, and from then on half-open: who swaps `claim_ms` from a time that has passed to one ahead
 * is the probe. The same word paces the trials of slots that are not live. A claim that nobody
 * gives back runs out, so a lost probe blocks nothing for ever.
 *
 * health_admit() reads and claims with atomics alone and may see a change of another thread a
 * moment late; that costs one request through the other credential, nothing else. Causes are copied
 * once per text and stay as long as the table, so that a reason can be read without the lock.
 */
#include "router/health.h"

#include "lib/base/fault.h"
#include "lib/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

static const struct event SLOT_SUSPENDED = { "slot_suspended", LOG_LEVEL_WARNING };
static const struct event SLOT_RESTORED = { "slot_restored", LOG_LEVEL_INFO };
static const struct event SLOT_WENT_LIVE = { "slot_live", LOG_LEVEL_INFO };
static const struct event KEY_SUSPENDED = { "key_suspended", LOG_LEVEL_ERROR };
static const struct event KEY_RESTORED = { "key_restored", LOG_LEVEL_INFO };

static const char *const cause_before = "refused before the start";
static const char *const state_names[] = { "ok", "suspended", "probing" };

struct record {
        atomic_uint_fast64_t until_ms;
        atomic_uint_fast64_t claim_ms;
        _Atomic(const char *) cause;
        unsigned n_refusals; /* in a row; under the mutex */
};

struct slot_record {
        struct record record;
        atomic_bool was_live; /* has had a success */
};

struct refusal {
        struct addr seen;
        uint64_t at_ms;
        bool used;
};

struct key_record {
        struct record record;
        atomic_uint_fast64_t entered_ms; /* when a trial succeeded: somebody entered a list */
        atomic_uint_fast64_t trial_ms;               /* when the next trial on this key may be */
        struct refusal recent[HEALTH_KEY_ADDRESSES]; /* distinct addresses; under the mutex */
};

struct health {
        const struct plan *plan;
        struct slot_record *slots; /* as plan->slots */
        struct key_record *keys;   /* as plan->policy->keys */
        pthread_mutex_t mutex;
        void (*on_change)(void *context); /* set before any other thread sees the table */
        void *on_change_context;
        char *causes[HEALTH_MAX_CAUSES];
        unsigned n_causes;
};

/* What health_move() did, told after the lock is gone. */
struct change {
        const struct event *slot, *key;
        uint64_t slot_ms, key_ms; /* lengths of the suspensions */
};

const char *health_state_name(enum health_state s)
{
        assert((unsigned)s < N_ELEMENTS(state_names));
        return state_names[s];
}

static bool slot_is_planned_live(const struct slot *slot)
{
        return slot->state >= ENTRY_LIVE; /* live, suspended or leaving */
}

/* Slots, and behind them the former ones. */
static const struct slot *slot_at(const struct plan *plan, size_t i)
{
        return i < plan->n_slots ? &plan->slots[i] : &plan->formers[i - plan->n_slots];
}

static struct slot_record *slot_record(struct health *h, const struct slot *slot)
{
        assert(slot == (slot->index < h->plan->n_slots
                                ? &h->plan->slots[slot->index]
                                : &h->plan->formers[slot->index - h->plan->n_slots]));
        return &h->slots[slot->index];
}

static struct key_record *key_record(struct health *h, const struct key *key)
{
        assert(key && key->index < h->plan->policy->n_keys);
        return &h->keys[key->index];
}

/*
 * A propagating slot is not tried before its delay is over. The delay is of the wall clock, and
 * counts from when the address was entered at the vendor; a clock that was set back does not make
 * it longer than it is.
 */
static uint64_t first_trial_ms(const struct slot *slot, uint64_t now_ms, int64_t wall_us)
{
        int64_t delay_ms = slot->provider->classes[CLASS_EMBEDDED].propagation_ms;
        int64_t passed_ms = (wall_us - slot->added_us) / 1000;

        if (slot->state != ENTRY_PROPAGATING || passed_ms >= delay_ms)
                return 0;
        return now_ms + (uint64_t)MIN(delay_ms - passed_ms, delay_ms);
}

static void slot_start(struct health *h, const struct slot *slot, uint64_t now_ms, int64_t wall_us)
{
        struct slot_record *s = slot_record(h, slot);

        s->record.claim_ms = first_trial_ms(slot, now_ms, wall_us);
        if (slot->state == ENTRY_SUSPENDED) { /* by an earlier run: half-open from the start */
                s->record.until_ms = now_ms ? now_ms : 1;
                s->record.cause = cause_before;
        }
}

int health_new(const struct plan *plan, uint64_t now_ms, int64_t wall_us, struct health **ret)
{
        size_t n_slots = plan->n_slots + plan->n_formers;
        CLEANUP(freep) struct health *h = calloc(1, sizeof(*h));
        CLEANUP(freep) struct slot_record *slots = calloc(n_slots + 1, sizeof(*slots));
        CLEANUP(freep) struct key_record *keys = calloc(plan->policy->n_keys + 1, sizeof(*keys));

        if (!h || !slots || !keys)
                return fault(-ENOMEM);
        if (pthread_mutex_init(&h->mutex, NULL) != 0)
                return fault(-ENOMEM);
        h->plan = plan;
        h->slots = TAKE(slots);
        h->keys = TAKE(keys);
        for (size_t i = 0; i < n_slots; i++)
                slot_start(h, slot_at(plan, i), now_ms, wall_us);
        *ret = TAKE(h);
        return 0;
}

void health_free(struct health *h)
{
        if (!h)
                return;
        for (unsigned i = 0; i < h->n_causes; i++)
                free(h->causes[i]);
        pthread_mutex_destroy(&h->mutex);
        free(h->slots);
        free(h->keys);
        free(h);
}

/* The table's own copy of a cause. Under the mutex. */
static const char *cause_keep(struct health *h, const char *cause)
{
        if (!cause || !*cause)
                return "refused";
        for (unsigned i = 0; i < h->n_causes; i++)
                if (strcmp(h->causes[i], cause) == 0)
                        return h->causes[i];
        if (h->n_causes == HEALTH_MAX_CAUSES)
                return "refused";
        h->causes[h->n_causes] = strdup(cause);
        return h->causes[h->n_causes] ? h->causes[h->n_causes++] : "refused";
}

/* ---- carrying over ---- */

static void record_carry(struct health *fresh, struct record *to, const struct record *from)
{
        const char *cause = from->cause;

        to->until_ms = from->until_ms;
        to->claim_ms = from->claim_ms;
        to->cause = cause ? cause_keep(fresh, cause) : NULL;
        to->n_refusals = from->n_refusals;
}

static const struct provider *provider_named(const struct policy *policy, const char *name)
{
        for (size_t i = 0; i < policy->n_providers; i++)
                if (strcmp(policy->providers[i].name, name) == 0)
                        return &policy->providers[i];
        return NULL;
}

/* The slot of this address that was on the key, now or formerly; NULL: neither. */
static const struct slot *slot_on_key(const struct slot *slot, const struct key *key)
{
        for (; slot && key; slot = slot->former)
                if (slot->key && strcmp(slot->key->name, key->name) == 0)
                        return slot;
        return NULL;
}

static void slot_carry(struct health *old, struct health *fresh, const struct slot *slot)
{
        const struct provider *provider = provider_named(old->plan->policy, slot->provider->name);
        struct slot_record *to = slot_record(fresh, slot), *from;
        const struct slot *before;
        uint64_t first = to->record.claim_ms;

        before = provider ? plan_find(old->plan, provider, &slot->seen) : NULL;
        before = slot_on_key(before, slot->key);
        if (!before)
                return;
        from = slot_record(old, before);
        record_carry(fresh, &to->record, &from->record);
        to->was_live = from->was_live && slot->state != ENTRY_WANTED;
        if (slot->state == ENTRY_PROPAGATING && before->state != ENTRY_PROPAGATING)
                to->record.claim_ms = first; /* added at the vendor only now: its delay starts */
}

static void key_carry(struct health *old, struct health *fresh, const struct key *key)
{
        const struct policy *before = old->plan->policy;

        for (size_t i = 0; i < before->n_keys; i++) {
                struct key_record *to = key_record(fresh, key), *from = &old->keys[i];

                if (strcmp(before->keys[i].name, key->name) != 0)
                        continue;
                record_carry(fresh, &to->record, &from->record);
                to->trial_ms = from->trial_ms;
                to->entered_ms = from->entered_ms;
                memcpy(to->recent, from->recent, sizeof(to->recent));
        }
}

void health_carry(struct health *old, struct health *fresh)
{
        const struct plan *plan = fresh->plan;

        pthread_mutex_lock(&old->mutex);
        for (size_t i = 0; i < plan->n_slots + plan->n_formers; i++)
                slot_carry(old, fresh, slot_at(plan, i));
        for (size_t i = 0; i < plan->policy->n_keys; i++)
                key_carry(old, fresh, &plan->policy->keys[i]);
        pthread_mutex_unlock(&old->mutex);
}

/* ---- asking ---- */

/* Exactly one caller gets it when `*word` lies in the past. */
static bool claim(atomic_uint_fast64_t *word, uint64_t now_ms, uint64_t length_ms)
{
        uint_fast64_t before = atomic_load_explicit(word, memory_order_acquire);

        return before <= now_ms &&
               atomic_compare_exchange_strong(word, &before, now_ms + length_ms);
}

static bool is_suspended(const struct record *r)
{
        return atomic_load_explicit(&r->until_ms, memory_order_acquire) != 0;
}

/* Half-open and not claimed? */
static bool may_probe(const struct record *r, uint64_t now_ms)
{
        return atomic_load_explicit(&r->until_ms, memory_order_acquire) <= now_ms &&
               atomic_load_explicit(&r->claim_ms, memory_order_acquire) <= now_ms;
}

static enum health_verdict admit_trial(struct slot_record *s, struct key_record *k,
                                       const struct slot *slot, uint64_t now_ms)
{
        uint64_t pause_ms = slot->state == ENTRY_PROPAGATING ? HEALTH_TRIAL_PROPAGATING_MS
                                                             : HEALTH_TRIAL_WANTED_MS;
        uint_fast64_t before = s->record.claim_ms;

        if (is_suspended(&k->record))
                return HEALTH_KEY_SUSPENDED;
        /* Refused before the list was entered: what was true then need not be now. */
        if (slot->state == ENTRY_WANTED && before > now_ms && k->entered_ms + pause_ms > before)
                atomic_compare_exchange_strong(&s->record.claim_ms, &before, 0);
        if (s->record.claim_ms > now_ms || !claim(&k->trial_ms, now_ms, HEALTH_TRIAL_KEY_MS))
                return HEALTH_NOT_LIVE;
        return claim(&s->record.claim_ms, now_ms, pause_ms) ? HEALTH_TRIAL : HEALTH_NOT_LIVE;
}

/*
 * At least one of the two is suspended. Both have to let the request through before it claims
 * either.
 */
static enum health_verdict admit_probe(struct record *s, struct record *k, uint64_t now_ms)
{
        bool slot_too = is_suspended(s), key_too = is_suspended(k);

        if (key_too && !may_probe(k, now_ms))
                return HEALTH_KEY_SUSPENDED;
        if (slot_too && (!may_probe(s, now_ms) || !claim(&s->claim_ms, now_ms, HEALTH_PROBE_MS)))
                return HEALTH_SLOT_SUSPENDED;
        if (key_too && !claim(&k->claim_ms, now_ms, HEALTH_PROBE_MS)) {
                if (slot_too)
                        s->claim_ms = 0;
                return HEALTH_KEY_SUSPENDED;
        }
        return slot_too || key_too ? HEALTH_PROBE : HEALTH_SERVE;
}

enum health_verdict health_admit(struct health *h, const struct slot *slot, uint64_t now_ms,
                                 const char **ret_cause)
{
        struct slot_record *s = slot_record(h, slot);
        struct key_record *k = key_record(h, slot->key);
        bool key_too = is_suspended(&k->record);
        enum health_verdict verdict;

        *ret_cause = NULL;
        if (!slot_is_planned_live(slot) && !s->was_live) {
                verdict = admit_trial(s, k, slot, now_ms);
        } else {
                if (!key_too && !is_suspended(&s->record))
                        return HEALTH_SERVE;
                verdict = admit_probe(&s->record, &k->record, now_ms);
        }
        if (verdict == HEALTH_SLOT_SUSPENDED)
                *ret_cause = s->record.cause;
        else if (verdict == HEALTH_KEY_SUSPENDED)
                *ret_cause = k->record.cause;
        else if (verdict == HEALTH_PROBE)
                *ret_cause = key_too ? k->record.cause : s->record.cause;
        return verdict;
}

/* ---- telling ---- */

enum health_event health_event_of(unsigned status, const struct answer_rule *rule)
{
        if (status == 0 || status >= 500)
                return HEALTH_INCONCLUSIVE;
        if (rule && (rule->blame == BLAME_SLOT || rule->blame == BLAME_KEY))
                return HEALTH_REFUSED;
        if ((!rule || rule->blame == BLAME_NONE) &&
            ((status >= 200 && status < 300) || status == 304))
                return HEALTH_SUCCEEDED;
        return HEALTH_INCONCLUSIVE;
}

/*
 * Returns how long it is suspended now, or 0: it was already, and this refusal is of an older
 * request.
 */
static uint64_t record_suspend(struct record *r, const char *cause, uint64_t now_ms)
{
        uint64_t length_ms;

        if (r->until_ms > now_ms)
                return 0;
        length_ms = HEALTH_SUSPEND_MIN_MS << MIN(r->n_refusals, 10U);
        length_ms = MIN(length_ms, HEALTH_SUSPEND_MAX_MS);
        r->n_refusals++;
        atomic_store(&r->cause, cause);
        atomic_store(&r->claim_ms, 0);
        atomic_store(&r->until_ms, now_ms + length_ms);
        return length_ms;
}

/* True if it was suspended. The claim goes first: until_ms lets readers in. */
static bool record_restore(struct record *r)
{
        bool was_suspended = is_suspended(r);

        r->n_refusals = 0;
        if (was_suspended) {
                atomic_store(&r->claim_ms, 0);
                atomic_store(&r->until_ms, 0);
                atomic_store(&r->cause, NULL);
        }
        return was_suspended;
}

void health_learn(struct health *h, const struct slot *slot)
{
        atomic_store(&slot_record(h, slot)->was_live, true);
}

void health_trust(struct health *h, const struct slot *slot)
{
        (void)record_restore(&slot_record(h, slot)->record);
}

static void key_forget_refusal(struct key_record *k, const struct addr *seen)
{
        for (size_t i = 0; i < HEALTH_KEY_ADDRESSES; i++)
                if (k->recent[i].used && addr_equal(&k->recent[i].seen, seen))
                        k->recent[i].used = false;
}

/* Remembers the refusal in the place of this address's last one, else of the oldest. True if every
 * place holds one that is young enough. */
static bool key_count_refusal(struct key_record *k, const struct addr *seen, uint64_t now_ms)
{
        struct refusal *place = &k->recent[0];
        bool all_young = true;

        key_forget_refusal(k, seen);
        for (size_t i = 1; i < HEALTH_KEY_ADDRESSES && place->used; i++)
                if (!k->recent[i].used || k->recent[i].at_ms < place->at_ms)
                        place = &k->recent[i];
        *place = (struct refusal){ *seen, now_ms, true };
        for (size_t i = 0; i < HEALTH_KEY_ADDRESSES; i++)
                if (!k->recent[i].used || k->recent[i].at_ms + HEALTH_KEY_WINDOW_MS < now_ms)
                        all_young = false;
        return all_young;
}

/* A trial succeeded, so the key's list was entered: the next slot may be tried at once, and now and
 * then those that were refused before. */
static void key_entered(struct key_record *k, uint64_t now_ms)
{
        atomic_store(&k->trial_ms, 0);
        if (k->entered_ms == 0 || k->entered_ms + HEALTH_TRIAL_AGAIN_MS <= now_ms)
                atomic_store(&k->entered_ms, now_ms);
}

/* What is suspended lets only probes through: a success of another request is of one sent
 * before, and older news than the refusal. */
static void move_success(struct slot_record *s, struct key_record *k, const struct slot *slot,
                         bool is_probe, uint64_t now_ms, struct change *c)
{
        if (is_probe && record_restore(&s->record))
                c->slot = &SLOT_RESTORED;
        else if (!s->was_live && !slot_is_planned_live(slot))
                c->slot = &SLOT_WENT_LIVE;
        if (c->slot == &SLOT_WENT_LIVE)
                key_entered(k, now_ms);
        atomic_store(&s->was_live, true);
        if (is_probe && record_restore(&k->record))
                c->key = &KEY_RESTORED;
        if (is_probe || !is_suspended(&s->record))
                key_forget_refusal(k, &slot->seen);
}

/* A key that is half-open again goes by its probe alone; otherwise it takes several addresses. */
static void move_refusal(struct slot_record *s, struct key_record *k, const struct slot *slot,
                         const char *cause, uint64_t now_ms, struct change *c)
{
        bool many;

        if (!s->was_live && !slot_is_planned_live(slot))
                return; /* a trial: not entered at the vendor yet */
        c->slot_ms = record_suspend(&s->record, cause, now_ms);
        if (c->slot_ms > 0)
                c->slot = &SLOT_SUSPENDED;
        if (!s->was_live)
                return;
        many = key_count_refusal(k, &slot->seen, now_ms);
        if (many || is_suspended(&k->record))
                c->key_ms = record_suspend(&k->record, cause, now_ms);
        if (c->key_ms > 0)
                c->key = &KEY_SUSPENDED;
}

static void claims_release(struct slot_record *s, struct key_record *k)
{
        if (is_suspended(&s->record))
                atomic_store(&s->record.claim_ms, 0);
        if (is_suspended(&k->record))
                atomic_store(&k->record.claim_ms, 0);
}

static void change_tell(const struct change *c, const struct slot *slot, const char *cause)
{
        const char *shown = cause ? cause : "the vendor takes it";
        char seen[ADDR_TEXT_MAX];

        addr_format(&slot->seen, seen);
        if (c->slot)
                log_event(c->slot, TEXT("key", slot->key->name), TEXT("egress", seen),
                          TEXT("cause", shown), NUMBER("for_s", c->slot_ms / 1000));
        if (c->key)
                log_event(c->key, TEXT("key", slot->key->name), TEXT("egress", seen),
                          TEXT("cause", shown), NUMBER("for_s", c->key_ms / 1000));
}

void health_move(struct health *h, const struct slot *slot, enum health_event event,
                 const char *cause, bool is_probe, uint64_t now_ms)
{
        struct slot_record *s = slot_record(h, slot);
        struct key_record *k = key_record(h, slot->key);
        const char *kept = NULL;
        struct change c = { 0 };

        if (event == HEALTH_INCONCLUSIVE && !is_probe)
                return;
        if (event == HEALTH_SUCCEEDED && s->was_live && !is_suspended(&s->record) &&
            !is_suspended(&k->record))
                return;
        pthread_mutex_lock(&h->mutex);
        if (event == HEALTH_REFUSED)
                move_refusal(s, k, slot, kept = cause_keep(h, cause), now_ms, &c);
        else if (event == HEALTH_SUCCEEDED)
                move_success(s, k, slot, is_probe, now_ms, &c);
        if (is_probe)
                claims_release(s, k);
        pthread_mutex_unlock(&h->mutex);
        change_tell(&c, slot, kept);
        if (c.slot && h->on_change)
                h->on_change(h->on_change_context);
}

void health_watch(struct health *h, void (*on_change)(void *context), void *context)
{
        h->on_change = on_change;
        h->on_change_context = context;
}

static struct health_view record_view(const struct record *r, uint64_t now_ms)
{
        struct health_view v = { HEALTH_STATE_OK, r->until_ms, r->n_refusals, false, NULL };

        if (v.until_ms == 0)
                return v;
        v.cause = r->cause;
        v.state = v.until_ms <= now_ms && r->claim_ms > now_ms ? HEALTH_STATE_PROBING
                                                               : HEALTH_STATE_SUSPENDED;
        return v;
}

struct health_view health_slot_view(struct health *h, const struct slot *slot, uint64_t now_ms)
{
        struct slot_record *s = slot_record(h, slot);
        struct health_view v;

        pthread_mutex_lock(&h->mutex);
        v = record_view(&s->record, now_ms);
        v.was_live = s->was_live;
        pthread_mutex_unlock(&h->mutex);
        return v;
}

struct health_view health_key_view(struct health *h, const struct key *key, uint64_t now_ms)
{
        struct health_view v;

        pthread_mutex_lock(&h->mutex);
        v = record_view(&key_record(h, key)->record, now_ms);
        pthread_mutex_unlock(&h->mutex);
        return v;
}
