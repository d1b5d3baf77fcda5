/* SPDX-License-Identifier: Apache-2.0 */
#include "router/control.h"

#include "loop.h"
#include "visitor.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>

#include <cmocka.h>

#define NOBODY 65534

/* A program that answers at once, or, asked for "later", when the test says so. */
struct rig {
        uv_loop_t loop;
        char folder[64], path[128];
        struct control *control;
        const char *unready;
        unsigned n_calls;
        char operation[64], who[256];
        json_t *request; /* of the last call */
        int status;      /* to answer with */
        struct control_call *waiting[8];
        unsigned n_waiting;
};

static struct reply reply_of(int status)
{
        return (struct reply){ status,
                               json_pack("{s:s, s:i}", "schema", "test/1", "status", status), 0 };
}

static void on_call(void *context, struct control_call *call, const char *operation,
                    const char *who, json_t *request)
{
        struct rig *r = context;
        struct reply reply;

        r->n_calls++;
        snprintf(r->operation, sizeof(r->operation), "%s", operation);
        snprintf(r->who, sizeof(r->who), "%s", who);
        json_decref(r->request);
        r->request = json_incref(request);
        if (strcmp(operation, "later") == 0) {
                r->waiting[r->n_waiting++] = call;
                return;
        }
        reply = reply_of(r->status);
        control_answer(call, &reply);
}

static const char *on_unready(void *context)
{
        return ((struct rig *)context)->unready;
}

static const struct control_program program = { on_call, on_unready };

static int rig_open(struct rig *r, gid_t group)
{
        return control_open(&r->loop, r->path, group, &program, r, &r->control);
}

/* The folder alone. */
static int folder_init(void **state)
{
        struct rig *r = calloc(1, sizeof(*r));

        if (!r || uv_loop_init(&r->loop) < 0)
                return -1;
        strcpy(r->folder, "/tmp/keyrouter-control-XXXXXX");
        if (!mkdtemp(r->folder))
                return -1;
        snprintf(r->path, sizeof(r->path), "%s/control", r->folder);
        *state = r;
        return 0;
}

static int rig_init(void **state)
{
        int r = folder_init(state);

        return r ? r : rig_open(*state, (gid_t)-1);
}

static int rig_done(void **state)
{
        struct rig *r = *state;

        if (r->control)
                control_close(r->control);
        loop_close(&r->loop);
        json_decref(r->request);
        unlink(r->path);
        rmdir(r->folder);
        free(r);
        return 0;
}

static bool is_called(void *context)
{
        return ((struct rig *)context)->n_calls > 0;
}

static const char *text_of(const json_t *body, const char *name)
{
        const char *text = json_string_value(json_object_get(body, name));

        return text ? text : "";
}

/* One request on a connection of its own. */
static unsigned ask(struct rig *r, const char *method, const char *target, const char *body,
                    char **ret_head, json_t **ret_body)
{
        struct visitor v;
        unsigned status;

        visitor_init(&v, &r->loop, r->path);
        visitor_ask(&v, method, target, body);
        status = visitor_take(&v, strcmp(method, "HEAD") == 0, ret_head, ret_body);
        visitor_done(&v);
        return status;
}

/* ---- requests ---- */

static void what_is_asked_how(void **state)
{
        static const struct {
                const char *method, *target, *body;
                unsigned status;
                const char *schema;
                const char *text; /* of `error`, `health` or `reason` */
                bool called;
                const char *sentence;
        } rows[] = {
                { "GET", "/healthz", NULL, 200, "keyrouter.health/1", "ok", false, "it lives" },
                { "HEAD", "/healthz", NULL, 200, NULL, NULL, false, "by its head alone" },
                { "GET", "/readyz", NULL, 200, "keyrouter.ready/1", "a policy is in force", false,
                  "it serves" },
                { "GET", "/", NULL, 404, "keyrouter.error/1", "there is nothing at this path",
                  false, "nothing at the root" },
                { "GET", "/v1/status", NULL, 404, "keyrouter.error/1",
                  "there is nothing at this path", false, "an operation is not read" },
                { "GET", "/../../etc/passwd", NULL, 404, "keyrouter.error/1",
                  "there is nothing at this path", false, "no file is served" },
                { "POST", "/v2/status", "{}", 404, "keyrouter.error/1",
                  "there is nothing at this path", false, "another version" },
                { "PUT", "/v1/status", "{}", 405, "keyrouter.error/1",
                  "operations are asked for by POST", false, "another method" },
                { "DELETE", "/healthz", NULL, 405, "keyrouter.error/1",
                  "operations are asked for by POST", false, "whatever the path" },
                { "POST", "/v1/status", "{}", 200, "test/1", NULL, true, "an operation" },
                { "POST", "/v1/status", "", 200, "test/1", NULL, true,
                  "no body is an empty object" },
                { "POST", "/v1/status", NULL, 200, "test/1", NULL, true, "nor is none at all" },
                { "POST", "/v1/status", "{", 400, "keyrouter.error/1",
                  "the request is not a JSON object", false, "half an object" },
                { "POST", "/v1/status", "[]", 400, "keyrouter.error/1",
                  "the request is not a JSON object", false, "a list" },
                { "POST", "/v1/status", "{} {}", 400, "keyrouter.error/1",
                  "the request is not a JSON object", false, "two objects" },
                { "POST", "/v1/status", "{\"a\":1,\"a\":2}", 400, "keyrouter.error/1",
                  "the request is not a JSON object", false, "a name that stands twice" },
                { "POST", "/v1/status", "{\"a\":\"\xff\"}", 400, "keyrouter.error/1",
                  "the request is not a JSON object", false, "bytes that are no text" },
        };
        struct rig *r = *state;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                json_t *body = NULL;
                char *head = NULL;
                unsigned status;

                r->n_calls = 0;
                status = ask(r, rows[i].method, rows[i].target, rows[i].body, &head, &body);
                if (status != rows[i].status || (r->n_calls > 0) != rows[i].called ||
                    (rows[i].schema && strcmp(text_of(body, "schema"), rows[i].schema) != 0))
                        fail_msg("row %zu: %s: %u", i, rows[i].sentence, status);
                if (rows[i].text && strcmp(text_of(body, "error"), rows[i].text) != 0 &&
                    strcmp(text_of(body, "reason"), rows[i].text) != 0 &&
                    strcmp(text_of(body, "health"), rows[i].text) != 0)
                        fail_msg("row %zu: %s", i, rows[i].sentence);
                assert_int_equal(strstr(head, "\r\nAllow: GET, HEAD, POST\r\n") != NULL,
                                 status == 405);
                assert_non_null(strstr(head, "\r\nCache-Control: no-store\r\n"));
                json_decref(body);
                free(head);
        }
}

static void without_a_policy_it_says_so(void **state)
{
        struct rig *r = *state;
        json_t *body = NULL;

        r->unready = "run keyrouter apply";
        assert_int_equal(ask(r, "GET", "/readyz", NULL, NULL, &body), 503);
        assert_string_equal(text_of(body, "reason"), "run keyrouter apply");
        json_decref(body);
        assert_int_equal(ask(r, "GET", "/healthz", NULL, NULL, NULL), 200);
}

static void an_operation_gets_its_name_and_its_object(void **state)
{
        CLEANUP(freep) char *large = malloc(1 << 20);
        struct rig *r = *state;

        assert_int_equal(ask(r, "POST", "/v1/allowlist-confirm", "{\"key\":\"k-1\"}", NULL, NULL),
                         200);
        assert_string_equal(r->operation, "allowlist-confirm");
        assert_string_equal(text_of(r->request, "key"), "k-1");

        assert_non_null(large); /* of many pieces */
        memset(large, 'x', (1 << 20) - 1);
        memcpy(large, "{\"why\":\"", 8);
        strcpy(large + (1 << 20) - 3, "\"}");
        assert_int_equal(ask(r, "POST", "/v1/apply", large, NULL, NULL), 200);
        assert_int_equal(strlen(text_of(r->request, "why")), (1 << 20) - 11);
}

static void how_it_was_done_becomes_a_status(void **state)
{
        static const struct {
                int status;
                unsigned http;
        } rows[] = {
                { 0, 200 },          { EX_USAGE, 400 },       { EX_DATAERR, 422 },
                { EX_NOINPUT, 404 }, { EX_UNAVAILABLE, 503 }, { EX_SOFTWARE, 500 },
                { EX_OSERR, 500 },   { EX_IOERR, 500 },       { EX_TEMPFAIL, 409 },
                { EX_NOPERM, 403 },
        };
        struct rig *r = *state;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                json_t *body = NULL;

                r->status = rows[i].status;
                assert_int_equal(ask(r, "POST", "/v1/x", "{}", NULL, &body), rows[i].http);
                assert_int_equal(json_integer_value(json_object_get(body, "status")),
                                 rows[i].status);
                json_decref(body);
        }
}

static void a_refusal_has_the_shape_of_all(void **state)
{
        struct rig *r = *state;
        json_t *body = NULL;

        assert_int_equal(ask(r, "GET", "/nothing", NULL, NULL, &body), 404);
        assert_int_equal(json_integer_value(json_object_get(body, "status")), EX_NOINPUT);
        assert_true(json_is_null(json_object_get(body, "remedy")));
        assert_true(json_is_array(json_object_get(body, "findings")));
        json_decref(body);
}

/* The head of a request with a body of so many bytes, and so many of them. */
static void send_beginning(struct visitor *v, size_t announced, size_t n)
{
        CLEANUP(freep) char *piece = calloc(1, 1 << 20);
        char head[128];

        assert_non_null(piece);
        snprintf(head, sizeof(head),
                 "POST /v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", announced);
        visitor_send(v, head, strlen(head));
        for (; n > 0; n -= MIN(n, (size_t)1 << 20))
                visitor_send(v, piece, MIN(n, (size_t)1 << 20));
}

static void assert_too_large(struct visitor *v)
{
        json_t *body = NULL;

        assert_int_equal(visitor_take(v, false, NULL, &body), 413);
        assert_string_equal(text_of(body, "error"), "the request is too large");
        json_decref(body);
}

static void a_request_beyond_the_bound_is_refused(void **state)
{
        struct rig *r = *state;
        struct visitor v;

        visitor_init(&v, &r->loop, r->path);
        send_beginning(&v, OPERATION_MAX_BYTES + 1, OPERATION_MAX_BYTES + 1);
        assert_too_large(&v);
        assert_int_equal(r->n_calls, 0);
        visitor_done(&v);
}

static void requests_that_come_together_share_a_bound(void **state)
{
        struct rig *r = *state;
        struct visitor large[2], v;

        for (size_t i = 0; i < N_ELEMENTS(large); i++) {
                visitor_init(&large[i], &r->loop, r->path);
                send_beginning(&large[i], OPERATION_MAX_BYTES, OPERATION_MAX_BYTES - 1);
        }
        visitor_init(&v, &r->loop, r->path);
        send_beginning(&v, 3, 3);
        assert_too_large(&v);
        for (size_t i = 0; i < N_ELEMENTS(large); i++)
                visitor_done(&large[i]);
        visitor_ask(&v, "POST", "/v1/now", "{      }");
        assert_int_equal(visitor_take(&v, false, NULL, NULL), 200);
        visitor_done(&v);
}

/* ---- who ---- */

static void who_asks_is_what_the_kernel_says(void **state)
{
        static const struct {
                uid_t uid;
                const char *who;
        } rows[] = { { NOBODY, "nobody" }, { 54321, "uid 54321" }, { 0, "root" } };
        struct rig *r = *state;

        if (geteuid() != 0)
                skip();
        assert_int_equal(chmod(r->path, 0666) | chmod(r->folder, 0755), 0);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct visitor v;

                assert_int_equal(seteuid(rows[i].uid), 0);
                visitor_init(&v, &r->loop, r->path);
                assert_int_equal(seteuid(0), 0);
                visitor_ask(&v, "POST", "/v1/x", "{\"who\":\"root\"}");
                assert_int_equal(visitor_take(&v, false, NULL, NULL), 200);
                assert_string_equal(r->who, rows[i].who);
                visitor_done(&v);
        }
}

/* ---- several at once ---- */

static void an_answer_may_come_later_and_holds_up_nobody(void **state)
{
        struct rig *r = *state;
        struct visitor patient, other;
        struct reply reply = reply_of(EX_UNAVAILABLE);

        visitor_init(&patient, &r->loop, r->path);
        visitor_ask(&patient, "POST", "/v1/later", "{}");
        loop_until(&r->loop, is_called, r);
        visitor_init(&other, &r->loop, r->path);
        for (unsigned i = 0; i < 3; i++) { /* on one connection */
                visitor_ask(&other, "POST", "/v1/now", "{}");
                assert_int_equal(visitor_take(&other, false, NULL, NULL), 200);
        }
        assert_false(visitor_has_answer(&patient));
        control_answer(r->waiting[0], &reply);
        assert_int_equal(visitor_take(&patient, false, NULL, NULL), 503);
        assert_int_equal(r->n_calls, 4);
        visitor_done(&patient);
        visitor_done(&other);
}

static void who_leaves_before_the_answer_misses_it(void **state)
{
        struct rig *r = *state;
        struct reply reply = reply_of(0);
        struct visitor v;

        visitor_init(&v, &r->loop, r->path);
        visitor_ask(&v, "POST", "/v1/later", "{}");
        loop_until(&r->loop, is_called, r);
        visitor_done(&v);
        control_answer(r->waiting[0], &reply);
        assert_int_equal(ask(r, "POST", "/v1/now", "{}", NULL, NULL), 200);
}

static void one_who_is_slow_holds_up_nobody(void **state)
{
        static const char *const beginnings[] = {
                "", "POST /v1/x HT",
                "POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n{\"a\""
        };
        struct visitor slow[N_ELEMENTS(beginnings)];
        struct rig *r = *state;

        for (size_t i = 0; i < N_ELEMENTS(beginnings); i++) {
                visitor_init(&slow[i], &r->loop, r->path);
                visitor_send(&slow[i], beginnings[i], strlen(beginnings[i]));
        }
        assert_int_equal(ask(r, "POST", "/v1/now", "{}", NULL, NULL), 200);
        assert_int_equal(r->n_calls, 1);
        visitor_send(&slow[2], ":\"\"}", 4);
        assert_int_equal(visitor_take(&slow[2], false, NULL, NULL), 200);
        for (size_t i = 0; i < N_ELEMENTS(beginnings); i++)
                visitor_done(&slow[i]);
}

static void one_more_than_may_come_waits_for_another_to_leave(void **state)
{
        struct visitor v[CONTROL_MAX_CONNECTIONS + 1];
        struct visitor *last = &v[CONTROL_MAX_CONNECTIONS];
        struct rig *r = *state;

        for (size_t i = 0; i < N_ELEMENTS(v); i++) {
                visitor_init(&v[i], &r->loop, r->path);
                visitor_ask(&v[i], "POST", "/v1/now", "{}");
        }
        for (size_t i = 0; i < CONTROL_MAX_CONNECTIONS; i++)
                assert_int_equal(visitor_take(&v[i], false, NULL, NULL), 200);
        assert_false(visitor_has_answer(last));
        visitor_done(&v[0]);
        assert_int_equal(visitor_take(last, false, NULL, NULL), 200);
        for (size_t i = 1; i < N_ELEMENTS(v); i++)
                visitor_done(&v[i]);
}

/* ---- the end ---- */

static void who_waits_at_the_end_is_told(void **state)
{
        struct visitor waiting[2], idle;
        struct rig *r = *state;

        visitor_init(&idle, &r->loop, r->path);
        for (size_t i = 0; i < N_ELEMENTS(waiting); i++) {
                r->n_calls = 0;
                visitor_init(&waiting[i], &r->loop, r->path);
                visitor_ask(&waiting[i], "POST", "/v1/later", "{}");
                loop_until(&r->loop, is_called, r);
        }
        control_close(TAKE(r->control));
        for (size_t i = 0; i < N_ELEMENTS(waiting); i++) {
                json_t *body = NULL;

                assert_int_equal(visitor_take(&waiting[i], false, NULL, &body), 503);
                assert_string_equal(text_of(body, "error"), "keyrouterd is ending");
                json_decref(body);
                visitor_done(&waiting[i]);
        }
        visitor_wait_end(&idle);
        visitor_done(&idle);
        assert_int_equal(access(r->path, F_OK), -1);
}

static void what_comes_at_the_end_runs_no_operation(void **state)
{
        struct rig *r = *state;
        struct visitor v;

        visitor_init(&v, &r->loop, r->path);
        visitor_ask(&v, "POST", "/v1/now", "{}");
        assert_int_equal(visitor_take(&v, false, NULL, NULL), 200);
        assert_int_equal(send(v.fd, "POST /v1/now HTTP/1.0\r\n\r\n", 25, 0), 25);
        control_close(TAKE(r->control)); /* which turns once more */
        visitor_wait_end(&v);
        assert_int_equal(r->n_calls, 1);
        visitor_done(&v);
}

/* ---- the socket ---- */

static void the_socket_is_of_its_group_alone(void **state)
{
        struct rig *r = *state;
        mode_t mask = umask(0);
        struct stat st;

        if (geteuid() != 0)
                skip();
        assert_int_equal(rig_open(r, NOBODY), 0);
        assert_int_equal(umask(mask), 0); /* as it was */
        assert_int_equal(stat(r->path, &st), 0);
        assert_true(S_ISSOCK(st.st_mode));
        assert_int_equal(st.st_mode & 07777, 0660);
        assert_int_equal(st.st_uid, 0);
        assert_int_equal(st.st_gid, NOBODY);
}

static void without_a_group_it_is_of_the_process_own(void **state)
{
        struct rig *r = *state;
        struct stat st;

        assert_int_equal(stat(r->path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0660);
        assert_int_equal(st.st_gid, getegid());
}

static int socket_at(const char *path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        strcpy(address.sun_path, path);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

static void a_socket_of_an_earlier_run_is_replaced(void **state)
{
        struct rig *r = *state;

        close(socket_at(r->path));
        assert_int_equal(rig_open(r, (gid_t)-1), 0);
        assert_int_equal(ask(r, "GET", "/healthz", NULL, NULL, NULL), 200);
}

static void a_socket_of_somebody_who_listens_is_not(void **state)
{
        CLEANUP(closep) int fd = -1;
        struct rig *r = *state;

        fd = socket_at(r->path);
        assert_int_equal(listen(fd, 1), 0);
        assert_int_equal(rig_open(r, (gid_t)-1), -EADDRINUSE);
        assert_int_equal(access(r->path, F_OK), 0);
}

static void what_is_no_socket_is_left_alone(void **state)
{
        CLEANUP(closep) int fd = -1;
        struct rig *r = *state;
        char text[8] = "";

        fd = open(r->path, O_RDWR | O_CREAT | O_EXCL, 0600);
        assert_int_equal(write(fd, "letter", 6), 6);
        assert_int_equal(rig_open(r, (gid_t)-1), -EEXIST);
        assert_int_equal(pread(fd, text, sizeof(text), 0), 6);
        assert_string_equal(text, "letter");
        assert_int_equal(unlink(r->path), 0);

        assert_int_equal(symlink("nowhere", r->path), 0);
        assert_int_equal(rig_open(r, (gid_t)-1), -EEXIST);
}

static void where_there_can_be_no_socket_it_is_told(void **state)
{
        struct rig *r = *state;

        snprintf(r->path, sizeof(r->path), "%s/nowhere/control", r->folder);
        assert_int_equal(rig_open(r, (gid_t)-1), -ENOENT);
        memset(r->path, '/', sizeof(r->path) - 1);
        assert_int_equal(rig_open(r, (gid_t)-1), -ENAMETOOLONG);
}

#define CONTROL_TEST(name) cmocka_unit_test_setup_teardown(name, rig_init, rig_done)
#define SOCKET_TEST(name) cmocka_unit_test_setup_teardown(name, folder_init, rig_done)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CONTROL_TEST(what_is_asked_how),
                CONTROL_TEST(without_a_policy_it_says_so),
                CONTROL_TEST(an_operation_gets_its_name_and_its_object),
                CONTROL_TEST(how_it_was_done_becomes_a_status),
                CONTROL_TEST(a_refusal_has_the_shape_of_all),
                CONTROL_TEST(a_request_beyond_the_bound_is_refused),
                CONTROL_TEST(requests_that_come_together_share_a_bound),
                CONTROL_TEST(who_asks_is_what_the_kernel_says),
                CONTROL_TEST(an_answer_may_come_later_and_holds_up_nobody),
                CONTROL_TEST(who_leaves_before_the_answer_misses_it),
                CONTROL_TEST(one_who_is_slow_holds_up_nobody),
                CONTROL_TEST(one_more_than_may_come_waits_for_another_to_leave),
                CONTROL_TEST(who_waits_at_the_end_is_told),
                CONTROL_TEST(what_comes_at_the_end_runs_no_operation),
                SOCKET_TEST(the_socket_is_of_its_group_alone),
                CONTROL_TEST(without_a_group_it_is_of_the_process_own),
                SOCKET_TEST(a_socket_of_an_earlier_run_is_replaced),
                SOCKET_TEST(a_socket_of_somebody_who_listens_is_not),
                SOCKET_TEST(what_is_no_socket_is_left_alone),
                SOCKET_TEST(where_there_can_be_no_socket_it_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
