/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allowlist confirm and allowlist import: what an administrator has done or found at the vendor.
 */
#include "tools/host_file.h"
#include "tools/session.h"

#include <string.h>
#include <sysexits.h>

/* ---- confirm ---- */

/* --added or --removed: "all", or a file of hosts. Returns 0, or the exit status. */
static int list_fill(const struct request *r, const char *name, json_t *request)
{
        const char *value = request_option(r, name);
        json_t *list = NULL;
        int status = 0;

        if (!value)
                return 0;
        if (strcmp(value, "all") == 0)
                list = json_string("all");
        else
                status = host_file_json(r, value, HOST_SLOT, &list);
        if (status == 0 && json_object_set_new(request, name, list) != 0)
                status = EX_OSERR;
        return status;
}

static bool is_stdin(const char *value)
{
        return value && strcmp(value, "-") == 0;
}

static int confirm_fill(const struct request *r, json_t *request)
{
        const char *added = request_option(r, "added"), *removed = request_option(r, "removed");
        int status;

        if (!added && !removed) {
                fputs("keyrouter allowlist confirm: say what has been done at the vendor: --added "
                      "all, --removed all, or both\n",
                      stderr);
                return EX_USAGE;
        }
        if (is_stdin(added) && is_stdin(removed)) {
                fputs("keyrouter allowlist confirm: standard input can be one of the two lists\n",
                      stderr);
                return EX_USAGE;
        }
        status = list_fill(r, "added", request);
        return status ? status : list_fill(r, "removed", request);
}

static void confirm_print(const json_t *answer)
{
        const json_t *left = json_object_get(answer, "left");
        long long n_add = member_number(left, "add"), n_remove = member_number(left, "remove");

        printf("key %s: %lld added, %lld removed; ", member_text(answer, "key"),
               member_number(answer, "added"), member_number(answer, "removed"));
        if (n_add || n_remove)
                printf("left: %lld to add, %lld to remove\n", n_add, n_remove);
        else
                puts("nothing is left to be done");
}

int verb_allowlist_confirm(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *answer = NULL, *request = json_object();
        int status = confirm_fill(r, request);

        json_object_set_new(request, "key", text_json(request_operand(r, 0)));
        json_object_set_new(request, "why", text_json(request_option(r, "why")));
        if (status == 0)
                status = session_open(r, &s);
        if (status == 0)
                status = session_call(s, "allowlist-confirm", TAKE(request), &answer);
        if (status)
                return status;
        if (json_is_true(json_object_get(answer, "untold")))
                fputs("keyrouter allowlist confirm: " HOST_UNTOLD "\n", stderr);
        if (r->json)
                return json_print(answer);
        confirm_print(answer);
        return 0;
}

/* ---- import ---- */

static void import_print(const json_t *answer)
{
        long long n_changed = member_number(answer, "changed");

        printf("key %s (%s): %lld live, %lld foreign, %lld leaving; %lld still to be added\n",
               member_text(answer, "key"), member_text(answer, "provider"),
               member_number(answer, "live"), member_number(answer, "foreign"),
               member_number(answer, "leaving"), member_number(answer, "wanted"));
        if (n_changed == 0)
                puts("Nothing has changed: all of this was known");
        else if (member_number(answer, "foreign"))
                puts("Foreign hosts that the policy has a use for are taken over by the next "
                     "keyrouter apply");
}

static int import_fill(const struct request *r, json_t *request)
{
        const char *path = request_operand(r, 1);
        json_t *hosts = NULL;
        int status = host_file_json(r, path, HOST_ANY, &hosts);

        if (status)
                return status;
        if (json_array_size(hosts) == 0 && !request_option(r, "empty")) {
                fprintf(stderr,
                        "keyrouter allowlist import: %s holds no host; nothing has changed\n    if "
                        "nothing stands on this key, say so with --empty\n",
                        path);
                json_decref(hosts);
                return EX_DATAERR;
        }
        json_object_set_new(request, "key", text_json(request_operand(r, 0)));
        json_object_set_new(request, "provider", text_json(request_option(r, "provider")));
        json_object_set_new(request, "why", text_json(request_option(r, "why")));
        return json_object_set_new(request, "hosts", hosts) == 0 ? 0 : EX_OSERR;
}

int verb_allowlist_import(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *answer = NULL, *request = json_object();
        int status = import_fill(r, request);

        if (status == 0)
                status = session_open(r, &s);
        if (status == 0)
                status = session_call(s, "allowlist-import", TAKE(request), &answer);
        if (status)
                return status;
        findings_json_print(json_object_get(answer, "findings"), stderr);
        if (r->json)
                return json_print(answer);
        import_print(answer);
        return 0;
}
