/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/check.h"
#include "tests/unit/net/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void the_address_of_a_listener_is_told(void **state)
{
        static const char *const addresses[] = { "127.0.0.1", "127.3.2.1", "::1" };

        for (size_t i = 0; i < N_ELEMENTS(addresses); i++) {
                struct addr wanted, got;
                uint16_t port = 0;
                int fd;

                assert_int_equal(addr_parse(slice_of(addresses[i]), &wanted), 0);
                fd = acceptor_open(&wanted, 0);
                if (fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT)
                        continue; /* a machine without IPv6 */
                assert_true(fd >= 0);
                assert_int_equal(acceptor_address(fd, &got, &port), 0);
                assert_true(addr_equal(&wanted, &got));
                assert_true(port > 0);
                assert_int_equal(acceptor_open(&wanted, port), -EADDRINUSE);
                close(fd);
        }
}

static void more_listeners_than_there_is_room_for_are_refused(void **state)
{
        struct rig *r = *state;
        struct addr address;
        struct acceptor *a = calloc(1, sizeof(*a));
        uv_loop_t loop;
        int r_add = 0, n = 0, fd = -1;

        uv_loop_init(&loop);
        acceptor_init(a, &loop, r->workers, 1);
        assert_int_equal(addr_parse(slice_of("127.0.0.1"), &address), 0);
        for (; r_add == 0 && n <= ACCEPTOR_MAX_LISTENERS; n++) {
                fd = acceptor_open(&address, 0);
                r_add = acceptor_add(a, fd, NULL);
        }
        assert_int_equal(n, ACCEPTOR_MAX_LISTENERS + 1);
        assert_int_equal(r_add, -ENOSPC);
        close(fd);
        acceptor_stop(a);
        uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&loop), 0);
        free(a);
}

/* Everything this process may still open, at most `n`. */
static int exhaust(int *fds, int n)
{
        int i = 0;

        while (i < n && (fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
                i++;
        return i;
}

/* In a child, whose limit is its own. Returns the exit status. */
static int run_out_of_descriptors(struct rig *r)
{
        struct peer *client, *vendor, *waiting;
        unsigned long before;
        struct rlimit limit;
        int fds[256], n;

        rig_start(r);
        client = peer_connect(NULL, r->port, NULL);
        client_get(client, "/");
        vendor = peer_accept(r->vendors[RIG_PLAIN], NULL);
        peer_head(vendor);
        vendor_answer(vendor, "before");
        answer_expect(client, "GET", 200, "before");
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = 128;
        setrlimit(RLIMIT_NOFILE, &limit);
        n = exhaust(fds, 256);
        close(fds[--n]); /* one for the client that must wait, none to accept it with */
        waiting = peer_connect(NULL, r->port, NULL);
        client_get(waiting, "/");
        before = atomic_load(&r->n_turns);
        if (peer_has_input(waiting, 350))
                return 2; /* it was accepted: there was a descriptor left */
        if (atomic_load(&r->n_turns) - before > 30)
                return 3; /* it span */
        client_get(client, "/");
        peer_head(vendor);
        vendor_answer(vendor, "others go on");
        answer_expect(client, "GET", 200, "others go on");
        while (n > 0)
                close(fds[--n]);
        peer_head(vendor);
        vendor_answer(vendor, "after");
        answer_expect(waiting, "GET", 200, "after");
        peer_close(client);
        peer_close(waiting);
        peer_close(vendor);
        return 0;
}

static void without_descriptors_it_pauses_and_recovers(void **state)
{
        struct rig *r = *state;
        int status = -1;
        pid_t child;

        fflush(NULL);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                status = run_out_of_descriptors(r);
                rig_stop(r);
                rig_wait_stopped(r);
                pthread_join(r->thread, NULL);
                _exit(status);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                fail_msg("the child ended with %x", (unsigned)status);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_address_of_a_listener_is_told),
                CASE(more_listeners_than_there_is_room_for_are_refused),
                CASE(without_descriptors_it_pauses_and_recovers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
