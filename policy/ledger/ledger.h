/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ledger - what has been applied, and who changed what, when and why
 *
 * One SQLite file (WAL, synchronous=FULL) with a schema version and an application id of its own.
 * Everything changes in ledger_commit(), in one transaction, with one row of the history: whoever
 * is killed in it leaves the ledger of before or the one behind, whole. The file is held by one
 * process at a time (an flock on PATH.lock): the daemon, or with the daemon stopped a command.
 *
 * Rows of the history are chained by SHA-256, so that a row changed by hand shows. Bounds: the
 * newest LEDGER_MAX_POLICIES applied policies keep their files, the newest LEDGER_MAX_HISTORY rows
 * are kept; what the ledger holds beyond them goes with the commit that exceeds it.
 *
 * Not for several threads at once. SQLite's own codes stay in this folder.
 */
#include "policy/ledger/entries.h"
#include "policy/ledger/pins.h"

#define LEDGER_APPLICATION_ID 0x6b72746c /* "krtl", PRAGMA application_id */
#define LEDGER_MAX_POLICIES 100
#define LEDGER_MAX_HISTORY 100000
#define LEDGER_WHY_MAX 512

/* Longest texts, in bytes without the terminator. What is longer is cut, and what a terminal would
 * not show as it is (control characters, bytes that are no UTF-8) becomes "?". */
#define LEDGER_WHO_MAX 63    /* who, and what */
#define LEDGER_TEXT_MAX 1024 /* why, and the summary */
/* Names of providers, keys and hosts, and names that are pinned: not changed, refused beyond it. */
#define LEDGER_NAME_MAX 255

struct ledger;

enum {
        LEDGER_E_MISSING = 1, /* there is none, and LEDGER_CREATE was not asked for */
        LEDGER_E_LOCKED,      /* another process holds it */
        LEDGER_E_FOREIGN,     /* a file, but no ledger of keyrouter; it is left as it is */
        LEDGER_E_DAMAGED,     /* torn or changed by something else; it is left as it is */
        LEDGER_E_NEWER,       /* of a later version of keyrouter */
        LEDGER_E_FULL,        /* no space left on the disk, or a quota; nothing has changed */
        LEDGER_E_DENIED,      /* no permission, or a read-only file system */
        LEDGER_E_STALE,       /* commit: the ledger is not at the expected row any more */
};

/* One sentence for an answer above. */
const char *ledger_explain(int answer);

#define LEDGER_CREATE 1U /* make it where there is none, owned by the owner of its folder, 0600 */

/*
 * Opens, takes the lock, and brings an older schema up to date. Returns 0, an answer above (*why
 * then says more, for a person), or a negative errno.
 */
MUST_CHECK int ledger_open(const char *path, unsigned flags, char why[static LEDGER_WHY_MAX],
                           struct ledger **ret);

/* An empty one that lives in memory: where nothing has been applied yet. */
MUST_CHECK int ledger_open_memory(struct ledger **ret);
void ledger_close(struct ledger *l);
DEFINE_FREEP(struct ledger, ledger_close);

/* ---- what it holds; each result belongs to the caller ---- */

/* Number of the newest row of the history; 0: an empty ledger. */
uint64_t ledger_head(const struct ledger *l);

MUST_CHECK int ledger_entries(struct ledger *l, struct entry_set **ret);
MUST_CHECK int ledger_pins(struct ledger *l, struct pin_set **ret);

/* One text of an applied policy: see lib/settings/files.h for role and path. */
struct ledger_file {
        char *role, *path, *text;
        size_t length;
};

/* An applied policy. */
struct revision {
        uint64_t id; /* the row of the history that applied it */
        int64_t at_us;
        char digest[65];            /* SHA-256 of roles and texts in order, hexadecimal */
        char router[ADDR_TEXT_MAX]; /* the router's address it was planned with; "": not told */
        struct ledger_file *files;
        size_t n_files;
        char *assignment; /* "PROVIDER KEY HOST\n" for each slot, sorted; not NULL */
};

/* The one in force at row `id` (0: now). Returns 0, -ENOENT (none, or its files are gone), ... */
MUST_CHECK int ledger_revision(struct ledger *l, uint64_t id, struct revision **ret);
void revision_free(struct revision *r);
DEFINE_FREEP(struct revision, revision_free);

/* Its digest, from files as they are about to be applied. Returns 0 or -ENOMEM. */
MUST_CHECK int revision_digest(const struct ledger_file *files, size_t n_files,
                               char ret[static 65]);

struct history_row {
        uint64_t id;
        int64_t at_us;
        char *who, *what,
                *why;  /* what: "apply", "allowlist confirm", ...; why: "" where none was given */
        char *summary; /* one line for a person */
        uint64_t revision; /* id of the policy in force behind it; 0: none */
        bool has_policy;   /* it applied one, and its files are still there */
        char hash[65];
};

struct history {
        struct history_row *rows; /* newest first */
        size_t n;
};

/* At most `n_max` rows with an id below `before` (0: from the newest). */
MUST_CHECK int ledger_history(struct ledger *l, uint64_t before, size_t n_max,
                              struct history **ret);
void history_free(struct history *h);
DEFINE_FREEP(struct history, history_free);

/* Moves of entries of the rows from above `after` to `upto`, oldest first: what `diff` tells. */
struct entry_move {
        const char *provider, *key, *host;
        int from, to;              /* enum entry_state; -1: was not there, is gone */
        int64_t added_us, live_us; /* behind the move; see struct entry */
};

struct move_list {
        struct entry_move *moves;
        size_t n;
        char *texts;
};

MUST_CHECK int ledger_moves(struct ledger *l, uint64_t after, uint64_t upto,
                            struct move_list **ret);
void move_list_free(struct move_list *m);
DEFINE_FREEP(struct move_list, move_list_free);

/* A key or backend that an administrator has switched off. */
struct ledger_switch {
        char name[80]; /* "key:NAME", "backend:NAME" or "all" */
        char who[64];
        char why[256];
        int64_t at_us;
};

#define LEDGER_MAX_SWITCHES 4096

MUST_CHECK int ledger_switches(struct ledger *l, struct ledger_switch **ret, size_t *ret_n);

/* An apply that is taken back unless it is confirmed in time. */
struct pending {
        uint64_t revision;   /* that waits; 0: none waits */
        uint64_t previous;   /* that it would go back to; 0: to no policy at all */
        int64_t deadline_us; /* wall clock */
};

MUST_CHECK int ledger_pending(struct ledger *l, struct pending *ret);

/* ---- the one way to change it ---- */

struct change {
        uint64_t
                expected_head; /* refused as stale unless the ledger stands there; UINT64_MAX: any */
        const char *who, *what, *why, *summary; /* why: NULL where none was given */
        int64_t at_us;

        /* `from` must be what stands there: else LEDGER_E_STALE. An entry moves once in a change. */
        const struct entry_move *moves;
        size_t n_moves;

        /* A policy to be applied: n_files > 0. */
        const struct ledger_file *files;
        size_t n_files;
        const char *router;
        const char *assignment;
        bool withdraw; /* without files: no policy is in force behind it */

        const struct pin *pins; /* to be set */
        size_t n_pins;
        const char *const *unpinned; /* names whose pins go */
        size_t n_unpinned;

        const struct ledger_switch *switched_off;
        size_t n_switched_off;
        const char *const *switched_on; /* names as in struct ledger_switch */
        size_t n_switched_on;


        /* NULL: as it is. Revision UINT64_MAX: the row being written. What waits is the policy in
         * force: who applies or withdraws one while another waits has to say what becomes of it. */
        const struct pending *pending;
};

/*
 * Returns 0 and the row's number, LEDGER_E_STALE, _FULL, _DENIED or _DAMAGED, LEDGER_E_MISSING where
 * somebody has removed or replaced the file, or a negative errno:
 * nothing has changed then, and the ledger can go on being used. -EEXIST: the change would have two
 * entries hold one address; -EINVAL: a name or a host is none, or what waits is not in force or
 * has nothing to go back to; -E2BIG: too much.
 */
MUST_CHECK int ledger_commit(struct ledger *l, const struct change *c, uint64_t *ret_id);

/* ---- care ---- */

/* The whole ledger as bytes of a SQLite file, consistent. Owner of *ret: the caller, free(). */
MUST_CHECK int ledger_backup(struct ledger *l, void **ret, size_t *ret_length);

/* Is it a sound ledger of ours? 0, an answer above with *why, or a negative errno. */
MUST_CHECK int ledger_inspect(const void *bytes, size_t length, char why[static LEDGER_WHY_MAX]);

/*
 * Takes the contents of a backup in place of its own, in one transaction, and notes it in the
 * history, which goes on from the backup's: the new row's number is above all that either knew.
 */
MUST_CHECK int ledger_restore(struct ledger *l, const void *bytes, size_t length, const char *who,
                              const char *why_told, int64_t at_us, char why[static LEDGER_WHY_MAX],
                              uint64_t *ret_id);

/* Reads all of it: SQLite's own check, the chain of the history, states, one held entry an address,
 * the assignment of the applied policy against the entries. Each flaw is a line to `tell`, up to
 * LEDGER_MAX_FLAWS; *ret_n_flaws counts them all. */
#define LEDGER_MAX_FLAWS 100
MUST_CHECK int ledger_verify(struct ledger *l, void (*tell)(void *context, const char *flaw),
                             void *context, size_t *ret_n_flaws);

/* Schema version of the file, and its size with the log. */
unsigned ledger_schema(const struct ledger *l);
uint64_t ledger_bytes(const struct ledger *l);
