/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that change their key, and what an administrator has switched off. */
#include "lib/base/log.h"
#include "router/route.h"
#include "tests/unit/router/site.h"

#define START ((uint64_t)1000000)
#define MINUTE ((uint64_t)60000)

/* The address of slot 1 moves from austin-2 to austin-1, that of slot 8 from austin-1 to none. */
struct desk {
        struct site site;
        struct health *health;
        struct switches switches;
};

static void desk_begin(struct desk *d, enum entry_state state)
{
        memset(d, 0, sizeof(*d));
        site_init(&d->site);
        d->site.slots[0].state = state;
        site_add_former(&d->site, 0, 1);
        site_add_former(&d->site, 7, 0);
        assert_int_equal(health_new(&d->site.plan, START, 0, &d->health), 0);
}

static void desk_end(struct desk *d)
{
        health_free(d->health);
        switches_done(&d->switches);
}

/* "key:austin-1", by root, because of a leak. */
static void switch_off(struct desk *d, const char *name)
{
        struct ledger_switch off = { .who = "root", .why = "leaked" };

        assert_true(strlen(name) < sizeof(off.name));
        strcpy(off.name, name);
        switches_done(&d->switches);
        assert_int_equal(switches_init(&d->switches, &d->site.policy, &off, 1), 0);
}

static struct route_request request_of(struct desk *d, unsigned group, const char *workstation)
{
        struct site *s = &d->site;

        return (struct route_request){
                .policy = &s->policy,
                .plan = &s->plan,
                .health = d->health,
                .switches = d->switches.list ? &d->switches : NULL,
                .group = &s->groups[group],
                .workstation = site_addr(workstation),
                .provider = &s->provider,
                .api = &s->apis[0],
                .method = METHOD_GET,
                .now_ms = START,
        };
}

static void refuse(struct desk *d, const struct slot *slot)
{
        health_move(d->health, slot, HEALTH_REFUSED, "address not listed", false, START);
}

/* ---- former slots ---- */

enum former_condition {
        AS_IT_IS,
        TRIED,          /* the own slot has just had its trial */
        OWN_REFUSED,    /* it is suspended */
        FORMER_REFUSED, /* the former one is; the own one has been tried */
        FORMER_OFF,     /* its key is switched off; the own one has been tried */
        OWN_OFF,        /* the own key is */
        FORMER_DUE,     /* the former one was suspended a minute ago; the own one has been tried */
        GROUP_HAS_NO_KEY
};

struct former_row {
        enum entry_state state; /* of slot 1 */
        enum former_condition condition;
        const char *workstation;
        unsigned attempt;
        bool refused_trial;
        const char *credential;
        bool is_trial, is_probe;
        const char *reason;
        const char *sentence;
};

#define MOVES "198.51.100.1"
#define LEAVES "198.51.100.8"
#define FORMER "former slot on austin-2"
#define FAILED "key failed: address not listed"

static const struct former_row former_rows[] = {
        { ENTRY_WANTED, AS_IT_IS, MOVES, 0, false, "austin-1", true, true,
          "slot 1 of 100 on austin-1, on trial", "the new key is tried now and then" },
        { ENTRY_WANTED, AS_IT_IS, MOVES, 1, true, "austin-2", false, false, FORMER,
          "and when that is refused the former one serves the same request" },
        { ENTRY_WANTED, TRIED, MOVES, 0, false, "austin-2", false, false, FORMER,
          "as it does all other requests" },
        { ENTRY_PROPAGATING, AS_IT_IS, MOVES, 0, false, "austin-2", false, false, FORMER,
          "while the new one propagates" },
        { ENTRY_LIVE, AS_IT_IS, MOVES, 0, false, "austin-1", false, false,
          "slot 1 of 100 on austin-1", "not when the new one is live" },
        { ENTRY_LIVE, OWN_REFUSED, MOVES, 0, false, "austin-2", false, false, FORMER,
          "while the new one is suspended" },
        { ENTRY_LIVE, AS_IT_IS, MOVES, 1, false, "secret", false, false, FAILED,
          "a live key that is refused falls back to the backend" },
        { ENTRY_WANTED, AS_IT_IS, MOVES, 2, false, "secret", false, false, FAILED,
          "so does the former key" },
        { ENTRY_WANTED, FORMER_REFUSED, MOVES, 0, false, "secret", false, false,
          "slot wanted: not added at the vendor yet", "a former slot that is suspended" },
        { ENTRY_WANTED, FORMER_REFUSED, MOVES, 1, true, "secret", false, false, FAILED,
          "behind a refused trial too" },
        { ENTRY_WANTED, FORMER_DUE, MOVES, 0, false, "austin-2", false, true,
          FORMER ", on trial after: address not listed", "until it is tried again" },
        { ENTRY_WANTED, FORMER_OFF, MOVES, 0, false, "secret", false, false,
          "slot wanted: not added at the vendor yet", "a former key that is switched off" },
        { ENTRY_WANTED, FORMER_OFF, MOVES, 1, true, "secret", false, false, FAILED,
          "serves no trial either" },
        { ENTRY_LIVE, OWN_OFF, MOVES, 0, false, "austin-2", false, false, FORMER,
          "where the new key is switched off the former one serves" },
        { ENTRY_LIVE, AS_IT_IS, LEAVES, 0, false, "austin-1", false, false,
          "former slot on austin-1", "an address that has no key any more" },
        { ENTRY_LIVE, GROUP_HAS_NO_KEY, LEAVES, 0, false, "secret", false, false,
          "the group has no key of this provider", "but not for a group without keys" },
};

static void former_prepare(struct desk *d, enum former_condition condition)
{
        const struct slot *own = &d->site.slots[0];
        const char *cause;

        if (condition == OWN_REFUSED)
                refuse(d, own);
        else if (condition == OWN_OFF)
                switch_off(d, "key:austin-1");
        else if (condition == GROUP_HAS_NO_KEY)
                d->site.groups[GROUP_SALES].n_keys = 0;
        else if (condition != AS_IT_IS)
                assert_int_equal(health_admit(d->health, own, START, &cause), HEALTH_TRIAL);
        if (condition == FORMER_REFUSED || condition == FORMER_DUE)
                refuse(d, own->former);
        else if (condition == FORMER_OFF)
                switch_off(d, "key:austin-2");
}

static void an_address_that_moves_is_served_all_the_time(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(former_rows); i++) {
                const struct former_row *row = &former_rows[i];
                struct route_request q;
                struct desk d;
                struct route r;

                desk_begin(&d, row->state);
                former_prepare(&d, row->condition);
                q = request_of(&d, GROUP_SALES, row->workstation);
                q.attempt = row->attempt;
                q.refused_trial = row->refused_trial;
                q.refused_cause = row->attempt ? "address not listed" : NULL;
                q.now_ms = START + (row->condition == FORMER_DUE ? MINUTE : 0);
                route_decide(&q, &r);
                ROW_CHECK(strcmp(r.reason, row->reason) == 0, i, row->sentence);
                ROW_CHECK(r.kind != ROUTE_REFUSED, i, row->sentence);
                ROW_CHECK(strcmp(r.key ? r.key->name : r.backend->name, row->credential) == 0, i,
                          row->sentence);
                ROW_CHECK(r.is_trial == row->is_trial && r.is_probe == row->is_probe, i,
                          row->sentence);
                ROW_CHECK(!r.key || r.slot->key == r.key, i, row->sentence);
                ROW_CHECK(r.is_resting == (row->condition == OWN_REFUSED), i, row->sentence);
                desk_end(&d);
        }
}

/* ---- switches ---- */

static const struct {
        const char *off;
        unsigned group;
        const char *workstation;
        enum method method;
        unsigned status;        /* 0: served */
        const char *credential; /* NULL: refused */
        const char *reason;
        const char *sentence;
} switch_rows[] = {
        { "key:austin-1", GROUP_SALES, "198.51.100.2", METHOD_GET, 0, "secret",
          "key austin-1 is switched off", "a key that is switched off" },
        { "key:austin-1", GROUP_SALES, "198.51.100.7", METHOD_GET, 0, "austin-2",
          "slot 1 of 100 on austin-2", "another one is not" },
        { "key:austin-1", GROUP_STRICT, "198.51.100.2", METHOD_GET, 403, NULL,
          "key austin-1 is switched off; overflow is refused in group strict",
          "where overflow is refused" },
        { "key:austin-1", GROUP_POOR, "198.51.100.2", METHOD_GET, 403, NULL,
          "key austin-1 is switched off; no backend for it in group poor",
          "where there is no backend" },
        { "backend:secret", GROUP_SALES, "198.51.100.2", METHOD_GET, 0, "austin-1",
          "slot 2 of 100 on austin-1", "a backend that is switched off leaves the keys alone" },
        { "backend:secret", GROUP_SALES, "198.51.100.2", METHOD_POST, 503, NULL,
          "api needs the secret key; backend secret is switched off",
          "and refuses what it is for" },
        { "backend:spare", GROUP_SALES, "198.51.100.2", METHOD_POST, 0, "secret",
          "api needs the secret key", "another one does not" },
        { "all", GROUP_SALES, "198.51.100.2", METHOD_GET, 503, NULL,
          "everything is switched off", "everything" },
        { "all", GROUP_SALES, "198.51.100.2", METHOD_DELETE, 503, NULL,
          "everything is switched off", "whatever is asked" },
        { "key:of-another-policy", GROUP_SALES, "198.51.100.2", METHOD_GET, 0, "austin-1",
          "slot 2 of 100 on austin-1", "a name that the policy does not have" },
};

static void what_is_switched_off_serves_nobody_and_says_who_did_it(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(switch_rows); i++) {
                const char *name;
                struct route_request q;
                struct desk d;
                struct route r;

                desk_begin(&d, ENTRY_LIVE);
                switch_off(&d, switch_rows[i].off);
                q = request_of(&d, switch_rows[i].group, switch_rows[i].workstation);
                q.method = switch_rows[i].method;
                route_decide(&q, &r);
                name = r.key ? r.key->name : r.backend ? r.backend->name : NULL;
                ROW_CHECK(strcmp(r.reason, switch_rows[i].reason) == 0, i, switch_rows[i].sentence);
                ROW_CHECK(r.status == switch_rows[i].status, i, switch_rows[i].sentence);
                ROW_CHECK(r.retry_after_s == (r.status == 503 ? 60 : 0), i,
                          switch_rows[i].sentence);
                ROW_CHECK(!name == !switch_rows[i].credential, i, switch_rows[i].sentence);
                ROW_CHECK(!name || strcmp(name, switch_rows[i].credential) == 0, i,
                          switch_rows[i].sentence);
                desk_end(&d);
        }
}

static void each_switch_finds_what_it_is_of(void **state)
{
        const struct ledger_switch list[] = {
                { .name = "backend:secret" }, { .name = "key:austin-2" },
                { .name = "key:secret" },     { .name = "backend:austin-1" },
                { .name = "key:austin-11" },
        };
        struct switches s;
        struct site site;

        site_init(&site);
        assert_int_equal(switches_init(&s, &site.policy, list, N_ELEMENTS(list)), 0);
        assert_null(s.all);
        assert_null(switch_of_key(&s, &site.keys[0]));
        assert_string_equal(switch_of_key(&s, &site.keys[1])->name, "key:austin-2");
        assert_null(switch_of_backend(&s, &site.backends[0]));
        assert_string_equal(switch_of_backend(&s, &site.backends[1])->name, "backend:secret");
        assert_null(switch_of_key(NULL, &site.keys[1]));
        assert_null(switch_of_backend(NULL, &site.backends[1]));
        switches_done(&s);
}

static void without_a_policy_or_a_switch_all_is_well(void **state)
{
        const struct ledger_switch all = { .name = "all", .who = "root" };
        struct switches s;

        assert_int_equal(switches_init(&s, NULL, &all, 1), 0);
        assert_string_equal(s.all->who, "root");
        switches_done(&s);
        assert_int_equal(switches_init(&s, NULL, NULL, 0), 0);
        assert_null(s.all);
        switches_done(&s);
}

static void quiet(const struct event *event, const struct field *fields, size_t n_fields,
                  struct slice line)
{
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_address_that_moves_is_served_all_the_time),
                cmocka_unit_test(what_is_switched_off_serves_nobody_and_says_who_did_it),
                cmocka_unit_test(each_switch_finds_what_it_is_of),
                cmocka_unit_test(without_a_policy_or_a_switch_all_is_well),
        };

        log_set_sink(quiet);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
