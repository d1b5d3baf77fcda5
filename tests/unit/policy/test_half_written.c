/* SPDX-License-Identifier: Apache-2.0 */
/* A policy that is cut off anywhere, as one that is just being written, is refused or whole. */
#include "policy/policy.h"
#include "tests/unit/settings/folder.h"

#define PROVIDERS SOURCE_ROOT "/policy/providers"
#define AUSTIN SOURCE_ROOT "/policy/examples/austin.cfg"

static char *file_text(const char *path, size_t *ret_length)
{
        FILE *file = fopen(path, "r");
        char *text = malloc(65536);

        assert_non_null(file);
        *ret_length = fread(text, 1, 65535, file);
        fclose(file);
        text[*ret_length] = 0;
        return text;
}

static void set_make(struct file_set *s, struct slice policy, const char *provider)
{
        assert_int_equal(file_set_add(s, "policy", AUSTIN, policy), 0);
        assert_int_equal(file_set_add(s, "provider smarty", "smarty.cfg", slice_of(provider)), 0);
}

static bool is_whole(const struct policy *p)
{
        return p->n_keys == 5 && p->n_backends == 1 && p->n_groups == 3 &&
               p->groups[2].n_backends == 1 && p->groups[2].priority == 30;
}

static void a_policy_that_is_cut_off_is_refused_or_whole(void **state)
{
        size_t length, unused, n_whole = 0;
        CLEANUP(freep) char *text = file_text(AUSTIN, &length);
        CLEANUP(freep) char *provider = file_text(PROVIDERS "/smarty.cfg", &unused);

        for (size_t i = 0; i <= length; i++) {
                CLEANUP(file_set_done) struct file_set files = { NULL };
                CLEANUP(diag_done) struct diag d;
                CLEANUP(policy_unrefp) struct policy *p = NULL;
                struct policy_source source = { .path = AUSTIN, .files = &files };
                int r;

                diag_init(&d);
                set_make(&files, (struct slice){ text, i }, provider);
                r = policy_load_from(&source, &d, &p);
                assert_int_equal(r == 0, p != NULL);
                assert_int_equal(r == 0, d.n_errors == 0);
                if (p && !is_whole(p))
                        fail_msg("cut off behind %zu bytes it loads: ...%.*s", i,
                                 (int)MIN(i, (size_t)60), text + i - MIN(i, (size_t)60));
                n_whole += p != NULL;
        }
        assert_true(n_whole > 0 && n_whole < 600);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_policy_that_is_cut_off_is_refused_or_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
