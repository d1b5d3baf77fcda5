/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/wish.h"

#include "policy/operation/op.h"

#include <errno.h>

/* One line of an assignment, cut into its words. */
struct line {
        char *provider, *key, *host;
        struct addr addr;
};

struct lines {
        struct line *items; /* as the assignment: by provider, key, address */
        size_t n;
        char *text;
};

static void lines_done(struct lines *l)
{
        free(l->items);
        free(l->text);
}

static int lines_read(const char *assignment, struct lines *l)
{
        size_t n_max = 1;
        char *rest, *line;

        for (const char *c = assignment; *c; c++)
                n_max += *c == '\n';
        l->text = strdup(assignment);
        l->items = calloc(n_max, sizeof(*l->items));
        if (!l->text || !l->items)
                return -ENOMEM;
        for (line = strtok_r(l->text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                struct line *i = &l->items[l->n];
                char *words;

                i->provider = strtok_r(line, " ", &words);
                i->key = strtok_r(NULL, " ", &words);
                i->host = strtok_r(NULL, " ", &words);
                if (i->host && addr_parse(slice_of(i->host), &i->addr) != 0)
                        i->addr = (struct addr){ { 0 } };
                l->n += i->host != NULL;
        }
        return 0;
}

static int line_compare(const void *left, const void *right)
{
        const struct line *a = left, *b = right;
        int r = strcmp(a->provider, b->provider);

        return r ? r : addr_compare(&a->addr, &b->addr);
}

/* The line of an address; the lines are sorted by provider and address. */
static const struct line *lines_find(const struct lines *l, const char *provider,
                                     const struct addr *addr)
{
        struct line wanted = { .provider = (char *)provider, .addr = *addr };

        return l->n ? bsearch(&wanted, l->items, l->n, sizeof(*l->items), line_compare) : NULL;
}

/* How an entry that is to be held again stands. */
static enum entry_state state_again(const struct entry *e)
{
        if (e->state == ENTRY_LEAVING || e->state == ENTRY_FOREIGN)
                return e->live_us ? ENTRY_LIVE : e->added_us ? ENTRY_PROPAGATING : ENTRY_WANTED;
        return e->state;
}

int wish_make(const struct entry_set *entries, const char *assignment, struct entry_set **ret)
{
        CLEANUP(lines_done) struct lines lines = { NULL };
        CLEANUP(freep) struct entry *wish = NULL;
        CLEANUP(freep) bool *is_there = NULL;
        size_t n = 0;
        int r = lines_read(assignment, &lines);

        if (r)
                return r;
        wish = calloc(entries->n + lines.n + 1, sizeof(*wish));
        is_there = calloc(lines.n + 1, sizeof(*is_there));
        if (!wish || !is_there)
                return -ENOMEM;
        qsort(lines.items, lines.n, sizeof(*lines.items), line_compare);
        for (size_t i = 0; i < entries->n; i++) {
                struct entry e = entries->entries[i];
                const struct line *line = lines_find(&lines, e.provider, &e.addr);
                bool is_wish =
                        line && strcmp(line->key, e.key) == 0 && strcmp(line->host, e.host) == 0;

                if (is_wish) {
                        is_there[line - lines.items] = true;
                        e.state = state_again(&e);
                } else if (e.state == ENTRY_WANTED) {
                        continue;
                } else if (entry_state_is_held(e.state)) {
                        e.state = ENTRY_LEAVING;
                }
                wish[n++] = e;
        }
        for (size_t i = 0; i < lines.n; i++)
                if (!is_there[i])
                        wish[n++] = (struct entry){ .provider = lines.items[i].provider,
                                                    .key = lines.items[i].key,
                                                    .host = lines.items[i].host,
                                                    .addr = lines.items[i].addr,
                                                    .state = ENTRY_WANTED };
        return entry_set_new(wish, n, ret);
}

int wish_differing(const struct plan *plan, const char *assignment, size_t *ret)
{
        CLEANUP(lines_done) struct lines lines = { NULL };
        size_t n_same = 0;
        int r = lines_read(assignment, &lines);

        if (r)
                return r;
        qsort(lines.items, lines.n, sizeof(*lines.items), line_compare);
        for (size_t i = 0; i < plan->n_slots; i++) {
                const struct slot *s = &plan->slots[i];
                const struct line *line =
                        s->key ? lines_find(&lines, s->provider->name, &s->seen) : NULL;

                n_same += line && strcmp(line->key, s->key->name) == 0;
        }
        *ret = lines.n - n_same;
        return 0;
}

const char *entry_held_key(const struct entry_set *entries, const char *provider,
                           const struct addr *addr)
{
        size_t n;
        const struct entry *e = entry_set_find(entries, provider, addr, &n);

        for (size_t i = 0; i < n; i++)
                if (entry_state_is_held(e[i].state))
                        return e[i].key;
        return NULL;
}

size_t plan_count_moves(const struct plan *plan, const struct entry_set *entries)
{
        size_t n = 0;

        for (size_t i = 0; i < plan->n_slots; i++) {
                const struct slot *s = &plan->slots[i];
                const char *held = entry_held_key(entries, s->provider->name, &s->seen);

                n += held && (!s->key || strcmp(held, s->key->name) != 0);
        }
        return n;
}
