/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * shim - SQLite's file system, with a test at every operation that changes something
 *
 * The hook is asked before each write, sync, truncation and removal of a file, and says what is to
 * become of it. Beside that the shim knows what a disk would hold if the power failed now: what was
 * synced, and of the rest any part.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum shim_verdict {
        SHIM_GO,   /* do it */
        SHIM_TEAR, /* write the first half; then as SHIM_FAIL */
        SHIM_FAIL, /* no space left, or for a sync, a truncation or a removal: an error of the disk */
};

/* what: "write", "sync", "truncate" or "delete". */
typedef enum shim_verdict shim_hook(const char *what, const char *path);

/* All databases that are opened from here on go through it. */
void shim_install(void);

/* NULL: nothing is asked. */
void shim_watch(shim_hook *hook);

/* From here on, what is written and synced to this file and its like (-wal) is recorded; what is in
 * them now counts as synced. */
void shim_record(const char *path);
/* Puts into `folder` what the disk would hold. Of what was not synced, `seed` chooses. */
void shim_power_fail(const char *folder, uint64_t seed);
/* Forgets all of it. */
void shim_forget(void);
