/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/names.h"

#include "lib/base/fault.h"
#include "lib/settings/mask.h"

#include <errno.h>
#include <stdio.h>

#define NEAREST_MAX 4096 /* names looked through for a likely typo */

struct named {
        const char *name;
        struct place at;
        unsigned index;
};

int names_init(struct names *n, const char *kind, size_t n_max)
{
        n->kind = kind;
        n->n = 0;
        n->n_max = n_max;
        n->entries = calloc(MAX(n_max, 1U), sizeof(*n->entries));
        return n->entries ? 0 : fault(-ENOMEM);
}

void names_done(struct names *n)
{
        free(n->entries);
        n->entries = NULL;
}

void names_add(struct names *n, const char *name, struct place at, unsigned index)
{
        if (!name)
                return;
        assert(n->n < n->n_max);
        n->entries[n->n++] = (struct named){ name, at, index };
}

/* Equal names in the order in which they were added. */
static int named_compare(const void *left, const void *right)
{
        const struct named *a = left, *b = right;
        int r = strcmp(a->name, b->name);

        return r ? r : (a->index > b->index) - (a->index < b->index);
}

void names_seal(struct names *n, struct diag *d)
{
        const struct named *first = n->entries;

        qsort(n->entries, n->n, sizeof(*n->entries), named_compare);
        for (size_t i = 1; i < n->n; i++) {
                const struct named *e = &n->entries[i];

                if (strcmp(first->name, e->name) == 0)
                        diag_error(d, e->at, NULL, "%s \"%s\" is defined twice, first in %s:%u",
                                   n->kind, e->name, first->at.file, first->at.line);
                else
                        first = e;
        }
}

bool names_find(const struct names *n, const char *name, unsigned *ret_index)
{
        size_t low = 0, high = n->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(n->entries[middle].name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == n->n || strcmp(n->entries[low].name, name) != 0)
                return false;
        *ret_index = n->entries[low].index;
        return true;
}

const char *names_nearest(const struct names *n, const char *word)
{
        const char *candidates[NEAREST_MAX + 1];
        size_t n_candidates = MIN(n->n, (size_t)NEAREST_MAX);

        for (size_t i = 0; i < n_candidates; i++)
                candidates[i] = n->entries[i].name;
        candidates[n_candidates] = NULL;
        return diag_nearest(slice_of(word), candidates);
}

bool names_refer(const struct names *n, const char *name, struct place at, struct diag *d,
                 unsigned *ret_index)
{
        const char *nearest;
        char remedy[128];

        if (names_find(n, name, ret_index))
                return true;
        nearest = names_nearest(n, name);
        if (nearest)
                snprintf(remedy, sizeof(remedy), "did you mean \"%s\"?", nearest);
        diag_error(d, at, nearest ? remedy : NULL, "unknown %s \"%.64s\"", n->kind,
                   nearest ? name : masked(name).text);
        return false;
}
