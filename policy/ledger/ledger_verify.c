/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/ledger/schema.h"
#include "policy/ledger/verify.h"

#include <stdarg.h>
#include <stdio.h>

#define FLAW_BYTES 512

void flaw_tell(struct verify *v, const char *format, ...)
{
        char flaw[FLAW_BYTES];
        va_list arguments;

        if (v->n_flaws++ >= LEDGER_MAX_FLAWS)
                return;
        va_start(arguments, format);
        vsnprintf(flaw, sizeof(flaw), format, arguments);
        va_end(arguments);
        for (char *c = flaw; *c; c++)
                if (*c == '\n')
                        *c = ' ';
        v->tell(v->context, flaw);
}

/* What SQLite itself finds. */
static int verify_file(struct verify *v)
{
        CLEANUP(query_endp) struct query *q = NULL;
        int r = store_query(v->l->store, "PRAGMA integrity_check(20)", &q);

        if (r)
                return r;
        while (query_next(q)) {
                struct slice said = query_bytes(q, 0);

                if (!slice_is(said, "ok"))
                        flaw_tell(v, "SQLite: %.*s", (int)MIN(said.length, (size_t)300), said.data);
        }
        return query_end(q);
}

static int verify_references(struct verify *v)
{
        CLEANUP(query_endp) struct query *q = NULL;
        int r = store_query(v->l->store,
                            "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check"
                            " GROUP BY 1, 2",
                            &q);

        if (r)
                return r;
        while (query_next(q)) {
                struct slice child = query_bytes(q, 0), parent = query_bytes(q, 1);

                flaw_tell(v, "%lld rows of %.*s name rows of %.*s that are not there",
                          (long long)query_number(q, 2), (int)MIN(child.length, (size_t)64),
                          child.data, (int)MIN(parent.length, (size_t)64), parent.data);
        }
        return query_end(q);
}

static int verify_schema(struct verify *v)
{
        int64_t id = 0;
        unsigned version = 0;
        int r = store_number(v->l->store, "PRAGMA application_id", &id);

        if (r == 0)
                r = schema_version(v->l->store, &version);
        if (r)
                return r;
        if (id != LEDGER_APPLICATION_ID)
                flaw_tell(v, "the application id is 0x%08llx", (unsigned long long)id);
        if (version != SCHEMA_VERSION)
                flaw_tell(v, "the schema's version is %u, not %u", version, SCHEMA_VERSION);
        r = schema_check(v->l->store, SCHEMA_VERSION);
        if (r != LEDGER_E_DAMAGED)
                return r;
        flaw_tell(v, "the tables are not those of version %u", SCHEMA_VERSION);
        return 0;
}

static const struct {
        const char *what;
        int (*check)(struct verify *v);
} checks[] = {
        { "the file", verify_file },
        { "the tables", verify_schema },
        { "references", verify_references },
        { "the history", verify_chain },
        { "policies", verify_policies },
        { "entries", verify_entries },
        { "pins", verify_pins },
        { "switches", verify_switches },
        { "what waits", verify_pending },
        { "the state", verify_state },
        { "the assignment", verify_assignment },
};

int ledger_verify(struct ledger *l, void (*tell)(void *context, const char *flaw), void *context,
                  size_t *ret_n_flaws)
{
        struct verify v = { .l = l, .tell = tell, .context = context };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < N_ELEMENTS(checks); i++) {
                r = checks[i].check(&v);
                if (r > 0)
                        flaw_tell(&v, "%s cannot be read: %s", checks[i].what, ledger_explain(r));
        }
        if (v.entries)
                entry_set_free(v.entries);
        if (r < 0)
                return r;
        *ret_n_flaws = v.n_flaws;
        return 0;
}
