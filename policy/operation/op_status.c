/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/policy_state.h"
#include "policy/operation/status_count.h"

#include <errno.h>

struct looking {
        struct op *op;
        struct op_policy p;
        struct plan *plan; /* NULL: nothing is in force */
        struct switched switched;
        struct desk_counts *groups; /* of the plan's policy */
        struct pending pending;
        const char *state; /* of the policy's file */
};

static void looking_done(struct looking *l)
{
        if (l->plan)
                plan_free(l->plan);
        free(l->groups);
        switched_done(&l->switched);
        op_policy_done(&l->p);
}

/* A list of one object for each i below n. NULL: no memory. */
static json_t *list_json(const struct looking *l, size_t n,
                         json_t *(*each)(const struct looking *l, size_t i))
{
        json_t *list = json_array();

        for (size_t i = 0; list && i < n; i++) {
                if (json_array_append_new(list, each(l, i)) != 0) {
                        json_decref(list);
                        list = NULL;
                }
        }
        return list;
}

/* ---- keys and backends ---- */

static json_t *suspended_by_json(const struct looking *l, const char *kind, const char *name)
{
        const struct ledger_switch *off = switched_find(&l->switched, "all", "");

        if (!off)
                off = switched_find(&l->switched, kind, name);
        return text_json(off ? off->who : NULL);
}

/* Null without a daemon. */
static json_t *health_json(const struct looking *l, const struct key *key)
{
        const struct operation_host *host = l->op->host;
        struct slot_health h;

        if (!host->hooks || !host->hooks->key_health ||
            !host->hooks->key_health(host->hooks_context, key->name, &h))
                return json_null();
        return json_pack("{s:s, s:o, s:o}", "state", h.is_suspended ? "suspended" : "ok", "for_s",
                         h.is_suspended ? json_integer(h.for_s) : json_null(), "cause",
                         text_json(h.is_suspended ? h.cause : NULL));
}

static json_t *key_json(const struct looking *l, size_t i)
{
        const struct key_use *use = &l->plan->keys[i];
        const struct key *k = use->key;
        int64_t n_free = k->capacity - k->reserve - use->n_slots - use->n_leaving - use->n_foreign;

        return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, "
                         "s:o}",
                         "name", text_json(k->name), "provider", text_json(k->provider->name),
                         "capacity", (json_int_t)k->capacity, "reserve", (json_int_t)k->reserve,
                         "used", (json_int_t)use->n_slots, "free", (json_int_t)MAX(n_free, 0),
                         "desks", (json_int_t)use->n_desks, "wanted", (json_int_t)use->n_wanted,
                         "propagating", (json_int_t)use->n_propagating, "live",
                         (json_int_t)use->n_live, "suspended", (json_int_t)use->n_suspended,
                         "leaving", (json_int_t)use->n_leaving, "foreign",
                         (json_int_t)use->n_foreign, "suspended_by",
                         suspended_by_json(l, "key:", k->name), "health", health_json(l, k));
}

static json_t *backend_json(const struct looking *l, size_t i)
{
        const struct backend *b = &l->p.policy->backends[i];

        return json_pack("{s:o, s:o, s:o}", "name", text_json(b->name), "provider",
                         text_json(b->provider->name), "suspended_by",
                         suspended_by_json(l, "backend:", b->name));
}

/* ---- groups ---- */

static json_t *group_json(const struct looking *l, size_t i)
{
        const struct desk_counts *c = &l->groups[i];

        return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I}", "name",
                         text_json(l->p.policy->groups[i].name), "desks", (json_int_t)c->n_desks,
                         "on_keys", (json_int_t)c->n_on_keys, "not_live", (json_int_t)c->n_not_live,
                         "by_backend", (json_int_t)c->n_by_backend, "refused",
                         (json_int_t)c->n_refused);
}

static json_t *totals_json(const struct looking *l)
{
        struct desk_counts sum = { 0 };

        for (size_t i = 0; l->plan && i < l->p.policy->n_groups; i++) {
                sum.n_desks += l->groups[i].n_desks;
                sum.n_on_keys += l->groups[i].n_on_keys;
                sum.n_not_live += l->groups[i].n_not_live;
                sum.n_by_backend += l->groups[i].n_by_backend;
                sum.n_refused += l->groups[i].n_refused;
        }
        return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "desks", (json_int_t)sum.n_desks,
                         "egress_addresses",
                         (json_int_t)(l->plan ? l->plan->census->n_egresses : 0), "on_keys",
                         (json_int_t)sum.n_on_keys, "not_live", (json_int_t)sum.n_not_live,
                         "by_backend", (json_int_t)sum.n_by_backend, "refused",
                         (json_int_t)sum.n_refused);
}

/* ---- what waits ---- */

static json_t *open_json(const struct looking *l)
{
        const struct entry_set *entries = l->p.entries;
        int64_t oldest_us = l->op->now_us;
        size_t n_add = 0, n_remove = 0;

        for (size_t i = 0; i < entries->n; i++) {
                const struct entry *e = &entries->entries[i];

                if (e->state != ENTRY_WANTED && e->state != ENTRY_LEAVING)
                        continue;
                *(e->state == ENTRY_WANTED ? &n_add : &n_remove) += 1;
                oldest_us = MIN(oldest_us, e->since_us);
        }
        return json_pack("{s:I, s:I, s:o}", "add", (json_int_t)n_add, "remove",
                         (json_int_t)n_remove, "oldest_s",
                         n_add + n_remove ? json_integer((l->op->now_us - oldest_us) / 1000000)
                                          : json_null());
}

/* Null: it has not. `failed` may be NULL. */
static json_t *failure_json(const struct operation_host *host,
                            bool (*failed)(void *context, struct failure *ret))
{
        struct failure f;

        if (!failed || !failed(host->hooks_context, &f))
                return json_null();
        return json_pack("{s:I, s:o}", "ago_s", (json_int_t)f.ago_s, "error", text_json(f.error));
}

static json_t *pending_json(const struct looking *l)
{
        const struct operation_host *host = l->op->host;
        const struct pending *p = &l->pending;

        if (p->revision == 0)
                return json_null();
        return json_pack("{s:I, s:I, s:o, s:I, s:o}", "revision", (json_int_t)p->revision,
                         "previous", (json_int_t)p->previous, "confirm_by",
                         time_json(p->deadline_us), "left_s",
                         (json_int_t)MAX((p->deadline_us - l->op->now_us) / 1000000, 0),
                         "take_back_failed",
                         failure_json(host, host->hooks ? host->hooks->take_back_failed : NULL));
}

/* ---- who and what ---- */

/* Who applied it: null where the row is no longer kept. */
static int applied_by(const struct looking *l, json_t **ret)
{
        CLEANUP(history_freep) struct history *h = NULL;
        const struct revision *applied = l->p.applied;
        const char *who = NULL;
        int r;

        if (applied) {
                r = ledger_history(l->op->host->ledger, applied->id + 1, 1, &h);
                if (r)
                        return r;
                if (h->n == 1 && h->rows[0].id == applied->id)
                        who = h->rows[0].who;
        }
        *ret = text_json(who);
        return *ret ? 0 : -ENOMEM;
}

json_t *unusable_json(const struct operation_host *host)
{
        struct traffic_counts c = { .has_unusable = false };

        if (host->hooks && host->hooks->traffic)
                host->hooks->traffic(host->hooks_context, &c);
        return c.has_unusable ? json_integer((json_int_t)c.unusable_s) : json_null();
}

static json_t *traffic_json(const struct operation_host *host)
{
        struct traffic_counts c;

        if (!host->hooks || !host->hooks->traffic)
                return json_null();
        host->hooks->traffic(host->hooks_context, &c);
        return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "requests",
                         (json_int_t)c.n_requests,
                         "by_key", (json_int_t)c.n_by_key, "by_backend", (json_int_t)c.n_by_backend,
                         "refused", (json_int_t)c.n_refused, "failed", (json_int_t)c.n_failed,
                         "fallbacks", (json_int_t)c.n_fallbacks, "unusable_s", unusable_json(host));
}

static json_t *ledger_json(const struct operation_host *host)
{
        return json_pack("{s:o, s:I, s:I, s:I}", "path", text_json(host->ledger_path), "schema",
                         (json_int_t)ledger_schema(host->ledger), "bytes",
                         (json_int_t)ledger_bytes(host->ledger), "rows",
                         (json_int_t)ledger_head(host->ledger));
}

static int looking_answer(struct op *o, struct looking *l)
{
        const struct operation_host *host = o->host;
        const struct revision *applied = l->p.applied;
        const struct policy *p = l->p.policy;
        json_t *who = NULL, *off = NULL;
        int r = applied_by(l, &who);

        if (r == 0)
                r = op_switches(o, &off);
        if (r) {
                json_decref(who);
                return r;
        }
        return op_answer(
                o, json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, "
                             "s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o}",
                             "schema", "keyrouter.status/1", "version", KEYROUTER_VERSION, "daemon",
                             host->hooks != NULL, "started",
                             time_json(host->hooks ? (int64_t)host->hooks->started_us : 0), "site",
                             text_json(p ? p->site : NULL), "revision",
                             applied ? json_integer((json_int_t)applied->id) : json_null(),
                             "applied", time_json(applied ? applied->at_us : 0), "applied_by", who,
                             "policy_path", text_json(policy_state_path(o, &l->p)), "policy_state",
                             l->state, "pending", pending_json(l), "keys",
                             list_json(l, l->plan ? l->plan->n_keys : 0, key_json), "backends",
                             list_json(l, p ? p->n_backends : 0, backend_json), "groups",
                             list_json(l, p ? p->n_groups : 0, group_json), "totals",
                             totals_json(l), "open", open_json(l), "switched_off", off, "pins",
                             (json_int_t)l->p.pins->n, "traffic", traffic_json(host),
                             "reload_failed",
                             failure_json(host, host->hooks ? host->hooks->reload_failed : NULL),
                             "ledger", ledger_json(host)));
}

static int looking_fill(struct op *o, struct looking *l)
{
        int r = switched_read(o->host->ledger, &l->switched);

        if (r == 0)
                r = ledger_pending(o->host->ledger, &l->pending);
        if (r == 0)
                r = policy_state(o, &l->p, &l->state);
        if (r == 0 && l->p.policy)
                r = op_policy_restore(o, &l->p, &l->plan);
        if (r || !l->plan)
                return r;
        l->groups = status_count(l->plan, &l->switched);
        return l->groups ? 0 : -ENOMEM;
}

int op_status(struct op *o)
{
        CLEANUP(looking_done) struct looking l = { .op = o };
        int r;

        op_policy_init(&l.p);
        r = op_in_force_load(o, &l.p);
        if (r || o->reply->body)
                return r;
        r = looking_fill(o, &l);
        return r || o->reply->body ? r : looking_answer(o, &l);
}
