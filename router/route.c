/* SPDX-License-Identifier: Apache-2.0 */
#include "router/route.h"

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Until a policy is applied somebody has to type something: soon enough, and no storm. */
#define RETRY_WITHOUT_POLICY_S 5
#define RETRY_MAX_S 60U

/* A reason longer than the room is cut; names in a policy are shorter. */
static void reason_set(struct route *r, const char *format, ...) PRINTF_LIKE(2, 3);

static void reason_set(struct route *r, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(r->reason, sizeof(r->reason), format, args);
        va_end(args);
}

/* After an embedded attempt. */
static void reason_set_failed(const struct route_request *q, struct route *r)
{
        reason_set(r, "key failed: %s", q->refused_cause ? q->refused_cause : "no cause told");
}

/* The reason is set, or is the part before this. */
static void refuse(struct route *r, unsigned status, unsigned retry_after_s, const char *addition,
                   const char *name)
{
        size_t length = strlen(r->reason);

        r->kind = ROUTE_REFUSED;
        r->status = status;
        r->retry_after_s = retry_after_s;
        if (addition)
                snprintf(r->reason + length, sizeof(r->reason) - length, "%s%s%s",
                         length > 0 ? "; " : "", addition, name);
}

static bool api_takes(const struct route_request *q, enum credential_class c)
{
        return q->method < N_METHODS && q->provider->classes[c].offered &&
               (q->api->methods[c] & (1U << q->method));
}

static bool api_takes_key(const struct route_request *q)
{
        return q->method == METHOD_GET && !q->has_body && api_takes(q, CLASS_EMBEDDED);
}

/* "...; key NAME is switched off". Workstations read it: who did it and why is for explain and
 * status. */
static void switch_explain(const char *what, const char *name, struct route *r)
{
        size_t length = strlen(r->reason);

        snprintf(r->reason + length, sizeof(r->reason) - length, "%s%s%s is switched off",
                 length > 0 ? "; " : "", what, name);
}

/* ---- backend ---- */

/* The reason is set: why it is not a key. */
static void route_to_backend(const struct route_request *q, struct route *r)
{
        const struct backend *backend = policy_backend(q->policy, q->group, q->provider);
        unsigned wait_s = 0;

        if (!api_takes(q, CLASS_SECRET)) {
                refuse(r, 403, 0, "no secret key may do this at ", q->api->name);
                return;
        }
        if (!backend) {
                if (q->group)
                        refuse(r, 403, 0, "no backend for it in group ", q->group->name);
                else
                        refuse(r, 403, 0, NULL, NULL);
                return;
        }
        if (switch_of_backend(q->switches, backend)) {
                switch_explain("backend ", backend->name, r);
                refuse(r, 503, RETRY_MAX_S, NULL, NULL);
                return;
        }
        if (q->budgets)
                wait_s = budget_take(q->budgets, backend, q->wall_us);
        if (wait_s > 0) {
                /* SDKs sleep as long as they are told, inside the application: not until
                 * midnight */
                refuse(r, 429, MIN(wait_s, RETRY_MAX_S), "all requests of the day are used up on ",
                       backend->name);
                return;
        }
        r->kind = ROUTE_BACKEND;
        r->class = CLASS_SECRET;
        r->backend = backend;
        r->seen = q->plan->router;
}

/* A key could have served this. The reason is set: why it does not. */
static void route_overflow(const struct route_request *q, struct route *r)
{
        if (q->group->overflow == OVERFLOW_REFUSE)
                refuse(r, 403, 0, "overflow is refused in group ", q->group->name);
        else
                route_to_backend(q, r);
}

/* ---- key ---- */

static bool group_has_key_of(const struct group *g, const struct provider *provider)
{
        for (size_t i = 0; i < g->n_keys; i++)
                if (g->keys[i]->provider == provider)
                        return true;
        return false;
}

/* May the group use the slot that is planned (NULL: none is)? If not, the reason is set. */
static bool slot_is_for(const struct route_request *q, const struct slot *slot, struct route *r)
{
        const char *reason;

        if (slot)
                reason = slot_reason(slot, q->group);
        else if (group_has_key_of(q->group, q->provider))
                reason = "no slot is planned for the egress address";
        else
                reason = plan_reason_no_key;
        if (reason)
                reason_set(r, "%s", reason);
        return !reason;
}

/* "slot 17 of 100 on austin-2", "former slot on austin-1": written for each request, hence not by printf(). */
static void slot_explain(const struct slot *slot, const char *trial_cause, struct route *r)
{
        struct text t = text_begin(r->reason, sizeof(r->reason));

        if (slot->state == ENTRY_LEAVING) { /* it has no place in the plan */
                text_put_string(&t, "former slot on ");
        } else {
                text_put_string(&t, "slot ");
                text_put_number(&t, slot->number);
                text_put_string(&t, " of ");
                text_put_number(&t, (uint64_t)slot->key->capacity);
                text_put_string(&t, " on ");
        }
        text_put_string(&t, slot->key->name);
        if (r->is_probe)
                text_put_string(&t, trial_cause ? ", on trial after: " : ", on trial");
        if (r->is_probe && trial_cause)
                text_put_string(&t, trial_cause);
        text_end(&t);
}

/* May this request use the slot? If not, the reason is set. */
static bool slot_admits(const struct route_request *q, const struct slot *slot, struct route *r)
{
        const char *cause = NULL;

        if (switch_of_key(q->switches, slot->key)) {
                r->reason[0] = 0;
                switch_explain("key ", slot->key->name, r);
                return false;
        }
        switch (health_admit(q->health, slot, q->now_ms, &cause)) {
        case HEALTH_SLOT_SUSPENDED:
                r->is_resting = true;
                reason_set(r, "slot suspended: %s", cause ? cause : "refused");
                return false;
        case HEALTH_KEY_SUSPENDED:
                r->is_resting = true;
                reason_set(r, "key %s suspended: %s", slot->key->name, cause ? cause : "refused");
                return false;
        case HEALTH_NOT_LIVE:
                reason_set(r, "slot %s",
                           slot->state == ENTRY_PROPAGATING
                                   ? "propagating: added at the vendor, not live yet"
                                   : "wanted: not added at the vendor yet");
                return false;
        case HEALTH_TRIAL:
                r->is_trial = true;
                __attribute__((fallthrough));
        case HEALTH_PROBE:
                r->is_probe = true;
                break;
        case HEALTH_SERVE:
                break;
        }
        slot_explain(slot, cause, r);
        return true;
}

/* An address that has another key now, or none, is listed at the former one until that is undone.
 * If it does not serve, the reason stays as it is. */
static const struct slot *slot_former(const struct route_request *q, const struct slot *planned,
                                      struct route *r)
{
        struct route former = { .kind = ROUTE_REFUSED };

        if (!group_has_key_of(q->group, q->provider) || !slot_admits(q, planned->former, &former))
                return NULL;
        r->is_probe = former.is_probe;
        strcpy(r->reason, former.reason);
        return planned->former;
}

/* The slot that serves: the address's own, unless that was refused just now, else the former one.
 * NULL: neither, and the reason of the own one is set. */
static const struct slot *slot_choose(const struct route_request *q, struct route *r,
                                      const struct addr *seen)
{
        const struct slot *planned = plan_find(q->plan, q->provider, seen);

        if (q->attempt > 0)
                reason_set_failed(q, r);
        else if (slot_is_for(q, planned, r) && slot_admits(q, planned, r))
                return planned;
        return planned && planned->former ? slot_former(q, planned, r) : NULL;
}

/* A refused trial leaves everything as it was: the former slot still serves. After any other
 * refusal no key is asked again. */
static bool may_use_key(const struct route_request *q)
{
        return q->attempt == 0 || q->refused_trial;
}

static void route_to_key(const struct route_request *q, struct route *r)
{
        const struct slot *slot;
        struct addr source, seen;

        if (q->group->egress == EGRESS_DIRECT) {
                reason_set(r, "egress is direct: only the workstation itself can use its key");
                route_overflow(q, r);
                return;
        }
        egress_of(q->group, &q->workstation, &q->plan->router, &source, &seen);
        slot = slot_choose(q, r, &seen);
        if (!slot) {
                route_overflow(q, r);
                return;
        }
        r->kind = ROUTE_KEY;
        r->class = CLASS_EMBEDDED;
        r->key = slot->key;
        r->slot = slot;
        r->source = source;
        r->seen = seen;
}

/* ---- the rows ---- */

/* What ends the matter whoever serves it. */
static bool is_refused_at_once(const struct route_request *q, struct route *r)
{
        const struct group *g = q->group;
        unsigned wait_s = 0;

        if (!q->policy || !q->plan) {
                refuse(r, 503, RETRY_WITHOUT_POLICY_S, "no policy is applied",
                       ": run keyrouter apply");
                return true;
        }
        if (q->switches && q->switches->all) {
                switch_explain("everything", "", r);
                refuse(r, 503, RETRY_MAX_S, NULL, NULL);
                return true;
        }
        if (!api_takes(q, CLASS_EMBEDDED) && !api_takes(q, CLASS_SECRET)) {
                if (q->method < N_METHODS)
                        reason_set(r, "%s does not take %s", q->api->name, method_name(q->method));
                else
                        reason_set(r, "%s does not take this method", q->api->name);
                refuse(r, 405, 0, NULL, NULL);
                return true;
        }
        if (g && q->limits && q->attempt == 0)
                wait_s = limits_take(q->limits, &q->workstation, g->requests_per_minute, g->burst,
                                     q->now_ms);
        if (wait_s > 0) {
                reason_set(r, "workstation is over its limit of %" PRId64 " requests a minute",
                           g->requests_per_minute);
                refuse(r, 429, wait_s, NULL, NULL);
        }
        return wait_s > 0;
}

void route_decide(const struct route_request *q, struct route *ret)
{
        *ret = (struct route){ .kind = ROUTE_REFUSED };
        if (is_refused_at_once(q, ret))
                return;
        if (!q->group) {
                reason_set(ret, "workstation is in no group");
                route_to_backend(q, ret);
        } else if (!api_takes_key(q)) {
                reason_set(ret, "api needs the secret key");
                route_to_backend(q, ret);
        } else if (!may_use_key(q)) {
                reason_set_failed(q, ret);
                route_overflow(q, ret);
        } else {
                route_to_key(q, ret);
        }
}
