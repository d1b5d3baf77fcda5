/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/ledger/entries.h"

#include "lib/base/fault.h"

#include <errno.h>

static const char *const state_names[] = {
        [ENTRY_WANTED] = "wanted",       [ENTRY_PROPAGATING] = "propagating",
        [ENTRY_LIVE] = "live",           [ENTRY_SUSPENDED] = "suspended",
        [ENTRY_LEAVING] = "leaving",     [ENTRY_FOREIGN] = "foreign",
};

const char *entry_state_name(enum entry_state s)
{
        assert((unsigned)s < N_ENTRY_STATES);
        return state_names[s];
}

bool entry_state_parse(const char *name, enum entry_state *ret)
{
        for (unsigned i = 0; i < N_ENTRY_STATES; i++) {
                if (strcmp(name, state_names[i]) == 0) {
                        *ret = (enum entry_state)i;
                        return true;
                }
        }
        return false;
}

static int entry_compare(const void *left, const void *right)
{
        const struct entry *a = left, *b = right;
        int r = strcmp(a->provider, b->provider);

        if (r == 0)
                r = addr_compare(&a->addr, &b->addr);
        if (r == 0)
                r = strcmp(a->key, b->key);
        return r ? r : strcmp(a->host, b->host);
}

/* Copies a text to *end, which moves behind it. */
static const char *text_keep(char **end, const char *text)
{
        size_t size = strlen(text) + 1;
        char *kept = memcpy(*end, text, size);

        *end += size;
        return kept;
}

int entry_set_new(const struct entry *entries, size_t n, struct entry_set **ret)
{
        CLEANUP(entry_set_freep) struct entry_set *s = calloc(1, sizeof(*s));
        size_t n_bytes = 1;
        char *end;

        if (!s)
                return fault(-ENOMEM);
        for (size_t i = 0; i < n; i++)
                n_bytes += strlen(entries[i].provider) + strlen(entries[i].key) +
                           strlen(entries[i].host) + 3;
        s->entries = calloc(n + 1, sizeof(*s->entries));
        s->texts = end = malloc(n_bytes);
        if (!s->entries || !s->texts)
                return fault(-ENOMEM);
        for (size_t i = 0; i < n; i++) {
                struct entry *e = &s->entries[i];

                *e = entries[i];
                e->provider = text_keep(&end, e->provider);
                e->key = text_keep(&end, e->key);
                e->host = text_keep(&end, e->host);
        }
        s->n = n;
        qsort(s->entries, n, sizeof(*s->entries), entry_compare);
        *ret = TAKE(s);
        return 0;
}

void entry_set_free(struct entry_set *s)
{
        free(s->entries);
        free(s->texts);
        free(s);
}

static int place_compare(const struct entry *e, const char *provider, const struct addr *addr)
{
        int r = strcmp(e->provider, provider);

        return r ? r : addr_compare(&e->addr, addr);
}

const struct entry *entry_set_find(const struct entry_set *s, const char *provider,
                                   const struct addr *addr, size_t *ret_n)
{
        size_t low = 0, high = s->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (place_compare(&s->entries[middle], provider, addr) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (*ret_n = 0; low + *ret_n < s->n; ++*ret_n)
                if (place_compare(&s->entries[low + *ret_n], provider, addr) != 0)
                        break;
        return &s->entries[low];
}
