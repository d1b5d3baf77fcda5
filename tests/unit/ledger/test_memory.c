/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory runs out at one allocation after the other: of keyrouter's own code, which the linker
 * leads here (see meson.build), and of SQLite, which is given ours. What fails says so and leaves
 * the ledger whole; or it did without.
 */
#include "tests/unit/ledger/crossing.h"

#include <errno.h>
#include <sqlite3.h>

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

static unsigned long n_left; /* 0: memory does not run out */
static bool ran_out;

static bool runs_out(void)
{
        if (n_left == 0 || --n_left > 0)
                return false;
        ran_out = true;
        return true;
}

void *__wrap_malloc(size_t size)
{
        return runs_out() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
        return runs_out() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
        return runs_out() ? NULL : __real_reallocarray(old, n, size);
}

char *__wrap_strdup(const char *text)
{
        return runs_out() ? NULL : __real_strdup(text);
}

/* ---- SQLite's ---- */

static sqlite3_mem_methods real_methods;

static void *sqlite_malloc(int n)
{
        return runs_out() ? NULL : real_methods.xMalloc(n);
}

static void *sqlite_realloc(void *old, int n)
{
        return runs_out() ? NULL : real_methods.xRealloc(old, n);
}

static void sqlite_take(void)
{
        sqlite3_mem_methods ours;

        assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_methods), SQLITE_OK);
        ours = real_methods;
        ours.xMalloc = sqlite_malloc;
        ours.xRealloc = sqlite_realloc;
        assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &ours), SQLITE_OK);
}

/* ---- what is done meanwhile ---- */

static void flaw_ignore(void *context, const char *flaw)
{
}

static int all_read(struct ledger *l)
{
        CLEANUP(entry_set_freep) struct entry_set *entries = NULL;
        CLEANUP(pin_set_freep) struct pin_set *pins = NULL;
        CLEANUP(revision_freep) struct revision *v = NULL;
        CLEANUP(history_freep) struct history *h = NULL;
        CLEANUP(move_list_freep) struct move_list *m = NULL;
        CLEANUP(freep) struct ledger_switch *s = NULL;
        CLEANUP(freep) void *bytes = NULL;
        char why[LEDGER_WHY_MAX];
        struct pending p;
        size_t n, n_flaws = 0;
        int r = ledger_entries(l, &entries);

        if (r == 0)
                r = ledger_pins(l, &pins);
        if (r == 0)
                r = ledger_revision(l, 0, &v);
        if (r == 0)
                r = ledger_history(l, 0, SIZE_MAX, &h);
        if (r == 0)
                r = ledger_moves(l, 0, UINT64_MAX, &m);
        if (r == 0)
                r = ledger_switches(l, &s, &n);
        if (r == 0)
                r = ledger_pending(l, &p);
        if (r == 0)
                r = ledger_verify(l, flaw_ignore, NULL, &n_flaws);
        assert_true(r != 0 || n_flaws == 0); /* what could not be read is no flaw */
        if (r == 0)
                r = ledger_backup(l, &bytes, &n);
        return r ? r : ledger_inspect(bytes, n, why);
}

/* From the n-th allocation on, that one. Returns whether it was asked for at all. */
static bool cross_without_memory(const struct crossing *c, struct rig *g, unsigned long n)
{
        struct ledger *l = NULL;
        int r;

        crossing_reset(c, g);
        ran_out = false;
        n_left = n;
        r = ledger_open(g->path, 0, g->why, &l);
        if (r == 0)
                r = c->act(l);
        n_left = 0;
        assert_true(r == 0 || (ran_out && r == -ENOMEM));
        if (l) {
                assert_true(crossing_is_behind(c, l) == (r == 0));
                ledger_close(l);
        }
        rig_open(g);
        assert_true(crossing_is_behind(c, g->l) == (r == 0));
        rig_close(g);
        return ran_out;
}

/* Each of the first allocations, then one of a few: what follows repeats itself. */
static unsigned long next_of(unsigned long n)
{
        return n + 1 + n / 40;
}

static void cross_each(crossing_act *act)
{
        struct crossing c;
        struct rig g;
        unsigned long n;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        crossing_init(&c, &g, act);
        for (n = 1; cross_without_memory(&c, &g, n); n = next_of(n))
                ;
        assert_true(n > 500);
        crossing_done(&c);
        rig_done(&g);
}

static void a_commit_without_memory_is_whole_or_not_at_all(void **state)
{
        cross_each(change_make);
}

static void a_restore_without_memory_is_whole_or_not_at_all(void **state)
{
        cross_each(restore_make);
}

static void reading_without_memory_says_so(void **state)
{
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        ran_out = true;
        for (unsigned long n = 1; ran_out; n = next_of(n)) {
                int r;

                ran_out = false;
                n_left = n;
                r = all_read(g.l);
                n_left = 0;
                assert_true(r == 0 || (ran_out && r == -ENOMEM));
        }
        assert_int_equal(all_read(g.l), 0);
        rig_done(&g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_commit_without_memory_is_whole_or_not_at_all),
                cmocka_unit_test(a_restore_without_memory_is_whole_or_not_at_all),
                cmocka_unit_test(reading_without_memory_says_so),
        };

        sqlite_take();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
