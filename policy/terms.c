/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/terms.h"

#include "lib/base/fault.h"
#include "policy/policy.h"

#include <errno.h>

int terms_init(struct terms_table *t, const struct policy *policy,
               const struct egress_census *census)
{
        *t = (struct terms_table){ .policy = policy, .census = census };
        t->n_pool_allocated = policy->n_keys + 1;
        t->pool = calloc(t->n_pool_allocated, sizeof(*t->pool));
        t->tally = calloc(policy->n_keys + 1, sizeof(*t->tally));
        t->cohorts = calloc((size_t)census->n_cohorts + 1, sizeof(*t->cohorts));
        t->sets = calloc((size_t)census->n_cohorts + 1, sizeof(*t->sets));
        return t->pool && t->tally && t->cohorts && t->sets ? 0 : fault(-ENOMEM);
}

void terms_done(struct terms_table *t)
{
        free(t->pool);
        free(t->tally);
        free(t->cohorts);
        free(t->sets);
}

static int u32_compare(const void *left, const void *right)
{
        const uint32_t *a = left, *b = right;

        return (*a > *b) - (*a < *b);
}

bool group_has_key_of(const struct group *g, const struct provider *provider)
{
        for (size_t i = 0; i < g->n_keys; i++)
                if (g->keys[i]->provider == provider)
                        return true;
        return false;
}

/* After the n-th group, keys that all of the first n have are tallied n. False: none is. */
static bool tally_group(struct terms_table *t, const struct provider *provider,
                        const struct group *g, uint32_t n)
{
        bool any = false;

        for (size_t i = 0; i < g->n_keys; i++) {
                uint32_t *tally = &t->tally[g->keys[i]->index];

                if (g->keys[i]->provider != provider)
                        continue;
                if (n == 1)
                        *tally = 1;
                else if (*tally == n - 1)
                        *tally = n;
                any = any || *tally == n;
        }
        return any;
}

static void cohort_disjoint(const struct provider *provider, const struct egress *e,
                            const struct group *first, const struct group *other, struct diag *d)
{
        char address[ADDR_TEXT_MAX] = "of the router";

        if (!addr_is_unspecified(&e->seen))
                addr_format(&e->seen, address);
        diag_error(
                d, other->at, "give them a key in common, or egress addresses of their own",
                "group \"%s\" shares the egress address %s with group \"%s\" (%s:%u), but no key "
                "of provider \"%s\" is common to %s",
                other->name, address, first->name, first->at.file ? first->at.file : "policy",
                first->at.line, provider->name, e->n_shares > 2 ? "all groups behind it" : "both");
}

/* Appends the keys of the cohort's first group that are tallied n, sorted, to the pool. */
static int cohort_take_keys(struct terms_table *t, struct terms *terms, uint32_t n)
{
        const struct group *g = terms->group;

        if (g->n_keys > INT32_MAX - t->n_pool)
                return fault(-E2BIG);
        if (t->n_pool_allocated - t->n_pool < g->n_keys) {
                size_t n_wanted = MAX(t->n_pool_allocated * 2, t->n_pool + g->n_keys);
                uint32_t *pool = reallocarray(t->pool, n_wanted, sizeof(*pool));

                if (!pool)
                        return fault(-ENOMEM);
                t->pool = pool;
                t->n_pool_allocated = n_wanted;
        }
        terms->first_key = (uint32_t)t->n_pool;
        for (size_t i = 0; i < g->n_keys; i++) {
                uint32_t key = g->keys[i]->index;

                if (t->tally[key] != n) /* nor is any of another provider */
                        continue;
                t->tally[key] = 0; /* once, even if the group names it twice */
                t->pool[t->n_pool++] = key;
        }
        terms->n_keys = (uint32_t)t->n_pool - terms->first_key;
        qsort(t->pool + terms->first_key, terms->n_keys, sizeof(*t->pool), u32_compare);
        return 0;
}

/* Tallies the groups behind an address one by one; *ret_n of them have keys of the provider. */
static int cohort_tally(struct terms_table *t, const struct provider *provider,
                        const struct egress *e, struct terms *terms, struct diag *d,
                        uint32_t *ret_n)
{
        uint32_t n = 0;

        for (unsigned i = 0; i < e->n_shares; i++) {
                const struct group *g = e->shares[i].group;

                if (!group_has_key_of(g, provider))
                        continue;
                if (n == 0)
                        *terms = (struct terms){ .group = g, .priority = g->priority };
                terms->priority = MAX(terms->priority, g->priority);
                if (!tally_group(t, provider, g, ++n)) {
                        cohort_disjoint(provider, e, terms->group, g, d);
                        return -EINVAL;
                }
        }
        *ret_n = n;
        return 0;
}

static int cohort_judge(struct terms_table *t, const struct provider *provider,
                        const struct egress *e, struct terms *terms, struct diag *d)
{
        uint32_t n = 0;
        int r;

        *terms = (struct terms){ .group = e->shares[0].group };
        r = cohort_tally(t, provider, e, terms, d, &n);
        if (r == 0 && n > 0)
                r = cohort_take_keys(t, terms, n);
        for (size_t i = 0; i < terms->group->n_keys; i++) /* no other key is tallied */
                t->tally[terms->group->keys[i]->index] = 0;
        return r;
}

/* By their keys: equal ones lie together. */
static int terms_compare(const void *left, const void *right, void *context)
{
        const struct terms_table *t = context;
        const uint32_t *i = left, *j = right;
        const struct terms *a = &t->cohorts[*i], *b = &t->cohorts[*j];

        for (uint32_t k = 0; k < a->n_keys && k < b->n_keys; k++) {
                uint32_t x = t->pool[a->first_key + k], y = t->pool[b->first_key + k];

                if (x != y)
                        return x < y ? -1 : 1;
        }
        if (a->n_keys != b->n_keys)
                return a->n_keys < b->n_keys ? -1 : 1;
        return 0;
}

static int sets_make(struct terms_table *t)
{
        uint32_t n = t->census->n_cohorts;
        CLEANUP(freep) uint32_t *order = calloc((size_t)n + 1, sizeof(*order));

        if (!order)
                return fault(-ENOMEM);
        t->n_sets = 0;
        for (uint32_t i = 0; i < n; i++)
                order[i] = i;
        qsort_r(order, n, sizeof(*order), terms_compare, t);
        for (uint32_t i = 0; i < n; i++) {
                struct terms *terms = &t->cohorts[order[i]];

                if (i == 0 || terms_compare(&order[i - 1], &order[i], t) != 0)
                        t->sets[t->n_sets++] =
                                (struct assign_set){ t->pool + terms->first_key, terms->n_keys };
                terms->set = t->n_sets - 1;
        }
        return 0;
}

int terms_judge(struct terms_table *t, const struct provider *provider, struct diag *d)
{
        int result = 0;

        t->n_pool = 0;
        for (uint32_t i = 0; i < t->census->n_cohorts; i++) {
                int r = cohort_judge(t, provider, t->census->cohorts[i], &t->cohorts[i], d);

                if (r && r != -EINVAL)
                        return r;
                if (r)
                        result = r;
        }
        return result ? result : sets_make(t);
}

bool terms_allow(const struct terms_table *t, const struct terms *terms, uint32_t key)
{
        return bsearch(&key, t->pool + terms->first_key, terms->n_keys, sizeof(*t->pool),
                       u32_compare) != NULL;
}

unsigned terms_desks(const struct terms *terms, const struct egress *e,
                     const struct provider *provider)
{
        unsigned n = 0;

        for (unsigned i = 0; i < e->n_shares; i++)
                if (terms->n_keys == 0 || e->n_shares == 1 ||
                    group_has_key_of(e->shares[i].group, provider))
                        n += e->shares[i].n_desks;
        return n;
}
