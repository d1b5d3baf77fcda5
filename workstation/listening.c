/* SPDX-License-Identifier: Apache-2.0 */
#include "workstation/listening.h"

#include "lib/net/acceptor.h"
#include "workstation/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

#define ENDPOINT_TEXT_MAX (ADDR_TEXT_MAX + 10)

static const char *endpoint_format(const struct addr *a, uint16_t port,
                                   char text[static ENDPOINT_TEXT_MAX])
{
        char address[ADDR_TEXT_MAX];
        bool v4 = addr_is_v4(a);

        snprintf(text, ENDPOINT_TEXT_MAX, "%s%s%s:%u", v4 ? "" : "[", addr_format(a, address),
                 v4 ? "" : "]", port);
        return text;
}

/* Keeps `fd` and notes its address, as the system says it. */
static void keep(struct listening *l, int fd, const struct addr *address, uint16_t port)
{
        size_t used = strlen(l->text);
        char text[ENDPOINT_TEXT_MAX];

        l->fds[l->n++] = fd;
        snprintf(l->text + used, sizeof(l->text) - used, "%s%s", used ? "," : "",
                 endpoint_format(address, port, text));
}

static int open_own(struct listening *l, const struct endpoint *e,
                    char why[static LISTENING_WHY_MAX])
{
        char text[ENDPOINT_TEXT_MAX];
        struct addr address;
        uint16_t port;
        int fd, r;

        fd = r = acceptor_open(&e->address, e->port);
        if (fd >= 0)
                r = acceptor_address(fd, &address, &port);
        if (r >= 0) {
                keep(l, fd, &address, port);
                return 0;
        }
        if (fd >= 0)
                close(fd);
        snprintf(why, LISTENING_WHY_MAX, "cannot listen on %s: %s",
                 endpoint_format(&e->address, e->port, text), strerror(-r));
        return r;
}

static bool socket_is(int fd, int option, int wanted)
{
        socklen_t length = sizeof(int);
        int value = 0;

        return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 && value == wanted;
}

/* One that systemd handed over. Closed where it is not fit. */
static int take_over(struct listening *l, int fd, char why[static LISTENING_WHY_MAX])
{
        struct addr address;
        uint16_t port;

        if (l->n < CONFIG_MAX_LISTENS && socket_is(fd, SO_TYPE, SOCK_STREAM) &&
            socket_is(fd, SO_ACCEPTCONN, 1) && acceptor_address(fd, &address, &port) == 0 &&
            addr_is_loopback(&address) && fcntl(fd, F_SETFL, O_NONBLOCK) == 0) {
                keep(l, fd, &address, port);
                return 0;
        }
        close(fd);
        snprintf(why, LISTENING_WHY_MAX,
                 "socket %d from systemd is not a listening TCP socket on a loopback address",
                 fd - SYSTEMD_FIRST_SOCKET);
        return -EINVAL;
}

int listening_open(struct listening *l, const struct config *c, char why[static LISTENING_WHY_MAX])
{
        int n = systemd_sockets(), r = 0;

        *l = (struct listening){ .n = 0 };
        for (int i = 0; i < n && r == 0; i++)
                r = take_over(l, SYSTEMD_FIRST_SOCKET + i, why);
        for (size_t i = 0; n == 0 && i < c->n_listens && r == 0; i++)
                r = open_own(l, &c->listens[i], why);
        return r;
}

void listening_done(struct listening *l)
{
        for (unsigned i = 0; i < l->n; i++)
                closep(&l->fds[i]);
        l->n = 0;
}
