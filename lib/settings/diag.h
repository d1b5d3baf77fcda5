/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * diag - what a person wrote wrong
 *
 * Collects findings, all of them, so that one run shows every mistake. A finding has a place, the
 * line that stands there, one sentence and, where there is one, the remedy. Neither messages nor
 * lines hold a credential: lines come masked (mask.h).
 */
#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#include <stdio.h>

enum diag_level { DIAG_ERROR, DIAG_WARNING };

struct diag_finding {
        enum diag_level level;
        char *file;                   /* NULL: no file */
        unsigned line;                /* 1.., 0: the file as a whole */
        unsigned column;              /* 1.., in bytes; 0: not known */
        unsigned width;               /* bytes of the word there; 0 where the column is not known */
        char *source;                 /* the line as it is shown; NULL: not known */
        unsigned caret, caret_length; /* the word in it, in characters from 0 */
        char *message;                /* one sentence, no full stop */
        char *remedy;                 /* NULL: none known */
};

struct diag {
        struct diag_finding *findings; /* in order of being found */
        size_t n_findings;
        size_t n_errors;
        size_t n_warnings;
        size_t n_dropped; /* beyond DIAG_MAX_FINDINGS */
};

#define DIAG_MAX_FINDINGS 1000

/*
 * Where a finding stands; what the settings reader hands out and models keep. { file, line } is one
 * too: its column is not known.
 */
struct place {
        const char *file; /* owned by whoever loaded the file; lives as long as the model */
        unsigned line;    /* 1.., 0: the file as a whole */
        unsigned column;  /* 1.., in bytes; 0: not known */
        unsigned width;   /* bytes of the word there, as far as it is on this line; at least 1 */
        const char
                *source; /* with a column: the line, masked, ended by a newline; owner as above */
};

void diag_init(struct diag *d);
void diag_done(struct diag *d);

/* Both sentences are printf formats; `remedy` may be NULL. Running out of memory counts as an
 * error. */
void diag_error(struct diag *d, struct place at, const char *remedy, const char *format, ...)
        PRINTF_LIKE(4, 5);
void diag_warning(struct diag *d, struct place at, const char *remedy, const char *format, ...)
        PRINTF_LIKE(4, 5);

/* Sorted by file, line and column, stable. */
void diag_sort(struct diag *d);

/* `file:line:column: error: message` and, indented on lines of their own, the line with a caret
 * under its word, and the remedy. */
void diag_print(const struct diag *d, FILE *out);
void diag_finding_print(const struct diag_finding *f, FILE *out);

/* The one of `names` (NULL-terminated) that `word` is most likely a typo of, or NULL. */
const char *diag_nearest(struct slice word, const char *const *names);
