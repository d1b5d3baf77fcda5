/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * redact - what must not come back in an answer
 *
 * A vendor may repeat a credential that came with the request: in an error, a header, a redirect.
 * Its traces are overwritten with '*', byte for byte, so that every length stays true. The traces
 * belong to whoever made the redaction. What is not spelled like a trace is not found: compressed,
 * or encoded in a way of the vendor's own.
 */
#include "lib/base/slice.h"

#define REDACT_MAX_TRACES 8
#define REDACT_MIN_BYTES 8   /* a shorter one would stand in half of all answers by chance */
#define REDACT_MAX_BYTES 256 /* of a longer one its beginning is looked for */

struct redaction {
        struct slice traces[REDACT_MAX_TRACES];
        unsigned n_traces;
};

/* One that is too short, known already or too many is left out. */
void redaction_add(struct redaction *r, struct slice trace);

/* Overwrites every trace in `n` bytes; returns how many there were. */
unsigned redact(const struct redaction *r, char *data, size_t n);

/* The length of the longest end of `data` that a trace could begin with: shorter than a trace. */
size_t redact_open_end(const struct redaction *r, const char *data, size_t n);
