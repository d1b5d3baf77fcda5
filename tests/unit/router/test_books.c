/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "tests/unit/ledger/shim.h"
#include "tests/unit/router/books_desk.h"

#include <errno.h>
#include <stdio.h>
#include <sysexits.h>

static void quiet(const struct event *event, const struct field *fields, size_t n_fields,
                  struct slice line)
{
}

/* A new snapshot, which serves from now on. */
static void renew(struct desk *d, bool fresh)
{
        struct snapshot *s = NULL;
        struct diag diag;

        diag_init(&diag);
        assert_int_equal(books_snapshot(&d->books, d->snapshot, fresh, &diag, &s), 0);
        diag_done(&diag);
        books_forget_prepared(&d->books);
        books_serve(&d->books, s);
        if (d->snapshot)
                snapshot_unref(d->snapshot);
        d->snapshot = s;
}

static void begin(struct desk *d)
{
        assert_int_equal(desk_apply(d, "k-1", 0), 0);
        renew(d, true);
}

static const struct slot *slot_of(struct desk *d, const char *address)
{
        struct addr a;

        assert_int_equal(addr_parse(slice_of(address), &a), 0);
        return plan_find(d->snapshot->plan, &d->snapshot->policy->providers[0], &a);
}

static void tell(struct desk *d, const char *address, enum health_event event)
{
        health_move(d->snapshot->health, slot_of(d, address), event, "address not listed", true,
                    clock_monotonic_ms() + HEALTH_SUSPEND_MIN_MS * 100);
}

/* "live k-1": what the ledger says of an address; "" for nothing. */
static const char *stands(struct desk *d, const char *address)
{
        static char text[128];
        CLEANUP(entry_set_freep) struct entry_set *entries = NULL;
        const struct entry *e;
        struct addr a;
        size_t n;

        text[0] = 0;
        assert_int_equal(addr_parse(slice_of(address), &a), 0);
        assert_int_equal(ledger_entries(d->books.ledger, &entries), 0);
        for (e = entry_set_find(entries, "smarty", &a, &n); n > 0; n--, e++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s %s",
                         text[0] ? ", " : "", entry_state_name(e->state), e->key);
        return text;
}

static uint64_t head(struct desk *d)
{
        return ledger_head(d->books.ledger);
}

/* ---- snapshots ---- */

static void the_first_start_makes_a_ledger_and_serves_nobody(void **state)
{
        struct desk *d = *state;

        renew(d, true);
        assert_null(d->snapshot->policy);
        assert_int_equal(d->snapshot->revision, 0);
        assert_string_equal(d->snapshot->status, "no policy is applied: run keyrouter apply");
        assert_int_equal(books_evidence(&d->books), 0);
        begin(d);
        assert_int_equal(d->snapshot->revision, 1);
        assert_string_equal(d->snapshot->status,
                            "policy 1: 2 workstations: 2 on embedded keys, 0 overflow");
}

static void another_process_is_told_that_this_one_has_it(void **state)
{
        struct desk *d = *state;
        char why[LEDGER_WHY_MAX] = "";
        struct books other;

        assert_int_equal(books_open(&other, &d->config, &d->origins, why), LEDGER_E_LOCKED);
        books_done(&other);
        assert_string_not_equal(why, "");
}

static void a_policy_without_its_credentials_is_not_applied(void **state)
{
        struct desk *d = *state;
        char path[200];

        begin(d);
        snprintf(path, sizeof(path), "%s/k-1", d->rig.folder);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(desk_apply(d, "k-2", 0), EX_DATAERR);
        books_forget_prepared(&d->books);
        assert_int_equal(head(d), 1);
        credential_put(d, "k-1");
        assert_int_equal(desk_apply(d, "k-2", 0), 0);
        assert_int_equal(head(d), 2);
}

/* What was found good is what serves: the files may change between. */
static void what_was_prepared_is_what_serves(void **state)
{
        struct desk *d = *state;
        struct policy *prepared;
        char path[200];

        assert_int_equal(desk_apply(d, "k-1", 0), 0);
        prepared = d->books.prepared;
        assert_non_null(prepared);
        snprintf(path, sizeof(path), "%s/k-1", d->rig.folder);
        assert_int_equal(unlink(path), 0);
        renew(d, true);
        assert_ptr_equal(d->snapshot->policy, prepared);
}

static void without_a_change_the_policy_is_kept_and_with_one_it_is_not(void **state)
{
        struct desk *d = *state;
        struct policy *before;

        begin(d);
        before = policy_ref(d->snapshot->policy);
        renew(d, false);
        assert_ptr_equal(d->snapshot->policy, before);
        renew(d, true);
        assert_ptr_not_equal(d->snapshot->policy, before);
        policy_unref(before);

        assert_int_equal(desk_apply(d, "k-2", 0), 0);
        books_forget_prepared(&d->books); /* as where the new snapshot could not be made */
        renew(d, false);
        assert_int_equal(d->snapshot->revision, 2);
        assert_string_equal(d->snapshot->policy->groups[0].keys[0]->name, "k-2");
}

/* ---- evidence ---- */

static void what_calls_show_is_written_once(void **state)
{
        static const struct {
                const char *address;
                enum health_event event;
                const char *stands;
                unsigned n_rows;
                const char *sentence;
        } rows[] = {
                { DESK_1, HEALTH_REFUSED, "wanted k-1", 0, "a refused trial is nothing new" },
                { DESK_1, HEALTH_INCONCLUSIVE, "wanted k-1", 0, "nor is one that told nothing" },
                { DESK_1, HEALTH_SUCCEEDED, "live k-1", 1, "a good one is" },
                { DESK_1, HEALTH_SUCCEEDED, "live k-1", 0, "and the next is not" },
                { DESK_1, HEALTH_REFUSED, "suspended k-1", 1, "refused" },
                { DESK_1, HEALTH_SUCCEEDED, "live k-1", 1, "taken again" },
                { DESK_2, HEALTH_SUCCEEDED, "live k-1", 1, "another address" },
        };
        struct desk *d = *state;

        begin(d);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                uint64_t before = head(d);

                tell(d, rows[i].address, rows[i].event);
                assert_int_equal(books_evidence(&d->books), 0);
                assert_int_equal(books_evidence(&d->books), 0);
                if (strcmp(stands(d, rows[i].address), rows[i].stands) != 0 ||
                    head(d) != before + rows[i].n_rows)
                        fail_msg("row %zu: %s: %s, %d rows", i, rows[i].sentence,
                                 stands(d, rows[i].address), (int)(head(d) - before));
        }
}

static void what_comes_together_is_one_row_by_the_daemon(void **state)
{
        CLEANUP(history_freep) struct history *h = NULL;
        struct desk *d = *state;

        begin(d);
        tell(d, DESK_1, HEALTH_SUCCEEDED);
        tell(d, DESK_2, HEALTH_SUCCEEDED);
        tell(d, DESK_2, HEALTH_REFUSED);
        assert_int_equal(books_evidence(&d->books), 0);
        assert_int_equal(head(d), 2);
        assert_int_equal(ledger_history(d->books.ledger, 0, 1, &h), 0);
        assert_string_equal(h->rows[0].who, "keyrouterd");
        assert_string_equal(h->rows[0].what, "evidence");
        assert_string_equal(h->rows[0].summary, "addresses that the vendor took calls of: 1; that it refused: 1");
        assert_int_equal(h->rows[0].revision, 1);
        assert_string_equal(stands(d, DESK_2), "suspended k-1");
}

static void what_was_shown_is_known_after_a_restart(void **state)
{
        struct desk *d = *state;
        const char *cause;

        begin(d);
        tell(d, DESK_1, HEALTH_SUCCEEDED);
        tell(d, DESK_2, HEALTH_SUCCEEDED);
        tell(d, DESK_2, HEALTH_REFUSED);
        assert_int_equal(books_evidence(&d->books), 0);
        desk_close(d);
        desk_open(d);
        renew(d, true);
        assert_int_equal(slot_of(d, DESK_1)->state, ENTRY_LIVE);
        assert_int_equal(slot_of(d, DESK_2)->state, ENTRY_SUSPENDED);
        assert_int_equal(health_admit(d->snapshot->health, slot_of(d, DESK_2), clock_monotonic_ms(),
                                      &cause),
                         HEALTH_PROBE);
        assert_int_equal(books_evidence(&d->books), 0);
        assert_int_equal(head(d), 2);
        tell(d, DESK_2, HEALTH_SUCCEEDED);
        assert_int_equal(books_evidence(&d->books), 0);
        assert_string_equal(stands(d, DESK_2), "live k-1");
}

static enum shim_verdict disk_full(const char *what, const char *path)
{
        return strcmp(what, "write") == 0 ? SHIM_FAIL : SHIM_GO;
}

static void on_a_full_disk_it_is_kept_and_written_later(void **state)
{
        struct desk *d = *state;
        const char *cause;

        begin(d);
        tell(d, DESK_1, HEALTH_SUCCEEDED);
        shim_watch(disk_full);
        assert_int_equal(books_evidence(&d->books), LEDGER_E_FULL);
        assert_int_equal(books_evidence(&d->books), LEDGER_E_FULL);
        assert_string_equal(stands(d, DESK_1), "wanted k-1");

        /* a reload forgets none of it */
        renew(d, true);
        assert_int_equal(slot_of(d, DESK_1)->state, ENTRY_LIVE);
        assert_int_equal(health_admit(d->snapshot->health, slot_of(d, DESK_1), clock_monotonic_ms(),
                                      &cause),
                         HEALTH_SERVE);
        assert_int_equal(books_evidence(&d->books), LEDGER_E_FULL);
        renew(d, false);

        shim_watch(NULL);
        assert_int_equal(books_evidence(&d->books), 0);
        assert_string_equal(stands(d, DESK_1), "live k-1");
        assert_int_equal(head(d), 2);
}

/* What an administrator found at the vendor is younger than what calls have shown before. */
static void who_changed_an_entry_is_not_overruled(void **state)
{
        struct desk *d = *state;

        begin(d);
        tell(d, DESK_1, HEALTH_SUCCEEDED);
        assert_int_equal(books_evidence(&d->books), 0);
        assert_int_equal(desk_ask(d, "allowlist-import",
                             json_pack("{s:s, s:[s]}", "key", "k-1", "hosts", DESK_2)),
                         0);
        assert_int_equal(books_evidence(&d->books), 0);
        assert_string_equal(stands(d, DESK_1), "wanted k-1");
        assert_string_equal(stands(d, DESK_2), "live k-1");
        renew(d, false);
        assert_int_equal(slot_of(d, DESK_1)->state, ENTRY_WANTED);
        assert_int_equal(books_evidence(&d->books), 0);
        assert_string_equal(stands(d, DESK_1), "wanted k-1");
        tell(d, DESK_1, HEALTH_SUCCEEDED);
        assert_int_equal(books_evidence(&d->books), 0);
        assert_string_equal(stands(d, DESK_1), "live k-1");
}

/* The vendor refused it, somebody entered it there again and says so. */
static void who_says_that_a_refused_address_stands_there_is_believed(void **state)
{
        struct desk *d = *state;
        const char *cause;

        begin(d);
        tell(d, DESK_1, HEALTH_SUCCEEDED);
        tell(d, DESK_1, HEALTH_REFUSED);
        assert_int_equal(books_evidence(&d->books), 0);
        assert_string_equal(stands(d, DESK_1), "suspended k-1");
        renew(d, true);
        assert_int_equal(health_admit(d->snapshot->health, slot_of(d, DESK_1), clock_monotonic_ms(),
                                      &cause),
                         HEALTH_SLOT_SUSPENDED);
        assert_int_equal(desk_ask(d, "allowlist-import",
                             json_pack("{s:s, s:[s, s]}", "key", "k-1", "hosts", DESK_1, DESK_2)),
                         0);
        renew(d, false);
        assert_int_equal(books_evidence(&d->books), 0);
        assert_string_equal(stands(d, DESK_1), "live k-1");
        assert_int_equal(health_admit(d->snapshot->health, slot_of(d, DESK_1), clock_monotonic_ms(),
                                      &cause),
                         HEALTH_SERVE);
}

/* What was confirmed must not be lost to a timer that has not heard of it. */
static void only_what_waits_is_taken_back(void **state)
{
        struct desk *d = *state;
        struct reply reply;

        begin(d);
        assert_int_equal(desk_apply(d, "k-2", 0), 0);
        operation_take_back(&d->books.host, "late", &reply);
        assert_int_equal(reply.status, EX_UNAVAILABLE);
        reply_done(&reply);
        assert_int_equal(head(d), 2);

        assert_int_equal(desk_ask(d, "rollback",
                             json_pack("{s:i, s:i}", "to", 1, "confirm_within_s", 600)),
                         0);
        /* or else what nobody has confirmed would be in force for good */
        assert_int_equal(desk_ask(d, "rollback", json_pack("{s:i}", "confirm_within_s", 600)),
                         EX_UNAVAILABLE);
        assert_int_equal(head(d), 3);
        operation_take_back(&d->books.host, "late", &reply);
        assert_int_equal(reply.status, 0);
        reply_done(&reply);
        assert_int_equal(head(d), 4);
        assert_string_equal(stands(d, DESK_1), "wanted k-2");
}

/* Requests may go by the old snapshot for a moment. */
static void nothing_is_written_of_a_key_that_the_address_has_no_more(void **state)
{
        struct desk *d = *state;
        uint64_t before;

        begin(d);
        tell(d, DESK_1, HEALTH_SUCCEEDED);
        assert_int_equal(books_evidence(&d->books), 0);
        assert_int_equal(desk_apply(d, "k-2", 0), 0);
        assert_string_equal(stands(d, DESK_1), "leaving k-1, wanted k-2");
        before = head(d);
        tell(d, DESK_1, HEALTH_REFUSED);
        tell(d, DESK_2, HEALTH_SUCCEEDED);
        assert_int_equal(books_evidence(&d->books), 0);
        assert_int_equal(head(d), before);
        renew(d, true);
        assert_string_equal(slot_of(d, DESK_1)->former->key->name, "k-1");
        assert_int_equal(books_evidence(&d->books), 0);
        assert_int_equal(head(d), before);
}

/* ---- what operations ask ---- */

static void operations_see_the_health_of_slots_and_keys(void **state)
{
        struct desk *d = *state;
        const struct operation_hooks *hooks = d->books.host.hooks;
        struct slot_health h;
        struct addr a;

        begin(d);
        assert_int_equal(addr_parse(SLICE_LITERAL(DESK_1), &a), 0);
        assert_true(hooks->slot_health(&d->books, "smarty", "k-1", &a, &h));
        assert_false(h.is_suspended || h.was_live);
        assert_false(hooks->slot_health(&d->books, "smarty", "k-2", &a, &h));
        assert_false(hooks->slot_health(&d->books, "other", "k-1", &a, &h));
        assert_true(hooks->key_health(&d->books, "k-2", &h) && !h.is_suspended);
        assert_false(hooks->key_health(&d->books, "k-3", &h));

        health_move(d->snapshot->health, slot_of(d, DESK_1), HEALTH_SUCCEEDED, NULL, true,
                    clock_monotonic_ms());
        health_move(d->snapshot->health, slot_of(d, DESK_1), HEALTH_REFUSED, "not listed", false,
                    clock_monotonic_ms());
        assert_true(hooks->slot_health(&d->books, "smarty", "k-1", &a, &h));
        assert_true(h.is_suspended && h.was_live);
        assert_string_equal(h.cause, "not listed");
        assert_in_range(h.for_s, 59, 60);
}

static void without_workers_there_is_no_traffic(void **state)
{
        struct desk *d = *state;
        struct traffic_counts counts = { .n_requests = 7 };

        d->books.host.hooks->traffic(&d->books, &counts);
        assert_int_equal(counts.n_requests, 0);
}

static void what_has_failed_is_told_with_its_place_until_it_is_forgotten(void **state)
{
        static const struct {
                struct place at;
                const char *error, *told;
        } rows[] = {
                { { "policy.cfg", 12 }, "no such key", "policy.cfg:12: no such key" },
                { { "/credentials/k-1", 0 }, "it is empty", "/credentials/k-1: it is empty" },
                { { NULL, 0 }, "out of memory", "out of memory" },
                { { "policy.cfg", 12 }, NULL, NULL },
        };
        struct desk *d = *state;
        const struct operation_hooks *hooks = d->books.host.hooks;
        struct failure f;

        assert_false(hooks->reload_failed(&d->books, &f));
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                setback_note(&d->books.reload, rows[i].at, rows[i].error);
                assert_true(hooks->reload_failed(&d->books, &f));
                assert_in_range(f.ago_s, 0, 60);
                if (rows[i].told)
                        assert_string_equal(f.error, rows[i].told);
                else
                        assert_null(f.error);
        }
        assert_false(hooks->take_back_failed(&d->books, &f));
        setback_forget(&d->books.reload);
        assert_false(hooks->reload_failed(&d->books, &f));
}

#define BOOKS_TEST(name) cmocka_unit_test_setup_teardown(name, desk_init, desk_done)

int main(void)
{
        const struct CMUnitTest tests[] = {
                BOOKS_TEST(the_first_start_makes_a_ledger_and_serves_nobody),
                BOOKS_TEST(another_process_is_told_that_this_one_has_it),
                BOOKS_TEST(a_policy_without_its_credentials_is_not_applied),
                BOOKS_TEST(what_was_prepared_is_what_serves),
                BOOKS_TEST(without_a_change_the_policy_is_kept_and_with_one_it_is_not),
                BOOKS_TEST(what_calls_show_is_written_once),
                BOOKS_TEST(what_comes_together_is_one_row_by_the_daemon),
                BOOKS_TEST(what_was_shown_is_known_after_a_restart),
                BOOKS_TEST(on_a_full_disk_it_is_kept_and_written_later),
                BOOKS_TEST(who_changed_an_entry_is_not_overruled),
                BOOKS_TEST(who_says_that_a_refused_address_stands_there_is_believed),
                BOOKS_TEST(only_what_waits_is_taken_back),
                BOOKS_TEST(nothing_is_written_of_a_key_that_the_address_has_no_more),
                BOOKS_TEST(operations_see_the_health_of_slots_and_keys),
                BOOKS_TEST(without_workers_there_is_no_traffic),
                BOOKS_TEST(what_has_failed_is_told_with_its_place_until_it_is_forgotten),
        };

        log_set_sink(quiet);
        shim_install();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
