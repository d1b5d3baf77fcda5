/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an administrator says of the vendor's lists: that hosts have been added or removed there,
 * or all that stands on a key. Either is taken as a whole or not at all.
 */
#include "policy/operation/host_list.h"
#include "policy/operation/on_key.h"

#include <errno.h>
#include <stdio.h>

struct changing {
        struct op_policy p;
        struct diag diag;
        struct on_key on_key;
        const char *key, *provider, *why;
        struct entry_move *moves;
        size_t n_moves;
        bool *is_taken; /* confirm: one for each of on_key */
        char **hosts;   /* import: canonical, sorted, each once */
        size_t n_hosts;
};

static void changing_done(struct changing *c)
{
        op_policy_done(&c->p);
        diag_done(&c->diag);
        on_key_done(&c->on_key);
        free(c->moves);
        free(c->is_taken);
        for (size_t i = 0; i < c->n_hosts; i++)
                free(c->hosts[i]);
        free(c->hosts);
}

static void changing_init(struct changing *c)
{
        op_policy_init(&c->p);
        diag_init(&c->diag);
}

static struct entry_move *move_add(struct changing *c, const struct entry *e, int to)
{
        struct entry_move *m = &c->moves[c->n_moves++];

        *m = (struct entry_move){ .provider = e->provider,
                                  .key = e->key,
                                  .host = e->host,
                                  .from = (int)e->state,
                                  .to = to };
        return m;
}

static int changing_commit(struct op *o, struct changing *c, const char *what, const char *summary)
{
        struct change change = { .expected_head = c->p.head,
                                 .who = o->who,
                                 .what = what,
                                 .why = c->why,
                                 .summary = summary,
                                 .at_us = o->now_us,
                                 .moves = c->moves,
                                 .n_moves = c->n_moves };
        uint64_t row;

        return c->n_moves ? op_commit(o, &change, CHANGED_ENTRIES, &row) : 0;
}

/* ---- allowlist-confirm ---- */

/* A list of what has been done at the vendor. */
struct done_list {
        const char *name;       /* of the member */
        enum entry_state state; /* that it is about */
        const char *what;       /* for people: what was to be done with its hosts */
        json_t *value;          /* NULL: not given */
        size_t n;               /* how many hosts have been taken */
};

static int64_t propagation_ms(const struct policy *p, const char *provider)
{
        for (size_t i = 0; p && i < p->n_providers; i++)
                if (strcmp(p->providers[i].name, provider) == 0)
                        return p->providers[i].classes[CLASS_EMBEDDED].propagation_ms;
        return 1; /* nobody knows how long */
}

/* What is added works when the vendor has spread it; at once where that takes no time. */
static void entry_confirm(struct op *o, struct changing *c, const struct entry *e)
{
        struct entry_move *m;

        if (e->state == ENTRY_LEAVING) {
                move_add(c, e, -1);
        } else if (propagation_ms(c->p.policy, e->provider) > 0) {
                m = move_add(c, e, ENTRY_PROPAGATING);
                m->added_us = o->now_us;
        } else {
                m = move_add(c, e, ENTRY_LIVE);
                m->added_us = m->live_us = o->now_us;
        }
}

/* A host of the list; one that stands there twice is one. */
static void host_confirm(struct op *o, struct changing *c, struct done_list *l, const char *host)
{
        const struct place nowhere = { NULL, 0 };
        const struct entry *e = NULL;
        size_t first, n;

        on_key_find(&c->on_key, host, &first, &n);
        for (size_t i = 0; i < n; i++) {
                e = c->on_key.entries[first + i];
                if (e->state != l->state)
                        continue;
                if (!c->is_taken[first + i]) {
                        c->is_taken[first + i] = true;
                        entry_confirm(o, c, e);
                        l->n++;
                }
                return;
        }
        if (e)
                diag_error(&c->diag, nowhere, NULL, "%s is not to be %s key %s: it is %s there",
                           host, l->what, c->key, entry_state_name(e->state));
        else
                diag_error(&c->diag, nowhere, NULL,
                           "%s is not to be %s key %s: nothing is known of it there", host, l->what,
                           c->key);
}

/* "all" is what allowlist shows to be pasted: not the router's own address while nobody has told it. */
static bool entry_is_of_all(const struct done_list *l, const struct entry *e)
{
        return e->state == l->state && (l->state != ENTRY_WANTED || strcmp(e->host, "router") != 0);
}

/* False: refused, it is neither "all" nor a list of texts. */
static bool list_confirm(struct op *o, struct changing *c, struct done_list *l)
{
        const char *word = json_string_value(l->value);

        if (word && strcmp(word, "all") != 0) {
                op_refuse(o, EX_USAGE, NULL, "\"%s\" is neither \"all\" nor a list of texts",
                          l->name);
                return false;
        }
        if (!word && !op_texts(o, l->name, &l->value))
                return false;
        for (size_t i = 0; word && i < c->on_key.n; i++) {
                if (entry_is_of_all(l, c->on_key.entries[i])) {
                        entry_confirm(o, c, c->on_key.entries[i]);
                        l->n++;
                }
        }
        for (size_t i = 0; i < json_array_size(l->value); i++) {
                const char *text = json_string_value(json_array_get(l->value, i));
                char host[HOST_TEXT_MAX];

                if (host_canonical(slice_of(text), HOST_SLOT, host))
                        host_confirm(o, c, l, host);
                else
                        diag_error(&c->diag, (struct place){ NULL, 0 }, NULL,
                                   "\"%s\": number %zu of the list is no IP address", l->name,
                                   i + 1);
        }
        return true;
}

/* Does "all" leave the router's own address out? */
static bool all_is_untold(const struct changing *c, const struct done_list *l)
{
        bool is_untold = false;

        for (size_t i = 0; json_is_string(l->value) && i < c->on_key.n; i++) {
                const struct entry *e = c->on_key.entries[i];

                is_untold = is_untold || (e->state == l->state && !entry_is_of_all(l, e));
        }
        return is_untold;
}

static int confirm_answer(struct op *o, struct changing *c, const struct done_list *added,
                          const struct done_list *removed)
{
        size_t n_add = on_key_count(&c->on_key, ENTRY_WANTED) - added->n;
        size_t n_remove = on_key_count(&c->on_key, ENTRY_LEAVING) - removed->n;
        bool is_untold = all_is_untold(c, added);
        char summary[160];
        int r;

        snprintf(summary, sizeof(summary), "key %.64s: %zu added, %zu removed at the vendor",
                 c->key, added->n, removed->n);
        r = changing_commit(o, c, "allowlist confirm", summary);
        if (r)
                return r;
        return op_answer(
                o, json_pack("{s:s, s:o, s:I, s:I, s:b, s:{s:I, s:I}}", "schema",
                             "keyrouter.allowlist-confirm/1", "key", text_json(c->key), "added",
                             (json_int_t)added->n, "removed", (json_int_t)removed->n, "untold",
                             is_untold, "left",
                             "add", (json_int_t)n_add, "remove", (json_int_t)n_remove));
}

int op_allowlist_confirm(struct op *o)
{
        CLEANUP(changing_done) struct changing c = { .hosts = NULL };
        struct done_list added = { "added", ENTRY_WANTED, "added to",
                                   json_object_get(o->request, "added"), 0 };
        struct done_list removed = { "removed", ENTRY_LEAVING, "removed from",
                                     json_object_get(o->request, "removed"), 0 };
        int r;

        changing_init(&c);
        if (!op_text(o, "key", true, &c.key) || !op_text(o, "why", false, &c.why))
                return 0;
        if ((!added.value || json_is_null(added.value)) &&
            (!removed.value || json_is_null(removed.value)))
                return op_refuse(o, EX_USAGE, NULL, "neither \"added\" nor \"removed\" is there");
        r = op_in_force_load(o, &c.p);
        if (r || o->reply->body)
                return r;
        r = on_key_init(&c.on_key, c.p.entries, NULL, c.key);
        if (r)
                return r;
        if (c.on_key.n == 0 && !policy_key(c.p.policy, c.key))
                return op_refuse_key(o, &c.p, c.key);
        c.moves = calloc(c.on_key.n + 1, sizeof(*c.moves));
        c.is_taken = calloc(c.on_key.n + 1, sizeof(*c.is_taken));
        if (!c.moves || !c.is_taken)
                return -ENOMEM;
        if (!list_confirm(o, &c, &added) || !list_confirm(o, &c, &removed))
                return 0;
        if (c.diag.n_errors)
                return op_refuse_findings(o, &c.diag, "nothing is confirmed");
        return confirm_answer(o, &c, &added, &removed);
}

/* ---- allowlist-import ---- */

/* Which provider's key is it? False: refused, or *ret_error. */
static bool provider_find(struct op *o, struct changing *c, int *ret_error)
{
        const struct key *key = policy_key(c->p.policy, c->key);
        const char *told = c->provider;

        *ret_error = 0;
        if (key)
                c->provider = key->provider->name;
        if (key && told && strcmp(told, c->provider) != 0)
                op_refuse(o, EX_DATAERR, NULL, "key \"%.64s\" is one of %s, not of %.64s", c->key,
                          c->provider, told);
        else if (key || told)
                return true;
        else if (c->p.policy)
                *ret_error = op_refuse_key(o, &c->p, c->key);
        else
                op_refuse(o, EX_UNAVAILABLE, "tell the provider: --provider NAME",
                          "no policy has been applied yet, so nobody knows whose key \"%.64s\" is",
                          c->key);
        return false;
}

static int host_order(const void *left, const void *right)
{
        return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Canonical, in order, each once; what is none becomes a finding. */
static int hosts_read(struct changing *c, json_t *list)
{
        size_t n_max = json_array_size(list), n = 0;

        c->hosts = calloc(n_max + 1, sizeof(*c->hosts));
        if (!c->hosts)
                return -ENOMEM;
        for (size_t i = 0; i < n_max; i++) {
                char host[HOST_TEXT_MAX];

                if (!host_canonical(slice_of(json_string_value(json_array_get(list, i))), HOST_ANY,
                                    host)) {
                        diag_error(&c->diag, (struct place){ NULL, 0 }, NULL,
                                   "number %zu of the list is no IP address, host name or wildcard",
                                   i + 1);
                        continue;
                }
                c->hosts[c->n_hosts] = strdup(host);
                if (!c->hosts[c->n_hosts++])
                        return -ENOMEM;
        }
        qsort(c->hosts, c->n_hosts, sizeof(*c->hosts), host_order);
        for (size_t i = 0; i < c->n_hosts; i++) {
                if (n > 0 && strcmp(c->hosts[n - 1], c->hosts[i]) == 0)
                        free(c->hosts[i]);
                else
                        c->hosts[n++] = c->hosts[i];
        }
        c->n_hosts = n;
        return 0;
}

/* How many hosts the key has in each state behind the import. */
struct imported {
        size_t n[N_ENTRY_STATES];
};

static void entry_import(struct op *o, struct changing *c, const struct entry *e, bool is_listed,
                         struct imported *n)
{
        enum entry_state to = e->state;
        struct entry_move *m;

        if (strcmp(e->host, "router") == 0) { /* nobody has told which address that is */
                n->n[to]++;
        } else if (!entry_state_is_held(to)) {
                if (is_listed)
                        n->n[to]++;
                else
                        move_add(c, e, -1);
        } else {
                to = is_listed ? ENTRY_LIVE : ENTRY_WANTED;
                n->n[to]++;
                if (e->state == to && (!is_listed || (e->added_us && e->live_us)))
                        return;
                m = move_add(c, e, (int)to);
                m->added_us = !is_listed ? 0 : e->added_us ? e->added_us : o->now_us;
                m->live_us = !is_listed ? 0 : e->live_us ? e->live_us : o->now_us;
        }
}

static void host_import(struct op *o, struct changing *c, const char *host, struct imported *n)
{
        c->moves[c->n_moves++] = (struct entry_move){ .provider = c->provider,
                                                      .key = c->key,
                                                      .host = host,
                                                      .from = -1,
                                                      .to = ENTRY_FOREIGN,
                                                      .added_us = o->now_us,
                                                      .live_us = o->now_us };
        n->n[ENTRY_FOREIGN]++;
}

/* Both are in order of their hosts. */
static void lists_merge(struct op *o, struct changing *c, struct imported *n)
{
        const struct on_key *k = &c->on_key;
        size_t i = 0, j = 0;

        while (i < k->n || j < c->n_hosts) {
                int r = i == k->n         ? 1
                        : j == c->n_hosts ? -1
                                          : strcmp(k->entries[i]->host, c->hosts[j]);

                if (r <= 0)
                        entry_import(o, c, k->entries[i++], r == 0, n);
                else
                        host_import(o, c, c->hosts[j], n);
                j += r >= 0;
        }
}

static void capacity_check(struct changing *c, const struct imported *n)
{
        const struct key *key = policy_key(c->p.policy, c->key);
        size_t n_stay = c->n_hosts - n->n[ENTRY_LEAVING], n_add = n->n[ENTRY_WANTED];

        if (key && c->n_hosts > (size_t)key->capacity)
                diag_warning(
                        &c->diag, (struct place){ NULL, 0 },
                        "is the capacity in the policy right, and is this the list of this key?",
                        "%zu hosts stand on key %s, whose capacity is %lld", c->n_hosts, c->key,
                        (long long)key->capacity);
        else if (key && n_stay + n_add > (size_t)key->capacity)
                diag_warning(&c->diag, (struct place){ NULL, 0 },
                             "keyrouter apply makes room; keyrouter plan says how",
                             "%zu hosts stay on key %s and %zu are to be added, more than its "
                             "capacity of %lld",
                             n_stay, c->key, n_add, (long long)key->capacity);
}

/* What is imported for a provider that there is not is of use to no policy. */
static void provider_check(struct op *o, struct changing *c)
{
        const struct policy *p = c->p.policy;
        bool is_known = provider_is_installed(o->host->provider_dir, c->provider);

        for (size_t i = 0; p && i < p->n_providers && !is_known; i++)
                is_known = strcmp(p->providers[i].name, c->provider) == 0;
        if (!is_known)
                diag_warning(&c->diag, (struct place){ NULL, 0 },
                             "is the name right? The policy will have to define it",
                             "provider %s is not installed, nor in the policy in force",
                             c->provider);
}

static int import_answer(struct op *o, struct changing *c, const struct imported *n)
{
        char summary[256];
        int r;

        snprintf(summary, sizeof(summary),
                 "key %.64s: %zu hosts stand there: %zu live, %zu foreign, %zu leaving; %zu still "
                 "to "
                 "be added",
                 c->key, c->n_hosts, n->n[ENTRY_LIVE], n->n[ENTRY_FOREIGN], n->n[ENTRY_LEAVING],
                 n->n[ENTRY_WANTED]);
        r = changing_commit(o, c, "allowlist import", summary);
        if (r)
                return r;
        return op_answer(o, json_pack("{s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o}", "schema",
                                      "keyrouter.allowlist-import/1", "key", text_json(c->key),
                                      "provider", text_json(c->provider), "live",
                                      (json_int_t)n->n[ENTRY_LIVE], "foreign",
                                      (json_int_t)n->n[ENTRY_FOREIGN], "leaving",
                                      (json_int_t)n->n[ENTRY_LEAVING], "wanted",
                                      (json_int_t)n->n[ENTRY_WANTED], "changed",
                                      (json_int_t)c->n_moves, "findings", findings_json(&c->diag)));
}

/* False: refused. */
static bool import_read(struct op *o, struct changing *c, json_t **ret_hosts)
{
        if (!op_text(o, "key", true, &c->key) || !op_text(o, "provider", false, &c->provider) ||
            !op_text(o, "why", false, &c->why) || !op_texts(o, "hosts", ret_hosts))
                return false;
        if (!*ret_hosts)
                op_refuse(o, EX_USAGE, NULL, "\"hosts\" is not there");
        else if (json_array_size(*ret_hosts) > HOST_LIST_MAX)
                op_refuse(o, EX_DATAERR, NULL, "these are more than %d hosts", HOST_LIST_MAX);
        else if (!setting_name_is_legal(c->key))
                op_refuse(o, EX_DATAERR, NULL, "that is no legal name of a key");
        else if (c->provider && !setting_name_is_legal(c->provider))
                op_refuse(o, EX_DATAERR, NULL, "that is no legal name of a provider");
        else
                return true;
        return false;
}

int op_allowlist_import(struct op *o)
{
        CLEANUP(changing_done) struct changing c = { .hosts = NULL };
        struct imported n = { { 0 } };
        json_t *hosts;
        int r;

        changing_init(&c);
        if (!import_read(o, &c, &hosts))
                return 0;
        r = op_in_force_load(o, &c.p);
        if (r || o->reply->body || !provider_find(o, &c, &r))
                return r;
        r = hosts_read(&c, hosts);
        if (r == 0)
                r = on_key_init(&c.on_key, c.p.entries, c.provider, c.key);
        if (r)
                return r;
        if (c.diag.n_errors)
                return op_refuse_findings(o, &c.diag, "nothing is imported");
        c.moves = calloc(c.on_key.n + c.n_hosts + 1, sizeof(*c.moves));
        if (!c.moves)
                return -ENOMEM;
        lists_merge(o, &c, &n);
        capacity_check(&c, &n);
        provider_check(o, &c);
        return import_answer(o, &c, &n);
}
