/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * service - what a daemon owes the machine it runs on
 *
 * By libsystemd; without a service manager every call is harmless. The shim does without:
 * libsystemd and what it loads cost 1 MB of its 8 (workstation/systemd.h).
 */
#include "lib/base/cleanup.h"

#include <stdbool.h>
#include <stdint.h>

/* sd_notify(3). `status` is one line for `systemctl status`. */
void service_ready(const char *status);
void service_reloading(void);
void service_stopping(void);
void service_alive(void);

/* Milliseconds within which service_alive() has to come; 0: nobody watches. */
uint64_t service_watchdog_ms(void);

/* From now on it may take so long: something slow begins. 0: as at first, it is over. */
void service_watchdog_patience(uint64_t ms);

/*
 * Listening TCP sockets handed over by socket activation (sd_listen_fds(3)), made non-blocking.
 * Writes up to `max` and returns how many, 0 for none, or a negative errno: more than `max`, or one
 * that is no listening TCP socket.
 */
MUST_CHECK int service_sockets(int *ret_fds, unsigned max);
