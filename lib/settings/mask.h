/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * mask - what of a settings file may be shown
 *
 * Findings show the line that they are about, and somebody may have pasted a key where its name
 * belongs. So lines are taken from a copy in which everything that could be a credential is
 * asterisks, one for each byte:
 *
 *  - the value of a setting that is called credential, key, id, token, auth-id, auth-token, secret,
 *    password or bearer, and of one that the rows do not know;
 *  - a word of 12 characters or more with a digit in it, or with a capital behind a small letter.
 *    Parts of a word with . : / or * in it (addresses, host names, paths) count by themselves, and
 *    with a digit from 24 characters on, or with 12 digits in a row;
 *  - in front of an @, as in "user:password@host", and behind a = in a comment: all.
 *
 * A file that is not libconfig's syntax is masked as it is read by a scanner, and each line once
 * more by itself: a quote that is missing somewhere above lays nothing open.
 */
#include "lib/base/slice.h"

struct setting_row;

/* Terminated, as long as `text`, lines where they were. Owner: the caller. NULL: no memory. */
char *text_mask(struct slice text, const struct setting_row *rows);

/* What messages may show of a text that a person wrote, by the second rule above. Passed by value,
 * so that it lives as long as the call: masked(text).text. */
struct masked {
        char text[104]; /* cut where it does not fit */
};

struct masked masked(const char *text);
struct masked masked_slice(struct slice text);
