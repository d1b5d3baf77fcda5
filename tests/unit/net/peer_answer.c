/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader of answers that shares no code with the engine, and that takes nothing for complete but
 * what its framing says is (RFC 9112 section 8).
 */
#include "tests/unit/net/check.h"
#include "tests/unit/net/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool header_find(const char *head, const char *name, char *value, size_t size)
{
        size_t n = strlen(name);

        for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
                line += 2;
                if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
                        const char *from = line + n + 1 + strspn(line + n + 1, " ");

                        snprintf(value, size, "%.*s", (int)strcspn(from, "\r"), from);
                        return true;
                }
        }
        return false;
}

/* `n` bytes more of the body; false where the connection ends before. */
static bool body_grow(struct peer *p, struct answer *a, size_t n, enum peer_end *ret_end)
{
        size_t there;

        a->body = realloc(a->body, a->n_body + n + 1);
        assert_non_null(a->body);
        there = peer_take_until_end(p, a->body + a->n_body, n, ret_end);
        a->n_body += there;
        a->body[a->n_body] = 0;
        return there == n;
}

/* One line without its end; false where the connection ends before. */
static bool line_read(struct peer *p, char *line, size_t size)
{
        enum peer_end end;
        size_t n = 0;

        while (n + 1 < size && peer_take_until_end(p, line + n, 1, &end) == 1) {
                if (line[n] == '\n') {
                        assert_true(n > 0 && line[n - 1] == '\r');
                        line[n - 1] = 0;
                        return true;
                }
                n++;
        }
        return false;
}

static bool chunks_read(struct peer *p, struct answer *a)
{
        char line[64], crlf[2];
        enum peer_end end;

        while (line_read(p, line, sizeof(line))) {
                size_t n = strtoul(line, NULL, 16);

                if (n == 0)
                        return line_read(p, line, sizeof(line)) && line[0] == 0;
                if (!body_grow(p, a, n, &end) || peer_take_until_end(p, crlf, 2, &end) < 2)
                        return false;
                assert_memory_equal(crlf, "\r\n", 2);
        }
        return false;
}

static bool body_read(struct peer *p, const char *method, struct answer *a)
{
        enum peer_end end = PEER_END_CUT;
        char value[64];

        a->chunked = header_find(a->head, "Transfer-Encoding", value, sizeof(value));
        if (strcmp(method, "HEAD") == 0 || a->status == 204 || a->status == 304)
                return true;
        if (a->chunked)
                return chunks_read(p, a);
        if (header_find(a->head, "Content-Length", value, sizeof(value)))
                return body_grow(p, a, strtoul(value, NULL, 10), &end);
        a->until_close = true;
        while (body_grow(p, a, 65536, &end))
                ;
        return end == PEER_END_CLEAN;
}

void answer_read(struct peer *p, const char *method, struct answer *ret)
{
        const char *head;

        *ret = (struct answer){ .body = calloc(1, 1) };
        do {
                head = peer_head_or_end(p);
                if (!head)
                        return;
                if (sscanf(head, "HTTP/1.%*1[01] %3u ", &ret->status) != 1)
                        fail_msg("not an answer: %.60s", head);
        } while (ret->status >= 100 && ret->status < 200);
        ret->head = strdup(head);
        ret->complete = body_read(p, method, ret);
}

void answer_done(struct answer *a)
{
        free(a->head);
        free(a->body);
}

void answer_expect(struct peer *p, const char *method, unsigned status, const char *body)
{
        struct answer a;

        answer_read(p, method, &a);
        if (!a.complete)
                fail_msg("the answer to %s ended after status %u and %zu body bytes", method,
                         a.status, a.n_body);
        if (a.status != status)
                fail_msg("status %u instead of %u: %s", a.status, status, a.body);
        if (body)
                assert_string_equal(a.body, body);
        answer_done(&a);
}
