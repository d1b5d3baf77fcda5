/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * journal - events as journal entries with fields, where there is a journal
 *
 * MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, KEYROUTER_EVENT and KEYROUTER_<FIELD>. A thread of its own
 * hands the entries over, because a journal that is slow makes its writers wait and no worker may
 * wait. At most 512 KiB are queued; what comes beyond is lost and counted, and the journal is told.
 */
#include <stdbool.h>
#include <stdint.h>

/*
 * Where standard error is connected to the journal (systemd.exec(5), $JOURNAL_STREAM), events go
 * there natively from now on, and the program's exit waits up to 2 s for the last of them.
 * Otherwise, or without a thread, nothing changes. Before other threads start.
 */
void journal_start(void);

/*
 * Events go to standard error again. Waits up to `patience_ms` for what is queued; true if all of
 * it has gone, or nothing was started. After false it may be called again.
 */
bool journal_stop(unsigned patience_ms);

/* Entries lost since the start. */
uint64_t journal_n_lost(void);
