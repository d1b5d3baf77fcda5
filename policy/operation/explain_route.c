/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of router/route.h, less those of a request (limits, budgets) and of a moment (trials). A
 * reason grows from left to right, as there: why it is no key, then why it is no backend.
 */
#include "policy/operation/explain.h"

#include <stdarg.h>
#include <stdio.h>

static void reason_add(struct explained_route *r, const char *format, ...) PRINTF_LIKE(2, 3);

static void reason_add(struct explained_route *r, const char *format, ...)
{
        size_t length = strlen(r->reason);
        va_list args;

        if (length > 0)
                length += (size_t)snprintf(r->reason + length, sizeof(r->reason) - length, "; ");
        if (length >= sizeof(r->reason))
                return;
        va_start(args, format);
        vsnprintf(r->reason + length, sizeof(r->reason) - length, format, args);
        va_end(args);
}

/* As the router says it to workstations: who it was and why stands elsewhere. */
static void reason_add_switch(struct explained_route *r, const char *what, const char *name)
{
        reason_add(r, "%s%s is switched off", what, name);
}

static const struct ledger_switch *switch_of(const struct explained *x, const char *kind,
                                             const char *name)
{
        return switched_find(&x->e->switched, kind, name);
}

bool explain_slot_health(const struct explained *x, const struct slot *slot,
                         struct slot_health *ret)
{
        const struct operation_host *host = x->e->op->host;

        *ret = (struct slot_health){ .is_suspended = false };
        return x->e->is_in_force && host->hooks && host->hooks->slot_health &&
               host->hooks->slot_health(host->hooks_context, slot->provider->name, slot->key->name,
                                        &slot->seen, ret);
}

bool explain_key_health(const struct explained *x, const struct key *key, struct slot_health *ret)
{
        const struct operation_host *host = x->e->op->host;

        *ret = (struct slot_health){ .is_suspended = false };
        return x->e->is_in_force && host->hooks && host->hooks->key_health &&
               host->hooks->key_health(host->hooks_context, key->name, ret);
}

/* ---- backend ---- */

static bool api_takes_secret_get(const struct explained *x)
{
        const struct provider *p = x->provider;

        if (x->api)
                return x->api->methods[CLASS_SECRET] & (1U << METHOD_GET);
        for (size_t i = 0; i < p->n_apis; i++)
                if (p->apis[i].methods[CLASS_SECRET] & (1U << METHOD_GET))
                        return true;
        return false;
}

static void route_to_backend(const struct explained *x, struct explained_route *r)
{
        const struct group *g = x->e->group;
        const struct backend *backend = policy_backend(x->e->p.policy, g, x->provider);
        const struct ledger_switch *off = backend ? switch_of(x, "backend:", backend->name) : NULL;

        if (!x->provider->classes[CLASS_SECRET].offered || !api_takes_secret_get(x))
                reason_add(r, "no secret key may do this at %s",
                           x->api ? x->api->name : x->provider->name);
        else if (!backend && g)
                reason_add(r, "no backend for it in group %s", g->name);
        else if (off)
                reason_add_switch(r, "backend ", backend->name);
        else
                r->backend = backend;
}

static void route_overflow(const struct explained *x, struct explained_route *r)
{
        const struct group *g = x->e->group;

        if (g->overflow == OVERFLOW_REFUSE)
                reason_add(r, "overflow is refused in group %s", g->name);
        else
                route_to_backend(x, r);
}

/* ---- key ---- */

static bool slot_is_for_group(const struct explained *x, struct explained_route *r)
{
        const char *reason;

        if (x->planned)
                reason = slot_reason(x->planned, x->e->group);
        else if (group_has_key_of(x->e->group, x->provider))
                reason = "no slot is planned for the egress address";
        else
                reason = plan_reason_no_key;
        if (reason)
                reason_add(r, "%s", reason);
        return !reason;
}

static bool slot_is_seen_live(const struct slot *slot, const struct slot_health *health)
{
        return slot->state >= ENTRY_LIVE || health->was_live; /* live, suspended or leaving */
}

/* True: the reason says which slot serves. False: why it does not. */
static bool slot_serves(const struct explained *x, const struct slot *slot,
                        struct explained_route *r)
{
        const struct ledger_switch *off = switch_of(x, "key:", slot->key->name);
        struct slot_health health, key_health;
        bool is_known = explain_slot_health(x, slot, &health);

        explain_key_health(x, slot->key, &key_health);
        if (off)
                reason_add_switch(r, "key ", slot->key->name);
        else if (key_health.is_suspended)
                reason_add(r, "key %s suspended: %s", slot->key->name,
                           key_health.cause ? key_health.cause : "refused");
        else if (health.is_suspended || (!is_known && slot->state == ENTRY_SUSPENDED))
                reason_add(r, "slot suspended: %s", health.cause ? health.cause : "refused");
        else if (!slot_is_seen_live(slot, &health))
                reason_add(r, "slot %s",
                           slot->state == ENTRY_PROPAGATING
                                   ? "propagating: added at the vendor, not live yet"
                                   : "wanted: not added at the vendor yet");
        else {
                if (slot->state == ENTRY_LEAVING) /* it has no place in the plan */
                        reason_add(r, "former slot on %s", slot->key->name);
                else
                        reason_add(r, "slot %u of %lld on %s", slot->number,
                                   (long long)slot->key->capacity, slot->key->name);
                return true;
        }
        return false;
}

/* An address that has another key now, or none, is listed at the former one until that is undone. */
static bool former_serves(const struct explained *x, struct explained_route *r)
{
        struct explained_route former = { .reason = "" };

        if (!x->planned || !x->planned->former || !group_has_key_of(x->e->group, x->provider) ||
            !slot_serves(x, x->planned->former, &former))
                return false;
        *r = former;
        r->slot = x->planned->former;
        return true;
}

static void route_to_key(const struct explained *x, struct explained_route *r)
{
        if (x->e->group->egress == EGRESS_DIRECT) {
                reason_add(r, "egress is direct: only the workstation itself can use its key");
                route_overflow(x, r);
        } else if (slot_is_for_group(x, r) && slot_serves(x, x->planned, r)) {
                r->slot = x->planned;
        } else if (!former_serves(x, r)) {
                route_overflow(x, r);
        }
}

static bool all_is_off(const struct explained *x, struct explained_route *r)
{
        const struct ledger_switch *all = switch_of(x, "all", "");

        *r = (struct explained_route){ .reason = "" };
        if (all)
                reason_add_switch(r, "everything", "");
        return all != NULL;
}

void explain_route(const struct explained *x, struct explained_route *ret)
{
        if (all_is_off(x, ret))
                return;
        if (!x->e->group) {
                reason_add(ret, "workstation is in no group");
                route_to_backend(x, ret);
        } else if (!x->api) {
                reason_add(ret, "api needs the secret key");
                route_to_backend(x, ret);
        } else {
                route_to_key(x, ret);
        }
}

void explain_refused(const struct explained *x, struct explained_route *ret)
{
        if (all_is_off(x, ret))
                return;
        reason_add(ret, "key failed");
        route_overflow(x, ret);
}
