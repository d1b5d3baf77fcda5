/* SPDX-License-Identifier: Apache-2.0 */
#include "router/books.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "router/crew.h"
#include "router/evidence.h"

#include <errno.h>
#include <stdio.h>

/* ---- what operations ask of the daemon ---- */

/* Credentials and hosts of a policy that is about to be put in force. They are kept, so that what
 * was found good is what then serves. */
static int hook_prepare(void *context, struct policy *policy, struct plan *plan, struct diag *d)
{
        struct books *b = context;
        CLEANUP(vault_unrefp) struct vault *vault = NULL;
        int r = vault_load(b->config->credentials, policy, d, &vault);

        for (size_t i = 0; i < policy->n_providers && r == 0; i++) {
                const struct provider *p = &policy->providers[i];

                for (size_t j = 0; j < p->n_apis && r == 0; j++)
                        if (!origins_get(b->origins, p->apis[j].host, p->port))
                                r = -E2BIG;
        }
        if (r == -E2BIG) {
                diag_error(d, (struct place){ NULL, 0 },
                           "name fewer; after many changes of hosts restart keyrouterd",
                           "more than %d vendor hosts, those of earlier policies included",
                           ORIGINS_MAX);
                return -EINVAL;
        }
        if (r)
                return r;
        books_forget_prepared(b);
        b->prepared = policy_ref(policy);
        b->prepared_vault = TAKE(vault);
        return 0;
}

static const struct slot *slot_named(const struct books *b, const char *provider, const char *key,
                                     const struct addr *seen)
{
        const struct snapshot *s = b->snapshot;

        for (size_t i = 0; s && s->policy && i < s->policy->n_providers; i++) {
                const struct provider *p = &s->policy->providers[i];
                const struct slot *slot;

                if (strcmp(p->name, provider) != 0)
                        continue;
                slot = plan_find(s->plan, p, seen);
                for (; slot; slot = slot->former)
                        if (slot->key && strcmp(slot->key->name, key) == 0)
                                return slot;
        }
        return NULL;
}

static void view_tell(const struct health_view *v, uint64_t now_ms, struct slot_health *ret)
{
        *ret = (struct slot_health){ .is_suspended = v->state != HEALTH_STATE_OK,
                                     .for_s = v->until_ms > now_ms
                                                      ? (int64_t)(v->until_ms - now_ms + 999) / 1000
                                                      : 0,
                                     .cause = v->cause,
                                     .was_live = v->was_live };
}

static bool hook_slot_health(void *context, const char *provider, const char *key,
                             const struct addr *seen, struct slot_health *ret)
{
        struct books *b = context;
        const struct slot *slot = slot_named(b, provider, key, seen);
        uint64_t now_ms = clock_monotonic_ms();
        struct health_view v;

        if (!slot)
                return false;
        v = health_slot_view(b->snapshot->health, slot, now_ms);
        view_tell(&v, now_ms, ret);
        return true;
}

static bool hook_key_health(void *context, const char *key, struct slot_health *ret)
{
        struct books *b = context;
        const struct snapshot *s = b->snapshot;
        uint64_t now_ms = clock_monotonic_ms();

        for (size_t i = 0; s && s->policy && i < s->policy->n_keys; i++) {
                struct health_view v;

                if (strcmp(s->policy->keys[i].name, key) != 0)
                        continue;
                v = health_key_view(s->health, &s->policy->keys[i], now_ms);
                view_tell(&v, now_ms, ret);
                return true;
        }
        return false;
}

static void unusable_note(struct traffic_counts *c, uint64_t at_ms, uint64_t now_ms)
{
        uint64_t ago_s = now_ms > at_ms ? (now_ms - at_ms) / 1000 : 0;

        if (at_ms == 0 || (c->has_unusable && c->unusable_s < ago_s))
                return;
        c->has_unusable = true;
        c->unusable_s = ago_s;
}

struct traffic_counts books_traffic(const struct books *b)
{
        uint64_t now_ms = clock_monotonic_ms();
        struct traffic_counts sum = { 0 };

        for (unsigned i = 0; b->crew && i < b->crew->n_members; i++) {
                const struct tally *t = &b->crew->members[i]->gateway.tally;

                sum.n_requests += atomic_load_explicit(&t->n_requests, memory_order_relaxed);
                sum.n_by_key += atomic_load_explicit(&t->n_by_key, memory_order_relaxed);
                sum.n_by_backend += atomic_load_explicit(&t->n_by_backend, memory_order_relaxed);
                sum.n_refused += atomic_load_explicit(&t->n_refused, memory_order_relaxed);
                sum.n_failed += atomic_load_explicit(&t->n_failed, memory_order_relaxed);
                sum.n_fallbacks += atomic_load_explicit(&t->n_fallbacks, memory_order_relaxed);
                unusable_note(&sum, atomic_load_explicit(&t->unusable_ms, memory_order_relaxed),
                              now_ms);
        }
        return sum;
}

static void hook_traffic(void *context, struct traffic_counts *ret)
{
        *ret = books_traffic(context);
}

static bool setback_tell(const struct setback *s, struct failure *ret)
{
        if (s->at_ms)
                *ret = (struct failure){ (clock_monotonic_ms() - s->at_ms) / 1000, s->error };
        return s->at_ms != 0;
}

static bool hook_take_back_failed(void *context, struct failure *ret)
{
        const struct books *b = context;

        return setback_tell(&b->take_back, ret);
}

static bool hook_reload_failed(void *context, struct failure *ret)
{
        const struct books *b = context;

        return setback_tell(&b->reload, ret);
}

/* ---- setbacks ---- */

void setback_note(struct setback *s, struct place at, const char *error)
{
        char line[16] = "";

        setback_forget(s);
        s->at_ms = clock_monotonic_ms();
        if (!error)
                return;
        if (at.line)
                snprintf(line, sizeof(line), ":%u", at.line);
        if (asprintf(&s->error, "%s%s%s%s", at.file ? at.file : "", line, at.file ? ": " : "",
                     error) < 0)
                s->error = NULL;
}

void setback_forget(struct setback *s)
{
        free(s->error);
        *s = (struct setback){ 0 };
}

/* ---- opening ---- */

int books_open(struct books *b, const struct config *config, struct origins *origins,
               char why[static LEDGER_WHY_MAX])
{
        int r;

        *b = (struct books){ .config = config, .origins = origins };
        r = ledger_open(config->ledger, LEDGER_CREATE, why, &b->ledger);
        if (r)
                return r;
        b->hooks = (struct operation_hooks){ .prepare = hook_prepare,
                                             .slot_health = hook_slot_health,
                                             .key_health = hook_key_health,
                                             .traffic = hook_traffic,
                                             .take_back_failed = hook_take_back_failed,
                                             .reload_failed = hook_reload_failed,
                                             .started_us = clock_wall_us() };
        b->host = (struct operation_host){ .ledger = b->ledger,
                                           .ledger_path = config->ledger,
                                           .policy_path = config->policy,
                                           .provider_dir = config->providers,
                                           .router = config->address,
                                           .hooks = &b->hooks,
                                           .hooks_context = b };
        return 0;
}

void books_forget_prepared(struct books *b)
{
        if (b->prepared)
                policy_unref(TAKE(b->prepared));
        if (b->prepared_vault)
                vault_unref(TAKE(b->prepared_vault));
}

void books_done(struct books *b)
{
        books_forget_prepared(b);
        if (b->ledger)
                ledger_close(b->ledger);
        free(b->known);
        setback_forget(&b->take_back);
        setback_forget(&b->reload);
        *b = (struct books){ NULL };
}

/* ---- snapshots ---- */

static int revision_load(struct books *b, const struct revision *rev, struct diag *d,
                         struct policy **ret)
{
        CLEANUP(file_set_done) struct file_set files = { NULL };
        CLEANUP(pin_set_freep) struct pin_set *pins = NULL;
        struct policy_source source = { .path = b->config->policy, .files = &files };
        int r = ledger_pins(b->ledger, &pins);

        for (size_t i = 0; i < rev->n_files && r == 0; i++) {
                const struct ledger_file *f = &rev->files[i];

                r = file_set_add(&files, f->role, f->path, (struct slice){ f->text, f->length });
        }
        if (r)
                return r;
        source.pins = pins;
        return policy_load_from(&source, d, ret);
}

/* Policy and credentials of the revision: of the apply that has just been committed, of the
 * snapshot before, or made anew. References. */
static int parts_find(struct books *b, const struct revision *rev, struct snapshot *old, bool fresh,
                      struct diag *d, struct policy **ret_policy, struct vault **ret_vault)
{
        CLEANUP(policy_unrefp) struct policy *policy = NULL, *prepared = TAKE(b->prepared);
        CLEANUP(vault_unrefp) struct vault *vault = NULL, *prepared_vault = TAKE(b->prepared_vault);
        int r = 0;

        if (prepared) {
                policy = TAKE(prepared);
                vault = TAKE(prepared_vault);
        } else if (old && old->policy && old->revision == rev->id && !fresh) {
                policy = policy_ref(old->policy);
                vault = vault_ref(old->vault);
        } else {
                r = revision_load(b, rev, d, &policy);
                if (r == 0)
                        r = vault_load(b->config->credentials, policy, d, &vault);
        }
        if (r)
                return r;
        *ret_policy = TAKE(policy);
        *ret_vault = TAKE(vault);
        return 0;
}

static const struct group *group_behind_router(const struct policy *policy)
{
        for (size_t i = 0; i < policy->n_groups; i++)
                if (policy->groups[i].egress == EGRESS_ROUTER)
                        return &policy->groups[i];
        return NULL;
}

/* The configuration's address, or where that is silent the one that the policy was planned with. If
 * they differ the vendor lists another one than it will see. */
static struct addr router_address(const struct books *b, const struct revision *rev,
                                  const struct policy *policy, struct diag *d)
{
        const struct group *group = group_behind_router(policy);
        struct addr now = b->config->address, then = { { 0 } };
        char text[ADDR_TEXT_MAX];

        if (rev->router[0] && addr_parse(slice_of(rev->router), &then) != 0)
                then = (struct addr){ { 0 } };
        if (addr_is_unspecified(&now))
                return then;
        if (group && !addr_equal(&now, &then))
                diag_warning(d, group->at, "run keyrouter apply",
                             "group %s has no key: the policy was applied for %s as the router's "
                             "address, and now it is %s",
                             group->name, rev->router[0] ? rev->router : "no address",
                             addr_format(&now, text));
        return now;
}

static void status_write(struct snapshot *s)
{
        const struct plan *plan = s->plan;

        if (plan)
                snprintf(s->status, sizeof(s->status),
                         "policy %llu: %zu workstations: %zu on embedded keys, %zu overflow",
                         (unsigned long long)s->revision, plan->n_desks, plan->n_desks_embedded,
                         plan->n_desks_overflow);
        else
                snprintf(s->status, sizeof(s->status), "no policy is applied: run keyrouter apply");
}

/* What stands on the keys by the ledger, and by what calls have shown but could not be written. */
static int entries_find(struct books *b, struct entry_set **ret)
{
        CLEANUP(entry_set_freep) struct entry_set *entries = NULL;
        CLEANUP(evidence_done) struct evidence e = { NULL };
        int r = ledger_entries(b->ledger, &entries);

        if (r == 0 && b->known)
                r = evidence_find(b->snapshot->plan, b->snapshot->health, b->known, entries, &e);
        if (r)
                return r;
        evidence_lay_over(&e, entries, (int64_t)clock_wall_us());
        *ret = TAKE(entries);
        return 0;
}

/* What calls have shown is in the entries by now. Where they say that a slot works, and what was
 * carried over says that it was refused, somebody has changed the entry since, who knew better. A
 * slot that was a former one is none of these: its entry told what an apply made of it. */
static void entries_trust(struct books *b, struct snapshot *s)
{
        for (size_t i = 0; s->plan && i < s->plan->n_slots; i++) {
                const struct slot *slot = &s->plan->slots[i], *before;

                if (!slot->key || slot->state != ENTRY_LIVE)
                        continue;
                before = slot_named(b, slot->provider->name, slot->key->name, &slot->seen);
                if (before && before->state != ENTRY_LEAVING)
                        health_trust(s->health, slot);
        }
}

int books_snapshot(struct books *b, struct snapshot *old, bool fresh, struct diag *d,
                   struct snapshot **ret)
{
        CLEANUP(revision_freep) struct revision *rev = NULL;
        CLEANUP(entry_set_freep) struct entry_set *entries = NULL;
        CLEANUP(policy_unrefp) struct policy *policy = NULL;
        CLEANUP(vault_unrefp) struct vault *vault = NULL;
        CLEANUP(freep) struct ledger_switch *switched = NULL;
        struct plan *plan = NULL;
        struct addr router;
        size_t n_switched = 0;
        int r = ledger_revision(b->ledger, 0, &rev);

        if (r && r != -ENOENT)
                return r;
        r = ledger_switches(b->ledger, &switched, &n_switched);
        if (r == 0)
                r = entries_find(b, &entries);
        if (r == 0 && rev)
                r = parts_find(b, rev, old, fresh, d, &policy, &vault);
        if (r == 0 && rev) {
                router = router_address(b, rev, policy, d);
                r = plan_restore(policy, entries, &router, d, &plan);
        }
        if (r == 0)
                r = snapshot_new(policy, plan, vault, switched, n_switched, b->origins, old, d,
                                 ret);
        if (r)
                return r;
        (*ret)->revision = rev ? rev->id : 0;
        entries_trust(b, *ret);
        status_write(*ret);
        return 0;
}

/* ---- evidence ---- */

/* What is known is of the snapshot before, or of none. */
static int known_fill(struct books *b)
{
        CLEANUP(entry_set_freep) struct entry_set *entries = NULL;
        int r = ledger_entries(b->ledger, &entries);

        return r ? r : known_new(b->snapshot->plan, entries, &b->known);
}

/* What was seen while the snapshot waited for its turn is in the ledger, and not in the snapshot. */
static void evidence_trust(const struct books *b, struct snapshot *s)
{
        for (size_t i = 0; i < s->plan->n_slots; i++)
                if (b->known[i] == ENTRY_LIVE && s->plan->slots[i].state < ENTRY_LIVE)
                        health_learn(s->health, &s->plan->slots[i]);
}

void books_serve(struct books *b, struct snapshot *s)
{
        free(TAKE(b->known));
        b->snapshot = s;
        if (s->plan && known_fill(b) == 0) /* where it fails, the first evidence tries again */
                evidence_trust(b, s);
}

int books_evidence(struct books *b)
{
        CLEANUP(entry_set_freep) struct entry_set *entries = NULL;
        CLEANUP(evidence_done) struct evidence e = { NULL };
        int r = 0;

        if (!b->snapshot || !b->snapshot->plan)
                return 0;
        if (!b->known)
                r = known_fill(b);
        if (r == 0)
                r = ledger_entries(b->ledger, &entries);
        if (r == 0)
                r = evidence_find(b->snapshot->plan, b->snapshot->health, b->known, entries, &e);
        if (r || e.n == 0)
                return r;
        return evidence_commit(&e, entries, b->ledger, (int64_t)clock_wall_us(), b->known);
}
