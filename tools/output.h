/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * output - how commands print for people: counts, ages, tables; and JSON for programs
 */
#include "policy/operation/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* "1 key", "2 keys", into a text that lives until the eighth next call. */
const char *count_text(size_t n, const char *one, const char *many);

/* "40 s", "12 min", "3 h", "5 days": likewise. */
const char *age_text(int64_t seconds);

/* The escape codes for bold and back, or "": colour only on a terminal and without NO_COLOR. */
const char *bold_on(void);
const char *bold_off(void);

/* A text of somebody's file: on a terminal what would steer it becomes "?", elsewhere it goes as it
 * is. */
void file_text_print(const char *text, size_t length);

/* Prints a document, indented. Returns the exit status; the document stays the caller's. NULL: there
 * was no memory for it. */
int json_print(const json_t *document);

/* Members of an answer; "" and 0 where there is none, so that printing needs no checks. */
const char *member_text(const json_t *object, const char *name);
long long member_number(const json_t *object, const char *name);

/* ---- tables: columns line up, the last is not padded ---- */

#define TABLE_MAX_COLUMNS 12

struct table;

/* `heads`: NULL-terminated; one that begins with '>' is flush right. NULL: no memory. */
struct table *table_new(const char *const *heads);

/* One text for each column; copied. */
void table_add(struct table *t, const char *const *cells);

/* Prints it, with `indent` before each line, and frees it. Nothing but the heads: prints nothing. */
void table_print(struct table *t, const char *indent, FILE *out);
