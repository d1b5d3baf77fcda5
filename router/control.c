/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmicrohttpd has no thread here: its epoll descriptor is watched by the loop, and it runs when
 * something is ready or its own timer is due. A call whose answer comes later is a suspended
 * connection; when it is resumed, the handler is called once more and finds the answer.
 */
#include "router/control.h"

#include "lib/base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <microhttpd.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>

#define BACKLOG 64
#define BODY_FIRST_BYTES 4096
#define HTTP_TOO_LARGE 413 /* its name in libmicrohttpd changes with the version */

static const char nothing_there[] = "there is nothing at this path";

struct control {
        struct MHD_Daemon *http;
        uv_poll_t ready;
        uv_timer_t due;
        unsigned n_handles; /* that are not closed yet */
        const struct control_program *program;
        void *context;
        char *path;
        struct control_call *calls; /* those under way */
        size_t n_bytes; /* of bodies that are not read yet */
        bool closing;
        bool has_room; /* a connection has ended in this turn */
};

struct control_call {
        struct control *control;
        struct control_call *next;
        struct MHD_Connection *connection;
        char *body;
        size_t length, allocated;
        bool too_large, no_memory;
        bool in_handler, suspended;
        bool answered;
        struct reply reply;
};

/* ---- answers ---- */

static unsigned http_status(int status)
{
        switch (status) {
        case 0:
                return MHD_HTTP_OK;
        case EX_USAGE:
                return MHD_HTTP_BAD_REQUEST;
        case EX_DATAERR:
                return 422;
        case EX_NOINPUT:
                return MHD_HTTP_NOT_FOUND;
        case EX_UNAVAILABLE:
                return MHD_HTTP_SERVICE_UNAVAILABLE;
        case EX_TEMPFAIL:
                return MHD_HTTP_CONFLICT;
        case EX_NOPERM:
                return MHD_HTTP_FORBIDDEN;
        default:
                return MHD_HTTP_INTERNAL_SERVER_ERROR;
        }
}

/* `allow`: of a 405, else NULL. */
static enum MHD_Result send_json(struct MHD_Connection *connection, unsigned status,
                                 const char *allow, const json_t *body)
{
        char *text = json_dumps(body, JSON_COMPACT);
        struct MHD_Response *response;
        enum MHD_Result r;

        if (!text)
                return MHD_NO;
        response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
        if (!response) {
                free(text);
                return MHD_NO;
        }
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
        if (allow)
                MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
        r = MHD_queue_response(connection, status, response);
        MHD_destroy_response(response);
        return r;
}

static enum MHD_Result send_sentence(struct MHD_Connection *connection, unsigned status,
                                     const char *schema, const char *name, const char *text)
{
        json_t *body = json_pack("{s:s, s:s}", "schema", schema, name, text);
        enum MHD_Result r = body ? send_json(connection, status, NULL, body) : MHD_NO;

        json_decref(body);
        return r;
}

void control_refuse(struct reply *ret, int status, const char *error, const char *remedy)
{
        *ret = (struct reply){ status,
                               json_pack("{s:s, s:i, s:s, s:s?, s:[]}", "schema",
                                         "keyrouter.error/1", "status", status, "error", error,
                                         "remedy", remedy, "findings"),
                               0 };
}

/* What is no operation at all. */
static enum MHD_Result send_refusal(struct MHD_Connection *connection, unsigned http, int status,
                                    const char *error)
{
        struct reply r;
        enum MHD_Result sent;

        control_refuse(&r, status, error, NULL);
        sent = send_json(connection, http,
                         http == MHD_HTTP_METHOD_NOT_ALLOWED ? "GET, HEAD, POST" : NULL, r.body);
        reply_done(&r);
        return sent;
}

static void refuse_ending(struct reply *ret)
{
        control_refuse(ret, EX_UNAVAILABLE, "keyrouterd is ending", NULL);
}

static enum MHD_Result call_send(struct control_call *call)
{
        enum MHD_Result r = send_json(call->connection, http_status(call->reply.status), NULL,
                                      call->reply.body);

        reply_done(&call->reply);
        return r;
}

void control_answer(struct control_call *call, struct reply *reply)
{
        call->reply = *reply;
        call->answered = true;
        if (call->suspended) {
                call->suspended = false;
                MHD_resume_connection(call->connection);
                uv_timer_start(&call->control->due, call->control->due.timer_cb, 0, 0);
        }
}

/* ---- calls ---- */

/* Who is at the other end, as the kernel says. */
static void caller_find(struct MHD_Connection *connection, char *out, size_t size)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct ucred peer;
        socklen_t length = sizeof(peer);
        struct passwd *user;

        snprintf(out, size, "unknown");
        if (!info || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
                return;
        user = getpwuid(peer.uid);
        if (user)
                snprintf(out, size, "%.200s", user->pw_name);
        else
                snprintf(out, size, "uid %u", (unsigned)peer.uid);
}

static void body_free(struct control_call *call)
{
        call->control->n_bytes -= call->length;
        call->length = 0;
        free(TAKE(call->body));
}

static void call_run(struct control_call *call, const char *operation)
{
        struct control *c = call->control;
        json_t *request =
                call->length ? json_loadb(call->body, call->length, JSON_REJECT_DUPLICATES, NULL)
                             : json_object();
        struct reply refusal;
        char who[256];

        body_free(call);
        if (c->closing || !json_is_object(request)) {
                json_decref(request);
                if (c->closing)
                        refuse_ending(&refusal);
                else
                        control_refuse(&refusal, EX_USAGE, "the request is not a JSON object",
                                       NULL);
                control_answer(call, &refusal);
                return;
        }
        caller_find(call->connection, who, sizeof(who));
        c->program->call(c->context, call, operation, who, request);
        json_decref(request);
}

static void call_take(struct control_call *call, const char *data, size_t n)
{
        size_t wanted = call->length + n;
        char *larger;

        if (wanted > OPERATION_MAX_BYTES || call->control->n_bytes + n > CONTROL_MAX_BYTES)
                call->too_large = true;
        if (call->too_large || call->no_memory)
                return;
        if (wanted > call->allocated) {
                size_t allocated = MAX(wanted, MAX(call->allocated * 2, (size_t)BODY_FIRST_BYTES));

                larger = realloc(call->body, allocated);
                if (!larger) {
                        call->no_memory = true;
                        return;
                }
                call->body = larger;
                call->allocated = allocated;
        }
        memcpy(call->body + call->length, data, n);
        call->length = wanted;
        call->control->n_bytes += n;
}

static enum MHD_Result call_finish(struct control_call *call, const char *operation)
{
        if (call->too_large)
                return send_refusal(call->connection, HTTP_TOO_LARGE, EX_USAGE,
                                    "the request is too large");
        if (call->no_memory)
                return send_refusal(call->connection, MHD_HTTP_INTERNAL_SERVER_ERROR, EX_OSERR,
                                    "out of memory");
        if (!call->answered)
                call_run(call, operation);
        if (call->answered)
                return call_send(call);
        call->suspended = true;
        MHD_suspend_connection(call->connection);
        return MHD_YES;
}

static struct control_call *call_new(struct control *c, struct MHD_Connection *connection)
{
        struct control_call *call = calloc(1, sizeof(*call));

        if (!call)
                return NULL;
        call->control = c;
        call->connection = connection;
        call->next = c->calls;
        c->calls = call;
        return call;
}

static void call_free(struct control_call *call)
{
        struct control_call **at = &call->control->calls;

        while (*at != call)
                at = &(*at)->next;
        *at = call->next;
        if (call->answered)
                reply_done(&call->reply);
        body_free(call);
        free(call);
}

/* ---- what libmicrohttpd calls ---- */

static enum MHD_Result on_get(struct control *c, struct MHD_Connection *connection, const char *url)
{
        const char *reason;

        if (strcmp(url, "/healthz") == 0)
                return send_sentence(connection, MHD_HTTP_OK, "keyrouter.health/1", "health", "ok");
        if (strcmp(url, "/readyz") != 0)
                return send_refusal(connection, MHD_HTTP_NOT_FOUND, EX_NOINPUT, nothing_there);
        reason = c->program->unready(c->context);
        return send_sentence(connection, reason ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK,
                             "keyrouter.ready/1", "reason",
                             reason ? reason : "a policy is in force");
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *length, void **state)
{
        static const char prefix[] = "/v1/";
        struct control *c = context;
        struct control_call *call = *state;

        if (!call) {
                *state = call_new(c, connection);
                return *state ? MHD_YES : MHD_NO;
        }
        if (*length) {
                call_take(call, data, *length);
                *length = 0;
                return MHD_YES;
        }
        if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
                return on_get(c, connection, url);
        if (strcmp(method, "POST") != 0)
                return send_refusal(connection, MHD_HTTP_METHOD_NOT_ALLOWED, EX_USAGE,
                                    "operations are asked for by POST");
        if (strncmp(url, prefix, sizeof(prefix) - 1) != 0)
                return send_refusal(connection, MHD_HTTP_NOT_FOUND, EX_NOINPUT, nothing_there);
        return call_finish(call, url + sizeof(prefix) - 1);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode how)
{
        if (*state)
                call_free(*state);
        *state = NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode what)
{
        struct control *c = context;

        if (what == MHD_CONNECTION_NOTIFY_CLOSED)
                c->has_room = true;
}

/* ---- the loop ---- */

static void on_due(uv_timer_t *timer);

static void control_turn(struct control *c)
{
        MHD_UNSIGNED_LONG_LONG wait_ms;

        do { /* where there was no room, the listener is looked at again in the next run */
                c->has_room = false;
                MHD_run(c->http);
        } while (c->has_room);
        if (MHD_get_timeout(c->http, &wait_ms) == MHD_YES)
                uv_timer_start(&c->due, on_due, wait_ms, 0);
        else
                uv_timer_stop(&c->due);
}

static void on_due(uv_timer_t *timer)
{
        control_turn(timer->data);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
        control_turn(poll->data);
}

/* Under a service manager the group is the process's own, and there is nothing to change. */
static int socket_own(const char *path, gid_t group)
{
        if (group != (gid_t)-1 && group != getegid() && chown(path, (uid_t)-1, group) < 0)
                return -errno;
        return chmod(path, 0660) < 0 ? -errno : 0;
}

static int socket_make(void)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        return fd < 0 ? fault(-errno) : fd;
}

/* A socket at which nobody listens is of a run that has ended. */
static int socket_clear(const struct sockaddr_un *address)
{
        CLEANUP(closep) int fd = -1;
        struct stat st;

        if (lstat(address->sun_path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(st.st_mode))
                return -EEXIST;
        fd = socket_make();
        if (fd < 0)
                return fd;
        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
            errno == EAGAIN) /* its queue is full */
                return -EADDRINUSE;
        return unlink(address->sun_path) < 0 ? -errno : 0;
}

static int socket_bind(int fd, const struct sockaddr_un *address, gid_t group)
{
        mode_t mask = umask(0177);
        int r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;

        umask(mask);
        if (r == 0)
                r = socket_own(address->sun_path, group);
        return r == 0 && listen(fd, BACKLOG) < 0 ? -errno : r;
}

static int socket_open(const char *path, gid_t group, int *ret)
{
        CLEANUP(closep) int fd = socket_make();
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int r;

        if (fd < 0)
                return fd;
        if (strlen(path) >= sizeof(address.sun_path))
                return fault(-ENAMETOOLONG);
        strcpy(address.sun_path, path);
        r = socket_clear(&address);
        if (r == 0)
                r = socket_bind(fd, &address, group);
        if (r == 0)
                *ret = TAKE_FD(fd);
        return r;
}

static int http_start(struct control *c, int fd)
{
        const union MHD_DaemonInfo *info;

        c->http = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
                                   on_request, c, MHD_OPTION_LISTEN_SOCKET, fd,
                                   MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONTROL_MAX_CONNECTIONS,
                                   MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONTROL_IDLE_S,
                                   MHD_OPTION_NOTIFY_COMPLETED, on_completed, c,
                                   MHD_OPTION_NOTIFY_CONNECTION, on_connection, c, MHD_OPTION_END);
        if (!c->http) {
                close(fd);
                return fault(-ENOMEM);
        }
        info = MHD_get_daemon_info(c->http, MHD_DAEMON_INFO_EPOLL_FD);
        return info ? info->epoll_fd : fault(-EIO);
}

static void on_handle_closed(uv_handle_t *handle)
{
        struct control *c = handle->data;

        if (--c->n_handles > 0)
                return;
        free(c->path);
        free(c);
}

int control_open(uv_loop_t *loop, const char *path, gid_t group,
                 const struct control_program *program, void *context, struct control **ret)
{
        struct control *c = calloc(1, sizeof(*c));
        int fd = -1, epoll_fd, r;

        if (!c)
                return fault(-ENOMEM);
        c->program = program;
        c->context = context;
        c->path = strdup(path);
        r = c->path ? socket_open(path, group, &fd) : fault(-ENOMEM);
        if (r < 0) {
                free(c->path);
                free(c);
                return r;
        }
        epoll_fd = http_start(c, fd);
        c->n_handles = 2;
        c->ready.data = c->due.data = c;
        uv_timer_init(loop, &c->due);
        r = epoll_fd < 0 ? epoll_fd : uv_poll_init(loop, &c->ready, epoll_fd);
        if (r == 0)
                r = uv_poll_start(&c->ready, UV_READABLE, on_ready);
        if (r < 0) {
                c->n_handles = 1;
                if (c->http)
                        MHD_stop_daemon(c->http);
                uv_close((uv_handle_t *)&c->due, on_handle_closed);
                return r;
        }
        *ret = c;
        return 0;
}

void control_close(struct control *c)
{
        c->closing = true;
        unlink(c->path);
        uv_poll_stop(&c->ready);
        uv_timer_stop(&c->due);
        for (struct control_call *call = c->calls; call; call = call->next) {
                if (!call->suspended)
                        continue;
                refuse_ending(&call->reply);
                call->answered = true;
                call->suspended = false;
                MHD_resume_connection(call->connection);
        }
        MHD_run(c->http);
        MHD_stop_daemon(c->http);
        uv_close((uv_handle_t *)&c->ready, on_handle_closed);
        uv_close((uv_handle_t *)&c->due, on_handle_closed);
}
