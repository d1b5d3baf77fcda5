/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * systemd - the two protocols between a service and its manager
 *
 * Spoken directly, as sd_notify(3) and sd_listen_fds(3) describe them: libsystemd and the libraries
 * that it brings are 1 MB of resident memory, in a program that may take 8.
 */
#include "lib/base/cleanup.h"

#include <stdint.h>

/* Lines such as "READY=1" for the manager; nothing happens without one. Best effort. */
void systemd_notify(const char *format, ...) PRINTF_LIKE(1, 2);

/* How long the manager waits for "WATCHDOG=1"; 0: it does not watch. */
uint64_t systemd_watchdog_us(void);

/*
 * The sockets that the manager hands over: their number, the first of them is descriptor
 * SYSTEMD_FIRST_SOCKET. They become close-on-exec, and children are not told of them.
 */
#define SYSTEMD_FIRST_SOCKET 3
#define SYSTEMD_MAX_SOCKETS 64
int systemd_sockets(void);
