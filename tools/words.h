/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * words - texts of a person, taken apart and put into a settings file
 */
#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#include <stdio.h>

/* The pieces of one text. Owner: the caller. */
struct words {
        char **items;
        size_t n;
        char *text;
};

void words_done(struct words *w);

/* What stands between any of `separators`, without blanks around it; empty pieces are left out.
 * Returns 0 or -ENOMEM. */
MUST_CHECK int words_split(const char *text, const char *separators, struct words *ret);

/* 1 to 64 of A-Z a-z 0-9 . _ -, not starting with a dot: as names in settings are. */
bool name_is_legal(const char *text);

/* "text" as libconfig reads it, quotes and backslashes escaped. */
void cfg_put_text(FILE *out, const char *text);

/* [ "a", "b" ] */
void cfg_put_texts(FILE *out, char *const *texts, size_t n);

/* For a comment: at most `max` bytes, without anything that could end the line. */
void cfg_put_comment(FILE *out, struct slice text, size_t max);
