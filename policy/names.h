/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * names - things by name, with the places where they are defined
 *
 * Filled by names_add(), then names_seal()ed, then asked. Does not own the names. Owner: the
 * caller.
 */
#include "lib/settings/diag.h"

struct named;

struct names {
        const char *kind; /* "key": for messages */
        struct named *entries;
        size_t n;
        size_t n_max;
};

/* Room for `n_max` names. Returns 0 or -ENOMEM. */
MUST_CHECK int names_init(struct names *n, const char *kind, size_t n_max);
void names_done(struct names *n);

/* A NULL name (its finding is made already) is left out. */
void names_add(struct names *n, const char *name, struct place at, unsigned index);

/* Sorts, and reports names given twice with both lines. */
void names_seal(struct names *n, struct diag *d);

/* Finds the index given with the name. False: unknown. */
bool names_find(const struct names *n, const char *name, unsigned *ret_index);

/* The name that `word` is most likely a typo of, or NULL. */
const char *names_nearest(const struct names *n, const char *word);

/* As names_find(), and what is unknown becomes a finding at `at` that names the nearest. */
bool names_refer(const struct names *n, const char *name, struct place at, struct diag *d,
                 unsigned *ret_index);
