/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * operation - what can be asked of the ledger, and what may be done to it
 *
 * An operation takes a JSON object and gives one back; both are described in docs/control.md. The
 * daemon runs operations for its control socket, and with the daemon stopped a command runs the
 * same ones on the file. Not for several threads at once.
 */
#include "policy/ledger/ledger.h"
#include "policy/plan.h"

struct json_t;

/* What the running daemon knows and the ledger does not. */
struct slot_health {
        bool is_suspended;
        int64_t for_s;     /* suspended: until it is tried again; 0: it may be tried now */
        const char *cause; /* suspended: why; lives as long as the call */
        bool was_live;     /* a call has succeeded since the start */
};

struct traffic_counts { /* since the daemon's start */
        uint64_t n_requests, n_by_key, n_by_backend, n_refused, n_failed;
        uint64_t n_fallbacks; /* not by their own key, because it was refused, now or lately */
        bool has_unusable;
        uint64_t unusable_s; /* ago: an egress address could not be called from */
};

struct failure { /* the last time, and it has not succeeded since */
        uint64_t ago_s;
        const char *error; /* a sentence, lives as long as the call; NULL: not known */
};

struct operation_hooks {
        /* Could this policy be put in force? Findings go to *d. Returns 0, or -EINVAL with findings,
         * or another negative errno. Called before anything is committed. */
        int (*prepare)(void *context, struct policy *policy, struct plan *plan, struct diag *d);
        /* False: the daemon does not run this slot or key. Each may be NULL. */
        bool (*slot_health)(void *context, const char *provider, const char *key,
                            const struct addr *seen, struct slot_health *ret);
        bool (*key_health)(void *context, const char *key, struct slot_health *ret);
        void (*traffic)(void *context, struct traffic_counts *ret);
        /* False: it has not failed. NULL: nobody tries. */
        bool (*take_back_failed)(void *context, struct failure *ret);
        bool (*reload_failed)(void *context, struct failure *ret);
        uint64_t started_us; /* wall clock */
};

/* Whoever runs operations. */
struct operation_host {
        struct ledger *ledger;
        const char *ledger_path;  /* NULL: there is none, nothing has been applied */
        const char *policy_path;  /* of the file that an administrator edits; NULL: not known */
        const char *provider_dir; /* NULL: the installed definitions */
        struct addr router;       /* as vendors see the router; unspecified: not told */
        const struct operation_hooks *hooks; /* NULL: no daemon */
        void *hooks_context;
};

enum { /* what a reply says has changed */
       CHANGED_POLICY = 1U << 0,
       CHANGED_ENTRIES = 1U << 1,
       CHANGED_SWITCHES = 1U << 2,
       CHANGED_PENDING = 1U << 3,
};

struct reply {
        int status;          /* of sysexits.h; 0: it was done */
        struct json_t *body; /* never NULL; owner: whoever asked */
        unsigned changed;    /* set of CHANGED_x: what the ledger now says otherwise */
};

/*
 * Runs the operation of that name for `who`. Always fills *ret: whatever goes wrong is a reply of
 * the shape keyrouter.error/1.
 */
void operation_run(struct operation_host *host, const char *name, const char *who,
                   struct json_t *request, struct reply *ret);
void reply_done(struct reply *r);

/* Does an operation of that name exist, and may it change the ledger? */
bool operation_exists(const char *name, bool *ret_changes);

/* How long an apply may wait for its confirmation. */
#define OPERATION_CONFIRM_MAX_S 86400

/* Bytes of a request's or answer's JSON. */
#define OPERATION_MAX_BYTES ((size_t)96 * 1024 * 1024)

/*
 * Takes back what waits for its confirmation, as an operation of its own. `why` tells the cause:
 * the time is over, or errors jumped. Fills *ret like operation_run(): a refusal where nothing
 * waits.
 */
void operation_take_back(struct operation_host *host, const char *why, struct reply *ret);
