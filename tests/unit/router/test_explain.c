/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `explain` says of a workstation's route is what the router does, in the same words: for
 * policies, entries, switches and refusals at random, each desk is asked about both ways.
 *
 * The router lets a request try a slot that is not known to serve. Each desk calls twice here, and
 * the second call is compared: by then the trial is taken.
 */
#include "lib/base/log.h"
#include "policy/operation/operation.h"
#include "policy/policy.h"
#include "router/route.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define N_SEEDS 100
#define N_KEYS 3
#define N_GROUPS 6
#define START ((uint64_t)1000000)
#define TEXT_MAX 8192

/* ---- dice ---- */

static uint64_t dice_state;

static unsigned dice(unsigned below)
{
        dice_state ^= dice_state << 13;
        dice_state ^= dice_state >> 7;
        dice_state ^= dice_state << 17;
        return (unsigned)(dice_state % below);
}

/* ---- a policy ---- */

static const char provider[] =
        "name = \"v\"; apis = ( { name = \"s\"; host = \"s.example.com\"; paths = [ \"/s\" ];"
        " secret = [ \"GET\" ]; }, { name = \"a\"; host = \"a.example.com\"; paths = [ \"/a\" ];"
        " embedded = [ \"GET\" ]; secret = [ \"GET\" ]; } );"
        "embedded = { query = { key = \"$key\"; }; capacity = 100; };"
        "secret = { query = { token = \"$key\"; }; }; strip_query = [ \"key\", \"token\" ];";

static size_t group_write(char *out, size_t size, unsigned i)
{
        static const char *const egresses[] = {
                "\"transparent\"", "\"transparent\"", "\"transparent\"",
                "\"direct\"",      "\"router\"",      "[ \"198.51.100.1\", \"198.51.100.2\" ]"
        };
        static const char *const keys[] = { "\"k0\", \"k1\", \"k2\"", "\"k1\", \"k0\"", "\"k1\"",
                                            "" };
        bool refuses = dice(3) == 0, is_shared = dice(4) == 0;

        /* who shares an address has a key in common */
        return (size_t)snprintf(
                out, size,
                "%s{ name = \"g%u\"; workstations = [ \"10.0.%u.1-10.0.%u.%u\" ]; egress = %s; "
                "keys = [ %s ]; backends = [ %s ]; overflow = \"%s\"; priority = %u; %s }",
                i ? ", " : "", i, i, i, 1 + dice(5), egresses[dice(6)], keys[dice(4) ? dice(3) : 3],
                dice(4) || !refuses ? "\"b\"" : "", refuses ? "refuse" : "backend", dice(3),
                is_shared ? "public = [ \"10.0.0.0/16 -> 203.0.113.7\" ];" : "");
}

static void policy_write(char text[static TEXT_MAX])
{
        size_t n =
                (size_t)snprintf(text, TEXT_MAX,
                                 "site = \"s\"; providers = [ \"v.cfg\" ];\nbackends = ( { name = "
                                 "\"b\"; provider = \"v\"; credential = \"b\"; } );\nunknown = "
                                 "\"%s\";\nkeys = ( ",
                                 dice(2) ? "b" : "refuse");

        for (unsigned i = 0; i < N_KEYS; i++)
                n += (size_t)snprintf(text + n, TEXT_MAX - n,
                                      "%s{ name = \"k%u\"; provider = \"v\"; credential = \"k%u\"; "
                                      "capacity = %u; }",
                                      i ? ", " : "", i, i, 1 + dice(6));
        n += (size_t)snprintf(text + n, TEXT_MAX - n, " );\ngroups = ( ");
        for (unsigned i = 0; i < N_GROUPS; i++)
                n += group_write(text + n, TEXT_MAX - n, i);
        snprintf(text + n, TEXT_MAX - n, " );\n");
}

static json_t *policy_json(const char *text)
{
        return json_pack("{s:s, s:[{s:s, s:s, s:s}, {s:s, s:s, s:s}]}", "path", "policy.cfg",
                         "files", "role", "policy", "path", "policy.cfg", "text", text, "role",
                         "provider v.cfg", "path", "v.cfg", "text", provider);
}

/* ---- a site ---- */

struct site {
        struct operation_host host;
        struct operation_hooks hooks;
        struct policy *policy; /* in force, read as the router reads it */
        struct plan *plan;
        struct health *health;
        struct switches switches;
};

/* False: it could not be planned, which a policy at random need not be. */
static bool site_apply(struct site *s)
{
        json_t *request = json_object();
        char text[TEXT_MAX];
        struct reply reply;
        int status;

        policy_write(text);
        json_object_set_new(request, "policy", policy_json(text));
        operation_run(&s->host, "apply", "test", request, &reply);
        status = reply.status;
        json_decref(request);
        reply_done(&reply);
        return status == 0;
}

/* What an administrator and the calls make of an entry: any other state that it may have. */
static struct entry_move entry_change(const struct entry *e)
{
        static const enum entry_state states[] = { ENTRY_PROPAGATING, ENTRY_LIVE, ENTRY_LIVE,
                                                   ENTRY_LIVE, ENTRY_SUSPENDED };
        struct entry_move m = { e->provider,          e->key,      e->host,   (int)e->state,
                                (int)states[dice(5)], e->added_us, e->live_us };

        m.added_us = 1000000;
        m.live_us = m.to == ENTRY_PROPAGATING ? 0 : 2000000;
        return m;
}

static void entries_change(struct site *s)
{
        CLEANUP(entry_set_freep) struct entry_set *entries = NULL;
        struct entry_move moves[N_GROUPS * 8];
        struct change c = { UINT64_MAX, "test", "test", NULL, "test", 3000000, .moves = moves };
        uint64_t row;

        assert_int_equal(ledger_entries(s->host.ledger, &entries), 0);
        for (size_t i = 0; i < entries->n; i++)
                if (entries->entries[i].state == ENTRY_WANTED && dice(3))
                        moves[c.n_moves++] = entry_change(&entries->entries[i]);
        assert_int_equal(ledger_commit(s->host.ledger, &c, &row), 0);
}

static void switches_change(struct site *s)
{
        static const char *const names[] = { "key:k0", "key:k1", "backend:b", "all" };
        struct ledger_switch off[4];
        struct change c = {
                UINT64_MAX, "test", "test", NULL, "test", 3000000, .switched_off = off
        };
        uint64_t row;

        for (unsigned i = 0; i < 4; i++) {
                if (dice(i == 3 ? 20 : 5))
                        continue;
                off[c.n_switched_off] = (struct ledger_switch){ .at_us = 3000000, .who = "alice" };
                strcpy(off[c.n_switched_off].name, names[i]);
                strcpy(off[c.n_switched_off++].why, dice(2) ? "leaked" : "");
        }
        if (c.n_switched_off)
                assert_int_equal(ledger_commit(s->host.ledger, &c, &row), 0);
}

/* ---- as the router has it ---- */

static struct policy *policy_in_force(struct site *s)
{
        CLEANUP(revision_freep) struct revision *r = NULL;
        CLEANUP(file_set_done) struct file_set files = { NULL };
        CLEANUP(diag_done) struct diag d;
        struct policy_source source = { .path = "policy.cfg", .files = &files };
        struct policy *p = NULL;

        diag_init(&d);
        assert_int_equal(ledger_revision(s->host.ledger, 0, &r), 0);
        for (size_t i = 0; i < r->n_files; i++)
                assert_int_equal(file_set_add(&files, r->files[i].role, r->files[i].path,
                                              slice_of(r->files[i].text)),
                                 0);
        assert_int_equal(policy_load_from(&source, &d, &p), 0);
        return p;
}

static void slots_refuse(struct site *s)
{
        for (size_t i = 0; i < s->plan->n_slots; i++) {
                const struct slot *slot = &s->plan->slots[i];

                if (!slot->key || slot->state == ENTRY_SUSPENDED || dice(5))
                        continue;
                health_move(s->health, slot, HEALTH_SUCCEEDED, NULL, false, START);
                if (dice(2))
                        health_move(s->health, slot, HEALTH_REFUSED, "address not listed", false,
                                    START);
        }
}

static void site_serve(struct site *s)
{
        CLEANUP(entry_set_freep) struct entry_set *entries = NULL;
        CLEANUP(freep) struct ledger_switch *off = NULL;
        CLEANUP(diag_done) struct diag d;
        size_t n_off;

        diag_init(&d);
        s->policy = policy_in_force(s);
        assert_int_equal(ledger_entries(s->host.ledger, &entries), 0);
        assert_int_equal(plan_restore(s->policy, entries, NULL, &d, &s->plan), 0);
        assert_int_equal(health_new(s->plan, START, 4000000, &s->health), 0);
        assert_int_equal(ledger_switches(s->host.ledger, &off, &n_off), 0);
        assert_int_equal(switches_init(&s->switches, s->policy, off, n_off), 0);
        slots_refuse(s);
}

static void site_done(struct site *s)
{
        if (s->health)
                health_free(s->health);
        if (s->plan)
                plan_free(s->plan);
        if (s->policy)
                policy_unref(s->policy);
        switches_done(&s->switches);
        ledger_close(s->host.ledger);
}

static void view_tell(const struct health_view *v, struct slot_health *ret)
{
        *ret = (struct slot_health){ .is_suspended = v->state != HEALTH_STATE_OK,
                                     .cause = v->cause,
                                     .was_live = v->was_live };
}

static bool on_slot_health(void *context, const char *name, const char *key,
                           const struct addr *seen, struct slot_health *ret)
{
        struct site *s = context;
        const struct slot *slot = plan_find(s->plan, &s->policy->providers[0], seen);
        struct health_view v;

        while (slot && (!slot->key || strcmp(slot->key->name, key) != 0))
                slot = slot->former;
        if (!slot)
                return false;
        v = health_slot_view(s->health, slot, START);
        view_tell(&v, ret);
        return true;
}

static bool on_key_health(void *context, const char *key, struct slot_health *ret)
{
        struct site *s = context;
        struct health_view v = health_key_view(s->health, &s->policy->keys[key[1] - '0'], START);

        view_tell(&v, ret);
        return true;
}

/* Two policies one after the other, so that some slots have a former one. */
static bool site_make(struct site *s, uint64_t seed)
{
        *s = (struct site){ .hooks = { .slot_health = on_slot_health,
                                       .key_health = on_key_health } };
        dice_state = seed * 0x9e3779b97f4a7c15U + 1;
        assert_int_equal(ledger_open_memory(&s->host.ledger), 0);
        s->host.ledger_path = "memory";
        if (!site_apply(s))
                return false;
        entries_change(s);
        if (dice(2) && site_apply(s))
                entries_change(s);
        switches_change(s);
        site_serve(s);
        s->host.hooks = &s->hooks;
        s->host.hooks_context = s;
        return true;
}

/* ---- the two answers ---- */

struct told {
        char kind[16], key[16], backend[16], reason[640];
};

static void route_of(struct site *s, const struct addr *desk, unsigned attempt, struct told *ret)
{
        static const char *const kinds[] = { "key", "backend", "refused" };
        struct route_request q = { .policy = s->policy,
                                   .plan = s->plan,
                                   .health = s->health,
                                   .switches = &s->switches,
                                   .group = policy_group_of(s->policy, desk),
                                   .workstation = *desk,
                                   .provider = &s->policy->providers[0],
                                   .api = &s->policy->providers[0].apis[1],
                                   .method = METHOD_GET,
                                   .attempt = attempt,
                                   .refused_cause = "X",
                                   .now_ms = START };
        struct route r;

        for (int i = 0; i < 2; i++)
                route_decide(&q, &r);
        strcpy(ret->kind, kinds[r.kind]);
        strcpy(ret->key, r.key ? r.key->name : "");
        strcpy(ret->backend, r.backend ? r.backend->name : "");
        strcpy(ret->reason, r.reason);
}

static void member_read(const json_t *route, const char *name, char *out)
{
        const char *text = json_string_value(json_object_get(route, name));

        strcpy(out, text ? text : "");
}

static void told_read(const json_t *route, struct told *ret)
{
        member_read(route, "kind", ret->kind);
        member_read(route, "key", ret->key);
        member_read(route, "backend", ret->backend);
        member_read(route, "reason", ret->reason);
}

/* explain's answer about its provider. Owner: the caller. */
static json_t *explain(struct site *s, const char *desk)
{
        json_t *request = json_pack("{s:s}", "address", desk), *one;
        struct reply reply;

        operation_run(&s->host, "explain", "test", request, &reply);
        json_decref(request);
        assert_int_equal(reply.status, 0);
        one = json_array_get(json_object_get(reply.body, "providers"), 0);
        assert_non_null(one);
        json_incref(one);
        reply_done(&reply);
        return one;
}

static void compare(uint64_t seed, const char *desk, const char *what, const struct told *explained,
                    const struct told *done)
{
        if (strcmp(explained->kind, done->kind) != 0 || strcmp(explained->key, done->key) != 0 ||
            strcmp(explained->backend, done->backend) != 0 ||
            strcmp(explained->reason, done->reason) != 0)
                fail_msg("seed %llu, %s, %s: %s %s%s \"%s\", but %s %s%s \"%s\"",
                         (unsigned long long)seed, desk, what, explained->kind, explained->key,
                         explained->backend, explained->reason, done->kind, done->key,
                         done->backend, done->reason);
}

/* The router names the cause of a refusal, which explain cannot know. */
static void cause_add(struct told *t)
{
        static const char words[] = "key failed";
        char rest[sizeof(t->reason)];

        if (strncmp(t->reason, words, strlen(words)) != 0)
                return;
        strcpy(rest, t->reason + strlen(words));
        snprintf(t->reason, sizeof(t->reason), "%s: X%.600s", words, rest);
}

static void desk_compare(struct site *s, uint64_t seed, const char *desk, unsigned *n_keys)
{
        json_t *one = explain(s, desk);
        struct told explained, done;
        struct addr a;

        assert_int_equal(addr_parse(slice_of(desk), &a), 0);
        route_of(s, &a, 0, &done);
        told_read(json_object_get(one, "route"), &explained);
        compare(seed, desk, "route", &explained, &done);
        *n_keys += strcmp(done.kind, "key") == 0;
        if (json_is_object(json_object_get(one, "if_refused"))) {
                route_of(s, &a, 1, &done);
                told_read(json_object_get(one, "if_refused"), &explained);
                cause_add(&explained);
                compare(seed, desk, "if refused", &explained, &done);
        }
        json_decref(one);
}

static void explain_says_what_the_router_does(void **state)
{
        unsigned n_sites = 0, n_keys = 0;

        for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
                struct site s;

                if (site_make(&s, seed)) {
                        n_sites++;
                        for (unsigned i = 0; i < N_GROUPS * 6; i++) {
                                char desk[32];

                                snprintf(desk, sizeof(desk), "10.0.%u.%u", i / 6, 1 + i % 6);
                                desk_compare(&s, seed, desk, &n_keys);
                        }
                }
                site_done(&s);
        }
        assert_true(n_sites > N_SEEDS / 3);
        assert_true(n_keys > N_SEEDS);
}

static void quiet(const struct event *event, const struct field *fields, size_t n_fields,
                  struct slice line)
{
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(explain_says_what_the_router_does),
        };

        log_set_sink(quiet);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
