/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_redact - of what must not come back nothing comes through, however the answer is cut into
 * pieces
 *
 * The input: a byte that says how long the pieces are, lines that are the traces, an empty line,
 * and the answer's body. Judged by the result alone: as long as the body, without any trace, and a
 * byte is overwritten only where a trace stood. Traces with a '*' are left out: an overwritten one
 * could complete another.
 */
#include "lib/base/cleanup.h"
#include "lib/net/message.h"

#include <stdio.h>

#define MUST(condition)                                                       \
        do {                                                                  \
                if (!(condition)) {                                           \
                        fprintf(stderr, "property broken: %s\n", #condition); \
                        abort();                                              \
                }                                                             \
        } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct message_limits limits = { .head_bytes = 4096, .target_bytes = 2048 };

static struct slice traces_read(struct slice input, struct redaction *redaction)
{
        struct slice line;

        while (slice_split(&input, '\n', &line) && line.length > 0)
                if (!memchr(line.data, '*', line.length))
                        redaction_add(redaction, line);
        return input.data ? input : SLICE_LITERAL("");
}

struct sieve {
        struct block_pool pool;
        struct message message;
        struct buffer in, out;
        char *passed;
        size_t n_passed;
};

static void sieve_drain(struct sieve *v)
{
        memcpy(v->passed + v->n_passed, buffer_slice(&v->out).data, buffer_length(&v->out));
        v->n_passed += buffer_length(&v->out);
        buffer_consume(&v->out, buffer_length(&v->out));
}

/* What has come through after each piece is gone: nothing of it can be taken back. */
static void sieve_run(struct sieve *v, const struct redaction *redaction, struct slice body,
                      size_t piece)
{
        enum head_answer why;

        block_pool_init(&v->pool, 8);
        message_init(&v->message, &v->pool);
        buffer_init(&v->in, &v->pool);
        buffer_init(&v->out, &v->pool);
        v->message.redaction = redaction;
        MUST(buffer_put_text(&v->in, "HTTP/1.1 200 OK\r\n\r\n") == 0);
        MUST(message_begin(&v->message, MESSAGE_ANSWER, false, &limits, &v->in, &why) == 0);
        while (body.length > 0) {
                size_t n = MIN(piece, body.length);

                MUST(buffer_put(&v->in, body.data, n) == 0);
                while (buffer_length(&v->in) > 0) {
                        MUST(message_body(&v->message, &v->in, &v->out, SIZE_MAX) == 0);
                        sieve_drain(v);
                }
                body = slice_from(body, n);
        }
        MUST(message_end(&v->message));
        MUST(buffer_put_slice(&v->out, message_rest(&v->message)) == 0);
        sieve_drain(v);
        message_done(&v->message);
        buffer_release(&v->in);
        buffer_release(&v->out);
        block_pool_done(&v->pool);
}

static bool is_at(struct slice s, size_t at, struct slice piece)
{
        return at + piece.length <= s.length && memcmp(s.data + at, piece.data, piece.length) == 0;
}

/* Does a trace cover the byte number `at`? */
static bool is_traced(const struct redaction *r, struct slice body, size_t at)
{
        for (unsigned i = 0; i < r->n_traces; i++)
                for (size_t k = 0; k < r->traces[i].length && k <= at; k++)
                        if (is_at(body, at - k, r->traces[i]))
                                return true;
        return false;
}

static void judge(const struct redaction *r, struct slice body, struct slice passed)
{
        MUST(passed.length == body.length);
        for (size_t at = 0; at < body.length; at++) {
                for (unsigned i = 0; i < r->n_traces; i++)
                        MUST(!is_at(passed, at, r->traces[i]));
                if (passed.data[at] != body.data[at])
                        MUST(passed.data[at] == '*' && is_traced(r, body, at));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct redaction redaction = { .n_traces = 0 };
        struct slice body;
        struct sieve v = { .n_passed = 0 };

        if (size < 2)
                return 0;
        body = traces_read((struct slice){ (const char *)data + 1, MIN(size - 1, (size_t)4096) },
                           &redaction);
        v.passed = malloc(body.length + 1);
        MUST(v.passed);
        sieve_run(&v, &redaction, body, data[0] % 64U + 1);
        judge(&redaction, body, (struct slice){ v.passed, v.n_passed });
        free(v.passed);
        return 0;
}
