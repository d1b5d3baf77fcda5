/* SPDX-License-Identifier: Apache-2.0 */
#include "workstation/listening.h"

#include "lib/net/acceptor.h"
#include "workstation/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

static struct endpoint loopback(void)
{
        struct endpoint e = { .port = 0 };

        assert_int_equal(addr_parse(SLICE_LITERAL("127.0.0.1"), &e.address), 0);
        return e;
}

/* As the manager does it: the first descriptor behind the three standard ones, and two
 * variables. */
static void hand_over(int fd)
{
        char pid[24];

        assert_int_equal(dup2(fd, SYSTEMD_FIRST_SOCKET), SYSTEMD_FIRST_SOCKET);
        if (fd != SYSTEMD_FIRST_SOCKET)
                close(fd);
        assert_int_equal(fcntl(SYSTEMD_FIRST_SOCKET, F_SETFD, 0), 0);
        snprintf(pid, sizeof(pid), "%d", getpid());
        setenv("LISTEN_PID", pid, 1);
        setenv("LISTEN_FDS", "1", 1);
}

static void own_sockets_are_opened(void **state)
{
        struct config c = { .n_listens = 2 };
        char why[LISTENING_WHY_MAX] = "", expected[64];
        struct listening l;
        struct addr a;
        uint16_t port;

        c.listens[0] = c.listens[1] = loopback();
        assert_int_equal(listening_open(&l, &c, why), 0);
        assert_int_equal(l.n, 2);
        assert_int_equal(acceptor_address(l.fds[0], &a, &port), 0);
        snprintf(expected, sizeof(expected), "127.0.0.1:%u,127.0.0.1:", port);
        assert_int_equal(strncmp(l.text, expected, strlen(expected)), 0);
        listening_done(&l);
        assert_int_equal(l.n, 0);
}

static void a_taken_port_is_told(void **state)
{
        struct config c = { .n_listens = 1 };
        char why[LISTENING_WHY_MAX] = "";
        struct listening l, other;

        c.listens[0] = loopback();
        assert_int_equal(listening_open(&other, &c, why), 0);
        assert_int_equal(acceptor_address(other.fds[0], &c.listens[0].address, &c.listens[0].port),
                         0);
        assert_int_equal(listening_open(&l, &c, why), -EADDRINUSE);
        assert_non_null(strstr(why, other.text));
        assert_non_null(strstr(why, "Address already in use"));
        listening_done(&l);
        listening_done(&other);
}

static void a_socket_of_systemd_replaces_ours(void **state)
{
        struct config c = { .n_listens = 1 };
        char why[LISTENING_WHY_MAX] = "";
        struct endpoint e = loopback();
        struct listening l;

        c.listens[0] = e;
        hand_over(acceptor_open(&e.address, 0));
        assert_int_equal(listening_open(&l, &c, why), 0);
        assert_int_equal(l.n, 1);
        assert_int_equal(l.fds[0], SYSTEMD_FIRST_SOCKET);
        assert_int_equal(fcntl(l.fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        assert_null(getenv("LISTEN_FDS"));
        listening_done(&l);
}

static int socket_any_address(void)
{
        struct addr any;

        assert_int_equal(addr_parse(SLICE_LITERAL("0.0.0.0"), &any), 0);
        return acceptor_open(&any, 0);
}

static int socket_not_listening(void)
{
        struct endpoint e = loopback();
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_storage sa;
        socklen_t length = addr_to_sockaddr(&e.address, 0, &sa);

        assert_int_equal(bind(fd, (struct sockaddr *)&sa, length), 0);
        return fd;
}

static int socket_of_datagrams(void)
{
        return socket(AF_INET, SOCK_DGRAM, 0);
}

static void unfit_sockets_of_systemd_are_refused(void **state)
{
        int (*const make[])(void) = { socket_any_address, socket_not_listening,
                                      socket_of_datagrams };
        struct config c = { .n_listens = 0 };
        struct listening l;

        for (size_t i = 0; i < N_ELEMENTS(make); i++) {
                char why[LISTENING_WHY_MAX] = "";

                hand_over(make[i]());
                assert_int_equal(listening_open(&l, &c, why), -EINVAL);
                assert_non_null(strstr(why, "socket 0 from systemd"));
                assert_int_equal(l.n, 0);
        }
}

static void variables_for_another_process_do_not_count(void **state)
{
        setenv("LISTEN_PID", "1", 1);
        setenv("LISTEN_FDS", "1", 1);
        assert_int_equal(systemd_sockets(), 0);
        setenv("WATCHDOG_PID", "1", 1);
        setenv("WATCHDOG_USEC", "30000000", 1);
        assert_int_equal(systemd_watchdog_us(), 0);
        unsetenv("WATCHDOG_PID");
        assert_int_equal(systemd_watchdog_us(), 30000000);
        setenv("WATCHDOG_USEC", "30s", 1);
        assert_int_equal(systemd_watchdog_us(), 0);
        unsetenv("WATCHDOG_USEC");
}

/* A socket in the abstract namespace, with a name of the kernel's choice. */
static int manager_open(void)
{
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        socklen_t length = sizeof(sa.sun_family);
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

        assert_int_equal(bind(fd, (struct sockaddr *)&sa, length), 0);
        length = sizeof(sa);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &length), 0);
        sa.sun_path[0] = '@';
        setenv("NOTIFY_SOCKET", sa.sun_path, 1);
        return fd;
}

static void the_manager_is_told(void **state)
{
        CLEANUP(closep) int fd = manager_open();
        char text[64] = "";

        systemd_notify("READY=1\nSTATUS=%s", "fine");
        assert_int_equal(recv(fd, text, sizeof(text) - 1, 0), 19);
        assert_string_equal(text, "READY=1\nSTATUS=fine");
        unsetenv("NOTIFY_SOCKET");
        systemd_notify("STOPPING=1");
        assert_int_equal(recv(fd, text, sizeof(text), 0), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(own_sockets_are_opened),
                cmocka_unit_test(a_taken_port_is_told),
                cmocka_unit_test(a_socket_of_systemd_replaces_ours),
                cmocka_unit_test(unfit_sockets_of_systemd_are_refused),
                cmocka_unit_test(variables_for_another_process_do_not_count),
                cmocka_unit_test(the_manager_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
