/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * process - the shim as a process: no core files, little memory
 */

/*
 * Before anything else, while there is one thread: no core files, descriptors up to the hard limit,
 * SIGPIPE ignored, one arena, one thread for names, OpenSSL without a configuration file.
 */
void process_begin(void);

/* Gives memory that is free back to the system. */
void process_trim(void);
