/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/log.h"
#include "router/daemon_parts.h"
#include "tests/unit/router/books_desk.h"

#include <errno.h>
#include <stdio.h>

struct taking {
        struct desk *desk;
        struct daemon daemon; /* has the desk's books */
        unsigned n_without;   /* times that it was taken back and there was no answer */
};

static char told[4096];          /* the last event of those below, as its line */
static unsigned n_until_failure; /* 0: none fails */
static bool is_missing;          /* it was wanted */
static unsigned n_renewed;
static int renewed; /* what it returns */

static void on_event(const struct event *event, const struct field *fields, size_t n_fields,
                     struct slice line)
{
        if (strncmp(event->name, "take", 4) == 0)
                snprintf(told, sizeof(told), "%.*s", (int)line.length, line.data);
}

static void *json_malloc(size_t size)
{
        if (n_until_failure == 0 || --n_until_failure > 0)
                return malloc(size);
        is_missing = true;
        return NULL;
}

int __wrap_daemon_renew(struct daemon *d, bool fresh);
int __wrap_daemon_renew(struct daemon *d, bool fresh)
{
        n_until_failure = 0;
        n_renewed++;
        assert_true(fresh);
        return renewed;
}

static void on_take_back(void *context, const char *why)
{
}

/* ---- a daemon that has no more than its books ---- */

static void books_move(struct books *from, struct books *to)
{
        *to = *from;
        to->host.hooks = &to->hooks;
        to->host.hooks_context = to;
}

static void daemon_begin(struct taking *t, struct desk *desk)
{
        struct daemon *d = &t->daemon;

        t->desk = desk;
        assert_int_equal(desk_apply(desk, "k-1", 0), 0);
        d->config = &desk->config;
        assert_int_equal(uv_loop_init(&d->loop), 0);
        probation_init(&d->probation, &d->loop, &d->books, on_take_back, d);
}

static void on_walk(uv_handle_t *handle, void *context)
{
        uv_close(handle, NULL);
}

static void daemon_end(struct taking *t)
{
        probation_done(&t->daemon.probation);
        uv_walk(&t->daemon.loop, on_walk, NULL);
        uv_run(&t->daemon.loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&t->daemon.loop), 0);
}

/* The n-th piece of memory for JSON is not to be had. Was it taken back? */
static bool take_back(struct taking *t, unsigned n)
{
        struct books *books = &t->daemon.books;
        uint64_t before = ledger_head(t->desk->books.ledger);
        bool is_done;

        books_move(&t->desk->books, books);
        n_renewed = 0;
        told[0] = 0;
        is_missing = false;
        n_until_failure = n;
        daemon_take_back(&t->daemon, "it was not confirmed in time");
        n_until_failure = 0;
        is_done = ledger_head(books->ledger) > before;
        books_move(books, &t->desk->books);
        return is_done;
}

static void apply_for_a_while(struct taking *t)
{
        assert_int_equal(desk_apply(t->desk, "k-2", 600), 0);
        books_forget_prepared(&t->desk->books);
}

/* ---- */

static void what_is_taken_back_is_followed_also_without_memory_to_say_so(void **state)
{
        struct taking t = { NULL };
        bool waits = false;

        daemon_begin(&t, *state);
        is_missing = true;
        for (unsigned n = 1; is_missing; n++) {
                if (!waits)
                        apply_for_a_while(&t);
                waits = !take_back(&t, n);
                assert_int_equal(n_renewed, !waits);
                assert_non_null(strstr(told, waits ? "\"take_back_failed\"" : "\"taken_back\""));
                t.n_without += strstr(told, "there is no answer to show for it") != NULL;
        }
        assert_in_range(t.n_without, 5, 1000);
        assert_false(waits);
        assert_non_null(strstr(told, "\"verified\":true"));
        daemon_end(&t);
}

static void what_is_taken_back_and_cannot_be_run_is_told_with_both(void **state)
{
        struct taking t = { NULL };

        daemon_begin(&t, *state);
        apply_for_a_while(&t);
        renewed = -EIO;
        assert_true(take_back(&t, 0));
        renewed = 0;
        assert_int_equal(n_renewed, 1);
        assert_non_null(strstr(told, "\"taken_back\""));
        assert_non_null(strstr(told, "\"row\":3"));
        assert_non_null(strstr(told, "keyrouterd cannot run it"));
        daemon_end(&t);
}

#define TAKING_TEST(name) cmocka_unit_test_setup_teardown(name, desk_init, desk_done)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TAKING_TEST(what_is_taken_back_is_followed_also_without_memory_to_say_so),
                TAKING_TEST(what_is_taken_back_and_cannot_be_run_is_told_with_both),
        };

        json_set_alloc_funcs(json_malloc, free);
        log_set_sink(on_event);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
