/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * daemon_parts - what the files daemon*.c share
 *
 * Internal to them: daemon.c has the life of the process, daemon_start.c what is opened for it,
 * daemon_renew.c the snapshots and the evidence, daemon_answer.c what is asked at the control
 * socket. Main thread only.
 */
#include "router/books.h"
#include "router/control.h"
#include "router/crew.h"
#include "router/daemon.h"
#include "router/probation.h"
#include "router/resolver.h"

struct daemon {
        const struct config *config;
        uv_loop_t loop;
        uv_signal_t signals[3];
        uv_async_t ended, changed;
        uv_timer_t first_answers, watchdog, force, evidence;
        struct books books;
        struct control *control;
        struct probation probation;
        struct control_call *waiting; /* for `pending` to serve */
        struct reply waiting_reply;
        uint64_t alarmed_ms; /* when the ledger was last complained about */
        struct tls_server *server;
        struct tls_client *client;
        struct origins origins;
        struct resolver *resolver;
        struct snapshot *snapshot;
        struct snapshot *pending; /* waits for the first answers of new hosts */
        struct crew crew;
        bool has_loop, has_crew;
        char addresses[1024]; /* "127.0.0.1:8443,..." for people and tests */
        bool accepting, stopping;
        int exit_code;
};

/* A disk that hangs keeps no request waiting, so it is no reason to be killed by the service manager's
 * watchdog: for that long the main thread may give no sign of life while it is at the ledger. */
#define LEDGER_PATIENCE_MS ((uint64_t)600 * 1000)

/* ---- daemon.c ---- */

/* The vendors' names have their first answers, or have had their time. */
void daemon_settled(struct daemon *d);

/* ---- daemon_start.c ---- */

/* Each says on standard error what is wrong. */
MUST_CHECK int start_tls(struct daemon *d); /* 0 or a negative errno */

/* Ledger and first snapshot. Returns the exit code. */
MUST_CHECK int start_books(struct daemon *d);

/* With the loop there: resolver, workers, sockets. 0 or a negative errno. */
MUST_CHECK int start_machine(struct daemon *d);

/* ---- daemon_renew.c ---- */

/*
 * A snapshot of what the ledger says; it serves at once, or when its new hosts have their first
 * answers. Returns what books_snapshot() does; the old one stays unless 0.
 */
MUST_CHECK int daemon_renew(struct daemon *d, bool fresh);

/* The pending snapshot, if any, serves from now on. */
void daemon_take_pending(struct daemon *d);

/* What it serves, and whether the last reload failed, for the service manager. */
void daemon_tell_service(struct daemon *d);

/* Names to look up, of every vendor that any policy has named. 0 or a negative errno. */
MUST_CHECK int daemon_update_names(struct daemon *d);
/* daemon_settled() comes when they have their first answers, or soon. */
void daemon_await_names(struct daemon *d);

/* Evidence: writes down what calls have shown, or says that it cannot be. */
MUST_CHECK int daemon_start_evidence(struct daemon *d);         /* 0 or a negative errno */
void daemon_watch_health(struct daemon *d, struct snapshot *s); /* before other threads see it */
void daemon_write_evidence(struct daemon *d);
void daemon_end_evidence(struct daemon *d); /* the last time */

void log_finding(const char *severity, struct place at, const char *message, const char *remedy);
void log_findings(const struct diag *diag);

/* ---- daemon_answer.c ---- */

extern const struct control_program daemon_control;

/* The snapshot of a change serves, or never will: whoever asked for it gets the answer. */
void daemon_answer_waiting(struct daemon *d);

/* For probation_init(). */
void daemon_take_back(void *context, const char *why);
/* At the start: an apply whose time ran out while nobody was there to take it back. */
void daemon_take_back_overdue(struct daemon *d);
/* What waits for its confirmation now. */
void daemon_follow_probation(struct daemon *d);
