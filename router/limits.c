/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bucket counts in shares of a request, 60,000 each: a rate of r a minute then adds exactly r
 * shares a millisecond, and nothing is rounded. Buckets lie in one array, chained by hash and in
 * the order of use by 32-bit links; the array is full before anybody is made to go.
 *
 * A budget is one word: the day in the upper 24 bits, the count in the lower 40. So the turn of the
 * day and the count change in one step.
 */
#include "router/limits.h"

#include "lib/base/fault.h"

#include <errno.h>
#include <stdatomic.h>

#define SHARES_PER_REQUEST 60000
#define BURST_MAX 1000000 /* keeps shares far below 2^63 */
#define NONE UINT32_MAX

struct bucket {
        struct addr workstation;
        int64_t shares;
        uint64_t at_ms;        /* of `shares` */
        uint32_t chain;        /* next with the same hash */
        uint32_t newer, older; /* order of use */
};

struct limits {
        struct bucket *buckets;
        uint32_t *heads;  /* by hash */
        uint32_t n_heads; /* a power of two */
        uint32_t n_buckets, max_buckets;
        uint32_t newest, oldest;
};

static uint32_t power_of_two(uint32_t at_least)
{
        uint32_t n = 1;

        while (n < at_least)
                n *= 2;
        return n;
}

int limits_new(unsigned max_workstations, struct limits **ret)
{
        uint32_t max_buckets = MIN(MAX(max_workstations, 1U), (unsigned)1 << 24);
        uint32_t n_heads = power_of_two(max_buckets);
        CLEANUP(freep) struct limits *l = calloc(1, sizeof(*l));
        CLEANUP(freep) struct bucket *buckets = calloc(max_buckets, sizeof(*buckets));
        CLEANUP(freep) uint32_t *heads = malloc(n_heads * sizeof(*heads));

        if (!l || !buckets || !heads)
                return fault(-ENOMEM);
        for (uint32_t i = 0; i < n_heads; i++)
                heads[i] = NONE;
        *l = (struct limits){
                .n_heads = n_heads, .max_buckets = max_buckets, .newest = NONE, .oldest = NONE
        };
        l->buckets = TAKE(buckets);
        l->heads = TAKE(heads);
        *ret = TAKE(l);
        return 0;
}

void limits_free(struct limits *l)
{
        if (!l)
                return;
        free(l->buckets);
        free(l->heads);
        free(l);
}

unsigned limits_count(const struct limits *l)
{
        return l->n_buckets;
}

static uint32_t *head_of(struct limits *l, const struct addr *workstation)
{
        return &l->heads[addr_hash(workstation) & (l->n_heads - 1)];
}

static uint32_t bucket_find(struct limits *l, const struct addr *workstation)
{
        uint32_t i = *head_of(l, workstation);

        while (i != NONE && !addr_equal(&l->buckets[i].workstation, workstation))
                i = l->buckets[i].chain;
        return i;
}

static void order_remove(struct limits *l, uint32_t i)
{
        struct bucket *b = &l->buckets[i];

        if (b->newer != NONE)
                l->buckets[b->newer].older = b->older;
        else
                l->newest = b->older;
        if (b->older != NONE)
                l->buckets[b->older].newer = b->newer;
        else
                l->oldest = b->newer;
}

static void order_put_newest(struct limits *l, uint32_t i)
{
        struct bucket *b = &l->buckets[i];

        b->newer = NONE;
        b->older = l->newest;
        if (l->newest != NONE)
                l->buckets[l->newest].newer = i;
        else
                l->oldest = i;
        l->newest = i;
}

static void chain_remove(struct limits *l, uint32_t i)
{
        uint32_t *link = head_of(l, &l->buckets[i].workstation);

        while (*link != i)
                link = &l->buckets[*link].chain;
        *link = l->buckets[i].chain;
}

static struct bucket *bucket_add(struct limits *l, const struct addr *workstation, int64_t shares,
                                 uint64_t now_ms)
{
        uint32_t *head = head_of(l, workstation), i;

        if (l->n_buckets < l->max_buckets) {
                i = l->n_buckets++;
        } else {
                i = l->oldest;
                order_remove(l, i);
                chain_remove(l, i);
        }
        l->buckets[i] = (struct bucket){ *workstation, shares, now_ms, *head, NONE, NONE };
        *head = i;
        order_put_newest(l, i);
        return &l->buckets[i];
}

static void bucket_refill(struct bucket *b, int64_t rate, int64_t full, uint64_t now_ms)
{
        uint64_t elapsed_ms = now_ms > b->at_ms ? now_ms - b->at_ms : 0;

        b->at_ms = MAX(b->at_ms, now_ms);
        if (elapsed_ms > (uint64_t)(full / rate))
                b->shares = full;
        else
                b->shares = MIN(b->shares + (int64_t)elapsed_ms * rate, full);
}

unsigned limits_take(struct limits *l, const struct addr *workstation, int64_t requests_per_minute,
                     int64_t burst, uint64_t now_ms)
{
        int64_t full = MIN(MAX(burst, 1), BURST_MAX) * SHARES_PER_REQUEST;
        int64_t rate = MIN(requests_per_minute, full), missing, per_s = rate * 1000;
        struct bucket *b;
        uint32_t i;

        if (requests_per_minute <= 0)
                return 0;
        i = bucket_find(l, workstation);
        if (i == NONE) {
                b = bucket_add(l, workstation, full, now_ms);
        } else {
                b = &l->buckets[i];
                order_remove(l, i);
                order_put_newest(l, i);
                bucket_refill(b, rate, full, now_ms);
        }
        if (b->shares >= SHARES_PER_REQUEST) {
                b->shares -= SHARES_PER_REQUEST;
                return 0;
        }
        missing = SHARES_PER_REQUEST - b->shares;
        return (unsigned)((missing + per_s - 1) / per_s);
}

/* ---- budgets ---- */

#define COUNT_BITS 40
#define COUNT_MAX (((uint64_t)1 << COUNT_BITS) - 1)
#define DAY_S ((uint64_t)24 * 60 * 60)

struct budgets {
        const struct policy *policy;
        atomic_uint_fast64_t used[]; /* as policy->backends */
};

int budgets_new(const struct policy *policy, struct budgets **ret)
{
        struct budgets *b = calloc(1, sizeof(*b) + policy->n_backends * sizeof(b->used[0]));

        if (!b)
                return fault(-ENOMEM);
        b->policy = policy;
        *ret = b;
        return 0;
}

void budgets_free(struct budgets *b)
{
        free(b);
}

void budgets_carry(const struct budgets *old, struct budgets *fresh)
{
        for (size_t i = 0; i < fresh->policy->n_backends; i++)
                for (size_t k = 0; k < old->policy->n_backends; k++)
                        if (strcmp(fresh->policy->backends[i].name,
                                   old->policy->backends[k].name) == 0)
                                atomic_store(&fresh->used[i], atomic_load(&old->used[k]));
}

static atomic_uint_fast64_t *word_of(struct budgets *b, const struct backend *backend)
{
        assert(backend->index < b->policy->n_backends);
        return &b->used[backend->index];
}

/*
 * The word as it counts at `wall_us`: of another day it is empty, but for a clock set back a
 * little.
 */
static uint64_t word_at(uint64_t word, uint64_t wall_us)
{
        uint64_t today = wall_us / 1000000 / DAY_S, day = word >> COUNT_BITS;

        return today == day || today + 1 == day ? word : today << COUNT_BITS;
}

unsigned budget_take(struct budgets *b, const struct backend *backend, uint64_t wall_us)
{
        atomic_uint_fast64_t *used = word_of(b, backend);
        uint_fast64_t before = atomic_load(used);
        uint64_t word, count;

        do {
                word = word_at(before, wall_us);
                count = word & COUNT_MAX;
                if (backend->per_day > 0 && count >= (uint64_t)backend->per_day)
                        return (unsigned)(DAY_S - wall_us / 1000000 % DAY_S);
                if (count < COUNT_MAX)
                        word++;
        } while (!atomic_compare_exchange_weak(used, &before, word));
        return 0;
}

uint64_t budget_used(struct budgets *b, const struct backend *backend, uint64_t wall_us)
{
        return word_at(atomic_load(word_of(b, backend)), wall_us) & COUNT_MAX;
}
