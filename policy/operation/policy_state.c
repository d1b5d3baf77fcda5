/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is loaded with all that it names, and the digest of its texts compared with that of the
 * applied ones. A mistake in any of them is told as that: plan and apply would refuse it.
 */
#include "policy/operation/policy_state.h"

#include <errno.h>

const char *policy_state_path(const struct op *o, const struct op_policy *in_force)
{
        const struct revision *r = in_force->applied;

        if (o->host->policy_path)
                return o->host->policy_path;
        for (size_t i = 0; r && i < r->n_files; i++)
                if (strcmp(r->files[i].role, "policy") == 0)
                        return r->files[i].path;
        return NULL;
}

/* As a request carries them: bytes that are not UTF-8 are '?' there. */
static int digest_of(const struct file_set *files, char digest[static 65])
{
        CLEANUP(freep) struct ledger_file *list = calloc(files->n + 1, sizeof(*list));
        CLEANUP(json_freep) json_t *texts = json_array();

        if (!list || !texts)
                return -ENOMEM;
        for (size_t i = 0; i < files->n; i++) {
                const struct file_text *f = &files->files[i];
                json_t *text = json_stringn(f->text, f->length);

                if (!text)
                        text = text_json(f->text);
                if (json_array_append_new(texts, text) != 0)
                        return -ENOMEM;
                list[i] = (struct ledger_file){ f->role, f->path, (char *)json_string_value(text),
                                                json_string_length(text) };
        }
        return revision_digest(list, files->n, digest);
}

static int file_compare(const struct op *o, const struct op_policy *in_force, const char *path,
                        const char **ret)
{
        CLEANUP(file_set_done) struct file_set files = { NULL };
        CLEANUP(policy_unrefp) struct policy *policy = NULL;
        CLEANUP(diag_done) struct diag d;
        struct policy_source source = { .path = path,
                                        .provider_dir = o->host->provider_dir,
                                        .record = &files,
                                        .pins = in_force->pins };
        char digest[65];
        int r;

        diag_init(&d);
        r = policy_load_from(&source, &d, &policy);
        if (r == -ENOMEM)
                return r;
        if (r) {
                *ret = r == -EINVAL ? "invalid" : "unreadable";
                return 0;
        }
        r = digest_of(&files, digest);
        if (r == 0)
                *ret = strcmp(digest, in_force->applied->digest) == 0 ? "in force" : "differs";
        return r;
}

int policy_state(const struct op *o, const struct op_policy *in_force, const char **ret)
{
        const char *path = policy_state_path(o, in_force);

        *ret = in_force->applied ? "unreadable" : "none";
        if (!in_force->applied || !path)
                return 0;
        return file_compare(o, in_force, path, ret);
}
