/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon is asked by libcurl over its unix socket. What it answers is JSON of the same shape as
 * what operation_run() gives here, so a command does not know which of the two it was.
 */
#include "tools/session.h"

#include "policy/operation/operation.h"
#include "tools/policy_files.h"

#include <curl/curl.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define ANSWER_TIMEOUT_S 120
#define CONNECT_TIMEOUT_S 10
#define STATE_FOLDER "/var/lib/keyrouter" /* StateDirectory= of the daemon's unit */

struct session {
        const struct request *request;
        char who[256];
        CURL *curl; /* of the daemon; NULL: the work is done here */
        struct operation_host host;
        struct addr router;
};

/* ---- opening ---- */

/* root by way of sudo is whoever called it. */
static void who_find(char *out, size_t size)
{
        const char *sudo = getuid() == 0 ? getenv("SUDO_USER") : NULL;
        struct passwd *user = getpwuid(getuid());

        if (sudo && sudo[0])
                snprintf(out, size, "%.200s (by sudo)", sudo);
        else if (user)
                snprintf(out, size, "%.200s", user->pw_name);
        else
                snprintf(out, size, "uid %u", (unsigned)getuid());
}

static int router_take(struct session *s)
{
        const char *text = request_option(s->request, "router-address");

        if (!text)
                return 0;
        if (addr_parse(slice_of(text), &s->host.router) == 0 &&
            !addr_is_unspecified(&s->host.router))
                return 0;
        fprintf(stderr, "keyrouter: --router-address wants an IP address, not \"%s\"\n", text);
        return EX_USAGE;
}

static int ledger_status(int answer)
{
        switch (answer) {
        case LEDGER_E_MISSING:
                return EX_NOINPUT;
        case LEDGER_E_LOCKED:
        case LEDGER_E_FULL:
                return EX_UNAVAILABLE;
        case LEDGER_E_DENIED:
                return EX_NOPERM;
        default:
                return EX_DATAERR;
        }
}

/* Plan and the like: what they see where there is no ledger yet is that nothing has been applied. */
static bool verb_only_looks(const struct request *r)
{
        return r->verb->common & OPTION_POLICY && !(r->verb->common & OPTION_WHY);
}

/* Only what changes a ledger makes one: a slip in a path is told to all the others. */
static int open_file(struct session *s, const char *path)
{
        char why[LEDGER_WHY_MAX] = "";
        unsigned flags = s->request->verb->common & OPTION_WHY ? LEDGER_CREATE : 0;
        int r = ledger_open(path, flags, why, &s->host.ledger);

        s->host.ledger_path = path;
        if (r == LEDGER_E_MISSING && verb_only_looks(s->request)) {
                s->host.ledger_path = NULL;
                r = ledger_open_memory(&s->host.ledger);
        }
        if (r == 0)
                return 0;
        fprintf(stderr, "keyrouter: %s: %s\n", path,
                why[0]  ? why
                : r > 0 ? ledger_explain(r)
                        : strerror(-r));
        if (r == LEDGER_E_LOCKED)
                fputs("    ask the daemon that holds it, with --socket; or stop it\n", stderr);
        if (r == LEDGER_E_DAMAGED)
                fputs("    move it away, then put a backup in its place: keyrouter ledger restore "
                      "BACKUP --ledger FILE\n",
                      stderr);
        return r > 0 ? ledger_status(r) : EX_OSERR;
}

static const char *socket_path(const struct request *r)
{
        const char *told = request_option(r, "socket");

        return told ? told : KEYROUTER_CONTROL;
}

static int open_daemon(struct session *s)
{
        curl_global_init(CURL_GLOBAL_NOTHING);
        s->curl = curl_easy_init();
        if (!s->curl)
                return EX_OSERR;
        curl_easy_setopt(s->curl, CURLOPT_UNIX_SOCKET_PATH, socket_path(s->request));
        curl_easy_setopt(s->curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(s->curl, CURLOPT_PROXY, "");
        curl_easy_setopt(s->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
        curl_easy_setopt(s->curl, CURLOPT_TIMEOUT, (long)ANSWER_TIMEOUT_S);
        return 0;
}

/* Is there a socket to ask at? One that nobody listens on any more is a daemon that has ended. */
static bool daemon_is_there(struct session *s, int *ret_error)
{
        CURLcode code;
        long error = 0;

        curl_easy_setopt(s->curl, CURLOPT_URL, "http://localhost/healthz");
        curl_easy_setopt(s->curl, CURLOPT_NOBODY, 1L);
        code = curl_easy_perform(s->curl);
        curl_easy_getinfo(s->curl, CURLINFO_OS_ERRNO, &error);
        curl_easy_setopt(s->curl, CURLOPT_NOBODY, 0L);
        *ret_error = (int)error;
        return code == CURLE_OK;
}

static void forget_daemon(struct session *s)
{
        curl_easy_cleanup(s->curl);
        s->curl = NULL;
}

/* A daemon's place that has none any more has very likely a ledger with something in it. */
static void nothing_tell(const char *path)
{
        if (access(STATE_FOLDER, F_OK) == 0)
                fprintf(stderr,
                        "keyrouter: no answer from keyrouterd at %s: this is told as if nothing had "
                        "been applied yet\n"
                        "    start it, or say what was applied with --ledger FILE\n",
                        path);
}

/* Neither daemon nor --ledger: what only looks at a policy sees a ledger without anything in it. */
static int open_nothing(struct session *s, int error)
{
        const char *path = socket_path(s->request);

        forget_daemon(s);
        if (!request_option(s->request, "socket") && verb_only_looks(s->request) &&
            error != EACCES) {
                nothing_tell(path);
                return ledger_open_memory(&s->host.ledger) == 0 ? 0 : EX_OSERR;
        }
        fprintf(stderr, "keyrouter: no answer from keyrouterd at %s: %s\n", path,
                error ? strerror(error) : "it does not answer");
        if (error == EACCES) {
                fputs("    only members of the socket's group may ask, keyrouter-admin as a rule\n",
                      stderr);
                return EX_NOPERM;
        }
        fputs("    start it, or work on its ledger with --ledger FILE\n", stderr);
        return EX_UNAVAILABLE;
}

int session_open(const struct request *r, struct session **ret)
{
        CLEANUP(session_closep) struct session *s = calloc(1, sizeof(*s));
        const char *ledger = request_option(r, "ledger");
        int status, error = 0;

        if (!s)
                return EX_OSERR;
        s->request = r;
        who_find(s->who, sizeof(s->who));
        s->host.provider_dir = request_option(r, "providers");
        status = router_take(s);
        if (status == 0)
                status = ledger ? open_file(s, ledger) : open_daemon(s);
        if (status == 0 && s->curl && !daemon_is_there(s, &error))
                status = open_nothing(s, error);
        if (status == 0 && s->curl && request_option(r, "router-address")) {
                fputs("keyrouter: keyrouterd knows its own address: say it there, with address in "
                      "keyrouterd.cfg\n",
                      stderr);
                status = EX_USAGE;
        }
        if (status)
                return status;
        *ret = TAKE(s);
        return 0;
}

void session_close(struct session *s)
{
        if (s->curl)
                curl_easy_cleanup(s->curl);
        if (s->host.ledger)
                ledger_close(s->host.ledger);
        free(s);
}

bool session_is_daemon(const struct session *s)
{
        return s->curl != NULL;
}

/* ---- asking ---- */

struct answer {
        char *text;
        size_t length;
};

static size_t on_answer(char *data, size_t size, size_t n, void *context)
{
        struct answer *a = context;
        size_t length = size * n;
        char *larger;

        if (length > OPERATION_MAX_BYTES - a->length)
                return 0;
        larger = realloc(a->text, a->length + length);
        if (!larger)
                return 0;
        memcpy(larger + a->length, data, length);
        a->text = larger;
        a->length += length;
        return length;
}

static json_t *daemon_fail(const char *what)
{
        return error_json(EX_UNAVAILABLE, "see journalctl -u keyrouterd", what, NULL);
}

static json_t *daemon_ask(struct session *s, const char *operation, const char *body)
{
        struct answer answer = { NULL, 0 };
        char url[128];
        json_t *value;
        CURLcode code;

        snprintf(url, sizeof(url), "http://localhost/v1/%s", operation);
        curl_easy_setopt(s->curl, CURLOPT_URL, url);
        curl_easy_setopt(s->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        curl_easy_setopt(s->curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, on_answer);
        curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, &answer);
        code = curl_easy_perform(s->curl);
        value = code == CURLE_OK ? json_loadb(answer.text, answer.length, 0, NULL) : NULL;
        free(answer.text);
        if (value)
                return value;
        return daemon_fail(code == CURLE_OK ? "the daemon's answer is no JSON"
                                            : curl_easy_strerror(code));
}

static int status_of(json_t *answer)
{
        const char *schema = json_string_value(json_object_get(answer, "schema"));

        if (!schema || strncmp(schema, "keyrouter.error/", 16) != 0)
                return schema ? 0 : EX_PROTOCOL;
        return (int)json_integer_value(json_object_get(answer, "status"));
}

int session_try(struct session *s, const char *operation, json_t *request, json_t **ret)
{
        CLEANUP(freep) char *body = NULL;
        struct reply reply;

        if (!request) {
                fputs("keyrouter: out of memory\n", stderr);
                return EX_OSERR;
        }
        if (!s->curl) {
                operation_run(&s->host, operation, s->who, request, &reply);
                *ret = reply.body;
        } else {
                body = json_dumps(request, JSON_COMPACT);
                *ret = body ? daemon_ask(s, operation, body) : NULL;
        }
        json_decref(request);
        return *ret ? status_of(*ret) : EX_OSERR;
}

/* A text that a finding borrows from its JSON; NULL for null. */
static char *borrowed_text(json_t *j, const char *name)
{
        return (char *)json_string_value(json_object_get(j, name));
}

static struct diag_finding finding_read(json_t *j)
{
        struct diag_finding f = { .level = strcmp(member_text(j, "level"), "error") == 0
                                                   ? DIAG_ERROR
                                                   : DIAG_WARNING };

        f.file = borrowed_text(j, "file");
        f.message = borrowed_text(j, "message");
        f.remedy = borrowed_text(j, "remedy");
        f.source = borrowed_text(j, "source");
        f.line = (unsigned)member_number(j, "line");
        f.column = (unsigned)member_number(j, "column");
        f.width = (unsigned)(member_number(j, "end_column") - member_number(j, "column"));
        f.caret = (unsigned)member_number(j, "caret");
        f.caret_length = (unsigned)member_number(j, "caret_length");
        return f;
}

void findings_json_print(json_t *findings, FILE *out)
{
        json_t *each;
        size_t i;

        json_array_foreach(findings, i, each)
        {
                struct diag_finding f = finding_read(each);

                if (f.message)
                        diag_finding_print(&f, out);
        }
}

void error_print(const struct request *r, json_t *error)
{
        const char *text = json_string_value(json_object_get(error, "error"));
        const char *remedy = json_string_value(json_object_get(error, "remedy"));

        findings_json_print(json_object_get(error, "findings"), stderr);
        fprintf(stderr, "keyrouter %s: %s\n", r->verb->name,
                text ? text : "the answer is no answer");
        if (remedy)
                fprintf(stderr, "    %s\n", remedy);
}

int session_call(struct session *s, const char *operation, json_t *request, json_t **ret)
{
        json_t *answer = NULL;
        int status = session_try(s, operation, request, &answer);

        if (status == 0) {
                *ret = answer;
                return 0;
        }
        if (answer) {
                error_print(s->request, answer);
                if (s->request->json)
                        json_print(answer);
        }
        json_decref(answer);
        return status;
}

int session_policy(struct session *s, const struct request *r, const char *path, json_t **ret)
{
        return policy_files_json(r, path ? path : KEYROUTER_POLICY, ret);
}

int session_policy_in_force(struct session *s, json_t **ret)
{
        CLEANUP(json_freep) json_t *answer = NULL;
        json_t *files;
        int status = session_call(s, "revision", json_object(), &answer);

        if (status)
                return status;
        files = json_object_get(answer, "files");
        *ret = json_pack("{s:s, s:O}", "path", member_text(json_array_get(files, 0), "path"),
                         "files", files);
        return *ret ? 0 : EX_OSERR;
}
