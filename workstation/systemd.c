/* SPDX-License-Identifier: Apache-2.0 */
#include "workstation/systemd.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NOTIFY_MAX_BYTES 1024

/* A path, or a name in the abstract namespace, spelled with a leading @. */
static bool notify_address(struct sockaddr_un *sa, socklen_t *ret_length)
{
        const char *path = getenv("NOTIFY_SOCKET");
        size_t n = path ? strlen(path) : 0;

        if (n < 2 || n >= sizeof(sa->sun_path) || (path[0] != '/' && path[0] != '@'))
                return false;
        *sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
        memcpy(sa->sun_path, path, n);
        if (path[0] == '@')
                sa->sun_path[0] = 0;
        *ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
        return true;
}

void systemd_notify(const char *format, ...)
{
        CLEANUP(closep) int fd = -1;
        char text[NOTIFY_MAX_BYTES];
        struct sockaddr_un sa;
        socklen_t length;
        va_list args;
        int n;

        if (!notify_address(&sa, &length))
                return;
        va_start(args, format);
        n = vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (n < 0 || fd < 0)
                return;
        (void)sendto(fd, text, MIN((size_t)n, sizeof(text) - 1), MSG_NOSIGNAL,
                     (struct sockaddr *)&sa, length);
}

/* False: not there, or not a number. */
static bool number_of(const char *name, uint64_t *ret)
{
        const char *text = getenv(name);
        char *end;

        if (!text || text[0] < '0' || text[0] > '9')
                return false;
        *ret = strtoull(text, &end, 10);
        return *end == 0;
}

/* The variables may have been meant for our parent. */
static bool is_for_us(const char *name)
{
        uint64_t pid;

        return number_of(name, &pid) && pid == (uint64_t)getpid();
}

uint64_t systemd_watchdog_us(void)
{
        uint64_t us;

        if (getenv("WATCHDOG_PID") && !is_for_us("WATCHDOG_PID"))
                return 0;
        return number_of("WATCHDOG_USEC", &us) ? us : 0;
}

int systemd_sockets(void)
{
        uint64_t n = 0;

        if (!is_for_us("LISTEN_PID") || !number_of("LISTEN_FDS", &n))
                n = 0;
        unsetenv("LISTEN_PID");
        unsetenv("LISTEN_FDS");
        unsetenv("LISTEN_FDNAMES");
        n = MIN(n, (uint64_t)SYSTEMD_MAX_SOCKETS);
        for (int fd = SYSTEMD_FIRST_SOCKET; fd < SYSTEMD_FIRST_SOCKET + (int)n; fd++)
                fcntl(fd, F_SETFD, FD_CLOEXEC);
        return (int)n;
}
