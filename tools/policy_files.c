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
        if (error) {
                diag_print(&d, stderr);
                if (d.n_errors == 0)
                        fprintf(stderr, "keyrouter: %s: %s\n", path, strerror(-error));
                else
                        fprintf(stderr, "keyrouter %s: %s has %s\n", r->verb->name, path,
                                count_text(d.n_errors, "error", "errors"));
                return error == -EINVAL ? EX_DATAERR : error == -ENOMEM ? EX_OSERR : EX_NOINPUT;
        }
        *ret = files_json(source.path, &files);
        return *ret ? 0 : EX_OSERR;
}
