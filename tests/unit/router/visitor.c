/* SPDX-License-Identifier: Apache-2.0 */
#include "visitor.h"

#include "loop.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#define TAKE_BYTES ((size_t)65536)

static void on_readable(uv_poll_t *poll, int status, int events)
{
        struct visitor *v = CONTAINER_OF(poll, struct visitor, poll);
        ssize_t n;

        if (v->n_in + TAKE_BYTES + 1 > v->allocated) {
                v->allocated = v->allocated * 2 + TAKE_BYTES + 1;
                v->in = realloc(v->in, v->allocated);
                assert_non_null(v->in);
        }
        n = recv(v->fd, v->in + v->n_in, TAKE_BYTES, MSG_DONTWAIT);
        if (n > 0) {
                v->n_in += (size_t)n;
                v->in[v->n_in] = 0;
        } else if (n == 0 || errno != EAGAIN) {
                v->ended = true;
                uv_poll_stop(poll);
        }
}

void visitor_init(struct visitor *v, uv_loop_t *loop, const char *path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        *v = (struct visitor){ .loop = loop };
        v->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(v->fd >= 0 && strlen(path) < sizeof(address.sun_path));
        strcpy(address.sun_path, path);
        assert_int_equal(connect(v->fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(uv_poll_init(loop, &v->poll, v->fd), 0);
        assert_int_equal(uv_poll_start(&v->poll, UV_READABLE, on_readable), 0);
}

static void on_closed(uv_handle_t *handle)
{
        handle->data = NULL;
}

static bool is_closed(void *context)
{
        return ((struct visitor *)context)->poll.data == NULL;
}

void visitor_done(struct visitor *v)
{
        v->poll.data = v;
        uv_close((uv_handle_t *)&v->poll, on_closed);
        close(v->fd);
        loop_until(v->loop, is_closed, v);
        free(v->in);
}

void visitor_send(struct visitor *v, const void *bytes, size_t n)
{
        const char *at = bytes;

        while (n > 0 && !v->ended) {
                ssize_t sent = send(v->fd, at, n, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (sent < 0 && errno != EAGAIN)
                        return;
                at += sent > 0 ? sent : 0;
                n -= sent > 0 ? (size_t)sent : 0;
                uv_run(v->loop, UV_RUN_NOWAIT);
        }
}

void visitor_ask(struct visitor *v, const char *method, const char *target, const char *body)
{
        char head[512];
        int n = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: localhost\r\n", method,
                         target);

        if (body)
                n += snprintf(head + n, sizeof(head) - (size_t)n, "Content-Length: %zu\r\n",
                              strlen(body));
        strcpy(head + n, "\r\n");
        visitor_send(v, head, strlen(head));
        if (body)
                visitor_send(v, body, strlen(body));
}

static size_t body_length(const struct visitor *v)
{
        const char *field = strcasestr(v->in, "\r\nContent-Length:");

        return field ? strtoul(field + strlen("\r\nContent-Length:"), NULL, 10) : 0;
}

static const char *head_end(const struct visitor *v)
{
        return v->in ? strstr(v->in, "\r\n\r\n") : NULL;
}

bool visitor_has_answer(const struct visitor *v)
{
        const char *end = head_end(v);

        return end && v->n_in >= (size_t)(end + 4 - v->in) + body_length(v);
}

static bool has_head_or_end(void *context)
{
        const struct visitor *v = context;

        return v->ended || head_end(v);
}

static bool has_answer_or_end(void *context)
{
        const struct visitor *v = context;

        return v->ended || visitor_has_answer(v);
}

unsigned visitor_take(struct visitor *v, bool without_body, char **ret_head,
                      struct json_t **ret_body)
{
        size_t n_head, n_body;
        unsigned status;

        loop_until(v->loop, without_body ? has_head_or_end : has_answer_or_end, v);
        if (!head_end(v) || (!without_body && !visitor_has_answer(v)))
                return 0;
        n_head = (size_t)(head_end(v) + 4 - v->in);
        n_body = without_body ? 0 : body_length(v);
        assert_int_equal(sscanf(v->in, "HTTP/1.1 %u ", &status), 1);
        if (ret_head)
                *ret_head = strndup(v->in, n_head);
        if (ret_body)
                *ret_body = json_loadb(v->in + n_head, n_body, 0, NULL);
        v->n_in -= n_head + n_body;
        memmove(v->in, v->in + n_head + n_body, v->n_in + 1);
        return status;
}

static bool has_ended(void *context)
{
        return ((struct visitor *)context)->ended;
}

void visitor_wait_end(struct visitor *v)
{
        loop_until(v->loop, has_ended, v);
}
