/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * shim - one loop with all that runs on it, from start to stop
 */
#include "workstation/uplink.h"

/*
 * Serves until a signal says stop (SIGTERM, SIGINT, SIGHUP): then it takes no new connections, lets
 * requests under way finish for up to 30 s, and a second signal ends it at once. Returns an exit
 * status of sysexits(3). `u` comes from uplink_init().
 */
int shim_run(const struct config *c, struct uplink *u);
