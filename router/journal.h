/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * journal - events as journal entries with fields, where there is a journal
 */

/* Where standard error is connected to the journal (systemd.exec(5), $JOURNAL_STREAM), events go
 * there natively from now on: MESSAGE, PRIORITY, KEYROUTER_EVENT and KEYROUTER_<FIELD>. Otherwise
 * nothing changes. Before threads start. */
void journal_start(void);
