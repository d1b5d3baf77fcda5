/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/cleanup.h"
#include "lib/net/socket_bio.h"
#include "tests/unit/net/check.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
        int own, peer;
        BIO *bio;
};

static int pair_open(void **state)
{
        static struct pair p;
        int fds[2];

        signal(SIGPIPE, SIG_DFL); /* a SIGPIPE would end the test program */
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
                return -1;
        p = (struct pair){ fds[0], fds[1], socket_bio_new(fds[0]) };
        *state = &p;
        return p.bio ? 0 : -1;
}

static int pair_close(void **state)
{
        struct pair *p = *state;

        BIO_free(p->bio);
        close(p->own);
        if (p->peer >= 0)
                close(p->peer);
        return 0;
}

static void peer_close(struct pair *p)
{
        close(p->peer);
        p->peer = -1;
}

static void bytes_go_both_ways(void **state)
{
        struct pair *p = *state;
        char text[8] = "";
        size_t n = 0;

        assert_int_equal(BIO_write_ex(p->bio, "ask", 3, &n), 1);
        assert_int_equal(n, 3);
        assert_int_equal(read(p->peer, text, sizeof(text)), 3);
        assert_memory_equal(text, "ask", 3);
        assert_int_equal(write(p->peer, "told", 4), 4);
        assert_int_equal(BIO_read_ex(p->bio, text, sizeof(text), &n), 1);
        assert_int_equal(n, 4);
        assert_memory_equal(text, "told", 4);
}

static void nothing_there_is_asked_again_later(void **state)
{
        struct pair *p = *state;
        char byte;
        size_t n;

        assert_int_equal(BIO_read_ex(p->bio, &byte, 1, &n), 0);
        assert_true(BIO_should_retry(p->bio) && BIO_should_read(p->bio));
        assert_false(BIO_eof(p->bio));
}

static void a_full_socket_is_written_later(void **state)
{
        static const char block[65536];
        struct pair *p = *state;
        size_t n;
        int bound = 1000;

        while (BIO_write_ex(p->bio, block, sizeof(block), &n) == 1)
                assert_true(--bound > 0);
        assert_true(BIO_should_retry(p->bio) && BIO_should_write(p->bio));
}

static void the_end_is_no_reason_to_ask_again(void **state)
{
        struct pair *p = *state;
        char byte;
        size_t n;

        peer_close(p);
        assert_int_equal(BIO_read_ex(p->bio, &byte, 1, &n), 0);
        assert_false(BIO_should_retry(p->bio));
        assert_true(BIO_eof(p->bio));
}

static void a_closed_peer_raises_no_signal(void **state)
{
        struct pair *p = *state;
        size_t n;

        peer_close(p);
        assert_int_equal(BIO_write_ex(p->bio, "x", 1, &n), 0);
        assert_int_equal(errno, EPIPE);
        assert_false(BIO_should_retry(p->bio));
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, pair_open, pair_close)

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_PAIR(bytes_go_both_ways),
                WITH_PAIR(nothing_there_is_asked_again_later),
                WITH_PAIR(a_full_socket_is_written_later),
                WITH_PAIR(the_end_is_no_reason_to_ask_again),
                WITH_PAIR(a_closed_peer_raises_no_signal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
