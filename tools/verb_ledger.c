/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Care of the ledger: backup, restore, verify.
 */
#include "policy/operation/base64.h"
#include "policy/operation/operation.h"
#include "tools/session.h"
#include "tools/whole_file.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

/* ---- backup ---- */

static int backup_place(const char *path, struct slice bytes, bool replace)
{
        int r;

        if (strcmp(path, "-") == 0) { /* the end of keyrouter tells whether it was written */
                fwrite(bytes.data, 1, bytes.length, stdout);
                return 0;
        }
        r = whole_file_write(path, bytes, replace);
        if (r == 0)
                return 0;
        fprintf(stderr, "keyrouter ledger backup: cannot write %s: %s\n", path, strerror(-r));
        if (r == -EEXIST)
                fputs("    take another name, or write over it with --force\n", stderr);
        return r == -ENOSPC || r == -EDQUOT || r == -EIO ? EX_IOERR : EX_CANTCREAT;
}

static int backup_write(const struct request *r, const json_t *answer)
{
        const char *path = request_operand(r, 0), *data = member_text(answer, "data");
        CLEANUP(freep) void *bytes = NULL;
        size_t length = 0;
        int status = base64_decode(data, &bytes, &length);

        if (status) {
                fputs("keyrouter ledger backup: the answer is no ledger\n", stderr);
                return EX_PROTOCOL;
        }
        status = backup_place(path, (struct slice){ bytes, length },
                              request_option(r, "force") != NULL);
        if (status)
                return status;
        if (r->json)
                return json_print(answer);
        if (strcmp(path, "-") != 0)
                printf("%s: %zu bytes\n", path, length);
        return 0;
}

int verb_ledger_backup(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *answer = NULL;
        bool is_stdout = strcmp(request_operand(r, 0), "-") == 0;
        int status;

        if (is_stdout && (r->json || isatty(STDOUT_FILENO))) {
                fputs(r->json ? "keyrouter ledger backup: --json wants a FILE other than -\n"
                              : "keyrouter ledger backup: a ledger is nothing for a terminal\n",
                      stderr);
                return EX_USAGE;
        }
        status = session_open(r, &s);
        if (status == 0)
                status = session_call(s, "ledger-backup", json_object(), &answer);
        return status ? status : backup_write(r, answer);
}

/* ---- restore ---- */

static int backup_read(const struct request *r, json_t **ret)
{
        const char *path = request_operand(r, 0);
        CLEANUP(freep) void *bytes = NULL;
        CLEANUP(freep) char *text = NULL;
        size_t length = 0;
        int error = whole_file_read(path, OPERATION_MAX_BYTES / 4 * 3 - 1024, &bytes, &length);

        if (error) {
                fprintf(stderr, "keyrouter ledger restore: %s: %s\n", path,
                        whole_file_explain(error));
                return error == -EFBIG ? EX_DATAERR : error == -ENOMEM ? EX_OSERR : EX_NOINPUT;
        }
        text = base64_encode(bytes, length);
        *ret = text ? json_pack("{s:s, s:o}", "data", text, "why",
                                text_json(request_option(r, "why")))
                    : NULL;
        return *ret ? 0 : EX_OSERR;
}

int verb_ledger_restore(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *answer = NULL, *request = NULL;
        int status = backup_read(r, &request);

        if (status == 0)
                status = session_open(r, &s);
        if (status == 0)
                status = session_call(s, "ledger-restore", TAKE(request), &answer);
        if (status)
                return status;
        if (r->json)
                return json_print(answer);
        if (json_is_integer(json_object_get(answer, "revision")))
                printf("Restored, as row %lld: the policy of row %lld is in force\n",
                       member_number(answer, "row"), member_number(answer, "revision"));
        else
                printf("Restored, as row %lld: no policy is in force\n",
                       member_number(answer, "row"));
        return 0;
}

/* ---- verify ---- */

int verb_ledger_verify(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *answer = NULL;
        const json_t *flaws;
        int status = session_open(r, &s), printed = 0;
        bool is_sound;

        if (status == 0)
                status = session_call(s, "ledger-verify", json_object(), &answer);
        if (status)
                return status;
        is_sound = json_is_true(json_object_get(answer, "sound"));
        flaws = json_object_get(answer, "flaws");
        for (size_t i = 0; i < json_array_size(flaws); i++)
                fprintf(stderr, "keyrouter ledger verify: %s\n",
                        json_string_value(json_array_get(flaws, i)));
        if (r->json)
                printed = json_print(answer);
        else if (is_sound)
                printf("The ledger is sound: %s, %s\n",
                       count_text((size_t)member_number(answer, "rows"), "row", "rows"),
                       count_text((size_t)member_number(answer, "entries"), "entry", "entries"));
        else
                fputs("    restore it from a backup: keyrouter ledger restore FILE\n", stderr);
        return is_sound ? printed : EX_DATAERR;
}
