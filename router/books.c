/* SPDX-License-Identifier: Apache-2.0 */
#include "router/books.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "router/crew.h"

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

struct traffic_counts books_traffic(const struct books *b)
{
        struct traffic_counts sum = { 0 };

        for (unsigned i = 0; b->crew && i < b->crew->n_members; i++) {
                const struct tally *t = &b->crew->members[i]->gateway.tally;

                sum.n_requests += atomic_load_explicit(&t->n_requests, memory_order_relaxed);
                sum.n_by_key += atomic_load_explicit(&t->n_by_key, memory_order_relaxed);
                sum.n_by_backend += atomic_load_explicit(&t->n_by_backend, memory_order_relaxed);
                sum.n_refused += atomic_load_explicit(&t->n_refused, memory_order_relaxed);
                sum.n_failed += atomic_load_explicit(&t->n_failed, memory_order_relaxed);
                sum.n_fallbacks += atomic_load_explicit(&t->n_fallbacks, memory_order_relaxed);
        }
        return sum;
}

static void hook_traffic(void *context, struct traffic_counts *ret)
{
        *ret = books_traffic(context);
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

/* Policy and credentials of the revision: of the snapshot before, of the apply that has just been
 * committed, or made anew. References. */
static int parts_find(struct books *b, const struct revision *rev, struct snapshot *old, bool fresh,
                      struct diag *d, struct policy **ret_policy, struct vault **ret_vault)
{
        CLEANUP(policy_unrefp) struct policy *policy = NULL, *prepared = TAKE(b->prepared);
        CLEANUP(vault_unrefp) struct vault *vault = NULL, *prepared_vault = TAKE(b->prepared_vault);
        int r = 0;

        if (prepared) {
                policy = TAKE(prepared);
                vault = TAKE(prepared_vault);
        } else if (old && old->policy && !fresh) {
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

/* As the policy was planned: with the address that was told then, where the configuration is silent. */
static struct addr router_address(const struct books *b, const struct revision *rev)
{
        struct addr a = b->config->address;

        if (addr_is_unspecified(&a) && rev->router[0] && addr_parse(slice_of(rev->router), &a) != 0)
                a = (struct addr){ { 0 } };
        return a;
}

static void status_write(struct books *b, const struct plan *plan)
{
        if (plan)
                snprintf(b->status, sizeof(b->status),
                         "policy %llu: %zu workstations: %zu on %zu embedded keys, %zu overflow",
                         (unsigned long long)b->revision, plan->n_desks, plan->n_desks_embedded,
                         plan->n_keys, plan->n_desks_overflow);
        else
                snprintf(b->status, sizeof(b->status), "no policy is applied: run keyrouter apply");
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
                r = ledger_entries(b->ledger, &entries);
        if (r == 0 && rev)
                r = parts_find(b, rev, old, fresh, d, &policy, &vault);
        if (r == 0 && rev) {
                router = router_address(b, rev);
                r = plan_restore(policy, entries, &router, d, &plan);
        }
        if (r)
                return r;
        b->revision = rev ? rev->id : 0;
        status_write(b, plan);
        return snapshot_new(policy, plan, vault, switched, n_switched, b->origins, old, d, ret);
}

/* ---- evidence ---- */

int books_serve(struct books *b, struct snapshot *s)
{
        CLEANUP(entry_set_freep) struct entry_set *entries = NULL;
        size_t n_slots = s->plan ? s->plan->n_slots : 0;
        struct known *known = calloc(n_slots + 1, sizeof(*known));
        int r = known ? ledger_entries(b->ledger, &entries) : fault(-ENOMEM);

        if (r) {
                free(known);
                return r < 0 ? r : fault(-EIO);
        }
        for (size_t i = 0; i < n_slots; i++) {
                const struct slot *slot = &s->plan->slots[i];
                size_t n;
                const struct entry *e =
                        entry_set_find(entries, slot->provider->name, &slot->seen, &n);

                for (; n > 0; n--, e++)
                        if (entry_state_is_held(e->state))
                                known[i] = (struct known){ e->state, e->added_us, e->live_us };
        }
        free(b->known);
        b->known = known;
        b->snapshot = s;
        return 0;
}

/* What health makes of an entry that is known so. */
static enum entry_state state_seen(const struct known *k, const struct health_view *v)
{
        if (k->state < ENTRY_LIVE && !v->was_live)
                return k->state;
        return v->state == HEALTH_STATE_OK ? ENTRY_LIVE : ENTRY_SUSPENDED;
}

struct evidence {
        struct entry_move *moves;
        size_t *slots; /* index of each */
        char (*hosts)[ADDR_TEXT_MAX];
        size_t n, n_live, n_suspended;
};

static void evidence_done(struct evidence *e)
{
        free(e->moves);
        free(e->slots);
        free(e->hosts);
}

static void evidence_add(struct evidence *e, const struct slot *slot, const struct known *k,
                         enum entry_state to, int64_t now_us)
{
        char *host = e->hosts[e->n];

        if (addr_is_unspecified(&slot->seen))
                strcpy(host, "router");
        else
                addr_format(&slot->seen, host);
        e->moves[e->n] = (struct entry_move){ .provider = slot->provider->name,
                                              .key = slot->key->name,
                                              .host = host,
                                              .from = (int)k->state,
                                              .to = (int)to,
                                              .added_us = k->added_us ? k->added_us : now_us,
                                              .live_us = k->live_us ? k->live_us : now_us };
        e->slots[e->n++] = slot->index;
        e->n_live += to == ENTRY_LIVE;
        e->n_suspended += to == ENTRY_SUSPENDED;
}

static int evidence_commit(struct books *b, const struct evidence *e, int64_t now_us)
{
        char summary[160];
        struct change c = { .expected_head = UINT64_MAX,
                            .who = "keyrouterd",
                            .what = "evidence",
                            .summary = summary,
                            .at_us = now_us,
                            .moves = e->moves,
                            .n_moves = e->n };
        uint64_t row;
        int r;

        snprintf(summary, sizeof(summary), "the vendor took calls of %zu addresses, refused %zu",
                 e->n_live, e->n_suspended);
        r = ledger_commit(b->ledger, &c, &row);
        for (size_t i = 0; i < e->n && r == 0; i++)
                b->known[e->slots[i]] = (struct known){ (enum entry_state)e->moves[i].to,
                                                        e->moves[i].added_us, e->moves[i].live_us };
        return r;
}

int books_evidence(struct books *b)
{
        const struct plan *plan = b->snapshot ? b->snapshot->plan : NULL;
        CLEANUP(evidence_done) struct evidence e = { NULL };
        uint64_t now_ms = clock_monotonic_ms();
        int64_t now_us = (int64_t)clock_wall_us();

        if (!plan)
                return 0;
        e.moves = calloc(plan->n_slots + 1, sizeof(*e.moves));
        e.slots = calloc(plan->n_slots + 1, sizeof(*e.slots));
        e.hosts = calloc(plan->n_slots + 1, sizeof(*e.hosts));
        if (!e.moves || !e.slots || !e.hosts)
                return fault(-ENOMEM);
        for (size_t i = 0; i < plan->n_slots; i++) {
                const struct slot *slot = &plan->slots[i];
                struct health_view v;
                enum entry_state to;

                if (!slot->key)
                        continue;
                v = health_slot_view(b->snapshot->health, slot, now_ms);
                to = state_seen(&b->known[i], &v);
                if (to != b->known[i].state)
                        evidence_add(&e, slot, &b->known[i], to, now_us);
        }
        return e.n ? evidence_commit(b, &e, now_us) : 0;
}
