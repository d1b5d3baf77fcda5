/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/load.h"

#include "lib/base/fault.h"
#include "lib/settings/mask.h"
#include "policy/address_map.h"

#include <errno.h>
#include <inttypes.h>

#define UNKNOWN_REFUSE "refuse"

static void loading_done(struct loading *l)
{
        names_done(&l->providers);
        names_done(&l->keys);
        names_done(&l->backends);
        names_done(&l->groups);
}

struct place place_of(const struct text_item *name, struct place at)
{
        return name->text ? name->at : at;
}

/* NULL after a finding, or where there is nothing to refer to. */
static const struct provider *provider_refer(struct loading *l, const struct text_item *name,
                                             enum credential_class class, const char *what)
{
        const struct provider *provider;
        unsigned index;

        if (!name->text ||
            (l->providers_incomplete && !names_find(&l->providers, name->text, &index)))
                return NULL;
        if (!names_refer(&l->providers, name->text, name->at, l->d, &index))
                return NULL;
        provider = &l->p->providers[index];
        if (!provider->classes[class].offered) {
                diag_error(l->d, name->at, NULL, "provider \"%s\" has no %s credentials, so no %s",
                           provider->name, credential_class_name(class), what);
                return NULL;
        }
        return provider;
}

static int64_t key_capacity(struct loading *l, const struct written_key *w,
                            const struct provider *provider)
{
        int64_t listed = provider ? provider->classes[CLASS_EMBEDDED].capacity : KEY_CAPACITY_MAX;
        int64_t max = MAX(listed, KEY_CAPACITY_MAX);
        char written[24];

        if (!w->has_capacity)
                return listed;
        snprintf(written, sizeof(written), "%" PRId64, w->capacity);
        if (w->capacity < 1 || w->capacity > max)
                diag_error(l->d, w->capacity_at, "capacity: addresses the vendor lists on this key",
                           "capacity is %s, outside 1..%" PRId64, masked(written).text, max);
        else if (provider && w->capacity > listed)
                diag_warning(l->d, w->capacity_at, NULL,
                             "capacity is %" PRId64 ", but provider \"%s\" lists %" PRId64
                             " addresses on a key",
                             w->capacity, provider->name, listed);
        return w->capacity;
}

static void key_fill(struct loading *l, const struct written_key *w, unsigned index, struct key *k)
{
        k->name = w->name.text;
        k->provider = provider_refer(l, &w->provider, CLASS_EMBEDDED, "keys");
        k->credential = w->credential.text;
        k->capacity = key_capacity(l, w, k->provider);
        k->reserve = w->reserve;
        k->index = index;
        k->at = place_of(&w->name, w->at);
        k->credential_at = w->credential.at;
        k->capacity_at = w->has_capacity ? w->capacity_at : k->at;
        if (k->reserve > k->capacity)
                diag_error(l->d, w->reserve_at, NULL,
                           "reserve is %" PRId64 ", more than the capacity of %" PRId64, k->reserve,
                           k->capacity);
}

static int key_compare_credential(const void *left, const void *right)
{
        const struct key *const *a = left, *const *b = right;
        int r = strcmp((*a)->credential, (*b)->credential);

        return r ? r : ((*a)->index > (*b)->index) - ((*a)->index < (*b)->index);
}

/* Two keys of one credential are one key to the vendor, with one allowlist. The credential's
 * name is not repeated: somebody may have written the credential itself. */
static int shared_credentials_check(struct loading *l)
{
        CLEANUP(freep) const struct key **keys = calloc(l->p->n_keys + 1, sizeof(*keys));
        size_t n = 0;

        if (!keys)
                return fault(-ENOMEM);
        for (size_t i = 0; i < l->p->n_keys; i++) {
                if (l->p->keys[i].credential && l->p->keys[i].name)
                        keys[n++] = &l->p->keys[i];
        }
        qsort(keys, n, sizeof(*keys), key_compare_credential);
        for (size_t i = 1; i < n; i++) {
                if (strcmp(keys[i - 1]->credential, keys[i]->credential) == 0)
                        diag_error(l->d, keys[i]->credential_at,
                                   "each key has a credential of its own",
                                   "keys \"%s\" (%s:%u) and \"%s\" have the same credential",
                                   keys[i - 1]->name, keys[i - 1]->at.file, keys[i - 1]->at.line,
                                   keys[i]->name);
        }
        return 0;
}

static int keys_load(struct loading *l)
{
        size_t n = l->w.keys.n_items;
        int r = names_init(&l->keys, "key", n);

        if (r)
                return r;
        l->p->keys = settings_alloc(l->p->file, n, sizeof(*l->p->keys));
        if (!l->p->keys)
                return fault(-ENOMEM);
        l->p->n_keys = n;
        for (size_t i = 0; i < n; i++) {
                const struct written_key *w = GROUP_LIST_AT(&l->w.keys, struct written_key, i);

                key_fill(l, w, (unsigned)i, &l->p->keys[i]);
                names_add(&l->keys, w->name.text, w->name.at, (unsigned)i);
        }
        names_seal(&l->keys, l->d);
        return shared_credentials_check(l);
}

static void backend_fill(struct loading *l, const struct written_backend *w, unsigned index,
                         struct backend *b)
{
        b->name = w->name.text;
        b->provider = provider_refer(l, &w->provider, CLASS_SECRET, "backends");
        b->credential = w->credential.text;
        b->per_day = w->per_day;
        b->index = index;
        b->at = place_of(&w->name, w->at);
        b->credential_at = w->credential.at;
        if (b->name && strcmp(b->name, UNKNOWN_REFUSE) == 0)
                diag_error(l->d, w->name.at, NULL,
                           "a backend cannot be called \"" UNKNOWN_REFUSE
                           "\": the word has a meaning in \"unknown\"");
}

static int backends_load(struct loading *l)
{
        size_t n = l->w.backends.n_items;
        int r = names_init(&l->backends, "backend", n);

        if (r)
                return r;
        l->p->backends = settings_alloc(l->p->file, n, sizeof(*l->p->backends));
        if (!l->p->backends)
                return fault(-ENOMEM);
        l->p->n_backends = n;
        for (size_t i = 0; i < n; i++) {
                const struct written_backend *w =
                        GROUP_LIST_AT(&l->w.backends, struct written_backend, i);

                backend_fill(l, w, (unsigned)i, &l->p->backends[i]);
                names_add(&l->backends, w->name.text, w->name.at, (unsigned)i);
        }
        names_seal(&l->backends, l->d);
        return 0;
}

/* An index for each provider: where its backend stands in a list, plus one. */
static bool backend_is_second(struct loading *l, const struct text_list *list, size_t *taken_by,
                              size_t i, const struct backend *b)
{
        size_t *taken;

        if (!b->provider)
                return false;
        taken = &taken_by[b->provider - l->p->providers];
        if (*taken)
                diag_error(l->d, list->items[i].at, "keep one of them",
                           "\"%s\" and \"%s\" are backends of one provider, \"%s\"",
                           list->items[*taken - 1].text, b->name, b->provider->name);
        else
                *taken = i + 1;
        return *taken != i + 1;
}

int backends_refer(struct loading *l, const struct text_list *list, const struct backend ***ret,
                   size_t *ret_n)
{
        CLEANUP(freep) size_t *taken_by = calloc(l->p->n_providers + 1, sizeof(*taken_by));
        const struct backend **backends =
                settings_alloc(l->p->file, list->n_items, sizeof(const struct backend *));
        size_t n = 0;
        unsigned index;

        if (!taken_by || !backends)
                return fault(-ENOMEM);
        for (size_t i = 0; i < list->n_items; i++) {
                const struct text_item *item = &list->items[i];

                if (!names_refer(&l->backends, item->text, item->at, l->d, &index))
                        continue;
                if (!backend_is_second(l, list, taken_by, i, &l->p->backends[index]))
                        backends[n++] = &l->p->backends[index];
        }
        *ret = backends;
        *ret_n = n;
        return 0;
}

/* "refused", where no backend has a name like that. */
static bool is_refuse_misspelt(const struct loading *l, const char *word)
{
        static const char *const refuse[] = { UNKNOWN_REFUSE, NULL };
        unsigned index;

        return !names_find(&l->backends, word, &index) && !names_nearest(&l->backends, word) &&
               diag_nearest(slice_of(word), refuse);
}

static int unknown_load(struct loading *l)
{
        const struct text_list *list = &l->w.unknown;

        if (list->n_items == 0 && list->was_list)
                diag_error(l->d, list->at, "write  unknown = \"" UNKNOWN_REFUSE "\";",
                           "unknown names no backend");
        if (list->n_items == 1 && strcmp(list->items[0].text, UNKNOWN_REFUSE) == 0)
                return 0;
        if (list->n_items == 1 && is_refuse_misspelt(l, list->items[0].text)) {
                diag_error(l->d, list->items[0].at, "did you mean \"" UNKNOWN_REFUSE "\"?",
                           "unknown backend \"%.64s\"", list->items[0].text);
                return 0;
        }
        return backends_refer(l, list, &l->p->unknown, &l->p->n_unknown);
}

static int steps_run(struct loading *l)
{
        int (*const steps[])(struct loading *) = { providers_load, keys_load,    backends_load,
                                                   groups_load,    unknown_load, origins_load,
                                                   policy_check };

        l->p->site = l->w.site.text;
        l->p->site_at = l->w.site.at;
        for (size_t i = 0; i < N_ELEMENTS(steps); i++) {
                int r = steps[i](l);

                if (r)
                        return r;
        }
        return 0;
}

static int policy_make(const struct policy_source *source, struct diag *d, struct policy **ret)
{
        struct settings_input input = { .path = source->path,
                                        .role = "policy",
                                        .files = source->files,
                                        .record = source->record };
        CLEANUP(policy_unrefp) struct policy *p = calloc(1, sizeof(*p));
        CLEANUP(loading_done)
        struct loading l = {
                .p = p,
                .d = d,
                .source = source,
                .provider_dir =
                        source->provider_dir ? source->provider_dir : KEYROUTER_PROVIDER_DIR,
        };
        size_t n_errors = d->n_errors;
        int r;

        if (!p)
                return fault(-ENOMEM);
        p->n_refs = 1;
        r = settings_load_from(&input, policy_rows, &l.w, d, &p->file);
        if (r)
                return r;
        r = steps_run(&l);
        if (r)
                return r;
        if (d->n_errors > n_errors)
                return -EINVAL;
        r = address_map_new(p, &p->map);
        if (r)
                return r;
        *ret = TAKE(p);
        return 0;
}

int policy_load_from(const struct policy_source *source, struct diag *d, struct policy **ret)
{
        int r = policy_make(source, d, ret);

        diag_sort(d);
        return r;
}

int policy_load(const char *path, const char *provider_dir, struct diag *d, struct policy **ret)
{
        struct policy_source source = { .path = path, .provider_dir = provider_dir };

        return policy_load_from(&source, d, ret);
}
