/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host names of a policy are looked up here, where the administrator is, and never by whoever plans.
 */
#include "policy/policy.h"
#include "tools/lookup.h"
#include "tools/policy_files.h"
#include "tools/session.h"

#include <errno.h>
#include <sysexits.h>

static int file_fail(const struct request *r, const char *path, int error, unsigned line)
{
        if (error == -EINVAL)
                fprintf(stderr, "%s:%u: error: a line is an address and its names\n", path, line);
        else
                fprintf(stderr, "keyrouter %s: %s: %s\n", r->verb->name, path, strerror(-error));
        return error == -EINVAL ? EX_DATAERR : error == -ENOMEM ? EX_OSERR : EX_NOINPUT;
}

int session_answers(const struct request *r, const json_t *policy, json_t **ret)
{
        CLEANUP(policy_unrefp) struct policy *p = NULL;
        const char *path = request_option(r, "hosts");
        int status = policy_files_load(r, policy, &p), error;
        unsigned line = 0;

        if (status)
                return status;
        if (path) {
                error = lookup_in_file(path, p->host_names, p->n_host_names, ret, &line);
                return error ? file_fail(r, path, error, line) : 0;
        }
        error = lookup_names(p->host_names, p->n_host_names, RESOLVE_MAX_S * 1000, ret);
        if (error == 0)
                return 0;
        fprintf(stderr, "keyrouter %s: no names can be looked up: %s\n", r->verb->name,
                strerror(-error));
        return EX_OSERR;
}
