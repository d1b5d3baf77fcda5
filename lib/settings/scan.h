/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * scan - the words of a libconfig text, with the lines and columns they stand on
 *
 * libconfig keeps neither the text of a number nor the exact line of a list's element, and knows no
 * columns. The scanner gives them all; it knows words, not grammar, and agrees with libconfig on
 * where a word ends.
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
        unsigned line, column; /* where it begins, 1..; the column in bytes */
};

struct scanner {
        struct slice rest;
        unsigned line;          /* 1.. */
        const char *line_start; /* NULL: the rest begins a line */
};

enum {
        SCAN_E_END = 1,
        SCAN_E_COMMENT, /* a comment that is not closed: libconfig ignores the rest of the file */
        SCAN_E_TEXT,    /* a text that is not closed, likewise */
        SCAN_E_INCLUDE, /* libconfig's own @include */
};

/* Returns 0 and the next token or an answer above; for those *ret tells where it began. */
MUST_CHECK int token_next(struct scanner *s, struct token *ret);
