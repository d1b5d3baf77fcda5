/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/ledger/pins.h"

#include "lib/base/fault.h"

#include <errno.h>

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static int addr_order(const void *left, const void *right)
{
        return addr_compare(left, right);
}

/* By name; of one name the newest first. */
static int pin_order(const void *left, const void *right)
{
        const struct pin *a = left, *b = right;
        int r = strcmp(a->name, b->name);

        return r ? r : (a->at_us < b->at_us) - (a->at_us > b->at_us);
}

static void pin_sort(struct pin *p)
{
        unsigned n = 0;

        qsort(p->addrs, p->n_addrs, sizeof(p->addrs[0]), addr_order);
        for (unsigned i = 0; i < p->n_addrs; i++)
                if (n == 0 || !addr_equal(&p->addrs[n - 1], &p->addrs[i]))
                        p->addrs[n++] = p->addrs[i];
        p->n_addrs = n;
}

/* Leaves the first of each name. */
static size_t pins_unique(struct pin *pins, size_t n)
{
        size_t n_kept = 0;

        for (size_t i = 0; i < n; i++)
                if (n_kept == 0 || strcmp(pins[n_kept - 1].name, pins[i].name) != 0)
                        pins[n_kept++] = pins[i];
        return n_kept;
}

int pin_set_new(const struct pin *pins, size_t n, struct pin_set **ret)
{
        CLEANUP(pin_set_freep) struct pin_set *s = calloc(1, sizeof(*s));
        size_t n_bytes = 1;
        char *end;

        if (!s)
                return fault(-ENOMEM);
        for (size_t i = 0; i < n; i++)
                n_bytes += strlen(pins[i].name) + 1;
        s->pins = calloc(n + 1, sizeof(*s->pins));
        s->texts = end = malloc(n_bytes);
        if (!s->pins || !s->texts)
                return fault(-ENOMEM);
        for (size_t i = 0; i < n; i++) {
                assert(pins[i].n_addrs <= PIN_MAX_ADDRESSES);
                s->pins[i] = pins[i];
                s->pins[i].name = end;
                for (const char *c = pins[i].name; *c; c++)
                        *end++ = lower(*c);
                *end++ = 0;
                pin_sort(&s->pins[i]);
        }
        qsort(s->pins, n, sizeof(*s->pins), pin_order);
        s->n = pins_unique(s->pins, n);
        *ret = TAKE(s);
        return 0;
}

void pin_set_free(struct pin_set *s)
{
        free(s->pins);
        free(s->texts);
        free(s);
}

/* strcmp() of a name in lower case with one in any. */
static int name_compare(const char *pinned, const char *name)
{
        while (*pinned && *pinned == lower(*name)) {
                pinned++;
                name++;
        }
        return (unsigned char)*pinned - (unsigned char)lower(*name);
}

const struct pin *pin_set_find(const struct pin_set *s, const char *name)
{
        size_t low = 0, high = s ? s->n : 0;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (name_compare(s->pins[middle].name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return s && low < s->n && name_compare(s->pins[low].name, name) == 0 ? &s->pins[low] : NULL;
}
