/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/fault.h"
#include "policy/ledger/ledger_internal.h"

#include <errno.h>

int column_text(struct query *q, int column, const char **ret)
{
        struct slice text = query_bytes(q, column);

        if (!text.data || memchr(text.data, 0, text.length))
                return LEDGER_E_DAMAGED;
        *ret = text.data;
        return 0;
}

int state_read(struct query *q, int column, int *ret)
{
        enum entry_state state;
        const char *name;

        if (query_is_null(q, column)) {
                *ret = -1;
                return 0;
        }
        if (column_text(q, column, &name) != 0 || !entry_state_parse(name, &state))
                return LEDGER_E_DAMAGED;
        *ret = (int)state;
        return 0;
}

int text_copy(struct query *q, int column, char **ret)
{
        const char *text;
        int r = column_text(q, column, &text);

        if (r)
                return r;
        *ret = strdup(text);
        return *ret ? 0 : fault(-ENOMEM);
}

/* ---- texts of many rows ---- */

int shelf_put(struct shelf *s, struct query *q, int column, const char **ret)
{
        const char *text;
        size_t size;
        int r = column_text(q, column, &text);

        if (r)
                return r;
        size = strlen(text) + 1;
        if (size > s->n_bytes_left)
                return LEDGER_E_DAMAGED;
        *ret = memcpy(s->end, text, size);
        s->end += size;
        s->n_bytes_left -= size;
        return 0;
}

int shelf_count(struct query *q, struct shelf *s)
{
        int64_t n, n_bytes;
        int r;

        if (!query_next(q)) {
                r = query_end(q);
                return r ? r : LEDGER_E_DAMAGED;
        }
        n = query_number(q, 0);
        n_bytes = query_number(q, 1);
        r = query_end(q);
        if (r)
                return r;
        if (n < 0 || n_bytes < 0 || n_bytes > SHELF_MAX_BYTES || n > SHELF_MAX_BYTES)
                return LEDGER_E_DAMAGED;
        s->end = s->memory = malloc((size_t)n_bytes + 1);
        s->n_rows = (size_t)n;
        s->n_bytes_left = (size_t)n_bytes;
        return s->memory ? 0 : fault(-ENOMEM);
}

/* ---- entries ---- */

static int entry_read(struct query *q, struct shelf *texts, struct entry *e)
{
        int state = -1;
        int r = shelf_put(texts, q, 0, &e->provider);

        if (r == 0)
                r = shelf_put(texts, q, 1, &e->key);
        if (r == 0)
                r = shelf_put(texts, q, 2, &e->host);
        if (r == 0)
                r = state_read(q, 3, &state);
        if (r)
                return r;
        if (state < 0)
                return LEDGER_E_DAMAGED;
        e->state = (enum entry_state)state;
        e->since_us = query_number(q, 4);
        e->added_us = query_number(q, 5);
        e->live_us = query_number(q, 6);
        if (addr_parse(slice_of(e->host), &e->addr) != 0)
                e->addr = (struct addr){ { 0 } };
        return 0;
}

static int entries_read(struct query *q, struct shelf *texts, struct entry *entries, size_t *ret_n)
{
        size_t n = 0;

        while (query_next(q)) {
                int r = n < texts->n_rows ? entry_read(q, texts, &entries[n++]) : LEDGER_E_DAMAGED;

                if (r)
                        return r;
        }
        *ret_n = n;
        return query_end(q);
}

int ledger_entries(struct ledger *l, struct entry_set **ret)
{
        CLEANUP(query_endp) struct query *q = NULL;
        CLEANUP(shelf_done) struct shelf texts = { NULL };
        CLEANUP(freep) struct entry *entries = NULL;
        size_t n = 0;
        int r = store_query(l->store,
                            "SELECT count(*), coalesce(sum(length(CAST(provider AS BLOB)) +"
                            " length(CAST(key AS BLOB)) + length(CAST(host AS BLOB)) + 3), 0)"
                            " FROM entry",
                            &q);

        if (r == 0)
                r = shelf_count(q, &texts);
        if (r)
                return r;
        entries = calloc(texts.n_rows + 1, sizeof(*entries));
        if (!entries)
                return fault(-ENOMEM);
        r = store_query(l->store,
                        "SELECT provider, key, host, state, since_us, added_us, live_us FROM entry",
                        &q);
        if (r == 0)
                r = entries_read(q, &texts, entries, &n);
        return r ? r : entry_set_new(entries, n, ret);
}

/* ---- pins ---- */

int addresses_read(const char *text, struct pin *p)
{
        struct slice rest = slice_of(text), part;

        p->n_addrs = 0;
        while (slice_split(&rest, ' ', &part)) {
                if (p->n_addrs == PIN_MAX_ADDRESSES || addr_parse(part, &p->addrs[p->n_addrs]) != 0)
                        return LEDGER_E_DAMAGED;
                p->n_addrs++;
        }
        return 0;
}

static int pin_read(struct query *q, struct shelf *texts, struct pin *p)
{
        const char *addresses;
        int r = shelf_put(texts, q, 0, &p->name);

        if (r == 0)
                r = column_text(q, 1, &addresses);
        if (r == 0)
                r = addresses_read(addresses, p);
        p->at_us = query_number(q, 2);
        return r;
}

static int pins_read(struct query *q, struct shelf *texts, struct pin *pins, size_t *ret_n)
{
        size_t n = 0;

        while (query_next(q)) {
                int r = n < texts->n_rows ? pin_read(q, texts, &pins[n++]) : LEDGER_E_DAMAGED;

                if (r)
                        return r;
        }
        *ret_n = n;
        return query_end(q);
}

int ledger_pins(struct ledger *l, struct pin_set **ret)
{
        CLEANUP(query_endp) struct query *q = NULL;
        CLEANUP(shelf_done) struct shelf texts = { NULL };
        CLEANUP(freep) struct pin *pins = NULL;
        size_t n = 0;
        int r = store_query(l->store,
                            "SELECT count(*), coalesce(sum(length(CAST(name AS BLOB)) + 1), 0)"
                            " FROM pin",
                            &q);

        if (r == 0)
                r = shelf_count(q, &texts);
        if (r)
                return r;
        pins = calloc(texts.n_rows + 1, sizeof(*pins));
        if (!pins)
                return fault(-ENOMEM);
        r = store_query(l->store, "SELECT name, addresses, at_us FROM pin", &q);
        if (r == 0)
                r = pins_read(q, &texts, pins, &n);
        return r ? r : pin_set_new(pins, n, ret);
}

/* ---- switches, and what waits ---- */

static int field_read(struct query *q, int column, char *field, size_t size)
{
        const char *text;
        int r = column_text(q, column, &text);

        if (r)
                return r;
        if (strlen(text) >= size)
                return LEDGER_E_DAMAGED;
        strcpy(field, text);
        return 0;
}

int switch_read(struct query *q, struct ledger_switch *s)
{
        int r = field_read(q, 0, s->name, sizeof(s->name));

        if (r == 0)
                r = field_read(q, 1, s->who, sizeof(s->who));
        if (r == 0)
                r = field_read(q, 2, s->why, sizeof(s->why));
        s->at_us = query_number(q, 3);
        return r;
}

int ledger_switches(struct ledger *l, struct ledger_switch **ret, size_t *ret_n)
{
        CLEANUP(query_endp) struct query *q = NULL;
        CLEANUP(freep) struct ledger_switch *switches = NULL;
        int64_t n_most = 0;
        size_t n = 0;
        int r = store_number(l->store, "SELECT count(*) FROM switched_off", &n_most);

        if (r)
                return r;
        if (n_most < 0 || n_most > LEDGER_MAX_SWITCHES)
                return LEDGER_E_DAMAGED;
        switches = calloc((size_t)n_most + 1, sizeof(*switches));
        if (!switches)
                return fault(-ENOMEM);
        r = store_query(l->store, "SELECT name, who, why, at_us FROM switched_off ORDER BY name",
                        &q);
        while (r == 0 && query_next(q))
                r = n < (size_t)n_most ? switch_read(q, &switches[n++]) : LEDGER_E_DAMAGED;
        if (r == 0)
                r = query_end(q);
        if (r)
                return r;
        *ret = TAKE(switches);
        *ret_n = n;
        return 0;
}

int ledger_pending(struct ledger *l, struct pending *ret)
{
        CLEANUP(query_endp) struct query *q = NULL;
        struct pending p = { .revision = 0 };
        int r = store_query(l->store, "SELECT revision, previous, deadline_us FROM pending", &q);

        if (r)
                return r;
        if (query_next(q)) {
                p.revision = (uint64_t)query_number(q, 0);
                p.previous = (uint64_t)query_number(q, 1);
                p.deadline_us = query_number(q, 2);
        }
        r = query_end(q);
        if (r == 0)
                *ret = p;
        return r;
}
