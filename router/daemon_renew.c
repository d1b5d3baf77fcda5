/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change of the ledger becomes a snapshot; requests go by it when its new hosts have their first
 * answers from DNS, or FIRST_ANSWERS_MS later. Until then it is pending, and there is at most one:
 * what changes next has to wait for no DNS, so the pending one serves first.
 *
 * Evidence goes the other way. A worker's health_move() wakes the main thread, which shortly after
 * writes all there is in one row; where that fails it is tried again later, and what is not written
 * is laid over what the ledger says, so that a new snapshot does not forget it.
 */
#include "router/daemon_parts.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/service/service.h"

#define FIRST_ANSWERS_MS 2000
#define EVIDENCE_MS 100         /* evidence of so long is written together */
#define EVIDENCE_AGAIN_MS 10000 /* where it could not be written */
#define LEDGER_ALARM_MS ((uint64_t)60 * 1000)

static const struct event RELOADED = { "reloaded", LOG_LEVEL_INFO };
static const struct event RELOAD_FAILED = { "reload_failed", LOG_LEVEL_ERROR };
static const struct event FINDING = { "finding", LOG_LEVEL_WARNING };
static const struct event LEDGER_FAILED = { "ledger_failed", LOG_LEVEL_ERROR };

static const char *explain(int error)
{
        return error > 0 ? ledger_explain(error) : strerror(-error);
}

void log_finding(const char *severity, struct place at, const char *message, const char *remedy)
{
        log_event(&FINDING, TEXT("severity", severity), TEXT("file", at.file),
                  NUMBER("line", at.line), NUMBER("column", at.column), TEXT("message", message),
                  TEXT("remedy", remedy));
}

void log_findings(const struct diag *diag)
{
        for (size_t i = 0; i < diag->n_findings; i++) {
                const struct diag_finding *f = &diag->findings[i];

                log_finding(f->level == DIAG_ERROR ? "error" : "warning",
                            (struct place){ f->file, f->line, f->column }, f->message, f->remedy);
        }
}

/* ---- snapshots ---- */

static void on_first_answers(uv_timer_t *timer)
{
        daemon_settled(timer->data);
}

void daemon_await_names(struct daemon *d)
{
        uv_timer_start(&d->first_answers, on_first_answers, FIRST_ANSWERS_MS, 0);
}

int daemon_update_names(struct daemon *d)
{
        const char *hosts[ORIGINS_MAX];

        if (d->config->proxy_host) /* which looks the vendors' names up */
                return resolver_set_hosts(d->resolver, &d->config->proxy_host, 1);
        for (unsigned i = 0; i < d->origins.n; i++)
                hosts[i] = d->origins.entries[i].host;
        return resolver_set_hosts(d->resolver, hosts, d->origins.n);
}

/* The new hosts have their first answers: from now on requests go by the new snapshot. */
void daemon_take_pending(struct daemon *d)
{
        if (!d->pending || d->stopping)
                return;
        uv_timer_stop(&d->first_answers);
        daemon_write_evidence(d); /* of the slots as they are: the next ones are others */
        books_serve(&d->books, d->pending);
        crew_swap(&d->crew, d->pending);
        snapshot_unref(d->snapshot);
        d->snapshot = TAKE(d->pending);
        log_event(&RELOADED, TEXT("policy", d->snapshot->status));
        daemon_tell_service(d);
        daemon_answer_waiting(d);
}

/* The sentence is not for the service manager: what is not ours may stand in it. */
void daemon_tell_service(struct daemon *d)
{
        char status[sizeof(d->snapshot->status) + 64];

        if (!d->accepting)
                return;
        snprintf(status, sizeof(status), "%s%s", d->snapshot->status,
                 d->books.reload.at_ms ? "; the last reload failed: see keyrouter status" : "");
        service_ready(status);
}

static void note_reload_failed(struct daemon *d, const struct diag *diag, int error)
{
        const struct diag_finding *first = NULL;

        for (size_t i = 0; i < diag->n_findings && !first; i++)
                if (diag->findings[i].level == DIAG_ERROR)
                        first = &diag->findings[i];
        if (first)
                setback_note(&d->books.reload, (struct place){ first->file, first->line },
                             first->message);
        else
                setback_note(&d->books.reload, (struct place){ NULL, 0 }, explain(error));
}

static void reload_failed(struct daemon *d, const struct diag *diag, int error)
{
        log_event(&RELOAD_FAILED, NUMBER("errors", diag->n_errors),
                  TEXT("error", diag->n_errors ? NULL : explain(error)),
                  TEXT("reason", "the policy of before stays in force"));
        note_reload_failed(d, diag, error);
        daemon_tell_service(d);
}

/* Policy and credentials were read anew, so that the next start can read them too: where only a switch
 * has changed, they were not. */
static void reload_done(struct daemon *d, bool fresh)
{
        if (fresh || d->pending->policy != d->snapshot->policy)
                setback_forget(&d->books.reload);
}

int daemon_renew(struct daemon *d, bool fresh)
{
        struct diag diag;
        int r;

        daemon_take_pending(d);
        daemon_write_evidence(d);
        diag_init(&diag);
        r = books_snapshot(&d->books, d->snapshot, fresh, &diag, &d->pending);
        books_forget_prepared(&d->books);
        diag_sort(&diag);
        log_findings(&diag);
        if (r == 0) {
                daemon_watch_health(d, d->pending);
                daemon_await_names(d);
                r = daemon_update_names(d);
        }
        if (r == 0)
                reload_done(d, fresh);
        if (r) {
                if (d->pending)
                        snapshot_unref(TAKE(d->pending));
                reload_failed(d, &diag, r);
        } else if (resolver_is_settled(d->resolver)) {
                daemon_take_pending(d);
        }
        diag_done(&diag);
        return r;
}

/* ---- evidence ---- */

static void on_health_change(void *context)
{
        struct daemon *d = context;

        uv_async_send(&d->changed);
}

void daemon_watch_health(struct daemon *d, struct snapshot *s)
{
        if (s->health)
                health_watch(s->health, on_health_change, d);
}

static void on_evidence(uv_timer_t *timer)
{
        daemon_write_evidence(timer->data);
}

void daemon_write_evidence(struct daemon *d)
{
        uint64_t now_ms;
        int r;

        service_watchdog_patience(LEDGER_PATIENCE_MS);
        r = books_evidence(&d->books);
        service_watchdog_patience(0);
        if (r == 0)
                return;
        now_ms = clock_monotonic_ms();
        uv_timer_start(&d->evidence, on_evidence, EVIDENCE_AGAIN_MS, 0);
        if (d->alarmed_ms && now_ms - d->alarmed_ms < LEDGER_ALARM_MS)
                return;
        d->alarmed_ms = now_ms;
        log_event(&LEDGER_FAILED, TEXT("error", explain(r)),
                  TEXT("reason", "what calls have shown is not written down yet"));
}

/* A success comes seldom alone: what follows shortly is written with it. */
static void on_changed(uv_async_t *async)
{
        struct daemon *d = async->data;

        if (!uv_is_active((uv_handle_t *)&d->evidence))
                uv_timer_start(&d->evidence, on_evidence, EVIDENCE_MS, 0);
}

int daemon_start_evidence(struct daemon *d)
{
        int r = uv_async_init(&d->loop, &d->changed, on_changed);

        if (r < 0)
                return r;
        uv_timer_init(&d->loop, &d->evidence);
        d->changed.data = d->evidence.data = d;
        return 0;
}

void daemon_end_evidence(struct daemon *d)
{
        int r = books_evidence(&d->books);

        if (r != 0)
                log_event(&LEDGER_FAILED, TEXT("error", explain(r)),
                          TEXT("reason", "what calls have shown last is not written down"));
}
