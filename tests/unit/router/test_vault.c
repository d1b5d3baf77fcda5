/* SPDX-License-Identifier: Apache-2.0 */
#include "router/vault.h"

#include "lib/base/secret.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#define WORD(text) ((char *)(text)) /* nobody frees these */
#define CANARY "canary-7f3e"

/* One embedded key, one backend with Basic, and a folder for their credentials. */
struct site {
        char folder[64];
        struct pair query[1];
        struct provider provider;
        struct key keys[2];
        struct backend backends[1];
        struct policy policy;
        struct diag diag;
        char *findings;
        size_t findings_size;
};

static const char *path_in(const struct site *s, const char *name)
{
        static char path[256];

        snprintf(path, sizeof(path), "%s/%s", s->folder, name);
        return path;
}

static void put(const struct site *s, const char *name, struct slice text, mode_t mode)
{
        FILE *f = fopen(path_in(s, name), "we");

        assert_non_null(f);
        assert_int_equal(fwrite(text.data, 1, text.length, f), text.length);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(path_in(s, name), mode), 0);
}

static void site_init(struct site *s)
{
        memset(s, 0, sizeof(*s));
        strcpy(s->folder, "/tmp/keyrouter-test-XXXXXX");
        assert_non_null(mkdtemp(s->folder));
        s->query[0] = (struct pair){ WORD("key"), WORD("$key") };
        s->provider.classes[CLASS_EMBEDDED] =
                (struct class_rules){ .offered = true, .query = s->query, .n_query = 1 };
        s->provider.classes[CLASS_SECRET] = (struct class_rules){
                .offered = true, .basic_user = WORD("$id"), .basic_password = WORD("$token")
        };
        s->keys[0] = (struct key){ WORD("austin-1"), &s->provider, WORD("first"), .index = 0 };
        s->keys[1] = (struct key){ WORD("austin-2"), &s->provider, WORD("second"), .index = 1 };
        s->backends[0] = (struct backend){ WORD("austin-secret"), &s->provider, WORD("secret") };
        s->policy = (struct policy){
                .keys = s->keys, .n_keys = 2, .backends = s->backends, .n_backends = 1
        };
        diag_init(&s->diag);
        put(s, "first", SLICE_LITERAL("key=111\n"), 0600);
        put(s, "second", SLICE_LITERAL("key=222\n"), 0400);
        put(s, "secret", SLICE_LITERAL("id=me\ntoken=t0ken\n"), 0600);
}

static void site_done(struct site *s)
{
        static const char *const names[] = { "first", "second", "secret", "other" };

        for (size_t i = 0; i < N_ELEMENTS(names); i++)
                if (unlink(path_in(s, names[i])) < 0)
                        rmdir(path_in(s, names[i]));
        assert_int_equal(rmdir(s->folder), 0);
        diag_done(&s->diag);
        free(s->findings);
}

/* Loads; what was found is in s->findings, one line a finding. */
static int load(struct site *s, struct vault **ret)
{
        int r = vault_load(s->folder, &s->policy, &s->diag, ret);
        FILE *out = open_memstream(&s->findings, &s->findings_size);

        assert_non_null(out);
        diag_print(&s->diag, out);
        fclose(out);
        return r;
}

static void assert_revealed(const struct secret *s, const char *text)
{
        struct slice bytes;

        assert_non_null(s);
        bytes = secret_reveal(s);
        assert_true(slice_is(bytes, text));
}

static void each_key_and_backend_gets_its_own_placement(void **state)
{
        struct vault *v = NULL, *second;
        struct site s;

        site_init(&s);
        assert_int_equal(load(&s, &v), 0);
        assert_string_equal(s.findings, "");
        assert_revealed(vault_key(v, &s.keys[0])->query, "key=111");
        assert_revealed(vault_key(v, &s.keys[1])->query, "key=222");
        assert_null(vault_key(v, &s.keys[0])->headers);
        assert_revealed(vault_backend(v, &s.backends[0])->headers,
                        "Authorization: Basic bWU6dDBrZW4=\r\n");
        second = vault_ref(v);
        vault_unref(v);
        assert_revealed(vault_key(second, &s.keys[0])->query, "key=111");
        vault_unref(second);
        site_done(&s);
}

static void what_is_around_a_value_is_dropped_and_nothing_within(void **state)
{
        static const struct {
                const char *text, *query;
        } rows[] = {
                { "key=1", "key=1" },     /* no line end at all */
                { "key=1\r\n", "key=1" }, /* written on another system */
                { "# from the console\n\n\r\nkey=1\n", "key=1" },
                { "key=1=2==\n", "key=1%3D2%3D%3D" }, /* only the first = separates */
                { "key= 1 \n", "key=%201%20" },       /* blanks may belong to it */
                { "key=#1\n", "key=%231" },
                { "key=1\nid=unused\n", "key=1" }, /* one file for both classes */
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct vault *v = NULL;
                struct site s;

                site_init(&s);
                put(&s, "first", slice_of(rows[i].text), 0600);
                assert_int_equal(load(&s, &v), 0);
                assert_revealed(vault_key(v, &s.keys[0])->query, rows[i].query);
                vault_unref(v);
                site_done(&s);
        }
}

/* A credential file that is refused, and what a person is told. Every text holds the canary where a
 * careless message would show it. */
static void bad_content_is_told_with_its_line_and_without_the_value(void **state)
{
        static const struct {
                struct slice text;
                const char *finding;
        } rows[] = {
                { SLICE_LITERAL(""), "first: error: credential of key austin-1 has no key=" },
                { SLICE_LITERAL("id=" CANARY "\n"), "has no key=" },
                { SLICE_LITERAL(CANARY "\n"), "first:1: error: line of a credential is not" },
                { SLICE_LITERAL("\n" CANARY "=x\n"), "first:2: error: unknown field" },
                { SLICE_LITERAL("KEY=" CANARY "\n"), "first:1: error: unknown field" },
                { SLICE_LITERAL(" key=" CANARY "\n"), "first:1: error: unknown field" },
                { SLICE_LITERAL("key=\n"), "first:1: error: key is empty" },
                { SLICE_LITERAL("key=" CANARY "\nkey=" CANARY "\n"),
                  "first:2: error: key is given twice" },
                { SLICE_LITERAL("#\nkey=" CANARY "\0x\n"),
                  "first:2: error: line of a credential holds" },
                { SLICE_LITERAL("key=" CANARY "\x01\n"), "holds a byte that cannot be sent" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct vault *v = NULL;
                struct site s;

                site_init(&s);
                put(&s, "first", rows[i].text, 0600);
                assert_int_equal(load(&s, &v), -EINVAL);
                assert_null(v);
                if (!strstr(s.findings, rows[i].finding))
                        fail_msg("row %zu: no \"%s\" in %s", i, rows[i].finding, s.findings);
                assert_null(strstr(s.findings, CANARY));
                site_done(&s);
        }
}

static void a_file_that_others_could_read_or_change_is_refused(void **state)
{
        static const mode_t modes[] = {
                0644, 0640, 0604, 0620, 0602, 0610, 0700, 0500, 04600, 0666
        };

        for (size_t i = 0; i < N_ELEMENTS(modes); i++) {
                char finding[128], remedy[288];
                struct vault *v = NULL;
                struct site s;

                site_init(&s);
                put(&s, "first", SLICE_LITERAL("key=" CANARY "\n"), modes[i]);
                assert_int_equal(load(&s, &v), -EINVAL);
                snprintf(finding, sizeof(finding), "first: error: credential file has mode %04o",
                         (unsigned)modes[i]);
                snprintf(remedy, sizeof(remedy), "chmod 600 %s", path_in(&s, "first"));
                assert_non_null(strstr(s.findings, finding));
                assert_non_null(strstr(s.findings, remedy));
                assert_null(strstr(s.findings, CANARY));
                site_done(&s);
        }
}

static void make_link(struct site *s)
{
        put(s, "other", SLICE_LITERAL("key=111\n"), 0600);
        assert_int_equal(symlink("other", path_in(s, "first")), 0);
}

static void make_directory(struct site *s)
{
        assert_int_equal(mkdir(path_in(s, "first"), 0700), 0);
}

static void make_fifo(struct site *s) /* and nobody writes to it: an open without care would hang */
{
        assert_int_equal(mkfifo(path_in(s, "first"), 0600), 0);
}

static void make_nothing(struct site *s)
{
}

static void make_long(struct site *s)
{
        char text[4098];

        memset(text, 'a', sizeof(text));
        memcpy(text, "key=", 4);
        put(s, "first", (struct slice){ text, 4097 }, 0600);
}

static void make_too_long_when_encoded(struct site *s)
{
        char text[4096];

        memset(text, '+', sizeof(text)); /* each takes three bytes in a query */
        memcpy(text, "key=", 4);
        put(s, "first", (struct slice){ text, sizeof(text) }, 0600);
}

static void what_is_not_a_plain_small_file_is_refused(void **state)
{
        static const struct {
                void (*make)(struct site *s);
                const char *finding;
        } rows[] = {
                { make_link, "first: error: credential is a symbolic link" },
                { make_directory, "first: error: credential is not a regular file" },
                { make_fifo, "first: error: credential is not a regular file" },
                { make_nothing,
                  "error: credential of key austin-1 cannot be read: No such" },
                { make_long, "first: error: credential file is longer than 4096 bytes" },
                { make_too_long_when_encoded,
                  "first: error: credential of key austin-1 is too long" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct vault *v = NULL;
                struct site s;

                site_init(&s);
                assert_int_equal(unlink(path_in(&s, "first")), 0);
                rows[i].make(&s);
                assert_int_equal(load(&s, &v), -EINVAL);
                if (!strstr(s.findings, rows[i].finding))
                        fail_msg("row %zu: no \"%s\" in %s", i, rows[i].finding, s.findings);
                site_done(&s);
        }
}

static void a_file_of_another_user_is_refused(void **state)
{
        struct vault *v = NULL;
        struct site s;

        if (geteuid() != 0)
                skip();
        site_init(&s);
        assert_int_equal(chown(path_in(&s, "first"), 12345, 12345), 0);
        assert_int_equal(load(&s, &v), -EINVAL);
        assert_non_null(
                strstr(s.findings, "first: error: credential file belongs to another user"));
        site_done(&s);
}

static void all_that_is_wrong_is_told_at_once(void **state)
{
        struct vault *v = NULL;
        struct site s;

        site_init(&s);
        put(&s, "first", SLICE_LITERAL("key=\nkex=1\n"), 0600);
        assert_int_equal(unlink(path_in(&s, "second")), 0);
        put(&s, "secret", SLICE_LITERAL("id=me\n"), 0600);
        assert_int_equal(load(&s, &v), -EINVAL);
        assert_int_equal(s.diag.n_errors, 4);
        assert_non_null(strstr(s.findings, "first:1: error: key is empty"));
        assert_non_null(strstr(s.findings, "first:2: error: unknown field"));
        assert_non_null(strstr(s.findings, "error: credential of key austin-2 cannot be read"));
        assert_non_null(strstr(s.findings,
                               "secret: error: credential of backend austin-secret has no token="));
        site_done(&s);
}

static void what_the_service_manager_hands_over_comes_first_whatever_its_mode(void **state)
{
        struct vault *v = NULL;
        struct site s, handed;

        site_init(&s);
        site_init(&handed);
        put(&handed, "first", SLICE_LITERAL("key=333\n"), 0440); /* an ACL shows as group bits */
        assert_int_equal(unlink(path_in(&handed, "second")), 0);
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", handed.folder, 1), 0);
        assert_int_equal(load(&s, &v), 0);
        unsetenv("CREDENTIALS_DIRECTORY");
        assert_revealed(vault_key(v, &s.keys[0])->query, "key=333");
        assert_revealed(vault_key(v, &s.keys[1])->query, "key=222"); /* not handed over */
        vault_unref(v);
        site_done(&handed);
        site_done(&s);
}

static void a_path_too_long_is_told(void **state)
{
        char folder[2000];
        struct vault *v = NULL;
        struct site s;

        memset(folder, 'x', sizeof(folder) - 1);
        folder[sizeof(folder) - 1] = 0;
        site_init(&s);
        assert_int_equal(vault_load(folder, &s.policy, &s.diag, &v), -EINVAL);
        assert_int_equal(s.diag.n_errors, 3);
        assert_non_null(strstr(s.diag.findings[0].message, "longer than 1023 bytes"));
        site_done(&s);
}

/* What a vendor could repeat: the fields, the escaped query, the base64; never a scheme or a
 * name. */
static void what_must_not_come_back_is_known(void **state)
{
        static const char basic[] = "bXktbG9uZy1pZDp0MGtlbi90MGtlbisxMjM=";
        const struct redaction *r;
        struct vault *v = NULL;
        struct site s;

        site_init(&s);
        put(&s, "first", SLICE_LITERAL("key=12/34567+89\n"), 0600);
        put(&s, "secret", SLICE_LITERAL("id=my-long-id\ntoken=t0ken/t0ken+123\n"), 0600);
        assert_int_equal(vault_load(s.folder, &s.policy, &s.diag, &v), 0);
        r = vault_key_redaction(v, &s.keys[0]);
        assert_int_equal(r->n_traces, 2);
        assert_true(slice_is(r->traces[0], "12/34567+89"));
        assert_true(slice_is(r->traces[1], "12%2F34567%2B89"));
        assert_int_equal(vault_key_redaction(v, &s.keys[1])->n_traces, 0); /* "222": too short */
        r = vault_backend_redaction(v, &s.backends[0]);
        assert_int_equal(r->n_traces, 3);
        assert_true(slice_is(r->traces[0], "my-long-id"));
        assert_true(slice_is(r->traces[1], "t0ken/t0ken+123"));
        assert_true(slice_is(r->traces[2], basic));
        vault_unref(v);
        site_done(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_key_and_backend_gets_its_own_placement),
                cmocka_unit_test(what_is_around_a_value_is_dropped_and_nothing_within),
                cmocka_unit_test(bad_content_is_told_with_its_line_and_without_the_value),
                cmocka_unit_test(a_file_that_others_could_read_or_change_is_refused),
                cmocka_unit_test(what_is_not_a_plain_small_file_is_refused),
                cmocka_unit_test(a_file_of_another_user_is_refused),
                cmocka_unit_test(all_that_is_wrong_is_told_at_once),
                cmocka_unit_test(what_the_service_manager_hands_over_comes_first_whatever_its_mode),
                cmocka_unit_test(a_path_too_long_is_told),
                cmocka_unit_test(what_must_not_come_back_is_known),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
