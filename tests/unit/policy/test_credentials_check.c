/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/credentials_check.h"
#include "tests/unit/settings/folder.h"

#define PROVIDERS SOURCE_ROOT "/policy/providers"

static const char text[] =
        "site = \"a\";\nproviders = [ \"smarty\" ];\n"
        "keys = ( { name = \"k\"; provider = \"smarty\"; credential = \"one\"; } );\n"
        "backends = ( { name = \"b\"; provider = \"smarty\"; credential = \"two\"; } );\n"
        "groups = ( { name = \"g\"; workstations = \"192.0.2.1\"; egress = \"transparent\";\n"
        "  keys = \"k\"; backends = \"b\"; } );\n";

struct fixture {
        struct folder folder;
        struct diag diag;
        struct policy *policy;
        char one[FOLDER_PATH_MAX];
};

static void fixture_init(struct fixture *f)
{
        memset(f, 0, sizeof(*f));
        folder_init(&f->folder);
        diag_init(&f->diag);
        assert_int_equal(policy_load(folder_put(&f->folder, "p.cfg", text), PROVIDERS, &f->diag,
                                     &f->policy),
                         0);
        assert_int_equal(chmod(folder_put(&f->folder, "two", "id=1\n"), 0400), 0);
        snprintf(f->one, sizeof(f->one), "%.100s/one", f->folder.path);
}

static void fixture_done(struct fixture *f)
{
        policy_unref(f->policy);
        diag_done(&f->diag);
        if (rmdir(f->one) < 0)
                unlink(f->one);
        folder_done(&f->folder);
}

enum kind { IS_FILE, IS_EMPTY, IS_LARGE, IS_LINK, IS_FOLDER, IS_PIPE, IS_MISSING };

static void credential_put(struct fixture *f, enum kind kind, mode_t mode)
{
        int r = 0;

        if (kind == IS_FILE || kind == IS_EMPTY || kind == IS_LARGE)
                folder_put(&f->folder, "one", kind == IS_EMPTY ? "" : "key=1\n");
        if (kind == IS_LARGE)
                r = truncate(f->one, CREDENTIAL_MAX_BYTES + 1);
        if (kind == IS_LINK)
                r = symlink("two", f->one);
        if (kind == IS_FOLDER)
                r = mkdir(f->one, 0700);
        if (kind == IS_PIPE)
                r = mkfifo(f->one, 0600);
        assert_int_equal(r, 0);
        if (mode)
                assert_int_equal(chmod(f->one, mode), 0);
}

static void a_credential_is_a_file_that_its_owner_alone_can_read(void **state)
{
        static const struct {
                enum kind kind;
                mode_t mode;
                const char *what; /* NULL: right */
        } rows[] = {
                { IS_FILE, 0600, NULL },
                { IS_FILE, 0400, NULL },
                { IS_FILE, 0640, "has mode 0640 instead of 0600 or 0400" },
                { IS_FILE, 0604, "has mode 0604 instead of 0600 or 0400" },
                { IS_FILE, 0700, "has mode 0700 instead of 0600 or 0400" },
                { IS_FILE, 04600, "has mode 4600 instead of 0600 or 0400" },
                { IS_EMPTY, 0600, "is an empty file" },
                { IS_LARGE, 0600, "is longer than 4096 bytes" },
                { IS_LINK, 0, "is a symbolic link" },
                { IS_FOLDER, 0, "is not a regular file" },
                { IS_PIPE, 0, "is not a regular file" },
                { IS_MISSING, 0, "is not in " },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                CLEANUP(fixture_done) struct fixture f;
                char message[128];

                fixture_init(&f);
                credential_put(&f, rows[i].kind, rows[i].mode);
                credentials_check(f.policy, f.folder.path, &f.diag);
                assert_int_equal(f.diag.n_errors, rows[i].what ? 1 : 0);
                if (!rows[i].what)
                        continue;
                snprintf(message, sizeof(message), "the credential of key \"k\" %s", rows[i].what);
                if (strncmp(f.diag.findings[0].message, message, strlen(message)) != 0)
                        fail_msg("row %zu: %s", i, f.diag.findings[0].message);
                assert_int_equal(f.diag.findings[0].line, 3);
                assert_int_equal(f.diag.findings[0].column, 58);
                assert_non_null(f.diag.findings[0].remedy);
        }
}

static void backends_have_credentials_too(void **state)
{
        CLEANUP(fixture_done) struct fixture f;
        CLEANUP(freep) char *findings = NULL;

        fixture_init(&f);
        credential_put(&f, IS_FILE, 0600);
        unlink(f.folder.files[1]);
        credentials_check(f.policy, f.folder.path, &f.diag);
        assert_int_equal(f.diag.n_errors, 1);
        assert_int_equal(f.diag.findings[0].line, 4);
        assert_int_equal(strncmp(f.diag.findings[0].message, "the credential of backend \"b\" ",
                                 30),
                         0);
        findings = folder_findings(&f.folder, &f.diag);
        assert_null(strstr(findings, "two"));
}

static void without_the_folder_one_finding_is_enough(void **state)
{
        CLEANUP(fixture_done) struct fixture f;

        fixture_init(&f);
        credentials_check(f.policy, "/nonexistent/credentials", &f.diag);
        assert_int_equal(f.diag.n_errors, 1);
        assert_string_equal(f.diag.findings[0].file, "/nonexistent/credentials");
        assert_string_equal(f.diag.findings[0].message,
                            "the folder of the credentials cannot be opened: No such file or "
                            "directory");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_credential_is_a_file_that_its_owner_alone_can_read),
                cmocka_unit_test(backends_have_credentials_too),
                cmocka_unit_test(without_the_folder_one_finding_is_enough),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
