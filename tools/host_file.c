/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/host_file.h"

#include "tools/output.h"
#include "tools/whole_file.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

static json_t *hosts_json(const struct host_list *l)
{
        json_t *list = json_array();

        for (size_t i = 0; list && i < l->n; i++) {
                if (json_array_append_new(list, json_string(l->hosts[i])) != 0) {
                        json_decref(list);
                        list = NULL;
                }
        }
        return list;
}

int host_file_json(const struct request *r, const char *path, enum host_kind kind, json_t **ret)
{
        const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
        CLEANUP(diag_done) struct diag d;
        CLEANUP(host_list_done) struct host_list list = { NULL, 0 };
        CLEANUP(freep) void *text = NULL;
        size_t length = 0;
        int error = whole_file_read(path, HOST_LIST_MAX_BYTES, &text, &length);

        diag_init(&d);
        if (error) {
                fprintf(stderr, "keyrouter %s: %s: %s\n", r->verb->name, name,
                        whole_file_explain(error));
                return error == -EFBIG ? EX_DATAERR : error == -ENOMEM ? EX_OSERR : EX_NOINPUT;
        }
        error = host_list_read((struct slice){ text, length }, kind, name, &d, &list);
        diag_sort(&d);
        diag_print(&d, stderr);
        if (error == -EINVAL) {
                fprintf(stderr, "keyrouter %s: %s has %s; nothing has changed\n", r->verb->name,
                        name, count_text(d.n_errors, "error", "errors"));
                return EX_DATAERR;
        }
        if (error == 0)
                *ret = hosts_json(&list);
        return error || !*ret ? EX_OSERR : 0;
}
