/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy is loaded twice: once as it is, once to be changed. Both are planned from what stands
 * on the keys, and the answer is made of the two plans. Where nothing has been applied yet nobody
 * could move, so the second is planned as if the first had been carried out.
 *
 * How many keys are missing is asked of a third plan, for which what is leaving the keys has left
 * them: places that come free by themselves are none that have to be bought.
 */
#include "policy/operation/spill.h"
#include "policy/operation/whatif_ask.h"
#include "policy/operation/wish.h"
#include "policy/settle.h"
#include "policy/terms.h"

#include <errno.h>

struct side {
        struct op_policy p;
        struct plan *plan;
        json_t *document; /* keyrouter.plan/2 */
};

struct asking {
        struct whatif_ask ask;
        struct side before, after;
        struct plan *settled; /* as after, with nothing leaving */
};

static void side_done(struct side *s)
{
        json_decref(s->document);
        if (s->plan)
                plan_free(s->plan);
        op_policy_done(&s->p);
}

static void asking_done(struct asking *a)
{
        if (a->settled)
                plan_free(a->settled);
        side_done(&a->before);
        side_done(&a->after);
        whatif_ask_done(&a->ask);
}

/* ---- plans ---- */

static int side_document(struct op *o, struct side *s)
{
        CLEANUP(move_list_freep) struct move_list *moves = NULL;
        int r = entries_settle(s->plan, s->p.entries, o->now_us, &moves);

        if (r)
                return r;
        s->document = plan_json(&(struct plan_document){ &s->p, s->plan, moves->moves, moves->n });
        return s->document ? 0 : -ENOMEM;
}

/* What is in force is as it is; a given policy is as it would be. */
static int before_make(struct op *o, struct side *s)
{
        int r = op_policy_load(o, 0, &s->p);

        if (r || !s->p.policy)
                return r;
        r = s->p.is_applied ? op_policy_restore(o, &s->p, &s->plan)
                            : op_policy_plan(o, &s->p, &s->plan);
        return r || !s->plan ? r : side_document(o, s);
}

static int entries_wish(const struct plan *plan, struct op_policy *p)
{
        CLEANUP(freep) char *assignment = plan_assignment(plan);
        struct entry_set *wish;
        int r = assignment ? wish_make(p->entries, assignment, &wish) : -ENOMEM;

        if (r)
                return r;
        entry_set_free(p->entries);
        p->entries = wish;
        return 0;
}

static int refuse_flaw(struct op *o, int answer, const struct whatif_flaw *flaw)
{
        return op_refuse(o, answer == WHATIF_E_UNKNOWN ? EX_NOINPUT : EX_DATAERR,
                         flaw->remedy[0] ? flaw->remedy : NULL, "%s", flaw->text);
}

static int after_make(struct op *o, struct asking *a)
{
        struct side *s = &a->after;
        struct whatif_flaw flaw;
        int r = op_policy_load(o, 0, &s->p);

        if (r || !s->p.policy)
                return r;
        if (!s->p.applied)
                r = entries_wish(a->before.plan, &s->p);
        if (r)
                return r;
        r = policy_whatif(s->p.policy, &a->ask.what, s->p.entries, &flaw);
        if (r > 0)
                return refuse_flaw(o, r, &flaw);
        if (r == 0)
                r = op_policy_plan(o, &s->p, &s->plan);
        return r || !s->plan ? r : side_document(o, s);
}

static int settled_make(struct op *o, struct asking *a)
{
        const struct entry_set *all = a->after.p.entries;
        CLEANUP(freep) struct entry *kept = calloc(all->n + 1, sizeof(*kept));
        CLEANUP(entry_set_freep) struct entry_set *entries = NULL;
        CLEANUP(diag_done) struct diag d;
        size_t n = 0;
        int r;

        diag_init(&d);
        if (!kept)
                return -ENOMEM;
        for (size_t i = 0; i < all->n; i++)
                if (all->entries[i].state != ENTRY_LEAVING)
                        kept[n++] = all->entries[i];
        r = entry_set_new(kept, n, &entries);
        if (r)
                return r;
        r = plan_make(a->after.p.policy, entries, &a->after.p.router, &d, &a->settled);
        return r == -EINVAL ? op_refuse_findings(o, &d, "the policy cannot be planned") : r;
}

/* ---- the answer ---- */

/* Does a group behind the address have a key of the provider, in the policy as it is? */
static bool slot_may_have_key(const struct asking *a, const struct slot *s)
{
        const struct policy *before = a->before.p.policy;
        const struct provider *provider =
                &before->providers[s->provider - a->after.p.policy->providers];

        for (unsigned i = 0; i < s->n_shares; i++)
                if (group_has_key_of(&before->groups[s->shares[i].group->index], provider) ||
                    group_has_key_of(s->shares[i].group, s->provider))
                        return true;
        return false;
}

/* A new key is for all that may have one, so as many of them as hold the rest are enough. */
static size_t keys_missing(const struct asking *a, const struct provider *provider)
{
        int64_t capacity = provider->classes[CLASS_EMBEDDED].capacity;
        size_t n = 0;

        for (size_t i = 0; i < a->settled->n_slots; i++) {
                const struct slot *s = &a->settled->slots[i];

                n += s->provider == provider && !s->key && slot_may_have_key(a, s);
        }
        return capacity > 0 ? (n + (size_t)capacity - 1) / (size_t)capacity : 0;
}

/* Does the policy have a key of the provider, before or after? */
static bool provider_has_keys(const struct asking *a, size_t i)
{
        const struct policy *before = a->before.p.policy, *after = a->after.p.policy;

        for (size_t k = 0; k < before->n_keys; k++)
                if (before->keys[k].provider == &before->providers[i])
                        return true;
        for (size_t k = 0; k < after->n_keys; k++)
                if (after->keys[k].provider == &after->providers[i])
                        return true;
        return false;
}

static json_t *keys_needed_json(const struct asking *a)
{
        const struct policy *p = a->after.p.policy;
        json_t *needed = json_object();

        for (size_t i = 0; needed && i < p->n_providers; i++)
                if (provider_has_keys(a, i))
                        json_object_set_new(needed, p->providers[i].name,
                                            json_integer(
                                                    (json_int_t)keys_missing(a, &p->providers[i])));
        return needed;
}

static const struct key_use *use_named(const struct plan *plan, const char *name)
{
        for (size_t i = 0; i < plan->n_keys; i++)
                if (strcmp(plan->keys[i].key->name, name) == 0)
                        return &plan->keys[i];
        return NULL;
}

static bool is_asked(const struct asking *a, const char *name, bool removed)
{
        const struct whatif *w = &a->ask.what;

        for (size_t i = 0; removed && i < w->n_removed; i++)
                if (strcmp(w->removed[i], name) == 0)
                        return true;
        for (size_t i = 0; !removed && i < w->n_keys; i++)
                if (strcmp(w->keys[i].name, name) == 0)
                        return true;
        return false;
}

/* Removed and added again: neither. */
static const char *key_change(const struct asking *a, const char *name)
{
        bool removed = is_asked(a, name, true), added = is_asked(a, name, false);

        return removed == added ? NULL : removed ? "removed" : "added";
}

static json_t *key_json(const struct asking *a, const struct key *key)
{
        const struct key_use *before = use_named(a->before.plan, key->name);
        const struct key_use *after = use_named(a->after.plan, key->name);

        return json_pack("{s:o, s:o, s:I, s:I, s:I, s:o}", "name", text_json(key->name), "provider",
                         text_json(key->provider->name), "used_before",
                         (json_int_t)(before ? before->n_slots : 0), "used",
                         (json_int_t)(after ? after->n_slots : 0), "room",
                         (json_int_t)(after ? after->room : 0), "change",
                         text_json(key_change(a, key->name)));
}

/* Those of before in their order, then those that have come. */
static json_t *keys_json(const struct asking *a)
{
        json_t *list = json_array();
        int r = 0;

        for (size_t i = 0; list && r == 0 && i < a->before.plan->n_keys; i++)
                r = json_array_append_new(list, key_json(a, a->before.plan->keys[i].key));
        for (size_t i = 0; list && r == 0 && i < a->after.plan->n_keys; i++) {
                const struct key *key = a->after.plan->keys[i].key;

                if (!use_named(a->before.plan, key->name))
                        r = json_array_append_new(list, key_json(a, key));
        }
        if (r)
                json_decref(TAKE(list));
        return list;
}

static bool spill_is_like(const struct spill *a, const struct spill *b)
{
        return a->slot->provider == b->slot->provider && a->share->group == b->share->group &&
               a->reason == b->reason;
}

/* The spills from `first` to before `end` are alike. */
static json_t *spills_json(const struct spill_list *l, size_t first, size_t end)
{
        const struct spill *s = &l->spills[first];
        size_t n_desks = 0;

        for (size_t i = first; i < end; i++)
                n_desks += l->spills[i].share->n_desks;
        return json_pack("{s:o, s:o, s:I, s:I, s:s, s:s, s:o}", "group",
                         text_json(s->share->group->name), "provider",
                         text_json(s->slot->provider->name), "addresses", (json_int_t)(end - first),
                         "desks", (json_int_t)n_desks, "reason", s->reason, "route",
                         s->backend ? "backend" : "refused", "backend",
                         text_json(s->backend ? s->backend->name : NULL));
}

static json_t *overflow_json(const struct asking *a)
{
        CLEANUP(spill_list_done) struct spill_list l = { NULL };
        json_t *list = json_array();

        if (spill_list_init(&l, a->after.plan) != 0)
                json_decref(TAKE(list));
        for (size_t i = 0, end; list && i < l.n; i = end) {
                for (end = i + 1; end < l.n && spill_is_like(&l.spills[i], &l.spills[end]);)
                        end++;
                if (json_array_append_new(list, spills_json(&l, i, end)) != 0)
                        json_decref(TAKE(list));
        }
        return list;
}

static json_t *answer_json(const struct asking *a)
{
        json_t *before = a->before.document, *after = a->after.document;
        json_t *moved = json_object_get(after, "moves");

        return json_pack("{s:s, s:O, s:O, s:O, s:I, s:O, s:o, s:o, s:o}", "schema",
                         "keyrouter.whatif/1", "site", json_object_get(after, "site"), "before",
                         json_object_get(before, "totals"), "after",
                         json_object_get(after, "totals"), "moves",
                         (json_int_t)json_array_size(moved), "moved", moved, "keys", keys_json(a),
                         "keys_needed", keys_needed_json(a), "overflow", overflow_json(a));
}

int op_whatif(struct op *o)
{
        CLEANUP(asking_done) struct asking a = { .ask = { .desks = NULL } };
        int r;

        op_policy_init(&a.before.p);
        op_policy_init(&a.after.p);
        r = whatif_ask_read(o, &a.ask);
        if (r == 0 && !o->reply->body)
                r = before_make(o, &a.before);
        if (r == 0 && !o->reply->body)
                r = after_make(o, &a);
        if (r == 0 && !o->reply->body)
                r = settled_make(o, &a);
        return r || o->reply->body ? r : op_answer(o, answer_json(&a));
}
