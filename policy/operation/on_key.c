/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/on_key.h"

#include <errno.h>
#include <stdio.h>

static int host_compare(const void *left, const void *right)
{
        const struct entry *a = *(const struct entry *const *)left;
        const struct entry *b = *(const struct entry *const *)right;
        int r = strcmp(a->host, b->host);

        return r ? r : strcmp(a->provider, b->provider);
}

int on_key_init(struct on_key *k, const struct entry_set *set, const char *provider,
                const char *key)
{
        k->n = 0;
        k->entries = calloc(set->n + 1, sizeof(*k->entries));
        if (!k->entries)
                return -ENOMEM;
        for (size_t i = 0; i < set->n; i++) {
                const struct entry *e = &set->entries[i];

                if (strcmp(e->key, key) == 0 && (!provider || strcmp(e->provider, provider) == 0))
                        k->entries[k->n++] = e;
        }
        qsort(k->entries, k->n, sizeof(*k->entries), host_compare);
        return 0;
}

void on_key_done(struct on_key *k)
{
        free(k->entries);
}

void on_key_find(const struct on_key *k, const char *host, size_t *ret_first, size_t *ret_n)
{
        size_t low = 0, high = k->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(k->entries[middle]->host, host) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret_first = low;
        for (*ret_n = 0; low + *ret_n < k->n; ++*ret_n)
                if (strcmp(k->entries[low + *ret_n]->host, host) != 0)
                        break;
}

size_t on_key_count(const struct on_key *k, enum entry_state state)
{
        size_t n = 0;

        for (size_t i = 0; i < k->n; i++)
                n += k->entries[i]->state == state;
        return n;
}

const struct key *policy_key(const struct policy *p, const char *name)
{
        for (size_t i = 0; p && i < p->n_keys; i++)
                if (strcmp(p->keys[i].name, name) == 0)
                        return &p->keys[i];
        return NULL;
}

int op_refuse_key(struct op *o, const struct op_policy *p, const char *name)
{
        size_t n_policy = p->policy ? p->policy->n_keys : 0, n = 0;
        CLEANUP(freep) const char **names = calloc(n_policy + p->entries->n + 1, sizeof(*names));
        const char *nearest;
        char remedy[128];

        if (!names)
                return -ENOMEM;
        for (size_t i = 0; i < n_policy; i++)
                names[n++] = p->policy->keys[i].name;
        for (size_t i = 0; i < p->entries->n; i++)
                names[n++] = p->entries->entries[i].key;
        nearest = diag_nearest(slice_of(name), names);
        snprintf(remedy, sizeof(remedy), "did you mean \"%.64s\"?", nearest ? nearest : "");
        return op_refuse(o, EX_NOINPUT, nearest ? remedy : NULL,
                         p->policy
                                 ? "the policy in force has no key \"%.64s\""
                                 : "no policy has been applied yet, and nothing is known of a key "
                                   "\"%.64s\"",
                         name);
}
