/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/fault.h"
#include "policy/ledger/clean.h"
#include "policy/ledger/commit.h"

#include <errno.h>

/* ---- the policy ---- */

/* Of the policy that is in force already. */
static int seal_read(struct commit *t, struct query *q)
{
        struct slice content = query_bytes(q, 3);
        const char *digest, *router;
        int r = column_text(q, 1, &digest);

        if (r || strlen(digest) >= sizeof(t->digest) || content.length != DIGEST_BYTES)
                return LEDGER_E_DAMAGED;
        strcpy(t->digest, digest);
        r = column_text(q, 2, &router);
        if (r || strlen(router) >= sizeof(t->router))
                return LEDGER_E_DAMAGED;
        strcpy(t->router, router);
        t->seal = (struct seal){
                t->before.revision, query_number(q, 0), t->digest, t->router, { 0 }
        };
        memcpy(t->seal.content, content.data, DIGEST_BYTES);
        return 0;
}

static int policy_keep(struct commit *t)
{
        CLEANUP(query_endp) struct query *q = NULL;
        int r = store_query(t->l->store,
                            "SELECT at_us, digest, router, content_digest FROM revision"
                            " WHERE id = ?",
                            &q);

        if (r)
                return r;
        query_put_number(q, (int64_t)t->before.revision);
        if (query_next(q))
                return seal_read(t, q);
        r = query_end(q);
        return r ? r : LEDGER_E_DAMAGED;
}

static int file_insert(struct commit *t, size_t position)
{
        const struct ledger_file *f = &t->c->files[position];
        struct query *q;
        int r = store_query(t->l->store,
                            "INSERT INTO revision_file (revision, position, role, path, text)"
                            " VALUES (?, ?, ?, ?, ?)",
                            &q);

        if (r)
                return r;
        query_put_number(q, (int64_t)t->next.id);
        query_put_number(q, (int64_t)position);
        query_put_text(q, f->role);
        query_put_text(q, f->path);
        query_put_blob(q, f->text, f->length);
        return query_run(q);
}

static int policy_insert(struct commit *t, const char *assignment)
{
        struct query *q;
        int r = store_query(t->l->store,
                            "INSERT INTO revision (id, at_us, digest, router, assignment,"
                            " content_digest) VALUES (?, ?, ?, ?, ?, ?)",
                            &q);

        if (r)
                return r;
        query_put_number(q, (int64_t)t->next.id);
        query_put_number(q, t->c->at_us);
        query_put_text(q, t->digest);
        query_put_text(q, t->router);
        query_put_text(q, assignment);
        query_put_blob(q, t->seal.content, DIGEST_BYTES);
        r = query_run(q);
        for (size_t i = 0; r == 0 && i < t->c->n_files; i++)
                r = file_insert(t, i);
        return r;
}

static int policy_apply(struct commit *t)
{
        const char *router = t->c->router ? t->c->router : "";
        const char *assignment = t->c->assignment ? t->c->assignment : "";
        int r;

        if (router[0] && !text_is_clean(router, sizeof(t->router) - 1))
                return fault(-EINVAL);
        strcpy(t->router, router);
        t->seal = (struct seal){ t->next.id, t->c->at_us, t->digest, t->router, { 0 } };
        r = files_digest(t->l->digest, t->c->files, t->c->n_files, t->digest);
        if (r == 0)
                r = content_digest(t->l->digest, t->c->files, t->c->n_files, assignment,
                                   t->seal.content);
        return r ? r : policy_insert(t, assignment);
}

int commit_policy(struct commit *t)
{
        if (t->c->n_files > 0)
                return policy_apply(t);
        if (t->c->withdraw || t->before.revision == 0)
                return 0;
        return policy_keep(t);
}

/* ---- pins ---- */

/* A pin that is about to go, if there is one, is no longer part of the state. */
static int pin_take(struct commit *t, const char *name)
{
        CLEANUP(query_endp) struct query *q = NULL;
        uint8_t digest[DIGEST_BYTES];
        const char *kept, *addresses;
        int r = store_query(t->l->store,
                            "SELECT name, addresses, at_us FROM pin WHERE name = lower(?)", &q);

        if (r)
                return r;
        query_put_text(q, name);
        if (query_next(q)) {
                r = column_text(q, 0, &kept);
                if (r == 0)
                        r = column_text(q, 1, &addresses);
                if (r == 0)
                        r = pin_digest(t->l->digest, kept, addresses, query_number(q, 2), digest);
                if (r)
                        return r;
                digest_take(t->next.state, digest);
        }
        return query_end(q);
}

static int pin_remove(struct commit *t, const char *name)
{
        struct query *q;
        int r = pin_take(t, name);

        if (r == 0)
                r = store_query(t->l->store, "DELETE FROM pin WHERE name = lower(?)", &q);
        if (r)
                return r;
        query_put_text(q, name);
        return query_run(q);
}

void addresses_format(const struct pin *p, char text[static PIN_ADDRESSES_MAX])
{
        char *end = text;

        *end = 0;
        for (unsigned i = 0; i < p->n_addrs; i++) {
                if (i > 0)
                        *end++ = ' ';
                end += strlen(addr_format(&p->addrs[i], end));
        }
}

static int pin_insert(struct commit *t, const struct pin *p)
{
        char addresses[PIN_ADDRESSES_MAX];
        uint8_t digest[DIGEST_BYTES];
        struct query *q;
        int r;

        addresses_format(p, addresses);
        r = pin_digest(t->l->digest, p->name, addresses, p->at_us, digest);
        if (r)
                return r;
        digest_add(t->next.state, digest);
        r = store_query(t->l->store, "INSERT INTO pin (name, addresses, at_us) VALUES (?, ?, ?)",
                        &q);
        if (r)
                return r;
        query_put_text(q, p->name);
        query_put_text(q, addresses);
        query_put_number(q, p->at_us);
        return query_run(q);
}

bool pin_is_good(const struct pin *p)
{
        return text_is_clean(p->name, LEDGER_NAME_MAX) && p->n_addrs >= 1 &&
               p->n_addrs <= PIN_MAX_ADDRESSES;
}

/* The set has each name once, in lower case, and its addresses in order. */
int commit_pins(struct commit *t)
{
        CLEANUP(pin_set_freep) struct pin_set *set = NULL;
        int r = 0;

        for (size_t i = 0; i < t->c->n_pins; i++)
                if (!pin_is_good(&t->c->pins[i]))
                        return fault(-EINVAL);
        for (size_t i = 0; r == 0 && i < t->c->n_unpinned; i++)
                r = pin_remove(t, t->c->unpinned[i]);
        if (r == 0)
                r = pin_set_new(t->c->pins, t->c->n_pins, &set);
        for (size_t i = 0; r == 0 && i < set->n; i++) {
                r = pin_remove(t, set->pins[i].name);
                if (r == 0)
                        r = pin_insert(t, &set->pins[i]);
        }
        return r;
}

/* ---- switches ---- */

bool switch_is_good(const char *name)
{
        static const char *const kinds[] = { "key:", "backend:" };

        for (size_t i = 0; i < N_ELEMENTS(kinds); i++)
                if (strncmp(name, kinds[i], strlen(kinds[i])) == 0 && name[strlen(kinds[i])])
                        return text_is_clean(name, sizeof(((struct ledger_switch *)0)->name) - 1);
        return strcmp(name, "all") == 0;
}

static int switch_take(struct commit *t, const char *name)
{
        CLEANUP(query_endp) struct query *q = NULL;
        struct ledger_switch s;
        uint8_t digest[DIGEST_BYTES];
        int r = store_query(t->l->store,
                            "SELECT name, who, why, at_us FROM switched_off WHERE name = ?", &q);

        if (r)
                return r;
        query_put_text(q, name);
        if (query_next(q)) {
                r = switch_read(q, &s);
                if (r == 0)
                        r = switch_digest(t->l->digest, &s, digest);
                if (r)
                        return r;
                digest_take(t->next.state, digest);
        }
        return query_end(q);
}

static int switch_remove(struct commit *t, const char *name)
{
        struct query *q;
        int r = switch_take(t, name);

        if (r == 0)
                r = store_query(t->l->store, "DELETE FROM switched_off WHERE name = ?", &q);
        if (r)
                return r;
        query_put_text(q, name);
        return query_run(q);
}

static int switch_insert(struct commit *t, const struct ledger_switch *told)
{
        struct ledger_switch s = { .at_us = told->at_us };
        uint8_t digest[DIGEST_BYTES];
        struct query *q;
        int r;

        if (!switch_is_good(told->name))
                return fault(-EINVAL);
        strcpy(s.name, told->name);
        text_clean(s.who, sizeof(s.who), told->who);
        text_clean(s.why, sizeof(s.why), told->why);
        r = switch_digest(t->l->digest, &s, digest);
        if (r)
                return r;
        digest_add(t->next.state, digest);
        r = store_query(t->l->store,
                        "INSERT INTO switched_off (name, who, why, at_us) VALUES (?, ?, ?, ?)", &q);
        if (r)
                return r;
        query_put_text(q, s.name);
        query_put_text(q, s.who);
        query_put_text(q, s.why);
        query_put_number(q, s.at_us);
        return query_run(q);
}

int commit_switches(struct commit *t)
{
        int64_t n = 0;
        int r = 0;

        for (size_t i = 0; r == 0 && i < t->c->n_switched_on; i++)
                r = switch_remove(t, t->c->switched_on[i]);
        for (size_t i = 0; r == 0 && i < t->c->n_switched_off; i++) {
                r = switch_remove(t, t->c->switched_off[i].name);
                if (r == 0)
                        r = switch_insert(t, &t->c->switched_off[i]);
        }
        if (r || t->c->n_switched_off == 0)
                return r;
        r = store_number(t->l->store, "SELECT count(*) FROM switched_off", &n);
        return r == 0 && n > LEDGER_MAX_SWITCHES ? fault(-E2BIG) : r;
}

/* ---- what waits ---- */

static int pending_insert(struct commit *t, const struct pending *p)
{
        uint8_t digest[DIGEST_BYTES];
        struct query *q;
        int r = pending_digest(t->l->digest, p, digest);

        if (r)
                return r;
        digest_add(t->next.state, digest);
        r = store_query(t->l->store,
                        "INSERT INTO pending (only, revision, previous, deadline_us)"
                        " VALUES (1, ?, nullif(?, 0), ?)",
                        &q);
        if (r)
                return r;
        query_put_number(q, (int64_t)p->revision);
        query_put_number(q, (int64_t)p->previous);
        query_put_number(q, p->deadline_us);
        return query_run(q);
}

/* Can it be gone back to? */
static int policy_check(struct commit *t, uint64_t id)
{
        struct query *q;
        bool is_there;
        int r;

        if (id == 0)
                return 0;
        r = store_query(t->l->store,
                        "SELECT 1 FROM revision WHERE id = ? AND assignment IS NOT NULL", &q);
        if (r)
                return r;
        query_put_number(q, (int64_t)id);
        is_there = query_next(q);
        r = query_end(q);
        return r == 0 && !is_there ? fault(-EINVAL) : r;
}

/* What waits is the policy in force, and an older one is to be gone back to. */
static int pending_check(struct commit *t, const struct pending *p)
{
        if (p->revision == 0)
                return 0;
        if (p->revision != t->seal.revision || p->previous >= p->revision)
                return fault(-EINVAL);
        return policy_check(t, p->previous);
}

int commit_pending(struct commit *t)
{
        uint8_t digest[DIGEST_BYTES];
        struct pending old, new;
        int r = ledger_pending(t->l, &old);

        if (r)
                return r;
        if (!t->c->pending)
                return pending_check(t, &old);
        if (old.revision > 0) {
                r = pending_digest(t->l->digest, &old, digest);
                if (r)
                        return r;
                digest_take(t->next.state, digest);
        }
        new = *t->c->pending;
        if (new.revision == UINT64_MAX)
                new.revision = t->next.id;
        r = pending_check(t, &new);
        if (r == 0)
                r = store_run(t->l->store, "DELETE FROM pending");
        return r || new.revision == 0 ? r : pending_insert(t, &new);
}
