/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/service/service.h"

#include "lib/base/clock.h"
#include "lib/base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

void service_ready(const char *status)
{
        sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

/* systemd 253 and later want the time of the request beside it (sd_notify(3), RELOADING=1). */
void service_reloading(void)
{
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_monotonic_us());
}

void service_stopping(void)
{
        sd_notify(0, "STOPPING=1");
}

void service_alive(void)
{
        sd_notify(0, "WATCHDOG=1");
}

uint64_t service_watchdog_ms(void)
{
        uint64_t us;

        return sd_watchdog_enabled(0, &us) > 0 ? us / 1000 : 0;
}

void service_watchdog_patience(uint64_t ms)
{
        uint64_t first_ms = service_watchdog_ms();

        if (first_ms)
                sd_notifyf(0, "WATCHDOG_USEC=%" PRIu64, (ms ? ms : first_ms) * 1000);
}

int service_sockets(int *ret_fds, unsigned max)
{
        int n = sd_listen_fds(1);

        if (n < 0)
                return fault(n);
        if ((unsigned)n > max)
                return fault(-E2BIG);
        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;

                if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0 ||
                    (sd_is_socket_inet(fd, AF_INET, SOCK_STREAM, 1, 0) <= 0 &&
                     sd_is_socket_inet(fd, AF_INET6, SOCK_STREAM, 1, 0) <= 0))
                        return fault(-ENOTSOCK);
                if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
                        return fault(-errno);
                ret_fds[i] = fd;
        }
        return n;
}
