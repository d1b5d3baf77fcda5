/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory runs out at every allocation in turn, from a plan to what stands on the keys behind it.
 * The linker leads the allocations of keyrouter's own code here (see meson.build).
 */
#include "policy/settle.h"
#include "tests/unit/policy/texts.h"

#include <errno.h>

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

/* Two ways to a plan, then all that follows from it. */
static int everything(struct policy *p, const struct entry_set *entries, struct diag *d)
{
        CLEANUP(plan_freep) struct plan *plan = NULL, *restored = NULL;
        CLEANUP(move_list_freep) struct move_list *moves = NULL;
        CLEANUP(entry_set_freep) struct entry_set *after = NULL;
        int r = plan_make(p, entries, NULL, d, &plan);

        if (r)
                return r;
        r = plan_restore(p, entries, NULL, d, &restored);
        if (r)
                return r;
        r = entries_settle(plan, entries, 1, &moves);
        if (r)
                return r;
        return entries_after(entries, moves->moves, moves->n, 1, &after);
}

static void it_fails_cleanly_wherever_memory_runs_out(void **state)
{
        static const struct build_key keys[] = {
                { "k1", 0, 9 }, { "k2", 0, 99 }, { "k3", 1, 9 }, { NULL }
        };
        static const struct build_group groups[] = { { "a", "10.0.0.1-10.0.0.40", "k1,k2" },
                                                     { "b", "10.0.1.1-10.0.1.4", "k3" },
                                                     { NULL } };
        CLEANUP(build_freep) struct policy *p = build_policy(keys, groups);
        CLEANUP(entry_set_freep)
        struct entry_set *entries = entries_of_text("live gone 10.0.0.1; leaving k2 10.0.0.2; "
                                                    "leaving k1 10.0.0.2; wanted k2 10.0.0.3");
        unsigned long n = 0;

        do {
                CLEANUP(diag_done) struct diag d;
                int r;

                diag_init(&d);
                ran_out = false;
                n_left = ++n;
                r = everything(p, entries, &d);
                n_left = 0;
                assert_int_equal(r, ran_out ? -ENOMEM : 0);
        } while (ran_out);
        assert_true(n > 100);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_fails_cleanly_wherever_memory_runs_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
