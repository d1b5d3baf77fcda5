/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory runs out at every allocation in turn, while a policy is loaded that has a bit of
 * everything. The linker leads the allocations of keyrouter's own code here (see meson.build);
 * those inside libraries are left alone.
 */
#include "policy/policy.h"
#include "tests/unit/settings/folder.h"

#define PROVIDERS SOURCE_ROOT "/policy/providers"
#define AUSTIN SOURCE_ROOT "/policy/examples/austin.cfg"

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

/* Fails the first allocation, then the second, until a load needs no more. Whatever fails, there is
 * no policy then, and the sanitizer sees what was lost. */
static void fail_each_allocation(const char *path, unsigned long n_least)
{
        unsigned long n = 0;

        do {
                CLEANUP(diag_done) struct diag d;
                CLEANUP(policy_unrefp) struct policy *p = NULL;
                int r;

                diag_init(&d);
                ran_out = false;
                n_left = ++n;
                r = policy_load(path, PROVIDERS, &d, &p);
                n_left = 0;
                if (ran_out)
                        assert_true(r < 0 && !p);
        } while (ran_out);
        assert_true(n > n_least);
}

static void a_good_policy_fails_cleanly_wherever_memory_runs_out(void **state)
{
        fail_each_allocation(AUSTIN, 200);
}

static void a_bad_policy_too(void **state)
{
        struct folder folder;

        folder_init(&folder);
        folder_put(&folder, "10.d",
                   "keys = ( { name = \"k\"; provider = \"smart\"; } );\nsite = \"b\";\n");
        fail_each_allocation(
                folder_put(&folder, "p.cfg",
                           "site = \"a\"; include = \"*.d\"; providers = [ \"smarty\", \"x\" ];\n"
                           "groups = ( { name = \"g\"; workstations = [ \"10.0.0.0/8\", \"1\", \"@h\", \"pc\" ];\n"
                           " except = [ \"10.0.0.9\", \"9.9.9.9\" ]; public = \"10.0.0.0/24 -> "
                           "1.1.1.1\";\n"
                           " egress = \"transparent\"; keys = [ \"k\", \"k\" ]; },\n"
                           " { name = \"h\"; workstations = \"10.1.0.0/16\"; } );\n"),
                100);
        folder_done(&folder);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_good_policy_fails_cleanly_wherever_memory_runs_out),
                cmocka_unit_test(a_bad_policy_too),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
