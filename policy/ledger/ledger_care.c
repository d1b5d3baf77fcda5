/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup is taken in place of the contents like any other change: it is opened in memory, raised
 * to today's schema and read through, then shown to the ledger's own connection as a second,
 * read-only database. One transaction of the one file empties the tables, copies the backup's into
 * them and writes the new row. Until it is committed nothing has happened; the backup's own
 * database takes no part in the commit, so no second file has to agree.
 */
#include "lib/base/fault.h"
#include "policy/ledger/commit.h"

#include <stdio.h>

int ledger_backup(struct ledger *l, void **ret, size_t *ret_length)
{
        return store_bytes(l->store, ret, ret_length);
}

/* ---- a look at a backup ---- */

static void first_keep(void *context, const char *flaw)
{
        char *why = context;

        if (!why[0])
                snprintf(why, LEDGER_WHY_MAX, "%s", flaw);
}

static int sound_check(struct ledger *l, char why[static LEDGER_WHY_MAX])
{
        size_t n_flaws = 0;
        int r = ledger_verify(l, first_keep, why, &n_flaws);

        return r == 0 && n_flaws > 0 ? LEDGER_E_DAMAGED : r;
}

/* A ledger in memory, of today's schema, that has no flaw. */
static int backup_open(const void *bytes, size_t length, char why[static LEDGER_WHY_MAX],
                       struct ledger **ret)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        CLEANUP(store_freep) struct store *s = NULL;
        int r = header_judge(bytes, length, why);

        if (r == 0)
                r = store_open_bytes(bytes, length, &s);
        if (r)
                return r;
        r = store_accept(s, why);
        if (r == 0)
                r = ledger_new(s, &l);
        if (r && !why[0])
                why_say(why, "%s", store_complaint(s));
        if (r)
                return r;
        (void)TAKE(s);
        r = sound_check(l, why);
        if (r == 0)
                *ret = TAKE(l);
        return r;
}

static int backup_judge(const void *bytes, size_t length, char why[static LEDGER_WHY_MAX],
                        struct ledger **ret)
{
        int r;

        why[0] = 0;
        r = backup_open(bytes, length, why, ret);
        if (r && !why[0])
                why_say(why, "%s", ledger_explain(r));
        return r;
}

int ledger_inspect(const void *bytes, size_t length, char why[static LEDGER_WHY_MAX])
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;

        return backup_judge(bytes, length, why, &l);
}

/* ---- back to it ---- */

/* What refers to something goes before it, and comes behind it. */
static int tables_copy(struct store *s)
{
        int r = store_run(s, "DELETE FROM main.pending; DELETE FROM main.switched_off;"
                             "DELETE FROM main.pin; DELETE FROM main.entry;"
                             "DELETE FROM main.history_move; DELETE FROM main.history;"
                             "DELETE FROM main.revision_file; DELETE FROM main.revision;"
                             "DELETE FROM main.anchor");

        if (r)
                return r;
        return store_run(s, "INSERT INTO main.anchor SELECT * FROM backup.anchor;"
                            "INSERT INTO main.revision SELECT * FROM backup.revision;"
                            "INSERT INTO main.revision_file SELECT * FROM backup.revision_file;"
                            "INSERT INTO main.history SELECT * FROM backup.history;"
                            "INSERT INTO main.history_move SELECT * FROM backup.history_move;"
                            "INSERT INTO main.entry SELECT * FROM backup.entry;"
                            "INSERT INTO main.pin SELECT * FROM backup.pin;"
                            "INSERT INTO main.switched_off SELECT * FROM backup.switched_off;"
                            "INSERT INTO main.pending SELECT * FROM backup.pending");
}

static int restore_parts(struct commit *t)
{
        int r = tables_copy(t->l->store);

        if (r == 0)
                r = commit_policy(t);
        if (r == 0)
                r = commit_pending(t);
        if (r == 0)
                r = commit_row(t);
        if (r == 0)
                r = keep_history(t);
        if (r == 0)
                r = keep_policies(t);
        return r;
}

static int restore_commit(struct commit *t)
{
        int r = store_begin(t->l->store);

        if (r)
                return r;
        r = restore_parts(t);
        if (r) {
                store_rollback(t->l->store);
                return r;
        }
        return commit_end(t);
}

/* The backup's bytes anew: it may have been of an older schema. */
static int backup_attach(struct ledger *l, struct ledger *backup)
{
        CLEANUP(freep) void *bytes = NULL;
        size_t length = 0;
        int r = store_bytes(backup->store, &bytes, &length);

        return r ? r : store_attach(l->store, bytes, length);
}

int ledger_restore(struct ledger *l, const void *bytes, size_t length, const char *who,
                   const char *why_told, int64_t at_us, char why[static LEDGER_WHY_MAX],
                   uint64_t *ret_id)
{
        CLEANUP(ledger_closep) struct ledger *backup = NULL;
        char summary[80];
        struct pending none = { .revision = 0 };
        struct change c = { .who = who,
                            .what = "restore",
                            .why = why_told,
                            .summary = summary,
                            .at_us = at_us,
                            .pending = &none };
        struct commit t = { .l = l, .c = &c };
        int r = backup_judge(bytes, length, why, &backup);

        if (r)
                return r;
        snprintf(summary, sizeof(summary), "a backup of row %llu in place of row %llu",
                 (unsigned long long)backup->head.id, (unsigned long long)l->head.id);
        t.before = t.next = backup->head;
        t.next.id = MAX(l->head.id, backup->head.id) + 1;
        r = backup_attach(l, backup);
        if (r == 0) {
                r = restore_commit(&t);
                store_detach(l->store);
        }
        if (r)
                why_say(why, "%s", store_complaint(l->store));
        else
                *ret_id = t.next.id;
        return r;
}
