/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * schema - the tables of a ledger, and how those of an older one become the ones of today
 *
 * Internal to policy/ledger. Step N takes a ledger of version N - 1 to version N. A step that has
 * been released is never edited: a ledger's tables are compared with what the steps make.
 */
#include "policy/ledger/store.h"

#define SCHEMA_VERSION 3U

/* Brings an empty store, or one of an older version, to `version`: all or nothing. */
MUST_CHECK int schema_raise(struct store *s, unsigned version);

/* From the file. */
MUST_CHECK int schema_version(struct store *s, unsigned *ret);

/* Are its tables those of that version, to the letter? 0, LEDGER_E_DAMAGED, or what went wrong. */
MUST_CHECK int schema_check(struct store *s, unsigned version);
