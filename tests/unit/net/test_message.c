/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies: however the bytes arrive, the decoded body is the same, and what is written anew decodes
 * to the same body again.
 */
#include "lib/net/message.h"
#include "tests/unit/net/check.h"

#include <errno.h>
#include <stdio.h>

static const struct message_limits limits = { .head_bytes = 16384, .target_bytes = 8192 };

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define SIZED "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"
#define UNTIL_CLOSE "HTTP/1.1 200 OK\r\n\r\n"

struct bench {
        struct block_pool pool;
        struct buffer in, out;
        struct message message;
};

static void bench_init(struct bench *b, const char *head)
{
        enum head_answer why;

        block_pool_init(&b->pool, 8);
        buffer_init(&b->in, &b->pool);
        buffer_init(&b->out, &b->pool);
        message_init(&b->message, &b->pool);
        assert_int_equal(buffer_put_text(&b->in, head), 0);
        assert_int_equal(message_begin(&b->message, MESSAGE_ANSWER, false, &limits, &b->in, &why),
                         0);
}

static void bench_done(struct bench *b)
{
        message_done(&b->message);
        buffer_release(&b->in);
        buffer_release(&b->out);
        block_pool_done(&b->pool);
}

/* All of `in` through the decoder. */
static int decode(struct bench *b)
{
        while (!b->message.complete && buffer_length(&b->in) > 0) {
                int r = message_body(&b->message, &b->in, &b->out, SIZE_MAX);

                if (r)
                        return r;
        }
        return 0;
}

struct body {
        const char *sentence;
        const char *head;
        const char *raw;
        const char *decoded;
        bool until_close;
};

static const struct body bodies[] = {
        { "sized", SIZED, "hello world", "hello world", false },
        { "one chunk", CHUNKED, "b\r\nhello world\r\n0\r\n\r\n", "hello world", false },
        { "many chunks", CHUNKED, "1\r\nh\r\n4\r\nello\r\n6\r\n world\r\n0\r\n\r\n", "hello world",
          false },
        { "sizes in both cases and with zeros", CHUNKED, "00B\r\nhello world\r\n000\r\n\r\n",
          "hello world", false },
        { "an extension", CHUNKED, "b;a=b\r\nhello world\r\n0;c\r\n\r\n", "hello world", false },
        { "a quoted extension", CHUNKED, "b;a=\"b c\"\r\nhello world\r\n0\r\n\r\n", "hello world",
          false },
        { "trailers", CHUNKED, "b\r\nhello world\r\n0\r\nX: y\r\nZ: a b\r\n\r\n", "hello world",
          false },
        { "no data", CHUNKED, "0\r\n\r\n", "", false },
        { "data that looks like framing", CHUNKED, "9\r\n\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n",
          "\r\n0\r\n\r\n\r\n", false },
        { "until the end", UNTIL_CLOSE, "hello\r\nworld", "hello\r\nworld", true },
};

static void expect_decoded(const struct body *body, struct bench *b, size_t split)
{
        if (body->until_close)
                assert_true(message_end(&b->message));
        if (!b->message.complete || !slice_is(buffer_slice(&b->out), body->decoded) ||
            b->message.n_body_bytes != strlen(body->decoded))
                fail_msg("%s, split at %zu: complete %d, '%.*s'", body->sentence, split,
                         b->message.complete, (int)buffer_length(&b->out),
                         buffer_slice(&b->out).data);
}

static void decode_in_pieces(const struct body *body, size_t piece, size_t first)
{
        size_t n = strlen(body->raw), at = 0;
        struct bench b;

        bench_init(&b, body->head);
        while (at < n) {
                size_t now = MIN(at == 0 && first ? first : piece, n - at);

                assert_int_equal(buffer_put(&b.in, body->raw + at, now), 0);
                if (decode(&b) != 0)
                        fail_msg("%s, pieces of %zu and %zu: refused at %zu", body->sentence, first,
                                 piece, at);
                at += now;
        }
        assert_int_equal(buffer_length(&b.in), 0);
        expect_decoded(body, &b, first);
        bench_done(&b);
}

static void a_body_is_the_same_wherever_it_is_split(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(bodies); i++) {
                for (size_t first = 1; first <= strlen(bodies[i].raw); first++)
                        decode_in_pieces(&bodies[i], SIZE_MAX, first);
                for (size_t piece = 1; piece < 5; piece++)
                        decode_in_pieces(&bodies[i], piece, 0);
        }
}

static void what_follows_a_body_is_left_in_place(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(bodies); i++) {
                struct bench b;

                if (bodies[i].until_close)
                        continue;
                bench_init(&b, bodies[i].head);
                assert_int_equal(buffer_put_text(&b.in, bodies[i].raw), 0);
                assert_int_equal(buffer_put_text(&b.in, "HTTP/1.1 200"), 0);
                assert_int_equal(decode(&b), 0);
                expect_decoded(&bodies[i], &b, 0);
                assert_true(slice_is(buffer_slice(&b.in), "HTTP/1.1 200"));
                bench_done(&b);
        }
}

static void an_end_before_the_last_byte_is_no_proper_end(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(bodies); i++) {
                for (size_t n = 0; n < strlen(bodies[i].raw); n++) {
                        struct bench b;

                        if (bodies[i].until_close)
                                continue;
                        bench_init(&b, bodies[i].head);
                        assert_int_equal(buffer_put(&b.in, bodies[i].raw, n), 0);
                        assert_int_equal(decode(&b), 0);
                        if (message_end(&b.message))
                                fail_msg("%s: whole after %zu bytes", bodies[i].sentence, n);
                        bench_done(&b);
                }
        }
}

static const struct {
        const char *sentence;
        const char *raw;
} broken[] = {
        { "a size of nothing", "\r\nhello" },
        { "a size that is no number", "x\r\n" },
        { "a size with a sign", "+5\r\nhello\r\n" },
        { "a negative size", "-5\r\nhello\r\n" },
        { "a size with 0x", "0x5\r\nhello\r\n" },
        { "a blank before the size", " 5\r\nhello\r\n" },
        { "a size over 64 bits", "10000000000000005\r\nhello\r\n" },
        { "a size of all ones and more", "fffffffffffffffff\r\nhello\r\n" },
        { "a bare LF behind the size", "5\nhello\r\n" },
        { "a bare CR behind the size", "5\rhello\r\n" },
        { "a bare LF behind the data", "5\r\nhello\n0\r\n\r\n" },
        { "no line end behind the data", "5\r\nhello0\r\n\r\n" },
        { "more data than the size", "5\r\nhelloo\r\n0\r\n\r\n" },
        { "a bare LF in an extension", "5;a\nhello\r\n" },
        { "a bare CR in an extension", "5;a\rb\r\nhello\r\n" },
        { "a control character in an extension", "5;a\x01\r\nhello\r\n" },
        { "a high byte in an extension", "5;\xff\r\nhello\r\n" },
        { "a bare LF behind the last size", "0\n\r\n" },
        { "a bare LF at the end", "0\r\n\n" },
        { "a trailer with a bare LF", "0\r\nX: y\n\r\n" },
        { "a trailer with a control character", "0\r\nX: \x02\r\n\r\n" },
        { "a trailer without a name", "0\r\n: y\r\n\r\n" },
        { "a trailer without a colon", "0\r\nX\r\n\r\n" },
        { "a trailer on two lines", "0\r\nX: y\r\n z\r\n\r\n" },
        { "a trailer on two lines, by a tab", "0\r\nX: y\r\n\tz\r\n\r\n" },
};

static void broken_chunks_are_refused_however_they_arrive(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(broken); i++) {
                for (size_t piece = 1; piece <= strlen(broken[i].raw); piece++) {
                        size_t n = strlen(broken[i].raw), at = 0;
                        struct bench b;
                        int r = 0;

                        bench_init(&b, CHUNKED);
                        for (; r == 0 && at < n && !b.message.complete; at += MIN(piece, n - at)) {
                                assert_int_equal(buffer_put(&b.in, broken[i].raw + at,
                                                            MIN(piece, n - at)),
                                                 0);
                                r = decode(&b);
                        }
                        if (r != MESSAGE_E_BODY)
                                fail_msg("%s, pieces of %zu: %d", broken[i].sentence, piece, r);
                        bench_done(&b);
                }
        }
}

/* A NUL cannot stand in the table above. */
static void a_nul_in_an_extension_is_refused(void **state)
{
        struct bench b;

        bench_init(&b, CHUNKED);
        assert_int_equal(buffer_put(&b.in, "5;a\0b\r\nhello\r\n", 14), 0);
        assert_int_equal(decode(&b), MESSAGE_E_BODY);
        bench_done(&b);
}

/* An extension so long that `n` bytes of framing stand before the data. */
static int decode_behind_framing(size_t n)
{
        struct bench b;
        int r;

        bench_init(&b, CHUNKED);
        assert_int_equal(buffer_put_text(&b.in, "5;"), 0);
        for (size_t i = 4; i < n; i++)
                assert_int_equal(buffer_put(&b.in, "a", 1), 0);
        assert_int_equal(buffer_put_text(&b.in, "\r\nhello"), 0);
        r = decode(&b);
        bench_done(&b);
        return r;
}

static void framing_may_be_4096_bytes_long_and_not_one_more(void **state)
{
        assert_int_equal(decode_behind_framing(4096), 0);
        assert_int_equal(decode_behind_framing(4097), MESSAGE_E_BODY);
}

static int framing_flood(const char *before, char with, size_t *ret_n)
{
        struct bench b;
        int r;

        bench_init(&b, CHUNKED);
        assert_int_equal(buffer_put_text(&b.in, before), 0);
        r = decode(&b);
        for (*ret_n = 0; r == 0 && *ret_n < 100000; (*ret_n)++) {
                assert_int_equal(buffer_put(&b.in, &with, 1), 0);
                r = decode(&b);
        }
        bench_done(&b);
        return r;
}

static void framing_without_end_is_refused(void **state)
{
        size_t n;

        assert_int_equal(framing_flood("5;", 'a', &n), MESSAGE_E_BODY);
        assert_in_range(n, 1024, 8192);
        assert_int_equal(framing_flood("0\r\nX: ", 'a', &n), MESSAGE_E_BODY);
        assert_in_range(n, 1024, 8192);
        assert_int_equal(framing_flood("", '0', &n), MESSAGE_E_BODY);
        assert_in_range(n, 1, 8192);
}

/* Pumps `raw` into an output of which only a part is free at a time; returns all that came out. */
static size_t pump_all(struct bench *b, const char *raw, size_t piece, enum framing framing,
                       char *result, size_t size)
{
        size_t n = strlen(raw), at = 0, total = 0;

        while (at < n) {
                size_t now = MIN(piece, n - at);

                assert_int_equal(buffer_put(&b->in, raw + at, now), 0);
                at += now;
                while (buffer_length(&b->in) > 0 && !b->message.complete)
                        assert_int_equal(message_pump(&b->message, &b->in, &b->out, framing), 0);
                assert_true(total + buffer_length(&b->out) < size);
                memcpy(result + total, buffer_slice(&b->out).data, buffer_length(&b->out));
                total += buffer_length(&b->out);
                buffer_consume(&b->out, buffer_length(&b->out));
        }
        return total;
}

static void expect_same_body(const struct body *body, struct slice encoded, size_t piece)
{
        struct bench b;

        bench_init(&b, CHUNKED);
        assert_int_equal(buffer_put_slice(&b.in, encoded), 0);
        assert_int_equal(decode(&b), 0);
        if (!b.message.complete || !slice_is(buffer_slice(&b.out), body->decoded) ||
            buffer_length(&b.in) > 0)
                fail_msg("%s, pieces of %zu: came out as '%.*s'", body->sentence, piece,
                         (int)encoded.length, encoded.data);
        bench_done(&b);
}

static void a_body_that_is_framed_anew_decodes_to_the_same(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(bodies); i++) {
                for (size_t piece = 1; piece <= strlen(bodies[i].raw); piece++) {
                        char result[1024];
                        struct bench b;
                        size_t n;

                        bench_init(&b, bodies[i].head);
                        n = pump_all(&b, bodies[i].raw, piece, FRAMING_CHUNKED, result,
                                     sizeof(result));
                        if (bodies[i].until_close) {
                                assert_true(message_end(&b.message));
                                assert_int_equal(held_put(&b.out, (struct slice){ "", 0 }, true,
                                                          FRAMING_CHUNKED),
                                                 0);
                                memcpy(result + n, buffer_slice(&b.out).data,
                                       buffer_length(&b.out));
                                n += buffer_length(&b.out);
                        }
                        expect_same_body(&bodies[i], (struct slice){ result, n }, piece);
                        bench_done(&b);
                }
        }
}

static void a_pump_into_a_nearly_full_buffer_loses_nothing(void **state)
{
        static char filler[BLOCK_BYTES];

        for (size_t room = 0; room < 200; room++) {
                struct bench b;
                size_t before = BLOCK_BYTES - room;

                bench_init(&b, SIZED);
                assert_int_equal(buffer_put(&b.out, filler, before), 0);
                assert_int_equal(buffer_put_text(&b.in, "hello world"), 0);
                assert_int_equal(message_pump(&b.message, &b.in, &b.out, FRAMING_CHUNKED), 0);
                buffer_consume(&b.out, before);
                while (!b.message.complete)
                        assert_int_equal(message_pump(&b.message, &b.in, &b.out, FRAMING_CHUNKED),
                                         0);
                expect_same_body(&bodies[0], buffer_slice(&b.out), room);
                bench_done(&b);
        }
}

static void a_large_body_passes_in_blocks(void **state)
{
        size_t total = 1 << 20, sent = 0, received = 0;
        static char piece[16384];
        struct bench b;
        char head[128];

        snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", total);
        bench_init(&b, head);
        while (!b.message.complete) {
                size_t n = MIN(MIN(sizeof(piece), buffer_room(&b.in)), total - sent);

                assert_int_equal(buffer_put(&b.in, piece, n), 0);
                sent += n;
                assert_int_equal(message_pump(&b.message, &b.in, &b.out, FRAMING_SIZED), 0);
                received += buffer_length(&b.out);
                buffer_consume(&b.out, buffer_length(&b.out));
        }
        assert_int_equal(received, total);
        bench_done(&b);
}

static void held_bytes_come_out_as_they_would_have(void **state)
{
        static const struct {
                struct slice held;
                bool complete;
                enum framing framing;
                const char *expected;
        } rows[] = {
                { SLICE_LITERAL("abc"), false, FRAMING_CHUNKED, "0003\r\nabc\r\n" },
                { SLICE_LITERAL("abc"), true, FRAMING_CHUNKED, "0003\r\nabc\r\n0\r\n\r\n" },
                { SLICE_LITERAL(""), true, FRAMING_CHUNKED, "0\r\n\r\n" },
                { SLICE_LITERAL(""), false, FRAMING_CHUNKED, "" },
                { SLICE_LITERAL("abc"), true, FRAMING_SIZED, "abc" },
                { SLICE_LITERAL("abc"), true, FRAMING_UNTIL_CLOSE, "abc" },
        };
        struct bench b;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                bench_init(&b, SIZED);
                assert_int_equal(held_put(&b.out, rows[i].held, rows[i].complete, rows[i].framing),
                                 0);
                assert_true(slice_is(buffer_slice(&b.out), rows[i].expected));
                bench_done(&b);
        }
}

static void held_bytes_without_room_are_an_error(void **state)
{
        static char filler[BLOCK_BYTES];

        for (size_t room = 0; room < 20; room++) {
                struct bench b;
                int r;

                bench_init(&b, SIZED);
                assert_int_equal(buffer_put(&b.out, filler, BLOCK_BYTES - room), 0);
                r = held_put(&b.out, SLICE_LITERAL("abc"), true, FRAMING_CHUNKED);
                assert_int_equal(r, room < 16 ? -ENOBUFS : 0);
                bench_done(&b);
        }
}

static void one_message_after_the_other_starts_afresh(void **state)
{
        enum head_answer why;
        struct bench b;

        bench_init(&b, CHUNKED);
        assert_int_equal(buffer_put_text(&b.in, "1\r\na\r\n0\r\n\r\n" SIZED "hello world"), 0);
        assert_int_equal(decode(&b), 0);
        assert_int_equal(message_begin(&b.message, MESSAGE_ANSWER, false, &limits, &b.in, &why), 0);
        assert_int_equal(b.message.n_body_bytes, 0);
        assert_int_equal(b.message.head.n_headers, 1);
        assert_int_equal(decode(&b), 0);
        assert_true(b.message.complete);
        assert_true(slice_is(buffer_slice(&b.out), "ahello world"));
        bench_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_body_is_the_same_wherever_it_is_split),
                cmocka_unit_test(what_follows_a_body_is_left_in_place),
                cmocka_unit_test(an_end_before_the_last_byte_is_no_proper_end),
                cmocka_unit_test(broken_chunks_are_refused_however_they_arrive),
                cmocka_unit_test(a_nul_in_an_extension_is_refused),
                cmocka_unit_test(framing_may_be_4096_bytes_long_and_not_one_more),
                cmocka_unit_test(framing_without_end_is_refused),
                cmocka_unit_test(a_body_that_is_framed_anew_decodes_to_the_same),
                cmocka_unit_test(a_pump_into_a_nearly_full_buffer_loses_nothing),
                cmocka_unit_test(a_large_body_passes_in_blocks),
                cmocka_unit_test(held_bytes_come_out_as_they_would_have),
                cmocka_unit_test(held_bytes_without_room_are_an_error),
                cmocka_unit_test(one_message_after_the_other_starts_afresh),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
