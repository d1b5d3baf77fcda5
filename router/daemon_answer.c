/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked at the control socket, and what the daemon asks of itself: to take back an apply
 * that nobody has confirmed. An operation that changes the ledger is answered when requests go by
 * the change.
 */
#include "router/daemon_parts.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/service/service.h"

#include <errno.h>
#include <jansson.h>
#include <sysexits.h>

static const struct event OPERATION = { "operation", LOG_LEVEL_INFO };
static const struct event TAKEN_BACK = { "taken_back", LOG_LEVEL_WARNING };
static const struct event TAKE_BACK_FAILED = { "take_back_failed", LOG_LEVEL_ERROR };

/* ---- what is asked ---- */

void daemon_answer_waiting(struct daemon *d)
{
        if (d->waiting)
                control_answer(TAKE(d->waiting), &d->waiting_reply);
}

/* The ledger has changed, and this daemon cannot follow. */
static void reply_not_taken(struct daemon *d, struct reply *reply)
{
        reply_done(reply);
        control_refuse(reply, EX_SOFTWARE,
                       "it stands in the ledger, but keyrouterd cannot run it, and goes on with "
                       "what it ran before",
                       "see its log (reload_failed); then reload it, or keyrouter rollback");
}

/* The ledger says otherwise now. */
static void follow_change(struct daemon *d, const char *operation, const char *who,
                          struct reply *reply)
{
        log_event(&OPERATION, TEXT("operation", operation), TEXT("who", who),
                  NUMBER("row", ledger_head(d->books.ledger)));
        if (reply->changed & CHANGED_PENDING)
                setback_forget(&d->books.take_back);
        if (daemon_renew(d, reply->changed & CHANGED_POLICY) != 0)
                reply_not_taken(d, reply);
        daemon_follow_probation(d);
}

static void on_call(void *context, struct control_call *call, const char *operation,
                    const char *who, json_t *request)
{
        struct daemon *d = context;
        struct reply reply;
        bool changes = false;

        if (d->stopping) {
                control_refuse(&reply, EX_UNAVAILABLE, "keyrouterd is ending", NULL);
                control_answer(call, &reply);
                return;
        }
        if (operation_exists(operation, &changes) && changes)
                daemon_take_pending(d); /* evidence is of what the ledger says until now */
        daemon_write_evidence(d);
        service_watchdog_patience(LEDGER_PATIENCE_MS);
        operation_run(&d->books.host, operation, who, request, &reply);
        service_watchdog_patience(0);
        changes = reply.changed != 0;
        if (changes)
                follow_change(d, operation, who, &reply);
        books_forget_prepared(&d->books);
        if (!changes || !d->pending) {
                control_answer(call, &reply);
                return;
        }
        d->waiting = call;
        d->waiting_reply = reply;
}

static const char *on_unready(void *context)
{
        const struct daemon *d = context;

        return d->snapshot->policy ? NULL : d->snapshot->status;
}

const struct control_program daemon_control = { on_call, on_unready };

/* ---- taking back ---- */

static const char *text_at(const json_t *object, const char *name)
{
        return json_string_value(json_object_get(object, name));
}

static struct place place_at(const json_t *finding)
{
        return (struct place){ text_at(finding, "file"),
                               (unsigned)json_integer_value(json_object_get(finding, "line")),
                               (unsigned)json_integer_value(json_object_get(finding, "column")) };
}

static void take_back_failed(struct daemon *d, const char *why, const json_t *body)
{
        const json_t *findings = json_object_get(body, "findings");
        const char *error = text_at(body, "error"), *first = NULL;
        struct place at = { NULL, 0 };

        for (size_t i = 0; i < json_array_size(findings); i++) {
                const json_t *f = json_array_get(findings, i);
                const char *level = text_at(f, "level"), *message = text_at(f, "message");

                log_finding(level, place_at(f), message, text_at(f, "remedy"));
                if (first || !message || !level || strcmp(level, "error") != 0)
                        continue;
                first = message;
                at = place_at(f);
        }
        log_event(&TAKE_BACK_FAILED, TEXT("reason", why), TEXT("error", error));
        setback_note(&d->books.take_back, at, first ? first : error);
}

/* `is_done`: the ledger says so, whether or not there is an answer to show for it. */
static void tell_taken_back(struct daemon *d, const char *why, bool is_done,
                            const struct reply *reply)
{
        const json_t *body = reply->body;

        if (!is_done) {
                take_back_failed(d, why, body);
                return;
        }
        setback_forget(&d->books.take_back);
        if (reply->status != 0)
                log_event(&TAKEN_BACK, TEXT("reason", why),
                          NUMBER("row", ledger_head(d->books.ledger)),
                          TEXT("error", text_at(body, "error")));
        else
                log_event(&TAKEN_BACK, TEXT("reason", why),
                          NUMBER("row", json_integer_value(json_object_get(body, "revision"))),
                          NUMBER("restores", json_integer_value(json_object_get(body, "restores"))),
                          BOOLEAN("verified", json_is_true(json_object_get(body, "verified"))),
                          NUMBER("differing",
                                 json_integer_value(json_object_get(body, "differing"))));
}

void daemon_take_back_overdue(struct daemon *d)
{
        static const char *const why = "it was not confirmed in time";
        struct pending pending;
        struct reply reply;

        if (ledger_pending(d->books.ledger, &pending) != 0 || !pending.revision ||
            pending.deadline_us > (int64_t)clock_wall_us())
                return;
        operation_take_back(&d->books.host, why, &reply);
        if (!reply.changed) /* its parts are not of the policy that stays */
                books_forget_prepared(&d->books);
        tell_taken_back(d, why, reply.changed != 0, &reply);
        reply_done(&reply);
}

void daemon_follow_probation(struct daemon *d)
{
        struct pending pending;

        if (ledger_pending(d->books.ledger, &pending) == 0)
                probation_set(&d->probation, &pending);
}

void daemon_take_back(void *context, const char *why)
{
        struct daemon *d = context;
        struct reply reply;
        bool is_done;

        if (d->stopping) /* the next start does it */
                return;
        daemon_take_pending(d);
        daemon_write_evidence(d);
        service_watchdog_patience(LEDGER_PATIENCE_MS);
        operation_take_back(&d->books.host, why, &reply);
        service_watchdog_patience(0);
        is_done = reply.changed != 0;
        if (is_done && daemon_renew(d, true) != 0)
                reply_not_taken(d, &reply);
        books_forget_prepared(&d->books);
        tell_taken_back(d, why, is_done, &reply);
        reply_done(&reply);
        daemon_follow_probation(d);
}
