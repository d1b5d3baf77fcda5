/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan as two lists: the slots of each key, to be added at the vendor, and what does not use a
 * slot, the spills. A spill is the desks of one group behind one address, since groups that share
 * an address need not share their fate.
 */
#include "policy/plan.h"
#include "tools/verb.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

struct spill {
        const struct slot *slot;
        const struct share *share;
        const char *reason;
        const struct backend *backend; /* NULL: refused */
};

struct view {
        const struct plan *plan;
        const struct slot **slots; /* those with a key, by key, then by number */
        size_t n_slots;
        struct spill *spills; /* by provider, group and reason, then by address */
        size_t n_spills;
};

/* Of one provider, or of all. */
struct totals {
        size_t n_embedded, n_backend, n_refused; /* desks */
        size_t n_keys_used;
};

static void view_done(struct view *v)
{
        free(v->slots);
        free(v->spills);
}

static int slot_compare(const void *left, const void *right)
{
        const struct slot *a = *(const struct slot *const *)left;
        const struct slot *b = *(const struct slot *const *)right;

        if (a->key != b->key)
                return a->key->index < b->key->index ? -1 : 1;
        return (a->number > b->number) - (a->number < b->number);
}

static bool spill_same_head(const struct spill *a, const struct spill *b)
{
        return a->slot->provider == b->slot->provider && a->share->group == b->share->group &&
               a->reason == b->reason;
}

static int spill_compare(const void *left, const void *right)
{
        const struct spill *a = left, *b = right;

        if (a->slot->provider != b->slot->provider)
                return a->slot->index < b->slot->index ? -1 : 1;
        if (a->share->group != b->share->group)
                return a->share->group->index < b->share->group->index ? -1 : 1;
        if (a->reason != b->reason)
                return strcmp(a->reason, b->reason);
        return (a->slot->index > b->slot->index) - (a->slot->index < b->slot->index);
}

static const struct backend *spill_backend(const struct policy *p, const struct group *g,
                                           const struct provider *provider)
{
        return g->overflow == OVERFLOW_BACKEND ? policy_backend(p, g, provider) : NULL;
}

static void view_take_slot(struct view *v, const struct slot *s)
{
        if (s->key)
                v->slots[v->n_slots++] = s;
        for (unsigned i = 0; i < s->n_shares; i++) {
                const struct group *g = s->shares[i].group;
                const char *reason = slot_reason(s, g);

                if (reason)
                        v->spills[v->n_spills++] =
                                (struct spill){ s, &s->shares[i], reason,
                                                spill_backend(v->plan->policy, g, s->provider) };
        }
}

static int view_init(struct view *v, const struct plan *plan)
{
        size_t n_shares = 0;

        for (size_t i = 0; i < plan->n_slots; i++)
                n_shares += plan->slots[i].n_shares;
        *v = (struct view){ .plan = plan };
        v->slots = calloc(plan->n_slots + 1, sizeof(const struct slot *));
        v->spills = calloc(n_shares + 1, sizeof(*v->spills));
        if (!v->slots || !v->spills)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_slots; i++)
                view_take_slot(v, &plan->slots[i]);
        qsort(v->slots, v->n_slots, sizeof(const struct slot *), slot_compare);
        qsort(v->spills, v->n_spills, sizeof(*v->spills), spill_compare);
        return 0;
}

/* `provider` NULL: of all. */
static struct totals view_totals(const struct view *v, const struct provider *provider)
{
        struct totals t = { 0 };

        for (size_t i = 0; i < v->plan->n_keys; i++) {
                const struct key_use *use = &v->plan->keys[i];

                if (provider && use->key->provider != provider)
                        continue;
                t.n_embedded += use->n_desks;
                t.n_keys_used += use->n_slots > 0;
        }
        for (size_t i = 0; i < v->n_spills; i++) {
                const struct spill *s = &v->spills[i];

                if (provider && s->slot->provider != provider)
                        continue;
                *(s->backend ? &t.n_backend : &t.n_refused) += s->share->n_desks;
        }
        return t;
}

static bool address_is_known(const struct slot *s)
{
        return !addr_is_unspecified(&s->seen);
}

static void address_print(const struct slot *s, const char *indent)
{
        char text[ADDR_TEXT_MAX];

        if (address_is_known(s))
                printf("%s%s\n", indent, addr_format(&s->seen, text));
        else
                printf("%s# the router's own address: say it with --router-address\n", indent);
}

static bool terminal_has_colour(void)
{
        const char *no_color = getenv("NO_COLOR");

        return isatty(STDOUT_FILENO) && (!no_color || !no_color[0]);
}

static int digits(size_t n)
{
        return snprintf(NULL, 0, "%zu", n);
}

/* Columns line up over all headings. */
struct columns {
        int name, slots, capacity;
        bool bold;
};

static struct columns columns_of(const struct plan *plan)
{
        struct columns c = { .bold = terminal_has_colour() };

        for (size_t i = 0; i < plan->n_keys; i++) {
                const struct key *k = plan->keys[i].key;
                int name = (int)(strlen(k->name) + strlen(k->provider->name));

                c.name = MAX(c.name, name);
                c.slots = MAX(c.slots, digits(plan->keys[i].n_slots));
                c.capacity = MAX(c.capacity, digits((size_t)k->capacity));
        }
        return c;
}

static void key_print(const struct key_use *use, const struct columns *c)
{
        const struct key *k = use->key;
        int padding = c->name - (int)(strlen(k->name) + strlen(k->provider->name));

        printf("%skey %s (%s): %*s%*u of %*lld slots, ", c->bold ? "\033[1m" : "", k->name,
               k->provider->name, padding, "", c->slots, use->n_slots, c->capacity,
               (long long)k->capacity);
        if (k->reserve > 0)
                printf("%lld kept free, ", (long long)k->reserve);
        printf("%s; %s%s\n", count_text(use->n_desks, "desk", "desks"),
               use->n_slots ? "add at the vendor:" : "nothing to add", c->bold ? "\033[0m" : "");
}

static void keys_print(const struct view *v, const struct columns *c)
{
        size_t next = 0;

        for (size_t i = 0; i < v->plan->n_keys; i++) {
                key_print(&v->plan->keys[i], c);
                for (; next < v->n_slots && v->slots[next]->key == v->plan->keys[i].key; next++)
                        address_print(v->slots[next], "");
                putchar('\n');
        }
}

/* The spills from `first` to before `end` have the same head. */
static void spills_print(const struct view *v, size_t first, size_t end, bool bold)
{
        const struct spill *s = &v->spills[first];
        size_t n_desks = 0;

        for (size_t i = first; i < end; i++)
                n_desks += v->spills[i].share->n_desks;
        printf("%soverflow of group %s (%s): %s, %s, %s%s: %s%s\n", bold ? "\033[1m" : "",
               s->share->group->name, s->slot->provider->name,
               count_text(end - first, "address", "addresses"),
               count_text(n_desks, "desk", "desks"), s->backend ? "by backend " : "refused",
               s->backend ? s->backend->name : "", s->reason, bold ? "\033[0m" : "");
        for (size_t i = first; i < end; i++)
                address_print(v->spills[i].slot, "  ");
        putchar('\n');
}

static void totals_print(const struct view *v, const struct provider *provider, const char *title)
{
        struct totals t = view_totals(v, provider);

        printf("%s%s%s embedded on %s, %zu by backend, %zu refused\n", title, title[0] ? ": " : "",
               count_text(t.n_embedded, "desk", "desks"), count_text(t.n_keys_used, "key", "keys"),
               t.n_backend, t.n_refused);
}

/* One line; where several providers are planned, one for each. */
static void summary_print(const struct view *v)
{
        const struct plan *plan = v->plan;
        size_t n_each = plan->census->n_egresses, n = n_each ? plan->n_slots / n_each : 0;

        if (n < 2)
                totals_print(v, NULL, "");
        for (size_t i = 0; n >= 2 && i < n; i++) {
                const struct provider *provider = plan->slots[i * n_each].provider;

                totals_print(v, provider, provider->name);
        }
}

static void plan_print(const struct view *v)
{
        struct columns c = columns_of(v->plan);

        keys_print(v, &c);
        for (size_t i = 0, end; i < v->n_spills; i = end) {
                for (end = i + 1; end < v->n_spills; end++)
                        if (!spill_same_head(&v->spills[i], &v->spills[end]))
                                break;
                spills_print(v, i, end, c.bold);
        }
        summary_print(v);
}

/* "router" where it is the router's and was not told: the policy's own word for it. */
static json_t *address_json(const struct slot *s)
{
        char text[ADDR_TEXT_MAX];

        return json_string(address_is_known(s) ? addr_format(&s->seen, text) : "router");
}

static json_t *key_json(const struct view *v, const struct key_use *use, size_t *next)
{
        const struct key *k = use->key;
        json_t *add = json_array();

        for (; *next < v->n_slots && v->slots[*next]->key == k; ++*next) {
                if (json_array_append_new(add, address_json(v->slots[*next])) != 0) {
                        json_decref(add);
                        return NULL;
                }
        }
        return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:o}", "name", json_text(k->name),
                         "provider", json_text(k->provider->name), "capacity",
                         (json_int_t)k->capacity, "reserve", (json_int_t)k->reserve, "used",
                         (json_int_t)use->n_slots, "desks", (json_int_t)use->n_desks, "add", add);
}

static json_t *keys_json(const struct view *v)
{
        json_t *keys = json_array();
        size_t next = 0;

        for (size_t i = 0; i < v->plan->n_keys; i++) {
                if (json_array_append_new(keys, key_json(v, &v->plan->keys[i], &next)) != 0) {
                        json_decref(keys);
                        return NULL;
                }
        }
        return keys;
}

static json_t *spill_json(const struct spill *s)
{
        return json_pack("{s:o, s:o, s:I, s:o, s:s, s:s, s:o}", "address", address_json(s->slot),
                         "provider", json_text(s->slot->provider->name), "desks",
                         (json_int_t)s->share->n_desks, "group", json_text(s->share->group->name),
                         "reason", s->reason, "route", s->backend ? "backend" : "refused",
                         "backend", json_text(s->backend ? s->backend->name : NULL));
}

static json_t *spills_json(const struct view *v)
{
        json_t *spills = json_array();

        for (size_t i = 0; i < v->n_spills; i++) {
                if (json_array_append_new(spills, spill_json(&v->spills[i])) != 0) {
                        json_decref(spills);
                        return NULL;
                }
        }
        return spills;
}

static json_t *plan_json(const struct request *r, const struct view *v)
{
        const struct plan *plan = v->plan;
        struct totals t = view_totals(v, NULL);
        json_t *totals;

        totals = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "desks", (json_int_t)plan->n_desks,
                           "egress_addresses", (json_int_t)plan->census->n_egresses, "embedded",
                           (json_int_t)t.n_embedded, "keys_used", (json_int_t)t.n_keys_used,
                           "backend", (json_int_t)t.n_backend, "refused", (json_int_t)t.n_refused);
        return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "schema", "keyrouter.plan/1", "file",
                         json_text(r->operand), "site", json_text(plan->policy->site), "keys",
                         keys_json(v), "overflow", spills_json(v), "totals", totals);
}

int verb_plan(const struct request *r)
{
        CLEANUP(diag_done) struct diag d;
        CLEANUP(policy_unrefp) struct policy *policy = NULL;
        CLEANUP(plan_freep) struct plan *plan = NULL;
        CLEANUP(view_done) struct view v = { NULL };
        int status;

        diag_init(&d);
        status = request_plan(r, &d, &policy, &plan);
        diag_sort(&d);
        diag_print(&d, stderr);
        if (status)
                return status;
        if (view_init(&v, plan) != 0) {
                fputs("keyrouter: out of memory\n", stderr);
                return EX_OSERR;
        }
        if (r->json)
                return json_finish(plan_json(r, &v));
        plan_print(&v);
        return 0;
}
