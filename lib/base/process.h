/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * process - what every daemon does first
 */

/*
 * No core files, no reading of our memory by other processes of the same user (prctl(2),
 * PR_SET_DUMPABLE), SIGPIPE ignored, as many descriptors as the hard limit allows. Before threads
 * start.
 */
void process_protect(void);
