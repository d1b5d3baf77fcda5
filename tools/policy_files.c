/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/policy_files.h"

#include "policy/policy.h"
#include "tools/output.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sysexits.h>

static json_t *files_json(const char *path, const struct file_set *files)
{
        json_t *list = json_array();

        for (size_t i = 0; list && i < files->n; i++) {
                const struct file_text *f = &files->files[i];
                json_t *text = json_stringn(f->text, f->length);

                if (!text) /* bytes that are not UTF-8, in a comment as a rule */
                        text = text_json(f->text);
                if (json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "role", f->role,
                                                          "path", f->path, "text", text)) != 0) {
                        json_decref(list);
                        list = NULL;
                }
        }
        return json_pack("{s:s, s:o}", "path", path, "files", list);
}

/* Says what is wrong with the policy called `path`, as an operation would. Returns the exit status. */
static int failure_print(const struct request *r, const char *path, int error, const struct diag *d)
{
        int status = error == -EINVAL ? EX_DATAERR : error == -ENOMEM ? EX_OSERR : EX_NOINPUT;
        char text[512];
        json_t *answer;

        if (d->n_errors == 0)
                snprintf(text, sizeof(text), "%.300s: %s", path, strerror(-error));
        else
                snprintf(text, sizeof(text), "%.300s has %s", path,
                         count_text(d->n_errors, "error", "errors"));
        diag_print(d, stderr);
        fprintf(stderr, "keyrouter %s: %s\n", r->verb->name, text);
        if (!r->json)
                return status;
        answer = error_json(status, NULL, text, findings_json(d));
        (void)json_print(answer);
        json_decref(answer);
        return status;
}

int policy_files_json(const struct request *r, const char *path, json_t **ret)
{
        CLEANUP(file_set_done) struct file_set files = { NULL };
        CLEANUP(diag_done) struct diag d;
        CLEANUP(policy_unrefp) struct policy *policy = NULL;
        char real[PATH_MAX];
        struct policy_source source = { .path = realpath(path, real) ? real : path,
                                        .provider_dir = request_option(r, "providers"),
                                        .record = &files };
        int error;

        diag_init(&d);
        error = policy_load_from(&source, &d, &policy);
        if (error)
                return failure_print(r, path, error, &d);
        *ret = files_json(source.path, &files);
        return *ret ? 0 : EX_OSERR;
}

static int files_add(const json_t *list, struct file_set *files)
{
        const json_t *each;
        size_t i;
        int r = 0;

        json_array_foreach(list, i, each)
        {
                const json_t *text = json_object_get(each, "text");
                struct slice bytes = { json_string_value(text), json_string_length(text) };

                if (r == 0)
                        r = file_set_add(files, member_text(each, "role"),
                                         member_text(each, "path"), bytes);
        }
        return r;
}

int policy_files_load(const struct request *r, const json_t *policy, struct policy **ret)
{
        CLEANUP(file_set_done) struct file_set files = { NULL };
        CLEANUP(diag_done) struct diag d;
        struct policy_source source = { .path = member_text(policy, "path"),
                                        .provider_dir = request_option(r, "providers"),
                                        .files = &files };
        int error;

        diag_init(&d);
        error = files_add(json_object_get(policy, "files"), &files);
        if (error == 0)
                error = policy_load_from(&source, &d, ret);
        return error ? failure_print(r, source.path, error, &d) : 0;
}
