/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * list_table - lists by hash, as many as the expected number of entries asks for
 */
#include "lib/base/list.h"

#include <stdint.h>
#include <stdlib.h>

#define LIST_TABLE_MAX_BUCKETS 65536U

struct list_table {
        struct list *buckets;
        unsigned n_buckets; /* a power of two */
};

/* False without memory. */
static inline bool list_table_init(struct list_table *t, unsigned n_expected)
{
        t->n_buckets = 16;
        while (t->n_buckets < n_expected && t->n_buckets < LIST_TABLE_MAX_BUCKETS)
                t->n_buckets *= 2;
        t->buckets = malloc(t->n_buckets * sizeof(*t->buckets));
        for (unsigned i = 0; t->buckets && i < t->n_buckets; i++)
                list_init(&t->buckets[i]);
        return t->buckets != NULL;
}

static inline void list_table_done(struct list_table *t)
{
        free(t->buckets);
        t->buckets = NULL;
}

static inline struct list *list_table_bucket(const struct list_table *t, uint64_t hash)
{
        return &t->buckets[(hash >> 16) & (t->n_buckets - 1)];
}
