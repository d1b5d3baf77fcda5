/* SPDX-License-Identifier: Apache-2.0 */
#include "tape.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static void die(const char *what)
{
        perror(what);
        exit(71);
}

void tape_init(struct tape *t, uint32_t first, uint32_t n_max)
{
        *t = (struct tape){ .first = first, .n_max = n_max };
        t->rows = calloc(n_max, sizeof(*t->rows));
        if (!t->rows)
                die("crowd: tape");
}

void tape_done(struct tape *t)
{
        free(t->rows);
}

void tape_write(const struct tape *t, const char *path)
{
        FILE *f = fopen(path, "we");

        if (!f || fwrite(t->rows, sizeof(*t->rows), t->n, f) != t->n || fclose(f) != 0)
                die(path);
}

uint32_t tape_begin(struct tape *t, uint16_t desk, uint8_t is_post)
{
        if (t->n == t->n_max) {
                fprintf(stderr, "crowd: %u lookups, and not enough of them answered\n", t->n);
                exit(1);
        }
        t->rows[t->n] =
                (struct tape_row){ .desk = desk, .is_post = is_post, .outcome = OUTCOME_ASKED };
        t->counts[OUTCOME_ASKED]++;
        return t->first + t->n++;
}

void tape_end(struct tape *t, uint32_t token, enum outcome outcome, uint64_t request_id,
              uint32_t latency_us)
{
        struct tape_row *row = &t->rows[token - t->first];

        assert(token - t->first < t->n && row->outcome == OUTCOME_ASKED);
        row->outcome = (uint8_t)outcome;
        row->request_id = request_id;
        row->latency_us = latency_us;
        t->counts[OUTCOME_ASKED]--;
        t->counts[outcome]++;
}

static int compare(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return x < y ? -1 : x > y;
}

uint32_t tape_quantile_us(const struct tape *t, double share)
{
        uint32_t *all = malloc(((size_t)t->n + 1) * sizeof(*all)), n = 0, found = 0;

        if (!all)
                die("crowd: quantile");
        for (uint32_t i = 0; i < t->n; i++) {
                if (t->rows[i].outcome == OUTCOME_ANSWERED)
                        all[n++] = t->rows[i].latency_us;
        }
        qsort(all, n, sizeof(*all), compare);
        if (n > 0)
                found = all[(uint32_t)(share * (n - 1))];
        free(all);
        return found;
}
