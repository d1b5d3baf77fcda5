/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * daemon - the life of keyrouterd: start, reload, stop
 *
 * The main thread has the signals, the resolver and the changes of policy; requests are the crew's.
 */
struct config;

/* Exit codes of sysexits(3) that the unit and the administrator go by. */
enum { EXIT_OK = 0, EXIT_USAGE = 64, EXIT_OS = 71, EXIT_CONFIG = 78 };

/* Runs until it is told to stop. Returns the exit code. */
int daemon_run(const struct config *config);

/* Loads everything and says what is wrong with it. Returns the exit code. */
int daemon_check(const struct config *config);
