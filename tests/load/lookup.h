/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * lookup - one request, and the answer that it alone must get
 *
 * The token in the query is nobody else's, and each piece of the vendor's answer begins with it: an
 * answer for another lookup, or a body put together from two, is noticed wherever it is mixed up.
 */
#include "desk.h"
#include "dice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_MAX_BYTES 4096
#define ANSWER_HEAD_MAX_BYTES 16384
#define N_HOSTS 3

/* How the vendor words its answers; the same numbers stand in its configuration. */
#define PIECE_BYTES 880 /* behind token and colon: letters from a to z, again and again */
#define PIECES_LARGE 144
#define ANSWER_MAX_BYTES (ANSWER_HEAD_MAX_BYTES + 512 + PIECES_LARGE * (PIECE_BYTES + 9))

struct lookup {
        uint32_t token;
        uint16_t desk;
        uint8_t host;
        bool post, chunked; /* a batch, and how it is framed */
        bool large;         /* 128 KB come back, 1 KB otherwise */
        bool foreign;       /* it brings credentials of its own, which nobody must see */
        bool says_close;
        uint64_t asked_us;
};

/* Any kind of lookup of this desk but a large one. Token and time are the caller's to set. */
struct lookup lookup_roll(struct dice *d, const struct desk *desk);

/* Writes it to `out`. Returns its length; *ret_head is that of its head. */
size_t lookup_format(const struct lookup *l, struct dice *d, char out[static REQUEST_MAX_BYTES],
                     size_t *ret_head);

struct answer {
        unsigned status;
        uint64_t request_id;
        bool closes;
        size_t head_bytes, body_bytes;
};

/* 1: the head is whole; 0: not yet; -1: it is not one that we take, and *ret_why says why. */
int answer_parse(const char *data, size_t n, struct answer *ret, const char **ret_why);

/* NULL if this is the desk's own answer to this lookup, else what is wrong. `data` is all of it. */
const char *lookup_check(const struct lookup *l, const struct desk *desk, const struct answer *a,
                         const char *data);

/* Texts that no answer's head may hold (credentials), a line each. A file that cannot be read ends
 * the program. */
void never_load(const char *path);
