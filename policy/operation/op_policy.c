/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy comes with the request, as texts, or from the ledger. Either way it is loaded from texts
 * alone, so that the daemon reads no file of a person, and what was applied loads again as it was.
 */
#include "policy/entries_check.h"
#include "policy/ledger/clean.h"
#include "policy/operation/op.h"

#include <errno.h>
#include <limits.h>

void op_policy_init(struct op_policy *p)
{
        *p = (struct op_policy){ .policy = NULL };
        diag_init(&p->diag);
}

void op_policy_done(struct op_policy *p)
{
        if (p->policy)
                policy_unref(p->policy);
        if (p->pins)
                pin_set_free(p->pins);
        if (p->answers)
                pin_set_free(p->answers);
        free(p->fresh_pins);
        if (p->entries)
                entry_set_free(p->entries);
        if (p->applied)
                revision_free(p->applied);
        file_set_done(&p->files);
        diag_done(&p->diag);
}

static int files_of_request(struct op *o, json_t *list, struct file_set *files)
{
        json_t *each;
        size_t i;

        json_array_foreach(list, i, each)
        {
                const char *role, *path;
                json_t *text = json_object_get(each, "text");
                struct slice bytes = { json_string_value(text), json_string_length(text) };
                int r;

                role = json_string_value(json_object_get(each, "role"));
                path = json_string_value(json_object_get(each, "path"));
                if (!role || !path || !bytes.data)
                        return op_refuse(o, EX_USAGE, NULL,
                                         "a file of the policy has no role, path or text");
                if (!text_is_clean(role, PATH_MAX) || !text_is_clean(path, PATH_MAX))
                        return op_refuse(o, EX_DATAERR, "give it another name",
                                         "the path of file %zu of the policy has characters that a "
                                         "terminal would not show",
                                         i + 1);
                r = file_set_add(files, role, path, bytes);
                if (r == -EFBIG)
                        return op_refuse(o, EX_DATAERR, NULL,
                                         "the policy is larger than %zu MiB or has over %d files",
                                         FILE_SET_MAX_BYTES >> 20, FILE_SET_MAX_FILES);
                if (r)
                        return r;
        }
        return 0;
}

static int files_of_revision(const struct revision *r, struct file_set *files)
{
        for (size_t i = 0; i < r->n_files; i++) {
                const struct ledger_file *f = &r->files[i];
                int error =
                        file_set_add(files, f->role, f->path, (struct slice){ f->text, f->length });

                if (error)
                        return error;
        }
        return 0;
}

/* What the ledger says of it. */
static int ledger_read(struct op *o, struct op_policy *p)
{
        int r;

        p->head = ledger_head(o->host->ledger);
        r = ledger_pins(o->host->ledger, &p->pins);
        if (r == 0)
                r = ledger_entries(o->host->ledger, &p->entries);
        if (r == 0)
                r = ledger_revision(o->host->ledger, 0, &p->applied);
        return r == -ENOENT ? 0 : r;
}

/* Which files? 0 and some, or none having refused. */
static int files_choose(struct op *o, uint64_t id, struct op_policy *p, const char **ret_path)
{
        json_t *given = json_object_get(o->request, "policy");
        CLEANUP(revision_freep) struct revision *old = NULL;
        const struct revision *chosen = p->applied;
        int r;

        if (given && !json_is_null(given)) {
                *ret_path = json_string_value(json_object_get(given, "path"));
                if (!*ret_path || !json_is_array(json_object_get(given, "files")))
                        return op_refuse(o, EX_USAGE, NULL, "\"policy\" has no path or no files");
                return files_of_request(o, json_object_get(given, "files"), &p->files);
        }
        if (id) {
                r = ledger_revision(o->host->ledger, id, &old);
                if (r == -ENOENT)
                        return op_refuse(
                                o, EX_NOINPUT, "see keyrouter history",
                                "no policy was in force at row %llu, or it is no longer kept",
                                (unsigned long long)id);
                if (r)
                        return r;
                chosen = old;
        }
        if (!chosen)
                return op_refuse(o, EX_UNAVAILABLE, "run keyrouter apply POLICY",
                                 "no policy has been applied yet");
        *ret_path = "policy.cfg";
        return files_of_revision(chosen, &p->files);
}

static int digest_make(const struct file_set *files, struct ledger_file *list,
                        char digest[static 65])
{
        for (size_t i = 0; i < files->n; i++) {
                const struct file_text *f = &files->files[i];

                list[i] = (struct ledger_file){ f->role, f->path, f->text, f->length };
        }
        return revision_digest(list, files->n, digest);
}

int op_policy_load(struct op *o, uint64_t id, struct op_policy *p)
{
        CLEANUP(freep) struct ledger_file *list = NULL;
        struct policy_source source = { .files = &p->files };
        int r = ledger_read(o, p);

        if (r == 0)
                r = op_pins_freshen(o, p);
        if (r == 0 && !o->reply->body)
                r = files_choose(o, id, p, &source.path);
        if (r || p->files.n == 0 || o->reply->body)
                return r;
        list = calloc(p->files.n, sizeof(*list));
        if (!list)
                return -ENOMEM;
        r = digest_make(&p->files, list, p->digest);
        if (r)
                return r;
        p->is_applied = p->applied && strcmp(p->applied->digest, p->digest) == 0;
        p->router = o->host->router;
        if (addr_is_unspecified(&p->router) && p->applied && p->applied->router[0] &&
            addr_parse(slice_of(p->applied->router), &p->router) != 0)
                p->router = (struct addr){ { 0 } };
        source.pins = p->pins;
        source.answers = p->answers;
        source.provider_dir = o->host->provider_dir;
        r = policy_load_from(&source, &p->diag, &p->policy);
        if (r == -ENOMEM)
                return r;
        return r ? op_refuse_findings(o, &p->diag, source.path) : 0;
}

int op_policy_plan(struct op *o, struct op_policy *p, struct plan **ret)
{
        int r = policy_check_entries(p->policy, p->entries, &p->diag);

        if (r == 0)
                r = plan_make(p->policy, p->entries, &p->router, &p->diag, ret);
        diag_sort(&p->diag);
        return r == -EINVAL ? op_refuse_findings(o, &p->diag, "the policy cannot be planned") : r;
}

int op_policy_restore(struct op *o, struct op_policy *p, struct plan **ret)
{
        int r = plan_restore(p->policy, p->entries, &p->router, &p->diag, ret);

        return r == -EINVAL ? op_refuse_findings(o, &p->diag, "the policy cannot be planned") : r;
}

int op_in_force_load(struct op *o, struct op_policy *p)
{
        CLEANUP(revision_freep) struct revision *applied = NULL;
        int r = ledger_revision(o->host->ledger, 0, &applied);

        json_object_del(o->request, "policy");
        json_object_del(o->request, "answers");
        if (r == -ENOENT)
                return ledger_read(o, p);
        return r ? r : op_policy_load(o, 0, p);
}
