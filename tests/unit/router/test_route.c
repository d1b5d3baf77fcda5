/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/log.h"
#include "router/route.h"
#include "tests/unit/router/site.h"

#define START ((uint64_t)1000000)
#define NOON (((uint64_t)20000 * 86400 + 43200) * 1000000)

enum { STREET, EXTRACT, BASIC, LOOSE }; /* the APIs of the site */
enum { NOBODY = -1 };

/* What the site looks like before the request. */
enum condition {
        ALL_WELL,
        SLOT_REFUSED,   /* slot 1 is suspended */
        SLOT_DUE,       /* so it was, and a minute has gone by */
        KEY_REFUSED,    /* the key of slots 1 to 6 is */
        SLOT_NOT_ADDED, /* slot 1 is wanted, and has just been tried */
        SLOT_TO_TRY,    /* slot 1 is wanted */
        SLOT_WAITING,   /* slot 1 is propagating */
        SLOT_GOING,     /* slot 1 is leaving */
        UNKNOWN_SERVED, /* unknown workstations may use the secret key */
        BUDGET_SPENT,   /* of the secret key */
        NO_SECRET_CLASS,
        NO_EMBEDDED_CLASS,
        NO_KEYS, /* the group has none */
};

struct desk {
        struct site site;
        struct health *health;
        struct budgets *budgets;
};

static int desk_init(void **state)
{
        struct desk *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -1;
        site_init(&d->site);
        *state = d;
        r = health_new(&d->site.plan, START, 0, &d->health);
        return r ? r : budgets_new(&d->site.policy, &d->budgets);
}

static int desk_done(void **state)
{
        struct desk *d = *state;

        health_free(d->health);
        budgets_free(d->budgets);
        free(d);
        return 0;
}

static void refuse_slots(struct desk *d, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                health_move(d->health, &d->site.slots[i], HEALTH_SUCCEEDED, NULL, false, START);
        for (unsigned i = 0; i < n; i++)
                health_move(d->health, &d->site.slots[i], HEALTH_REFUSED, "address not listed",
                            false, START);
}

static void try_slot(struct desk *d)
{
        const char *cause;

        d->site.slots[0].state = ENTRY_WANTED;
        assert_int_equal(health_admit(d->health, &d->site.slots[0], START, &cause), HEALTH_TRIAL);
}

static void make_propagating(struct desk *d)
{
        health_free(d->health);
        d->site.slots[0].state = ENTRY_PROPAGATING;
        assert_int_equal(health_new(&d->site.plan, START, 0, &d->health), 0);
}

static void spend_budget(struct desk *d)
{
        d->site.backends[1].per_day = 1;
        assert_int_equal(budget_take(d->budgets, &d->site.backends[1], NOON), 0);
}

static void desk_prepare(struct desk *d, enum condition condition)
{
        struct site *s = &d->site;

        if (condition == SLOT_REFUSED || condition == SLOT_DUE)
                refuse_slots(d, 1);
        else if (condition == KEY_REFUSED)
                refuse_slots(d, 3);
        else if (condition == SLOT_NOT_ADDED)
                try_slot(d);
        else if (condition == SLOT_TO_TRY)
                s->slots[0].state = ENTRY_WANTED;
        else if (condition == SLOT_WAITING)
                make_propagating(d);
        else if (condition == SLOT_GOING)
                s->slots[0].state = ENTRY_LEAVING;
        else if (condition == BUDGET_SPENT)
                spend_budget(d);
        else if (condition == NO_SECRET_CLASS)
                s->provider.classes[CLASS_SECRET].offered = false;
        else if (condition == NO_EMBEDDED_CLASS)
                s->provider.classes[CLASS_EMBEDDED].offered = false;
        else if (condition == NO_KEYS)
                s->groups[GROUP_SALES].n_keys = 0;
        s->unknown[0] = &s->backends[0];
        s->policy.n_unknown = condition == UNKNOWN_SERVED;
}

struct row {
        int group; /* or NOBODY */
        const char *workstation;
        int api;
        enum method method;
        bool has_body;
        unsigned attempt;
        enum condition condition;
        enum route_kind kind;
        const char *credential; /* name of the key or the backend */
        unsigned status;
        const char *reason;
        bool is_probe;
        const char *sentence;
};

#define DESK_1 "198.51.100.1"
#define FULL "all keys of the group are full"
#define NO_KEY_AT_ALL "the group has no key of this provider"
#define NEEDS_SECRET "api needs the secret key"
#define ADDRESS_REFUSED "slot suspended: address not listed"
#define IS_DIRECT "egress is direct: only the workstation itself can use its key"
#define NO_GROUP "workstation is in no group"
#define KEY .kind = ROUTE_KEY, .credential = "austin-1"
#define SECRET .kind = ROUTE_BACKEND, .credential = "secret"
#define REFUSED(status_) .kind = ROUTE_REFUSED, .status = (status_)

static const struct row rows[] = {
        { GROUP_SALES, DESK_1, STREET, METHOD_GET, KEY, .reason = "slot 1 of 100 on austin-1",
          .sentence = "a live slot" },
        { GROUP_SALES, DESK_1, STREET, METHOD_GET, .condition = SLOT_GOING, KEY,
          .reason = "former slot on austin-1",
          .sentence = "a slot that leaves serves on" },
        { GROUP_SALES, "198.51.100.7", STREET, METHOD_GET, .kind = ROUTE_KEY,
          .credential = "austin-2", .reason = "slot 1 of 100 on austin-2",
          .sentence = "a slot on another key" },
        { GROUP_SALES, DESK_1, STREET, METHOD_POST, true, SECRET, .reason = NEEDS_SECRET,
          .sentence = "a batch" },
        { GROUP_SALES, DESK_1, EXTRACT, METHOD_POST, true, SECRET, .reason = NEEDS_SECRET,
          .sentence = "an API without embedded keys" },
        { GROUP_SALES, DESK_1, STREET, METHOD_GET, true, SECRET, .reason = NEEDS_SECRET,
          .sentence = "a GET with a body" },
        { GROUP_SALES, DESK_1, LOOSE, METHOD_POST, .kind = ROUTE_REFUSED, .status = 403,
          .reason = NEEDS_SECRET "; no secret key may do this at loose",
          .sentence = "embedded attempts are GETs, whatever the API says" },
        { GROUP_SALES, DESK_1, STREET, METHOD_GET, .condition = NO_EMBEDDED_CLASS, SECRET,
          .reason = NEEDS_SECRET, .sentence = "a vendor without embedded keys" },
        { GROUP_SALES, DESK_1, STREET, METHOD_GET, .condition = SLOT_REFUSED, SECRET,
          .reason = ADDRESS_REFUSED, .sentence = "a suspended slot" },
        { GROUP_SALES, "198.51.100.2", STREET, METHOD_GET, .condition = SLOT_REFUSED, KEY,
          .reason = "slot 2 of 100 on austin-1", .sentence = "its neighbour is not suspended" },
        { GROUP_SALES, DESK_1, STREET, METHOD_GET, .condition = SLOT_DUE, KEY, .is_probe = true,
          .reason = "slot 1 of 100 on austin-1, on trial after: address not listed",
          .sentence = "a suspension that is over" },
        { GROUP_SALES, "198.51.100.5", STREET, METHOD_GET, .condition = KEY_REFUSED, SECRET,
          .reason = "key austin-1 suspended: address not listed", .sentence = "a suspended key" },
        { GROUP_SALES, DESK_1, STREET, METHOD_GET, .condition = SLOT_NOT_ADDED, SECRET,
          .reason = "slot wanted: not added at the vendor yet",
          .sentence = "a wanted slot, tried lately" },
        { GROUP_SALES, DESK_1, STREET, METHOD_GET, .condition = SLOT_TO_TRY, KEY, .is_probe = true,
          .reason = "slot 1 of 100 on austin-1, on trial",
          .sentence = "a wanted slot, now and then" },
        { GROUP_SALES, DESK_1, STREET, METHOD_GET, .condition = SLOT_WAITING, SECRET,
          .reason = "slot propagating: added at the vendor, not live yet",
          .sentence = "a propagating slot" },
        { GROUP_SALES, "198.51.100.8", STREET, METHOD_GET, SECRET, .reason = FULL,
          .sentence = "overflow" },
        { GROUP_SALES, "198.51.100.9", STREET, METHOD_GET, SECRET,
          .reason = "no slot is planned for the egress address",
          .sentence = "an address beyond the plan" },
        { GROUP_SALES, DESK_1, STREET, METHOD_GET, .condition = NO_KEYS, SECRET,
          .reason = NO_KEY_AT_ALL,
          .sentence = "a slot that belongs to others behind the same address" },
        { GROUP_SALES, "198.51.100.9", STREET, METHOD_GET, .condition = NO_KEYS, SECRET,
          .reason = NO_KEY_AT_ALL, .sentence = "no slot and no key to have one on" },
        { GROUP_SALES, DESK_1, STREET, METHOD_GET, .attempt = 1, SECRET,
          .reason = "key failed: address not listed", .sentence = "the second attempt" },
        { GROUP_DIRECT, DESK_1, STREET, METHOD_GET, SECRET, .reason = IS_DIRECT,
          .sentence = "direct egress" },
        { GROUP_DIRECT, DESK_1, STREET, METHOD_POST, SECRET, .reason = NEEDS_SECRET,
          .sentence = "direct egress, a batch" },

        { GROUP_STRICT, DESK_1, STREET, METHOD_GET, KEY, .reason = "slot 1 of 100 on austin-1",
          .sentence = "refusing overflow does not touch a good slot" },
        { GROUP_STRICT, "198.51.100.8", STREET, METHOD_GET, REFUSED(403),
          .reason = FULL "; overflow is refused in group strict", .sentence = "overflow refused" },
        { GROUP_STRICT, DESK_1, STREET, METHOD_GET, .condition = SLOT_REFUSED, REFUSED(403),
          .reason = ADDRESS_REFUSED "; overflow is refused in group strict",
          .sentence = "a suspended slot counts as overflow" },
        { GROUP_STRICT, DESK_1, STREET, METHOD_GET, .attempt = 1, REFUSED(403),
          .reason = "key failed: address not listed; overflow is refused in group strict",
          .sentence = "so does a second attempt" },
        { GROUP_STRICT, DESK_1, STREET, METHOD_POST, true, SECRET, .reason = NEEDS_SECRET,
          .sentence = "what a key cannot do is not overflow" },
        { GROUP_POOR, "198.51.100.8", STREET, METHOD_GET, REFUSED(403),
          .reason = FULL "; no backend for it in group poor",
          .sentence = "overflow without a backend" },
        { GROUP_POOR, DESK_1, STREET, METHOD_POST, true, REFUSED(403),
          .reason = NEEDS_SECRET "; no backend for it in group poor",
          .sentence = "a batch without a backend" },
        { GROUP_POOR, DESK_1, STREET, METHOD_GET, .attempt = 1, REFUSED(403),
          .reason = "key failed: address not listed; no backend for it in group poor",
          .sentence = "a second attempt without one" },
        { GROUP_SALES, "198.51.100.8", BASIC, METHOD_GET, REFUSED(403),
          .reason = FULL "; no secret key may do this at us-basic",
          .sentence = "an API that takes embedded keys only" },
        { GROUP_SALES, "198.51.100.8", STREET, METHOD_GET, .condition = NO_SECRET_CLASS,
          REFUSED(403), .reason = FULL "; no secret key may do this at us-street",
          .sentence = "a vendor without secret keys" },
        { GROUP_SALES, DESK_1, STREET, METHOD_POST, true, .condition = BUDGET_SPENT, REFUSED(429),
          .reason = NEEDS_SECRET "; all requests of the day are used up on secret",
          .sentence = "the day's budget" },
        { GROUP_SALES, DESK_1, STREET, METHOD_GET, .condition = BUDGET_SPENT, KEY,
          .reason = "slot 1 of 100 on austin-1", .sentence = "is not that of the keys" },

        { NOBODY, DESK_1, STREET, METHOD_GET, REFUSED(403), .reason = NO_GROUP,
          .sentence = "an unknown workstation" },
        { NOBODY, DESK_1, STREET, METHOD_GET, .condition = UNKNOWN_SERVED, .kind = ROUTE_BACKEND,
          .credential = "spare", .reason = NO_GROUP,
          .sentence = "an unknown one where the policy serves them" },
        { NOBODY, DESK_1, BASIC, METHOD_GET, .condition = UNKNOWN_SERVED, REFUSED(403),
          .reason = NO_GROUP "; no secret key may do this at us-basic",
          .sentence = "it has no embedded key to use" },
        { GROUP_SALES, DESK_1, STREET, METHOD_DELETE, REFUSED(405),
          .reason = "us-street does not take DELETE", .sentence = "a method that no class takes" },
        { GROUP_SALES, DESK_1, EXTRACT, METHOD_GET, REFUSED(405),
          .reason = "us-extract does not take GET", .sentence = "one that this API does not take" },
        { GROUP_SALES, DESK_1, STREET, N_METHODS, REFUSED(405),
          .reason = "us-street does not take this method",
          .sentence = "one that has no name here (TRACE)" },
        { NOBODY, DESK_1, STREET, METHOD_DELETE, REFUSED(405),
          .reason = "us-street does not take DELETE", .sentence = "whoever asks" },
};

static struct route_request request_of(struct desk *d, const struct row *row)
{
        struct site *s = &d->site;

        return (struct route_request){
                .policy = &s->policy,
                .plan = &s->plan,
                .health = d->health,
                .budgets = d->budgets,
                .group = row->group == NOBODY ? NULL : &s->groups[row->group],
                .workstation = site_addr(row->workstation),
                .provider = &s->provider,
                .api = &s->apis[row->api],
                .method = row->method,
                .has_body = row->has_body,
                .attempt = row->attempt,
                .refused_cause = row->attempt ? "address not listed" : NULL,
                .now_ms = START + (row->condition == SLOT_DUE ? 60000 : 0),
                .wall_us = NOON,
        };
}

static const char *credential_name(const struct route *r)
{
        return r->key ? r->key->name : r->backend ? r->backend->name : NULL;
}

static void row_check(const struct row *row, size_t i, const struct route *r)
{
        const char *name = credential_name(r);
        struct addr source = { { 0 } }, seen = { { 0 } };

        if (row->kind == ROUTE_KEY)
                source = seen = site_addr(row->workstation);
        else if (row->kind == ROUTE_BACKEND)
                seen = site_addr("192.0.2.1");
        ROW_CHECK(r->kind == row->kind, i, row->sentence);
        ROW_CHECK(!name == !row->credential, i, row->sentence);
        ROW_CHECK(!name || strcmp(name, row->credential) == 0, i, row->sentence);
        ROW_CHECK(strcmp(r->reason, row->reason) == 0, i, row->sentence);
        ROW_CHECK(r->status == row->status, i, row->sentence);
        ROW_CHECK(r->retry_after_s == (row->status == 429 ? 60 : 0), i, row->sentence);
        ROW_CHECK(r->is_probe == row->is_probe, i, row->sentence);
        ROW_CHECK(r->is_trial == (row->condition == SLOT_TO_TRY), i, row->sentence);
        ROW_CHECK(addr_equal(&r->source, &source), i, row->sentence);
        ROW_CHECK(addr_equal(&r->seen, &seen), i, row->sentence);
        ROW_CHECK(!r->slot == !r->key, i, row->sentence);
        ROW_CHECK(r->is_resting == (row->attempt == 0 && strstr(row->reason, " suspended: ")), i,
                  row->sentence);
        if (r->key)
                ROW_CHECK(r->class == CLASS_EMBEDDED && r->slot->key == r->key, i, row->sentence);
        if (r->backend)
                ROW_CHECK(r->class == CLASS_SECRET, i, row->sentence);
}

static void each_request_goes_where_its_row_says(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                void *row_state = NULL;
                struct route_request q;
                struct route r;

                assert_int_equal(desk_init(&row_state), 0);
                desk_prepare(row_state, rows[i].condition);
                q = request_of(row_state, &rows[i]);
                memset(&r, 0xa5, sizeof(r));
                route_decide(&q, &r);
                row_check(&rows[i], i, &r);
                desk_done(&row_state);
        }
}

static void behind_a_nat_the_source_is_not_what_the_vendor_sees(void **state)
{
        struct desk *d = *state;
        struct route_request q = request_of(d, &rows[0]);
        struct addr source = site_addr("10.20.0.3"), seen = site_addr("198.51.100.3");
        struct translation nat;
        struct route r;

        assert_int_equal(prefix_parse(SLICE_LITERAL("10.20.0.0/24"), &nat.from), 0);
        assert_int_equal(prefix_parse(SLICE_LITERAL("198.51.100.0/24"), &nat.to), 0);
        d->site.groups[GROUP_SALES].translations = &nat;
        d->site.groups[GROUP_SALES].n_translations = 1;
        q.workstation = source;
        route_decide(&q, &r);
        assert_int_equal(r.kind, ROUTE_KEY);
        assert_ptr_equal(r.slot, &d->site.slots[2]);
        assert_true(addr_equal(&r.source, &source));
        assert_true(addr_equal(&r.seen, &seen));
}

static void without_a_policy_the_answer_is_503(void **state)
{
        struct route_request q = request_of(*state, &rows[0]);
        struct route r;

        q.policy = NULL;
        q.plan = NULL;
        q.health = NULL;
        route_decide(&q, &r);
        assert_int_equal(r.kind, ROUTE_REFUSED);
        assert_int_equal(r.status, 503);
        assert_int_equal(r.retry_after_s, 5);
        assert_string_equal(r.reason, "no policy is applied: run keyrouter apply");
}

static void a_workstation_over_its_limit_waits(void **state)
{
        CLEANUP(limits_freep) struct limits *limits = NULL;
        struct desk *d = *state;
        struct route_request q = request_of(d, &rows[0]);
        struct route r;

        d->site.groups[GROUP_SALES].requests_per_minute = 30;
        d->site.groups[GROUP_SALES].burst = 1;
        assert_int_equal(limits_new(4, &limits), 0);
        q.limits = limits;
        route_decide(&q, &r);
        assert_int_equal(r.kind, ROUTE_KEY);
        q.attempt = 1; /* the same request again: it was counted */
        route_decide(&q, &r);
        assert_int_equal(r.kind, ROUTE_BACKEND);
        q.attempt = 0;
        route_decide(&q, &r);
        assert_int_equal(r.kind, ROUTE_REFUSED);
        assert_int_equal(r.status, 429);
        assert_int_equal(r.retry_after_s, 2);
        assert_string_equal(r.reason, "workstation is over its limit of 30 requests a minute");
}

static void one_probe_at_a_time_the_others_use_the_backend(void **state)
{
        struct desk *d = *state;
        struct route_request q;
        struct route r;

        desk_prepare(d, SLOT_DUE);
        q = request_of(d, &rows[0]);
        q.now_ms = START + 60000;
        route_decide(&q, &r);
        assert_true(r.kind == ROUTE_KEY && r.is_probe);
        route_decide(&q, &r);
        assert_true(r.kind == ROUTE_BACKEND && !r.is_probe);
        assert_string_equal(r.reason, ADDRESS_REFUSED);
}

static void a_reason_too_long_is_cut(void **state)
{
        static char name[600];
        struct desk *d = *state;
        struct route_request q = request_of(d, &rows[0]);
        struct route r;

        memset(name, 'n', sizeof(name) - 1);
        d->site.keys[0].name = name;
        desk_prepare(d, SLOT_DUE);
        q.now_ms = START + 60000;
        route_decide(&q, &r);
        assert_int_equal(r.kind, ROUTE_KEY);
        assert_int_equal(strlen(r.reason), ROUTE_REASON_MAX - 1);
        d->site.slots[0].key = NULL;
        d->site.slots[0].reason = name;
        d->site.groups[GROUP_SALES].overflow = OVERFLOW_REFUSE;
        route_decide(&q, &r);
        assert_int_equal(r.status, 403);
        assert_int_equal(strlen(r.reason), ROUTE_REASON_MAX - 1);
}

static void quiet(const struct event *event, const struct field *fields, size_t n_fields,
                  struct slice line)
{
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_request_goes_where_its_row_says),
                cmocka_unit_test_setup_teardown(behind_a_nat_the_source_is_not_what_the_vendor_sees,
                                                desk_init, desk_done),
                cmocka_unit_test_setup_teardown(without_a_policy_the_answer_is_503, desk_init,
                                                desk_done),
                cmocka_unit_test_setup_teardown(a_workstation_over_its_limit_waits, desk_init,
                                                desk_done),
                cmocka_unit_test_setup_teardown(one_probe_at_a_time_the_others_use_the_backend,
                                                desk_init, desk_done),
                cmocka_unit_test_setup_teardown(a_reason_too_long_is_cut, desk_init, desk_done),
        };

        log_set_sink(quiet);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
