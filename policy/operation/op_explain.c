/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/explain.h"

static void explaining_done(struct explaining *e)
{
        if (e->plan)
                plan_free(e->plan);
        switched_done(&e->switched);
        op_policy_done(&e->p);
}

/* ---- pieces ---- */

/* What stands on the key for the slot's address; NULL: nothing yet. */
static const struct entry *slot_entry(const struct explained *x, const struct slot *s)
{
        size_t n;
        const struct entry *e = entry_set_find(x->e->p.entries, s->provider->name, &s->seen, &n);
        char text[ADDR_TEXT_MAX];

        for (size_t i = 0; i < n; i++)
                if (strcmp(e[i].key, s->key->name) == 0 &&
                    strcmp(e[i].host, host_text(&s->seen, text)) == 0)
                        return &e[i];
        return NULL;
}

static json_t *slot_json(const struct explained *x, const struct slot *s)
{
        const struct entry *entry;
        struct slot_health health;
        json_t *slot;

        if (!s)
                return json_null();
        entry = slot_entry(x, s);
        slot = json_pack("{s:o, s:I, s:I, s:s, s:o, s:o, s:I}", "key", text_json(s->key->name),
                         "number", (json_int_t)s->number, "capacity", (json_int_t)s->key->capacity,
                         "state", entry_state_name(s->state), "since",
                         time_json(entry ? entry->since_us : 0), "added", time_json(s->added_us),
                         "n_desks", (json_int_t)s->n_desks);
        if (!slot || !explain_slot_health(x, s, &health))
                return slot;
        json_object_set_new(slot, "suspended_for_s",
                            health.is_suspended ? json_integer(health.for_s) : json_null());
        json_object_set_new(slot, "cause",
                            text_json(!health.is_suspended ? NULL
                                      : health.cause       ? health.cause
                                                           : "refused"));
        return slot;
}

static const char *route_kind(const struct explained_route *r)
{
        return r->slot ? "key" : r->backend ? "backend" : "refused";
}

static json_t *route_json(const struct explained *x)
{
        struct explained_route r;

        explain_route(x, &r);
        return json_pack("{s:s, s:o, s:o, s:o}", "kind", route_kind(&r), "key",
                         text_json(r.slot ? r.slot->key->name : NULL), "backend",
                         text_json(r.backend ? r.backend->name : NULL), "reason",
                         text_json(r.reason));
}

/* Null where no key can be refused. */
static json_t *if_refused_json(const struct explained *x)
{
        struct explained_route r;

        if (!x->slot && !(x->planned && x->planned->former))
                return json_null();
        explain_refused(x, &r);
        return json_pack("{s:s, s:o, s:o}", "kind", route_kind(&r), "backend",
                         text_json(r.backend ? r.backend->name : NULL), "reason",
                         text_json(r.reason));
}

static const char *egress_name(const struct group *g)
{
        static const char *const names[] = { [EGRESS_ROUTER] = "router",
                                             [EGRESS_TRANSPARENT] = "transparent",
                                             [EGRESS_DIRECT] = "direct",
                                             [EGRESS_LIST] = "list" };

        return names[g->egress];
}

/* Whether its group's calls leave at all, as far as the router has seen. */
static json_t *group_unusable_json(const struct explaining *e)
{
        if (!e->is_in_force || !e->group || e->group->egress == EGRESS_ROUTER)
                return json_null();
        return unusable_json(e->op->host);
}

static json_t *group_json(const struct explaining *e)
{
        const struct group *g = e->group;

        if (!g)
                return json_null();
        return json_pack("{s:o, s:o, s:I}", "name", text_json(g->name), "file",
                         text_json(g->at.file), "line", (json_int_t)g->at.line);
}

/* ---- a provider ---- */

/* One that also takes a secret key where there is one: then a backend can stand in. */
static const struct api *api_choose(const struct provider *p)
{
        const struct api *found = NULL;

        for (size_t i = 0; i < p->n_apis; i++) {
                const struct api *api = &p->apis[i];

                if (!p->classes[CLASS_EMBEDDED].offered ||
                    !(api->methods[CLASS_EMBEDDED] & (1U << METHOD_GET)))
                        continue;
                if (api->methods[CLASS_SECRET] & (1U << METHOD_GET))
                        return api;
                found = found ? found : api;
        }
        return found;
}

static void explained_fill(const struct explaining *e, const struct provider *provider,
                           struct explained *ret)
{
        *ret = (struct explained){ .e = e, .provider = provider, .api = api_choose(provider) };
        if (!e->group)
                return;
        egress_of(e->group, &e->address, &e->plan->router, &ret->source, &ret->seen);
        ret->planned = plan_find(e->plan, provider, &ret->seen);
        if (ret->planned && ret->planned->key && !slot_reason(ret->planned, e->group))
                ret->slot = ret->planned;
}

static json_t *provider_json(const struct explaining *e, const struct provider *provider)
{
        struct explained x;
        char seen[ADDR_TEXT_MAX], source[ADDR_TEXT_MAX];
        bool has_source;

        explained_fill(e, provider, &x);
        has_source = !addr_is_unspecified(&x.source);
        return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "provider",
                         text_json(provider->name), "egress",
                         text_json(e->group ? egress_name(e->group) : NULL), "source",
                         text_json(has_source ? addr_format(&x.source, source) : NULL), "seen",
                         text_json(e->group ? host_text(&x.seen, seen) : NULL), "slot",
                         slot_json(&x, x.slot), "former",
                         slot_json(&x, x.planned ? x.planned->former : NULL), "route",
                         route_json(&x), "why_not", explain_why_not(&x), "if_refused",
                         if_refused_json(&x));
}

static json_t *providers_json(const struct explaining *e)
{
        const struct policy *p = e->p.policy;
        json_t *list = json_array();

        for (size_t i = 0; list && i < p->n_providers; i++) {
                if (json_array_append_new(list, provider_json(e, &p->providers[i])) != 0) {
                        json_decref(list);
                        list = NULL;
                }
        }
        return list;
}

/* ---- the operation ---- */

/* An address, or a host name that is pinned. False: refused. */
static bool address_read(struct op *o, struct explaining *e, const char *text)
{
        const struct pin *pin;

        if (addr_parse(slice_of(text), &e->address) == 0)
                return true;
        pin = pin_set_find(e->p.pins, text);
        if (pin && pin->n_addrs > 0) {
                e->address = pin->addrs[0];
                return true;
        }
        op_refuse(o, EX_USAGE, "write one address, as 10.1.2.3",
                  "\"%.100s\" is no address of a workstation, and no host name of the policy",
                  text);
        return false;
}

static int explaining_fill(struct op *o, struct explaining *e)
{
        json_t *given = json_object_get(o->request, "policy");
        int r = op_policy_load(o, 0, &e->p);

        if (r || !e->p.policy)
                return r;
        e->is_in_force = !given || json_is_null(given);
        r = e->is_in_force ? op_policy_restore(o, &e->p, &e->plan)
                           : op_policy_plan(o, &e->p, &e->plan);
        return r ? r : switched_read(o->host->ledger, &e->switched);
}

int op_explain(struct op *o)
{
        CLEANUP(explaining_done) struct explaining e = { .op = o };
        char text[ADDR_TEXT_MAX];
        const char *address;
        int r;

        op_policy_init(&e.p);
        if (!op_text(o, "address", true, &address))
                return 0;
        r = explaining_fill(o, &e);
        if (r || !e.plan || !address_read(o, &e, address))
                return r;
        e.group = policy_group_of(e.p.policy, &e.address);
        return op_answer(o, json_pack("{s:s, s:s, s:o, s:o, s:o, s:s}", "schema",
                                      "keyrouter.explain/1", "address",
                                      addr_format(&e.address, text), "group", group_json(&e),
                                      "unusable_s", group_unusable_json(&e), "providers",
                                      providers_json(&e), "from",
                                      e.is_in_force ? "ledger" : "policy"));
}
