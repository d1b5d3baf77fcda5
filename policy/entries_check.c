/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/entries_check.h"

#include "lib/base/fault.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* The entries of one key, whether the policy has it or not. */
struct tally {
        const char *provider, *key;
        const struct key *of; /* NULL: not in the policy */
        unsigned n_held, n_foreign, n_leaving;
};

static int entry_key_compare(const void *left, const void *right)
{
        const struct entry *a = *(const struct entry *const *)left;
        const struct entry *b = *(const struct entry *const *)right;
        int r = strcmp(a->provider, b->provider);

        return r ? r : strcmp(a->key, b->key);
}

static const struct key *key_find(const struct policy *p, const char *provider, const char *name)
{
        for (size_t i = 0; i < p->n_keys; i++) {
                const struct key *k = &p->keys[i];

                if (strcmp(k->name, name) == 0 && strcmp(k->provider->name, provider) == 0)
                        return k;
        }
        return NULL;
}

static void room_check(const struct tally *t, struct diag *d)
{
        int64_t room = t->of->capacity - t->of->reserve;
        int64_t n = (int64_t)t->n_held + t->n_foreign;
        char foreign[48] = "", kept[48] = "";

        if (n <= room)
                return;
        if (t->n_foreign)
                snprintf(foreign, sizeof(foreign), " (%u of them foreign)", t->n_foreign);
        if (t->of->reserve)
                snprintf(kept, sizeof(kept), " less its reserve of %" PRId64, t->of->reserve);
        diag_warning(d, t->of->capacity_at, "keyrouter plan says which",
                     "key \"%s\" holds %" PRId64 " hosts%s, more than its capacity of %" PRId64
                     "%s: %" PRId64 " must go",
                     t->key, n, foreign, t->of->capacity, kept, n - room);
}

/* A key whose name was changed is a new one, and its hosts are to be entered again. */
static void gone_report(const struct policy *p, const struct tally *t, struct diag *d)
{
        unsigned n = t->n_held + t->n_foreign + t->n_leaving;

        diag_warning(d, p->site_at,
                     "was it renamed? under its old name its hosts stay where they are",
                     "key \"%s\" of provider \"%s\" is not in the policy, but %u %s on it", t->key,
                     t->provider, n, n == 1 ? "host stands" : "hosts stand");
}

static void tally_check(const struct policy *p, struct tally *t, struct diag *d)
{
        t->of = key_find(p, t->provider, t->key);
        if (t->of)
                room_check(t, d);
        else
                gone_report(p, t, d);
}

int policy_check_entries(const struct policy *p, const struct entry_set *entries, struct diag *d)
{
        size_t n = entries ? entries->n : 0;
        CLEANUP(freep)
        const struct entry **sorted = calloc(MAX(n, (size_t)1), sizeof(const struct entry *));

        if (!sorted)
                return fault(-ENOMEM);
        for (size_t i = 0; i < n; i++)
                sorted[i] = &entries->entries[i];
        qsort(sorted, n, sizeof(const struct entry *), entry_key_compare);
        for (size_t i = 0; i < n;) {
                struct tally t = { sorted[i]->provider, sorted[i]->key };
                size_t first = i;

                for (; i < n && entry_key_compare(&sorted[first], &sorted[i]) == 0; i++) {
                        t.n_held += entry_state_is_held(sorted[i]->state);
                        t.n_foreign += sorted[i]->state == ENTRY_FOREIGN;
                        t.n_leaving += sorted[i]->state == ENTRY_LEAVING;
                }
                tally_check(p, &t, d);
        }
        return 0;
}
