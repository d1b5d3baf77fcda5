/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/buffer.h"
#include "tests/unit/base/row.h"

#include <errno.h>

struct bench {
        struct block_pool pool;
        struct buffer buffer;
};

static int bench_init(void **state)
{
        struct bench *b = calloc(1, sizeof(*b));

        if (!b)
                return -1;
        block_pool_init(&b->pool, 2);
        buffer_init(&b->buffer, &b->pool);
        *state = b;
        return 0;
}

static int bench_done(void **state)
{
        struct bench *b = *state;

        buffer_done(&b->buffer);
        block_pool_done(&b->pool); /* asserts that all blocks came back */
        free(b);
        return 0;
}

static bool content_is(const struct buffer *b, const char *text)
{
        return slice_is(buffer_slice(b), text);
}

static void a_buffer_holds_memory_only_while_it_has_bytes(void **state)
{
        struct bench *b = *state;

        assert_int_equal(b->pool.n_used, 0);
        assert_true(content_is(&b->buffer, ""));
        assert_int_equal(buffer_put(&b->buffer, NULL, 0), 0);
        assert_int_equal(b->pool.n_used, 0);
        assert_int_equal(buffer_put_text(&b->buffer, "abc"), 0);
        assert_int_equal(b->pool.n_used, 1);
        buffer_release(&b->buffer);
        assert_int_equal(b->pool.n_used, 0);
        assert_true(content_is(&b->buffer, ""));
        assert_int_equal(buffer_room(&b->buffer), BLOCK_BYTES);
}

static void bytes_come_out_in_order(void **state)
{
        struct buffer *b = &((struct bench *)*state)->buffer;

        assert_int_equal(buffer_put_text(b, "GET "), 0);
        assert_int_equal(buffer_put_slice(b, SLICE_LITERAL("/a\0b")), 0);
        assert_int_equal(buffer_printf(b, " %s/%d.%d", "HTTP", 1, 1), 0);
        assert_true(slice_equal(buffer_slice(b), SLICE_LITERAL("GET /a\0b HTTP/1.1")));
        buffer_consume(b, 4);
        assert_true(slice_equal(buffer_slice(b), SLICE_LITERAL("/a\0b HTTP/1.1")));
        buffer_consume(b, buffer_length(b));
        assert_int_equal(buffer_length(b), 0);
}

static void what_does_not_fit_changes_nothing(void **state)
{
        static char big[BLOCK_BYTES];
        struct buffer *b = &((struct bench *)*state)->buffer;
        size_t room;

        memset(big, 'x', sizeof(big));
        assert_int_equal(buffer_put(b, big, BLOCK_BYTES - 4), 0);
        assert_int_equal(buffer_put_text(b, "12345"), -ENOBUFS);
        assert_int_equal(buffer_printf(b, "%s", "1234"),
                         -ENOBUFS); /* its terminator needs a byte */
        assert_int_equal(buffer_length(b), BLOCK_BYTES - 4);
        assert_int_equal(buffer_printf(b, "%s", "123"), 0);
        assert_int_equal(buffer_put_text(b, "4"), 0);
        assert_int_equal(buffer_room(b), 0);
        assert_null(buffer_tail(b, &room));
        assert_int_equal(buffer_printf(b, "%s", ""), -ENOBUFS);
        assert_int_equal(buffer_put_text(b, "5"), -ENOBUFS);
        assert_int_equal(buffer_put(b, big, 0), 0);
        assert_memory_equal(buffer_slice(b).data + BLOCK_BYTES - 5, "x1234", 5);
}

static void room_that_was_consumed_is_used_again(void **state)
{
        static char big[BLOCK_BYTES];
        struct buffer *b = &((struct bench *)*state)->buffer;
        size_t room = 0;

        memset(big, 'x', sizeof(big));
        assert_int_equal(buffer_put(b, big, BLOCK_BYTES), 0);
        buffer_consume(b, BLOCK_BYTES - 3);
        assert_int_equal(buffer_put_text(b, "abc"), 0);
        assert_true(content_is(b, "xxxabc"));
        assert_non_null(buffer_tail(b, &room));
        assert_int_equal(room, BLOCK_BYTES - 6);
        assert_true(content_is(b, "xxxabc"));
}

static void content_moves_whole_even_onto_itself(void **state)
{
        static char big[BLOCK_BYTES];
        struct buffer *b = &((struct bench *)*state)->buffer;
        size_t room = 0;

        for (size_t i = 0; i < sizeof(big); i++)
                big[i] = (char)(i % 251);
        assert_int_equal(buffer_put(b, big, BLOCK_BYTES), 0);
        buffer_consume(b, 3);
        assert_non_null(buffer_tail(b, &room));
        assert_int_equal(room, 3);
        assert_memory_equal(buffer_slice(b).data, big + 3, BLOCK_BYTES - 3);
}

static void what_is_written_to_the_tail_becomes_content(void **state)
{
        struct buffer *b = &((struct bench *)*state)->buffer;
        size_t room = 0;
        char *tail;

        assert_int_equal(buffer_put_text(b, "ab"), 0);
        buffer_consume(b, 1);
        tail = buffer_tail(b, &room);
        assert_int_equal(room, BLOCK_BYTES - 1);
        memcpy(tail, "cd", 2);
        buffer_grew(b, 2);
        assert_true(content_is(b, "bcd"));
}

/* The next user of the block finds nothing of a credential, wherever it had moved. */
static void a_wipe_covers_all_that_was_ever_in_the_block(void **state)
{
        struct bench *b = *state;
        char *block;

        assert_int_equal(buffer_put_text(&b->buffer, "Authorization: canary"), 0);
        buffer_consume(&b->buffer, 15);
        assert_int_equal(buffer_put_text(&b->buffer, "2"), 0);
        buffer_consume(&b->buffer, 7);
        assert_int_equal(buffer_put_text(&b->buffer, "x"), 0);
        buffer_wipe(&b->buffer);
        block = block_get(&b->pool);
        assert_non_null(block);
        assert_null(memmem(block + sizeof(void *), 64, "canary",
                           6)); /* the pool's link lies in front */
        assert_null(memmem(block + sizeof(void *), 64, "nar", 3));
        block_put(&b->pool, block);
}

static void a_pool_keeps_blocks_up_to_its_bound(void **state)
{
        struct block_pool *pool = &((struct bench *)*state)->pool;
        void *blocks[3], *again;

        for (size_t i = 0; i < 3; i++) {
                blocks[i] = block_get(pool);
                assert_non_null(blocks[i]);
                memset(blocks[i], 'x', BLOCK_BYTES);
        }
        assert_int_equal(pool->n_used, 3);
        for (size_t i = 0; i < 3; i++)
                block_put(pool, blocks[i]);
        assert_int_equal(pool->n_free, 2);
        assert_int_equal(pool->n_used, 0);
        again = block_get(pool);
        assert_ptr_equal(again, blocks[1]); /* the last one kept is the warmest */
        assert_int_equal(pool->n_free, 1);
        block_put(pool, again);
}

#define BUFFER_TEST(name) cmocka_unit_test_setup_teardown(name, bench_init, bench_done)

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUFFER_TEST(a_buffer_holds_memory_only_while_it_has_bytes),
                BUFFER_TEST(bytes_come_out_in_order),
                BUFFER_TEST(what_does_not_fit_changes_nothing),
                BUFFER_TEST(room_that_was_consumed_is_used_again),
                BUFFER_TEST(content_moves_whole_even_onto_itself),
                BUFFER_TEST(what_is_written_to_the_tail_becomes_content),
                BUFFER_TEST(a_wipe_covers_all_that_was_ever_in_the_block),
                BUFFER_TEST(a_pool_keeps_blocks_up_to_its_bound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
