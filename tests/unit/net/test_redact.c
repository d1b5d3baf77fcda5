/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace is taken out of head and body, in whatever pieces they arrive; everything else stays, and
 * so does every length.
 */
#include "lib/net/message.h"
#include "tests/unit/net/check.h"

#include <stdio.h>

#define KEY "k3y-k3y-k3z" /* begins twice within itself */
#define OUT "***********"

static const struct message_limits limits = { .head_bytes = 16384, .target_bytes = 8192 };

static const struct {
        const char *sentence;
        const char *body;
        const char *passed;
} bodies[] = {
        { "nothing to take out", "{\"a\":\"hello world\"}", "{\"a\":\"hello world\"}" },
        { "in the middle", "you sent " KEY "!", "you sent " OUT "!" },
        { "nothing else", KEY, OUT },
        { "at the end", "you sent " KEY, "you sent " OUT },
        { "twice, next to each other", "<" KEY KEY ">", "<" OUT OUT ">" },
        { "behind its own beginning", "k3y-" KEY "k3y-k3", "k3y-" OUT "k3y-k3" },
        { "its beginning only", "<k3y-k3y-k3", "<k3y-k3y-k3" },
        { "another case is another word", "K3Y-K3Y-K3Z", "K3Y-K3Y-K3Z" },
        { "the second trace", "as base64: Ym9keS1zZWNyZXQ=", "as base64: ****************" },
        { "both", KEY "Ym9keS1zZWNyZXQ=k3y-", OUT "****************k3y-" },
};

static void redaction_make(struct redaction *r)
{
        *r = (struct redaction){ 0 };
        redaction_add(r, SLICE_LITERAL(KEY));
        redaction_add(r, SLICE_LITERAL("Ym9keS1zZWNyZXQ="));
}

/* The answer's wire form with this framing. */
static void wire_put(struct buffer *wire, enum framing framing, const char *body, size_t chunk)
{
        size_t n = strlen(body);

        assert_int_equal(buffer_put_text(wire, "HTTP/1.1 200 OK\r\n"), 0);
        assert_int_equal(framing_put(wire, framing, n), 0);
        if (framing != FRAMING_CHUNKED) {
                assert_int_equal(buffer_put(wire, body, n), 0);
                return;
        }
        for (size_t at = 0, now; at < n; at += now) {
                now = MIN(chunk, n - at);
                assert_int_equal(buffer_printf(wire, "%zx\r\n%.*s\r\n", now, (int)now, body + at), 0);
        }
        assert_int_equal(buffer_put_text(wire, "0\r\n\r\n"), 0);
}

struct bench {
        struct block_pool pool;
        struct redaction redaction;
        struct buffer wire, in, out, again;
        struct message message;
};

static void bench_init(struct bench *b)
{
        block_pool_init(&b->pool, 8);
        redaction_make(&b->redaction);
        buffer_init(&b->wire, &b->pool);
        buffer_init(&b->in, &b->pool);
        buffer_init(&b->out, &b->pool);
        buffer_init(&b->again, &b->pool);
        message_init(&b->message, &b->pool);
        b->message.redaction = &b->redaction;
}

static void bench_done(struct bench *b)
{
        message_done(&b->message);
        buffer_release(&b->wire);
        buffer_release(&b->in);
        buffer_release(&b->out);
        buffer_release(&b->again);
        block_pool_done(&b->pool);
}

/* Takes `piece` bytes at a time off the wire and writes the body anew with this framing. */
static void pump(struct bench *b, size_t piece, enum framing framing)
{
        enum head_answer why;
        bool begun = false;

        while (buffer_length(&b->wire) > 0) {
                struct slice now = buffer_slice(&b->wire);

                now.length = MIN(now.length, piece);
                assert_int_equal(buffer_put_slice(&b->in, now), 0);
                buffer_consume(&b->wire, now.length);
                if (!begun) {
                        begun = message_begin(&b->message, MESSAGE_ANSWER, false, &limits, &b->in,
                                              &why) == 0;
                        if (!begun)
                                continue;
                }
                while (!b->message.complete && buffer_length(&b->in) > 0)
                        assert_int_equal(message_pump(&b->message, &b->in, &b->out, framing), 0);
        }
        if (!b->message.complete) {
                assert_true(message_end(&b->message));
                assert_int_equal(held_put(&b->out, message_rest(&b->message), true, framing), 0);
        }
}

static void expect_passed(struct bench *b, enum framing framing, size_t row, size_t piece)
{
        struct message plain;
        enum head_answer why;

        message_init(&plain, &b->pool);
        assert_int_equal(buffer_put_text(&b->in, "HTTP/1.1 200 OK\r\n"), 0);
        assert_int_equal(framing_put(&b->in, framing, strlen(bodies[row].passed)), 0);
        assert_int_equal(buffer_put_slice(&b->in, buffer_slice(&b->out)), 0);
        assert_int_equal(message_begin(&plain, MESSAGE_ANSWER, false, &limits, &b->in, &why), 0);
        while (buffer_length(&b->in) > 0 && !plain.complete)
                assert_int_equal(message_body(&plain, &b->in, &b->again, SIZE_MAX), 0);
        if (!message_end(&plain) || !slice_is(buffer_slice(&b->again), bodies[row].passed))
                fail_msg("%s, framing %d, pieces of %zu: '%.*s'", bodies[row].sentence, framing,
                         piece, (int)buffer_length(&b->again), buffer_slice(&b->again).data);
        message_done(&plain);
}

static void a_trace_is_taken_out_wherever_the_body_is_split(void **state)
{
        static const enum framing framings[] = { FRAMING_SIZED, FRAMING_CHUNKED,
                                                 FRAMING_UNTIL_CLOSE };

        for (size_t i = 0; i < N_ELEMENTS(bodies); i++) {
                for (size_t f = 0; f < N_ELEMENTS(framings); f++) {
                        enum framing onward = framings[f] == FRAMING_UNTIL_CLOSE ? FRAMING_CHUNKED
                                                                                : framings[f];

                        for (size_t piece = 1; piece < 60; piece++) {
                                struct bench b;

                                bench_init(&b);
                                wire_put(&b.wire, framings[f], bodies[i].body, piece % 7 + 1);
                                pump(&b, piece, onward);
                                expect_passed(&b, onward, i, piece);
                                bench_done(&b);
                        }
                }
        }
}

static void a_trace_in_the_head_is_taken_out_and_the_head_means_the_same(void **state)
{
        static const char head[] = "HTTP/1.1 200 " KEY "\r\nX-" KEY ": a\r\nLocation: /?key=" KEY
                                   "\r\nContent-Length: 0\r\n\r\n";
        enum head_answer why;
        struct bench b;

        bench_init(&b);
        assert_int_equal(buffer_put_text(&b.in, head), 0);
        assert_int_equal(message_begin(&b.message, MESSAGE_ANSWER, false, &limits, &b.in, &why), 0);
        assert_true(b.message.complete);
        assert_true(slice_is(b.message.head.reason, OUT));
        assert_true(slice_is(b.message.head.headers[0].name, "X-" OUT));
        assert_true(slice_is(head_header(&b.message.head, "location"), "/?key=" OUT));
        assert_int_equal(b.message.n_redacted, 3);
        bench_done(&b);
}

static void an_answer_cut_off_in_a_trace_gives_nothing_of_it_away(void **state)
{
        for (size_t n = 1; n < strlen(KEY); n++) {
                enum head_answer why;
                struct bench b;

                bench_init(&b);
                assert_int_equal(
                        buffer_printf(&b.in, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<%.*s",
                                      (int)n, KEY),
                        0);
                assert_int_equal(message_begin(&b.message, MESSAGE_ANSWER, false, &limits, &b.in,
                                               &why),
                                 0);
                assert_int_equal(message_pump(&b.message, &b.in, &b.out, FRAMING_SIZED), 0);
                if (!slice_is(buffer_slice(&b.out), "<"))
                        fail_msg("%zu bytes of the trace: %zu passed", n, buffer_length(&b.out) - 1);
                bench_done(&b);
        }
}

static void only_what_could_be_a_trace_is_held_back(void **state)
{
        static const char *const texts[] = { "<", "k3y-k3x", "k3y-k3y-k3z-", "Ym9keS1zZWNyZXQ",
                                             "k3y k3y" };
        static const size_t held[] = { 0, 0, 0, 15, 3 };

        for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
                struct redaction r;
                size_t n;

                redaction_make(&r);
                n = redact_open_end(&r, texts[i], strlen(texts[i]));
                if (n != held[i])
                        fail_msg("'%s': %zu bytes held back", texts[i], n);
        }
}

/* What was held back needs its room too, beside the chunk's own bytes. */
static void a_buffer_that_is_nearly_full_takes_what_fits(void **state)
{
        static const char filling[BLOCK_BYTES];

        for (size_t room = 1; room < 200; room++) {
                enum head_answer why;
                struct bench b;

                bench_init(&b);
                assert_int_equal(buffer_put_text(&b.in, "HTTP/1.1 200 OK\r\n\r\nk3y-k3y-k3"), 0);
                assert_int_equal(message_begin(&b.message, MESSAGE_ANSWER, false, &limits, &b.in,
                                               &why),
                                 0);
                assert_int_equal(message_pump(&b.message, &b.in, &b.out, FRAMING_CHUNKED), 0);
                assert_int_equal(b.message.n_open_end, 10);
                assert_int_equal(buffer_put(&b.out, filling, BLOCK_BYTES - room), 0);
                assert_int_equal(buffer_put(&b.in, filling, 1000), 0);
                if (message_pump(&b.message, &b.in, &b.out, FRAMING_CHUNKED) != 0)
                        fail_msg("refused with room for %zu bytes", room);
                bench_done(&b);
        }
}

static void what_is_no_trace_is_left_out(void **state)
{
        struct redaction r = { 0 };
        char text[REDACT_MAX_BYTES + 20];

        redaction_add(&r, (struct slice){ NULL, 0 });
        redaction_add(&r, SLICE_LITERAL("7 bytes"));
        assert_int_equal(r.n_traces, 0);
        redaction_add(&r, SLICE_LITERAL("8 bytes."));
        redaction_add(&r, SLICE_LITERAL("8 bytes."));
        assert_int_equal(r.n_traces, 1);
        memset(text, 'x', sizeof(text));
        redaction_add(&r, (struct slice){ text, sizeof(text) });
        assert_int_equal(r.traces[1].length, REDACT_MAX_BYTES);
        for (char c = 'a'; c < 'k'; c++) {
                char word[] = "0 another";

                word[0] = c;
                redaction_add(&r, slice_of(word));
                assert_in_range(r.n_traces, 1, REDACT_MAX_TRACES);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_trace_is_taken_out_wherever_the_body_is_split),
                cmocka_unit_test(a_trace_in_the_head_is_taken_out_and_the_head_means_the_same),
                cmocka_unit_test(an_answer_cut_off_in_a_trace_gives_nothing_of_it_away),
                cmocka_unit_test(only_what_could_be_a_trace_is_held_back),
                cmocka_unit_test(a_buffer_that_is_nearly_full_takes_what_fits),
                cmocka_unit_test(what_is_no_trace_is_left_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
