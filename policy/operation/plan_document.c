/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan for whoever reads JSON. What changes on a key comes from the moves of entries, what will
 * be on it from the slots.
 */
#include "policy/operation/op.h"
#include "policy/operation/spill.h"
#include "policy/operation/wish.h"

#include <openssl/evp.h>
#include <stdio.h>

/* Hosts of the moves of one key, by what is to be done with them at the vendor. */
struct key_changes {
        json_t *add, *remove;
        json_t *dropped;  /* were to be added */
        size_t n_listed;  /* stand there already and are of use now: foreign or leaving before */
        size_t n_foreign; /* foreign ones that are in the way: of `remove` */
};

/* The same of all keys: what the plan makes to do at the vendor. */
struct plan_work {
        size_t n_add, n_remove, n_dropped;
};

static void key_changes_done(struct key_changes *c, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                json_decref(c[i].add);
                json_decref(c[i].remove);
                json_decref(c[i].dropped);
        }
        free(c);
}

static const struct key *key_named(const struct policy *p, const char *provider, const char *name)
{
        for (size_t i = 0; i < p->n_keys; i++)
                if (strcmp(p->keys[i].name, name) == 0 &&
                    strcmp(p->keys[i].provider->name, provider) == 0)
                        return &p->keys[i];
        return NULL;
}

static bool changes_take(struct key_changes *changes, const struct policy *p,
                         const struct entry_move *m)
{
        const struct key *key = key_named(p, m->provider, m->key);
        struct key_changes *c = key ? &changes[key->index] : NULL;
        json_t *list = NULL;

        if (!c)
                return true;
        if (m->to == ENTRY_WANTED)
                list = c->add;
        else if (m->to == ENTRY_LEAVING)
                list = c->remove;
        else if (m->from == ENTRY_WANTED && m->to < 0)
                list = c->dropped;
        c->n_listed += m->from == ENTRY_LEAVING ||
                       (m->from == ENTRY_FOREIGN && m->to != ENTRY_LEAVING);
        c->n_foreign += m->from == ENTRY_FOREIGN && m->to == ENTRY_LEAVING;
        return !list || json_array_append_new(list, json_string(m->host)) == 0;
}

/* One for each key of the policy. NULL: no memory. */
static struct key_changes *key_changes_new(const struct plan_document *d)
{
        const struct policy *p = d->policy->policy;
        struct key_changes *changes = calloc(p->n_keys + 1, sizeof(*changes));
        bool good = changes != NULL;

        for (size_t i = 0; good && i < p->n_keys; i++) {
                changes[i] = (struct key_changes){ json_array(), json_array(), json_array(), 0, 0 };
                good = changes[i].add && changes[i].remove && changes[i].dropped;
        }
        for (size_t i = 0; good && i < d->n_moves; i++)
                good = changes_take(changes, p, &d->moves[i]);
        if (!good && changes)
                key_changes_done(TAKE(changes), p->n_keys);
        return changes;
}

size_t plan_count_leaving(const struct plan_document *d, const struct key_use *use)
{
        const struct key *k = use->key;
        size_t n = use->n_leaving;

        for (size_t i = 0; i < d->n_moves; i++)
                n += d->moves[i].to == ENTRY_LEAVING && strcmp(d->moves[i].key, k->name) == 0 &&
                     strcmp(d->moves[i].provider, k->provider->name) == 0;
        return n;
}

static json_t *key_json(const struct plan_document *d, const struct key_use *use,
                        struct key_changes *c)
{
        const struct key *k = use->key;
        size_t n_new = json_array_size(c->add) + c->n_listed;

        return json_pack(
                "{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:O, s:O, s:O, s:I, s:I, s:I, s:I, s:I, s:I, "
                "s:I, s:I}",
                "name", text_json(k->name), "provider", text_json(k->provider->name), "capacity",
                (json_int_t)k->capacity, "reserve", (json_int_t)k->reserve, "room",
                (json_int_t)use->room, "used", (json_int_t)use->n_slots, "desks",
                (json_int_t)use->n_desks, "add", c->add, "remove", c->remove, "dropped",
                c->dropped, "listed", (json_int_t)c->n_listed, "stay",
                (json_int_t)(use->n_slots - n_new), "wanted", (json_int_t)use->n_wanted,
                "propagating", (json_int_t)use->n_propagating, "live", (json_int_t)use->n_live,
                "suspended", (json_int_t)use->n_suspended, "leaving",
                (json_int_t)plan_count_leaving(d, use), "foreign",
                (json_int_t)(use->n_foreign - c->n_foreign));
}

static json_t *keys_json(const struct plan_document *d, struct plan_work *ret)
{
        struct key_changes *changes = key_changes_new(d);
        json_t *keys = changes ? json_array() : NULL;

        for (size_t i = 0; keys && i < d->plan->n_keys; i++) {
                ret->n_add += json_array_size(changes[i].add);
                ret->n_remove += json_array_size(changes[i].remove);
                ret->n_dropped += json_array_size(changes[i].dropped);
                if (json_array_append_new(keys, key_json(d, &d->plan->keys[i], &changes[i])) != 0) {
                        json_decref(keys);
                        keys = NULL;
                }
        }
        if (changes)
                key_changes_done(changes, d->plan->n_keys);
        return keys;
}

static json_t *group_names_json(const struct slot *s)
{
        json_t *names = json_array();

        for (unsigned i = 0; i < s->n_shares; i++)
                json_array_append_new(names, text_json(s->shares[i].group->name));
        return names;
}

/* Against what stands on the keys, whatever it was planned from: see wish.h. */
json_t *moves_json(const struct plan *plan, const struct entry_set *entries)
{
        json_t *list = json_array();
        char text[ADDR_TEXT_MAX];

        for (size_t i = 0; list && i < plan->n_slots; i++) {
                const struct slot *s = &plan->slots[i];
                const char *from = entry_held_key(entries, s->provider->name, &s->seen);
                const char *to = s->key ? s->key->name : NULL;
                json_t *each;

                if (!from || (to && strcmp(from, to) == 0))
                        continue;
                each = json_pack("{s:s, s:o, s:o, s:o, s:I, s:o}", "address",
                                 host_text(&s->seen, text), "provider",
                                 text_json(s->provider->name), "from", text_json(from), "to",
                                 text_json(to), "desks", (json_int_t)s->n_desks, "groups",
                                 group_names_json(s));
                if (json_array_append_new(list, each) != 0) {
                        json_decref(list);
                        list = NULL;
                }
        }
        return list;
}

static json_t *spill_json(const struct spill *s)
{
        char text[ADDR_TEXT_MAX];

        return json_pack("{s:s, s:o, s:I, s:o, s:s, s:s, s:o}", "address",
                         host_text(&s->slot->seen, text), "provider",
                         text_json(s->slot->provider->name), "desks", (json_int_t)s->share->n_desks,
                         "group", text_json(s->share->group->name), "reason", s->reason, "route",
                         s->backend ? "backend" : "refused", "backend",
                         text_json(s->backend ? s->backend->name : NULL));
}

static json_t *spills_json(const struct spill_list *spills)
{
        json_t *list = json_array();

        for (size_t i = 0; list && i < spills->n; i++) {
                if (json_array_append_new(list, spill_json(&spills->spills[i])) != 0) {
                        json_decref(list);
                        list = NULL;
                }
        }
        return list;
}

static json_t *totals_json(const struct plan *plan, const struct spill_list *spills,
                           const struct plan_work *work, size_t n_moves)
{
        struct plan_totals t = plan_totals(plan, spills, NULL);
        double share = plan->n_desks ? (double)t.n_backend / (double)plan->n_desks : 0;

        return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:I}", "desks",
                         (json_int_t)plan->n_desks, "egress_addresses",
                         (json_int_t)plan->census->n_egresses, "embedded", (json_int_t)t.n_embedded,
                         "keys_used", (json_int_t)t.n_keys_used, "backend", (json_int_t)t.n_backend,
                         "refused", (json_int_t)t.n_refused, "backend_share", share, "moves",
                         (json_int_t)n_moves, "add", (json_int_t)work->n_add, "remove",
                         (json_int_t)work->n_remove, "dropped", (json_int_t)work->n_dropped);
}

json_t *plan_json(const struct plan_document *d)
{
        CLEANUP(spill_list_done) struct spill_list spills = { NULL };
        struct plan_work work = { 0 };
        size_t i = 0;
        const struct file_text *main_file;
        json_t *keys;
        char outcome[65];

        if (spill_list_init(&spills, d->plan) != 0)
                return NULL;
        keys = keys_json(d, &work);
        plan_outcome(d, outcome);
        main_file = file_set_next(&d->policy->files, "policy", &i);
        return json_pack("{s:s, s:o, s:o, s:I, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o}", "schema",
                         "keyrouter.plan/2", "file", text_json(main_file ? main_file->path : NULL),
                         "site", text_json(d->plan->policy->site), "head",
                         (json_int_t)d->policy->head, "outcome", outcome, "changes",
                         d->n_moves > 0 || !d->policy->is_applied, "policy_changed",
                         !d->policy->is_applied, "moves", moves_json(d->plan, d->policy->entries),
                         "keys", keys, "overflow", spills_json(&spills), "totals",
                         totals_json(d->plan, &spills, &work,
                                     plan_count_moves(d->plan, d->policy->entries)),
                         "findings", findings_json(&d->policy->diag));
}

void plan_outcome(const struct plan_document *d, char ret[static 65])
{
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        unsigned char sum[EVP_MAX_MD_SIZE];
        unsigned length = 0;
        char line[512];
        int n;

        assert(md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1);
        n = snprintf(line, sizeof(line), "%s on %llu\n", d->policy->digest,
                     d->policy->applied ? (unsigned long long)d->policy->applied->id : 0ULL);
        EVP_DigestUpdate(md, line, (size_t)n);
        for (size_t i = 0; i < d->n_moves; i++) {
                const struct entry_move *m = &d->moves[i];

                n = snprintf(line, sizeof(line), "%s %s %s %d %d\n", m->provider, m->key, m->host,
                             m->from, m->to);
                EVP_DigestUpdate(md, line, MIN((size_t)n, sizeof(line) - 1));
        }
        EVP_DigestFinal_ex(md, sum, &length);
        EVP_MD_CTX_free(md);
        for (unsigned i = 0; i < 32; i++)
                snprintf(ret + (size_t)2 * i, 3, "%02x", sum[i]);
}

static int slot_ordered(const void *left, const void *right)
{
        const struct slot *a = *(const struct slot *const *)left;
        const struct slot *b = *(const struct slot *const *)right;
        int r = strcmp(a->provider->name, b->provider->name);

        if (r == 0)
                r = strcmp(a->key->name, b->key->name);
        return r ? r : addr_compare(&a->seen, &b->seen);
}

char *plan_assignment(const struct plan *plan)
{
        CLEANUP(freep) const struct slot **slots = calloc(plan->n_slots + 1, sizeof(*slots));
        char *text = NULL;
        size_t n = 0, size;
        FILE *out = slots ? open_memstream(&text, &size) : NULL;

        if (!out)
                return NULL;
        for (size_t i = 0; i < plan->n_slots; i++)
                if (plan->slots[i].key)
                        slots[n++] = &plan->slots[i];
        qsort(slots, n, sizeof(*slots), slot_ordered);
        for (size_t i = 0; i < n; i++) {
                char host[ADDR_TEXT_MAX];

                fprintf(out, "%s %s %s\n", slots[i]->provider->name, slots[i]->key->name,
                        host_text(&slots[i]->seen, host));
        }
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}
