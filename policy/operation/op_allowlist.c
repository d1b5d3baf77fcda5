/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be done at the vendor, key by key: the keys of the policy in force in its order, then
 * those that only the ledger knows any more.
 */
#include "policy/operation/on_key.h"

#include <errno.h>

struct listing {
        const struct op_policy *p;
        const struct entry **sorted; /* by key, and of a key as in the entries: by address */
        size_t n;
        int64_t now_us;
        const char *only; /* the key that was asked for; NULL: all */
        json_t *keys;
        size_t n_open;
};

static void listing_done(struct listing *l)
{
        free(l->sorted);
        json_decref(l->keys);
}

/* ---- the entries by key ---- */

/* Place of an entry's key in the policy; those that are not in it come last. */
static size_t key_rank(const struct policy *p, const struct entry *e)
{
        const struct key *key = policy_key(p, e->key);

        if (key && strcmp(key->provider->name, e->provider) == 0)
                return key->index;
        return p ? p->n_keys : 0;
}

static int entry_compare(const void *left, const void *right, void *policy)
{
        const struct entry *a = *(const struct entry *const *)left;
        const struct entry *b = *(const struct entry *const *)right;
        size_t x = key_rank(policy, a), y = key_rank(policy, b);
        int r = x < y ? -1 : x > y;

        if (r == 0)
                r = strcmp(a->provider, b->provider);
        if (r == 0)
                r = strcmp(a->key, b->key);
        return r ? r : (a > b) - (a < b);
}

static int listing_sort(struct listing *l)
{
        const struct entry_set *set = l->p->entries;

        l->sorted = calloc(set->n + 1, sizeof(*l->sorted));
        l->keys = json_array();
        if (!l->sorted || !l->keys)
                return -ENOMEM;
        for (size_t i = 0; i < set->n; i++)
                if (!l->only || strcmp(set->entries[i].key, l->only) == 0)
                        l->sorted[l->n++] = &set->entries[i];
        qsort_r(l->sorted, l->n, sizeof(*l->sorted), entry_compare, l->p->policy);
        return 0;
}

/* ---- a key ---- */

static json_t *open_json(const struct entry *e, int64_t now_us)
{
        return json_pack("{s:o, s:o, s:I}", "host", text_json(e->host), "since",
                         time_json(e->since_us), "age_s",
                         (json_int_t)MAX((now_us - e->since_us) / 1000000, 0));
}

/* Hosts in one state: objects with their age where something is to be done, else texts. */
static json_t *hosts_json(const struct entry *const *entries, size_t n, enum entry_state state,
                          int64_t now_us)
{
        bool is_open = state == ENTRY_WANTED || state == ENTRY_LEAVING;
        json_t *list = json_array();

        for (size_t i = 0; list && i < n; i++) {
                if (entries[i]->state != state)
                        continue;
                if (json_array_append_new(list, is_open ? open_json(entries[i], now_us)
                                                        : text_json(entries[i]->host)) != 0) {
                        json_decref(list);
                        list = NULL;
                }
        }
        return list;
}

static void states_count(const struct entry *const *entries, size_t n,
                         size_t counts[static N_ENTRY_STATES])
{
        memset(counts, 0, N_ENTRY_STATES * sizeof(*counts));
        for (size_t i = 0; i < n; i++)
                counts[entries[i]->state]++;
}

/* `key` NULL: it is not in the policy. */
static int key_add(struct listing *l, const struct key *key, const char *provider, const char *name,
                   const struct entry *const *entries, size_t n)
{
        size_t counts[N_ENTRY_STATES], n_listed, n_stay, n_over = 0;
        bool remove_first;
        json_t *each;

        states_count(entries, n, counts);
        n_listed = n - counts[ENTRY_WANTED];
        remove_first =
                key && counts[ENTRY_WANTED] && counts[ENTRY_LEAVING] && n > (size_t)key->capacity;
        n_stay = n - counts[ENTRY_LEAVING];
        if (key && n_stay > (size_t)key->capacity)
                n_over = MIN(n_stay - (size_t)key->capacity, counts[ENTRY_WANTED]);
        if (key) /* a key that is gone is revoked as a whole */
                l->n_open += counts[ENTRY_WANTED] + counts[ENTRY_LEAVING];
        each = json_pack("{s:o, s:o, s:o, s:b, s:I, s:b, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                         text_json(name), "provider", text_json(provider), "capacity",
                         key ? json_integer(key->capacity) : json_null(), "in_policy", key != NULL,
                         "listed", (json_int_t)n_listed, "remove_first", remove_first, "over",
                         (json_int_t)n_over, "remove",
                         hosts_json(entries, n, ENTRY_LEAVING, l->now_us), "add",
                         hosts_json(entries, n, ENTRY_WANTED, l->now_us), "propagating",
                         hosts_json(entries, n, ENTRY_PROPAGATING, l->now_us), "live",
                         hosts_json(entries, n, ENTRY_LIVE, l->now_us), "suspended",
                         hosts_json(entries, n, ENTRY_SUSPENDED, l->now_us), "foreign",
                         hosts_json(entries, n, ENTRY_FOREIGN, l->now_us));
        return json_array_append_new(l->keys, each) == 0 ? 0 : -ENOMEM;
}

static bool is_of(const struct entry *e, const char *provider, const char *name)
{
        return strcmp(e->provider, provider) == 0 && strcmp(e->key, name) == 0;
}

/* How many entries from `first` on are of that key? */
static size_t run_length(const struct listing *l, size_t first, const char *provider,
                         const char *name)
{
        size_t n = 0;

        while (first + n < l->n && is_of(l->sorted[first + n], provider, name))
                n++;
        return n;
}

static int listing_fill(struct listing *l)
{
        const struct policy *p = l->p->policy;
        size_t at = 0, n;
        int r = 0;

        for (size_t i = 0; r == 0 && p && i < p->n_keys; i++) {
                const struct key *key = &p->keys[i];

                if (l->only && strcmp(key->name, l->only) != 0)
                        continue;
                n = run_length(l, at, key->provider->name, key->name);
                r = key_add(l, key, key->provider->name, key->name, l->sorted + at, n);
                at += n;
        }
        for (; r == 0 && at < l->n; at += n) {
                const struct entry *e = l->sorted[at];

                n = run_length(l, at, e->provider, e->key);
                r = key_add(l, NULL, e->provider, e->key, l->sorted + at, n);
        }
        return r;
}

int op_allowlist(struct op *o)
{
        CLEANUP(op_policy_done) struct op_policy p;
        CLEANUP(listing_done) struct listing l = { .p = &p, .now_us = o->now_us };
        int r;

        op_policy_init(&p);
        if (!op_text(o, "key", false, &l.only))
                return 0;
        r = op_in_force_load(o, &p);
        if (r || o->reply->body)
                return r;
        r = listing_sort(&l);
        if (r == 0)
                r = listing_fill(&l);
        if (r)
                return r;
        if (l.only && json_array_size(l.keys) == 0)
                return op_refuse_key(o, &p, l.only);
        return op_answer(o, json_pack("{s:s, s:o, s:O, s:I}", "schema", "keyrouter.allowlist/1",
                                      "revision",
                                      p.applied ? json_integer((json_int_t)p.applied->id)
                                                : json_null(),
                                      "keys", l.keys, "open", (json_int_t)l.n_open));
}
