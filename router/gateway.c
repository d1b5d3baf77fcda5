/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decide() finds out what is asked (target), by whom (group) and lets route_decide() say how it
 * goes out. judge() classifies the vendor's answer: where slot or key are to blame, the engine
 * throws the answer away and asks decide() once more. What happened goes to health exactly once for
 * each embedded attempt, at the latest from settle().
 */
#include "router/gateway.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "router/call.h"
#include "router/cors.h"
#include "router/rewrite.h"
#include "router/target.h"

#include <string.h>

#define MAX_WORKSTATIONS 65536
#define ALARM_MS ((uint64_t)60 * 1000)

static const struct event EXCHANGE = { "exchange", LOG_LEVEL_INFO };
static const struct event EXCHANGE_FAILED = { "exchange", LOG_LEVEL_WARNING };
static const struct event ACCOUNT_REFUSED = { "account_refused", LOG_LEVEL_ERROR };
static const struct event EGRESS_UNUSABLE = { "egress_unusable", LOG_LEVEL_WARNING };

int gateway_init(struct gateway *g, struct snapshot *s, const struct addr *source)
{
        g->current = snapshot_ref(s);
        g->next = NULL;
        g->source = *source;
        return limits_new(MAX_WORKSTATIONS, &g->limits);
}

void gateway_done(struct gateway *g)
{
        gateway_swap(g, NULL);
        if (g->current)
                snapshot_unref(g->current);
        if (g->limits)
                limits_free(g->limits);
}

void gateway_swap(struct gateway *g, struct snapshot *s)
{
        struct snapshot *unseen = atomic_exchange(&g->next, s ? snapshot_ref(s) : NULL);

        if (unseen)
                snapshot_unref(unseen);
}

void gateway_adopt(struct gateway *g)
{
        struct snapshot *next;

        if (!atomic_load_explicit(&g->next, memory_order_relaxed))
                return;
        next = atomic_exchange(&g->next, NULL);
        if (!next)
                return;
        snapshot_unref(g->current);
        g->current = next;
}

static struct snapshot *gateway_snapshot(struct gateway *g)
{
        gateway_adopt(g);
        return snapshot_ref(g->current);
}

static void reason_copy(struct exchange *x, const char *reason)
{
        size_t n = MIN(strlen(reason), (size_t)REASON_MAX - 1);

        memcpy(x->reason, reason, n);
        x->reason[n] = 0;
}

static void reply(struct exchange *x, struct verdict *v, unsigned status, const char *reason)
{
        v->kind = VERDICT_REPLY;
        v->status = status;
        reason_copy(x, reason);
}

/* What is asked, and may this page ask it? False: answered. */
static bool decide_target(struct exchange *x, struct verdict *v)
{
        struct call *call = call_of(x);
        const struct policy *policy = call->snapshot->policy;
        const struct target_answer *refusal;

        if (head_is_of_blind_page(&x->request.head)) {
                reply(x, v, 403, "web page of another site without an Origin");
                return false;
        }
        if (!cors_admit(call, policy, &x->request.head)) {
                reply(x, v, 403, "origin of the web page is not in the policy");
                return false;
        }
        refusal = target_find(policy, &x->request.head, x->client->stream.ssl != NULL, call);
        if (refusal) {
                v->allow = "GET, POST";
                reply(x, v, refusal->status, refusal->reason);
                return false;
        }
        if (call->is_preflight) {
                reply(x, v, 204, "preflight");
                return false;
        }
        return true;
}

static bool class_reads_bodies(const struct provider *p, enum credential_class class)
{
        for (size_t i = 0; i < p->n_answers; i++) {
                if (p->answers[i].body && p->answers[i].classes & 1U << class)
                        return true;
        }
        return false;
}

static void forward(struct exchange *x, struct verdict *v)
{
        const struct gateway *g = x->worker->program_state;
        struct call *call = call_of(x);

        v->kind = VERDICT_FORWARD;
        v->origin = snapshot_origin(call->snapshot, call->provider, call->api);
        v->source = addr_is_unspecified(&call->route.source) ? g->source : call->route.source;
        v->transparent = call->route.kind == ROUTE_KEY && call->group->egress == EGRESS_TRANSPARENT;
        v->deadline_ms = (uint64_t)call->api->deadline_ms;
        v->max_body_bytes = call->api->max_body_bytes;
        call->wants_body = class_reads_bodies(call->provider, call->route.class);
        call->is_reported = false;
        reason_copy(x, call->route.reason);
}

/* Takes the snapshot that the exchange keeps, and finds out who asks for what. False: answered. */
static bool decide_begin(struct exchange *x, struct verdict *v)
{
        struct call *call = call_of(x);

        call->snapshot = gateway_snapshot(x->worker->program_state);
        if (!call->snapshot->policy)
                return true;
        if (!decide_target(x, v))
                return false;
        call->group = policy_group_of(call->snapshot->policy, &x->client->peer);
        return true;
}

static void gateway_decide(struct exchange *x, struct verdict *v)
{
        struct gateway *g = x->worker->program_state;
        struct call *call = call_of(x);
        struct snapshot *s;

        if (x->attempt == 0 && !decide_begin(x, v))
                return;
        s = call->snapshot;
        route_decide(
                &(struct route_request){
                        .policy = s->policy,
                        .plan = s->plan,
                        .health = s->health,
                        .limits = g->limits,
                        .budgets = s->budgets,
                        .switches = &s->switches,
                        .group = call->group,
                        .workstation = x->client->peer,
                        .provider = call->provider,
                        .api = call->api,
                        .method = call->method,
                        .has_body = x->request.head.framing != FRAMING_NONE,
                        .attempt = x->attempt,
                        .refused_cause = call->refused_cause,
                        .refused_trial = call->refused_trial,
                        .now_ms = clock_monotonic_ms(),
                        .wall_us = clock_wall_us(),
                },
                &call->route);
        if (call->route.kind == ROUTE_REFUSED) {
                v->retry_after_s = call->route.retry_after_s;
                v->allow = call->api ? target_allow(call->api) : NULL;
                reply(x, v, call->route.status, call->route.reason);
                return;
        }
        forward(x, v);
}

static void tell_health(struct exchange *x, enum health_event event, const char *cause)
{
        struct call *call = call_of(x);

        if (call->is_reported || call->route.kind != ROUTE_KEY || !call->route.slot)
                return;
        call->is_reported = true;
        health_move(call->snapshot->health, call->route.slot, event, cause, call->route.is_probe,
                    clock_monotonic_ms());
}

static uint64_t *alarm_of(const struct call *call)
{
        const struct snapshot *s = call->snapshot;

        return call->route.kind == ROUTE_KEY
                       ? &s->alarmed_ms[call->route.key->index]
                       : &s->alarmed_ms[s->policy->n_keys + call->route.backend->index];
}

/* Nobody serves while the account is refused: somebody must hear of it, but not a thousand
 * times. */
static void alarm_account(struct exchange *x)
{
        const struct call *call = call_of(x);
        uint64_t now = clock_monotonic_ms(), *alarmed = alarm_of(call);
        uint64_t last = __atomic_load_n(alarmed, __ATOMIC_RELAXED);

        if (last && now - last < ALARM_MS)
                return;
        __atomic_store_n(alarmed, now, __ATOMIC_RELAXED);
        log_event(&ACCOUNT_REFUSED, TEXT("provider", call->provider->name),
                  TEXT(call->route.kind == ROUTE_KEY ? "key" : "backend",
                       call->route.kind == ROUTE_KEY ? call->route.key->name
                                                     : call->route.backend->name),
                  NUMBER("status", x->answer.head.status), TEXT("cause", call->cause));
}

/* At most two: of a trial, and of the former key behind it. */
static void note_refusal(struct call *call, const char *cause)
{
        call->refused_cause = cause;
        call->refused_trial = call->route.is_trial;
        call->n_failures += !call->route.is_trial;
}

static enum judgement gateway_judge(struct exchange *x, struct slice body, bool shown)
{
        struct call *call = call_of(x);
        unsigned status = x->answer.head.status;
        const struct answer_rule *rule;
        enum health_event event;

        if (!shown && answer_needs_body(call->provider, call->route.class, status))
                return JUDGE_MORE;
        rule = answer_classify(call->provider, call->route.class, status, body);
        call->cause = rule ? rule->cause : NULL;
        call->blame = rule ? rule->blame : BLAME_NONE;
        if (call->route.kind == ROUTE_BACKEND) {
                if (rule && (rule->blame == BLAME_ACCOUNT || rule->blame == BLAME_KEY ||
                             rule->blame == BLAME_SLOT))
                        alarm_account(x);
                return JUDGE_PASS;
        }
        if (call->blame == BLAME_ACCOUNT)
                alarm_account(x);
        event = health_event_of(status, rule);
        tell_health(x, event, call->cause);
        if (event != HEALTH_REFUSED)
                return JUDGE_PASS;
        note_refusal(call, call->cause);
        return JUDGE_AGAIN;
}

/* The backend serves, so nobody would ever notice: a capability is missing, or an address. */
static void note_unusable(struct exchange *x)
{
        struct gateway *g = x->worker->program_state;
        const struct slot *slot = call_of(x)->route.slot;
        uint64_t now = clock_monotonic_ms(), last = g->told_unusable_ms;
        char source[ADDR_TEXT_MAX];

        atomic_store_explicit(&g->tally.unusable_ms, now, memory_order_relaxed);
        if (last && now - last < ALARM_MS)
                return;
        g->told_unusable_ms = now;
        log_event(&EGRESS_UNUSABLE, TEXT("key", slot->key->name),
                  TEXT("egress", addr_format(&call_of(x)->route.source, source)),
                  TEXT("reason", dial_explain(DIAL_E_SOURCE)));
}

/* An egress address that this machine does not have (yet), whose line is down, or that has no
 * way to the vendor's family of addresses must not cost an agent the lookup. None of it blames
 * the key. */
static enum judgement gateway_judge_dial(struct exchange *x, enum dial_outcome outcome)
{
        struct call *call = call_of(x);

        tell_health(x, HEALTH_INCONCLUSIVE, NULL);
        if (call->route.kind != ROUTE_KEY ||
            (outcome != DIAL_E_SOURCE && outcome != DIAL_E_NAME && outcome != DIAL_E_REFUSED))
                return JUDGE_PASS;
        if (outcome == DIAL_E_SOURCE)
                note_unusable(x);
        note_refusal(call, dial_explain(outcome));
        return JUDGE_AGAIN;
}

static int gateway_decorate(struct exchange *x, struct buffer *out)
{
        return cors_put(call_of(x), out);
}

static size_t gateway_error_body(struct exchange *x, unsigned status, const char *message,
                                 char *out, size_t size)
{
        const struct provider *p = call_of(x)->provider;

        return provider_error_body(p ? p->errors : error_shape_default, status, message, out, size);
}

static const char *route_name(const struct call *call)
{
        if (call->route.slot)
                return "key";
        if (call->route.backend)
                return "backend";
        return "refused";
}

static void tell(struct exchange *x)
{
        const struct call *call = call_of(x);
        const struct route *route = &call->route;
        char client[ADDR_TEXT_MAX], egress[ADDR_TEXT_MAX];
        bool failed = x->status >= 500 || x->next == CLIENT_RESET;
        bool decided = route->slot || route->backend;

        log_event(failed ? &EXCHANGE_FAILED : &EXCHANGE, TEXT("request", x->id),
                  TEXT("client", addr_format(&x->client->peer, client)),
                  TEXT("group", call->group ? call->group->name : NULL),
                  TEXT("api", call->api ? call->api->name : NULL),
                  SLICE("method", x->request.head.method), NUMBER("status", x->status),
                  TEXT("route", route_name(call)),
                  TEXT("key", route->key ? route->key->name : NULL),
                  TEXT("backend", route->backend ? route->backend->name : NULL),
                  TEXT("egress", decided && !addr_is_unspecified(&x->verdict.source)
                                         ? addr_format(&x->verdict.source, egress)
                                         : NULL),
                  TEXT("reason", x->reason), TEXT("cause", call->cause),
                  TEXT("blame", call->cause ? blame_name(call->blame) : NULL),
                  BOOLEAN("redacted", x->answer.n_redacted > 0),
                  BOOLEAN("fallback", x->attempt > 0), BOOLEAN("retried", x->was_retried),
                  NUMBER("duration_us", x->began_us ? clock_monotonic_us() - x->began_us : 0),
                  NUMBER("upstream_us", x->upstream_us), NUMBER("answer_bytes", x->n_answer_bytes));
}

/* One writer, and readers that may come a moment late: no locked instruction is needed. */
static void count_up(_Atomic uint64_t *count)
{
        atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
                              memory_order_relaxed);
}

static void tally_count(struct tally *t, struct exchange *x)
{
        const struct route *route = &call_of(x)->route;

        count_up(&t->n_requests);
        if (call_of(x)->n_failures > 0 || route->is_resting)
                count_up(&t->n_fallbacks);
        if (route->slot)
                count_up(&t->n_by_key);
        else if (route->backend)
                count_up(&t->n_by_backend);
        else if (x->status != 503) /* switched off by hand, or nothing is applied yet: nobody's error */
                count_up(&t->n_refused);
        if ((route->slot || route->backend) && x->status >= 500)
                count_up(&t->n_failed);
}

static void gateway_settle(struct exchange *x)
{
        struct call *call = call_of(x);

        tell(x);
        tally_count(&((struct gateway *)x->worker->program_state)->tally, x);
        if (!call->snapshot)
                return;
        tell_health(x, HEALTH_INCONCLUSIVE, NULL);
        snapshot_unref(call->snapshot);
        call->snapshot = NULL;
}

const struct program gateway_program = {
        .origin_noun = "vendor",
        .decide = gateway_decide,
        .rewrite = rewrite_request,
        .redaction = rewrite_redaction,
        .judge = gateway_judge,
        .judge_dial = gateway_judge_dial,
        .answer = rewrite_answer,
        .decorate = gateway_decorate,
        .error_body = gateway_error_body,
        .settle = gateway_settle,
};
