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

/*
 * The last thing before a loop's signal handles are closed: no signal comes to this thread any
 * more. Without its handle one more SIGTERM would end the process by itself, with another status
 * than ours.
 */
void process_hold_signals(void);
