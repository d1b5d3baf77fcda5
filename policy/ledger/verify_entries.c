/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/fault.h"
#include "policy/ledger/clean.h"
#include "policy/ledger/commit.h"
#include "policy/ledger/verify.h"

#include <errno.h>
#include <stdio.h>

/* ---- what stands there ---- */

static bool is_held_twice(const struct entry *a, const struct entry *b)
{
        return entry_state_is_held(a->state) && entry_state_is_held(b->state) &&
               (!addr_is_unspecified(&a->addr) || strcmp(a->host, b->host) == 0);
}

/* Entries of one address stand together. */
static void entry_verify(struct verify *v, size_t i)
{
        const struct entry *e = &v->entries->entries[i];

        if (!entry_is_good(e->provider, e->key, e->host, (int)e->state))
                flaw_tell(v, "an entry of %s, %s is no name or host as it is kept: %s", e->provider,
                          e->key, e->host);
        for (size_t j = i + 1; entry_state_is_held(e->state) && j < v->entries->n; j++) {
                const struct entry *other = e + (j - i);

                if (strcmp(e->provider, other->provider) != 0 ||
                    !addr_equal(&e->addr, &other->addr))
                        break;
                if (is_held_twice(e, other))
                        flaw_tell(v, "%s of %s is held by both %s and %s", e->host, e->provider,
                                  e->key, other->key);
        }
}

int verify_entries(struct verify *v)
{
        uint8_t digest[DIGEST_BYTES];
        int r = ledger_entries(v->l, &v->entries);

        if (r)
                return r;
        for (size_t i = 0; i < v->entries->n; i++) {
                entry_verify(v, i);
                r = entry_digest(v->l->digest, &v->entries->entries[i], digest);
                if (r)
                        return r;
                digest_add(v->state, digest);
        }
        return 0;
}

/* ---- pins and switches ---- */

static int pin_verify(struct verify *v, struct query *q)
{
        char wanted[PIN_ADDRESSES_MAX];
        CLEANUP(pin_set_freep) struct pin_set *set = NULL;
        struct pin p = { .at_us = query_number(q, 2) };
        uint8_t digest[DIGEST_BYTES];
        const char *addresses;
        int r = column_text(q, 0, &p.name);

        if (r == 0)
                r = column_text(q, 1, &addresses);
        if (r == 0)
                r = addresses_read(addresses, &p);
        if (r == 0)
                r = pin_set_new(&p, 1, &set);
        if (r)
                return r;
        /* The set has what is in order: they must not differ. */
        addresses_format(&set->pins[0], wanted);
        if (!pin_is_good(&p) || strcmp(set->pins[0].name, p.name) != 0 ||
            strcmp(wanted, addresses) != 0)
                flaw_tell(v, "the pin of %s is not as it is kept: %s", p.name, addresses);
        r = pin_digest(v->l->digest, p.name, addresses, p.at_us, digest);
        if (r == 0)
                digest_add(v->state, digest);
        return r;
}

int verify_pins(struct verify *v)
{
        CLEANUP(query_endp) struct query *q = NULL;
        int r = store_query(v->l->store, "SELECT name, addresses, at_us FROM pin ORDER BY name",
                            &q);

        if (r)
                return r;
        while (query_next(q)) {
                r = pin_verify(v, q);
                if (r)
                        return r;
        }
        return query_end(q);
}

static bool field_is_clean(const char *text, size_t size)
{
        return text[0] == 0 || text_is_clean(text, size - 1);
}

int verify_switches(struct verify *v)
{
        CLEANUP(freep) struct ledger_switch *switches = NULL;
        uint8_t digest[DIGEST_BYTES];
        size_t n = 0;
        int r = ledger_switches(v->l, &switches, &n);

        for (size_t i = 0; r == 0 && i < n; i++) {
                struct ledger_switch *s = &switches[i];

                if (!switch_is_good(s->name) || !field_is_clean(s->who, sizeof(s->who)) ||
                    !field_is_clean(s->why, sizeof(s->why)))
                        flaw_tell(v, "the switch %s is not as it is kept", s->name);
                r = switch_digest(v->l->digest, s, digest);
                if (r == 0)
                        digest_add(v->state, digest);
        }
        return r;
}

/* ---- all of it against the history ---- */

/* Entries that are not as their last move left them, as far as the history goes back. */
static int entries_name(struct verify *v)
{
        CLEANUP(query_endp) struct query *q = NULL;
        int r = store_query(v->l->store,
                            "SELECT m.provider, m.key, m.host FROM ("
                            " SELECT provider, key, host, to_state, added_us, live_us, max(row)"
                            " FROM history_move GROUP BY provider, key, host) m"
                            " LEFT JOIN entry e USING (provider, key, host)"
                            " WHERE e.state IS NOT m.to_state OR (e.state IS NOT NULL AND"
                            " (e.added_us <> m.added_us OR e.live_us <> m.live_us)) LIMIT 20",
                            &q);

        if (r)
                return r;
        while (query_next(q)) {
                struct slice part[3];

                for (int i = 0; i < 3; i++) {
                        part[i] = query_bytes(q, i);
                        part[i].length = MIN(part[i].length, (size_t)64);
                }
                flaw_tell(v, "the entry of %.*s, %.*s, %.*s is not as the history left it",
                          (int)part[0].length, part[0].data, (int)part[1].length, part[1].data,
                          (int)part[2].length, part[2].data);
        }
        return query_end(q);
}

int verify_state(struct verify *v)
{
        if (memcmp(v->state, v->l->head.state, DIGEST_BYTES) == 0)
                return 0;
        flaw_tell(v, "entries, pins, switches or what waits have changed since row %llu",
                  (unsigned long long)v->l->head.id);
        return entries_name(v);
}

/* ---- against the policy in force ---- */

/* Lines of "PROVIDER KEY HOST". */
struct lines {
        char *text;
        char **lines;
        size_t n;
};

static void lines_done(struct lines *l)
{
        free(l->text);
        free(l->lines);
}

static int line_order(const void *left, const void *right)
{
        return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Cuts the text into its lines, in order. */
static int lines_cut(struct lines *l)
{
        size_t n = 0;

        for (const char *c = l->text; *c; c++)
                n += *c == '\n';
        l->lines = calloc(n + 1, sizeof(*l->lines));
        if (!l->lines)
                return fault(-ENOMEM);
        for (char *at = l->text, *end; (end = strchr(at, '\n')); at = end + 1) {
                *end = 0;
                l->lines[l->n++] = at;
        }
        qsort(l->lines, l->n, sizeof(*l->lines), line_order);
        return 0;
}

static int entries_write(const struct entry_set *s, char **ret)
{
        size_t size = 0;
        FILE *out = open_memstream(ret, &size);

        if (!out)
                return fault(-ENOMEM);
        for (size_t i = 0; i < s->n; i++) {
                const struct entry *e = &s->entries[i];

                if (entry_state_is_held(e->state))
                        fprintf(out, "%s %s %s\n", e->provider, e->key, e->host);
        }
        return fclose(out) == 0 ? 0 : fault(-ENOMEM);
}

static void lines_compare(struct verify *v, const struct lines *wanted, const struct lines *found)
{
        size_t i = 0, j = 0;

        while (i < wanted->n || j < found->n) {
                int order = i == wanted->n  ? 1
                            : j == found->n ? -1
                                            : strcmp(wanted->lines[i], found->lines[j]);

                if (order < 0)
                        flaw_tell(v, "no entry holds a slot of the policy in force: %s",
                                  wanted->lines[i]);
                if (order > 0)
                        flaw_tell(v, "an entry holds no slot of the policy in force: %s",
                                  found->lines[j]);
                i += order <= 0;
                j += order >= 0;
        }
}

int verify_assignment(struct verify *v)
{
        CLEANUP(lines_done) struct lines wanted = { NULL }, found = { NULL };
        CLEANUP(revision_freep) struct revision *p = NULL;
        int r = v->l->head.revision > 0 ? revision_load(v->l, v->l->head.revision, &p) : -ENOENT;

        if (r == -ENOENT || (r == 0 && !v->entries))
                return 0;
        if (r)
                return r;
        wanted.text = TAKE(p->assignment);
        r = lines_cut(&wanted);
        if (r == 0)
                r = entries_write(v->entries, &found.text);
        if (r == 0)
                r = lines_cut(&found);
        if (r == 0)
                lines_compare(v, &wanted, &found);
        return r;
}
