/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/router/books_desk.h"

#include "tests/unit/ledger/shim.h"

#include <stdio.h>
#include <sys/stat.h>

/* Two desks on a key, and another key that they may have in its place. */
static const char policy_text[] =
        "site = \"test\"; providers = [ \"smarty\" ];\n"
        "keys = ( { name = \"k-1\"; provider = \"smarty\"; credential = \"k-1\"; },\n"
        "         { name = \"k-2\"; provider = \"smarty\"; credential = \"k-2\"; } );\n"
        "groups = ( { name = \"desks\"; workstations = [ \"" DESK_1 "\", \"" DESK_2 "\" ];\n"
        "  egress = \"transparent\"; keys = [ \"%s\" ]; } );\n";

void credential_put(struct desk *d, const char *name)
{
        char path[200], text[64];
        int n = snprintf(text, sizeof(text), "key=1234567890-%s\n", name);

        snprintf(path, sizeof(path), "%s/%s", d->rig.folder, name);
        file_bytes_write(path, text, (size_t)n);
        assert_int_equal(chmod(path, 0600), 0);
}

void desk_open(struct desk *d)
{
        char why[LEDGER_WHY_MAX] = "";

        origins_init(&d->origins, NULL);
        assert_int_equal(books_open(&d->books, &d->config, &d->origins, why), 0);
}

void desk_close(struct desk *d)
{
        books_done(&d->books);
        if (d->snapshot)
                snapshot_unref(TAKE(d->snapshot));
        origins_done(&d->origins);
}

int desk_init(void **state)
{
        struct desk *d = calloc(1, sizeof(*d));
        size_t length;
        void *text;

        assert_non_null(d);
        rig_init(&d->rig);
        credential_put(d, "k-1");
        credential_put(d, "k-2");
        d->config = (struct config){ .ledger = d->rig.path, .credentials = d->rig.folder };
        text = file_bytes_read(PROVIDERS "/smarty.cfg", &length);
        d->provider = json_stringn(text, length);
        free(text);
        desk_open(d);
        *state = d;
        return 0;
}

int desk_done(void **state)
{
        struct desk *d = *state;

        shim_watch(NULL);
        desk_close(d);
        json_decref(d->provider);
        rig_done(&d->rig);
        free(d);
        return 0;
}

int desk_ask(struct desk *d, const char *operation, json_t *request)
{
        struct reply reply;
        int status;

        operation_run(&d->books.host, operation, "tester", request, &reply);
        status = reply.status;
        reply_done(&reply);
        json_decref(request);
        return status;
}

int desk_apply(struct desk *d, const char *key, int confirm_within_s)
{
        char text[1024];

        snprintf(text, sizeof(text), policy_text, key);
        return desk_ask(d, "apply",
                        json_pack("{s:{s:s, s:[{s:s, s:s, s:s}, {s:s, s:s, s:O}]}, s:i}", "policy",
                                  "path", "policy.cfg", "files", "role", "policy", "path",
                                  "policy.cfg", "text", text, "role", "provider smarty", "path",
                                  "smarty.cfg", "text", d->provider, "confirm_within_s",
                                  confirm_within_s));
}
