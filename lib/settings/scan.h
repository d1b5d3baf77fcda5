/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * scan - the words of a libconfig text, with the lines they stand on
 *
 * libconfig keeps neither the text of a number nor the exact line of a list's element. The scanner
 * gives both; it knows words, not grammar, and agrees with libconfig on where a word ends.
 */
#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

enum token_kind {
        TOKEN_NAME,
        TOKEN_TEXT,   /* with its quotes and escapes */
        TOKEN_NUMBER, /* integer or not */
        TOKEN_BOOL,
        TOKEN_OPEN,  /* { ( [ */
        TOKEN_CLOSE, /* } ) ] */
        TOKEN_OTHER, /* = : , ; and what libconfig will refuse */
};

struct token {
        enum token_kind kind;
        struct slice text;
        unsigned line; /* where it begins */
};

struct scanner {
        struct slice rest;
        unsigned line; /* 1.. */
};

enum {
        SCAN_E_END = 1,
        SCAN_E_COMMENT, /* a comment that is not closed: libconfig ignores the rest of the file */
        SCAN_E_TEXT,    /* a text that is not closed, likewise */
        SCAN_E_INCLUDE, /* libconfig's own @include */
};

/* Returns 0 and the next token or an answer above; for those *ret tells where it began. */
MUST_CHECK int token_next(struct scanner *s, struct token *ret);
