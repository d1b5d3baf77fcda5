/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/ledger/digest.h"

#include "lib/base/fault.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

/* Short fields are collected: the library costs more by the call than by the byte. */
#define PIECE_BYTES 1024

struct digest {
        EVP_MD *algorithm;
        EVP_MD_CTX *context;
        uint8_t piece[PIECE_BYTES];
        size_t n_piece;
        bool has_failed;
};

int digest_new(struct digest **ret)
{
        CLEANUP(digest_freep) struct digest *d = calloc(1, sizeof(*d));

        if (!d)
                return fault(-ENOMEM);
        d->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
        d->context = EVP_MD_CTX_new();
        if (!d->algorithm || !d->context)
                return fault(-ENOMEM);
        *ret = TAKE(d);
        return 0;
}

void digest_free(struct digest *d)
{
        EVP_MD_CTX_free(d->context);
        EVP_MD_free(d->algorithm);
        free(d);
}

static void digest_update(struct digest *d, const void *bytes, size_t length)
{
        if (length > 0 && EVP_DigestUpdate(d->context, bytes, length) != 1)
                d->has_failed = true;
}

static void digest_raw(struct digest *d, const void *bytes, size_t length)
{
        if (length > PIECE_BYTES - d->n_piece) {
                digest_update(d, d->piece, d->n_piece);
                d->n_piece = 0;
        }
        if (length > PIECE_BYTES) {
                digest_update(d, bytes, length);
                return;
        }
        memcpy(d->piece + d->n_piece, bytes, length);
        d->n_piece += length;
}

void digest_begin(struct digest *d, const char *kind)
{
        d->n_piece = 0;
        d->has_failed = EVP_DigestInit_ex2(d->context, d->algorithm, NULL) != 1;
        digest_put_text(d, kind);
}

void digest_put_number(struct digest *d, int64_t number)
{
        uint64_t rest = (uint64_t)number;
        uint8_t bytes[8];

        for (int i = 7; i >= 0; i--) {
                bytes[i] = (uint8_t)rest;
                rest >>= 8;
        }
        digest_raw(d, bytes, sizeof(bytes));
}

void digest_put(struct digest *d, const void *bytes, size_t length)
{
        digest_put_number(d, (int64_t)length);
        if (length > 0)
                digest_raw(d, bytes, length);
}

void digest_put_text(struct digest *d, const char *text)
{
        digest_put(d, text, strlen(text));
}

int digest_end(struct digest *d, uint8_t ret[static DIGEST_BYTES])
{
        digest_update(d, d->piece, d->n_piece);
        if (EVP_DigestFinal_ex(d->context, ret, NULL) != 1 || d->has_failed)
                return fault(-ENOMEM);
        return 0;
}

const char *digest_format(const uint8_t bytes[static DIGEST_BYTES],
                          char text[static DIGEST_TEXT_MAX])
{
        for (size_t i = 0; i < DIGEST_BYTES; i++)
                snprintf(text + 2 * i, 3, "%02x", bytes[i]);
        return text;
}

void digest_add(uint8_t sum[static DIGEST_BYTES], const uint8_t term[static DIGEST_BYTES])
{
        unsigned carry = 0;

        for (int i = DIGEST_BYTES - 1; i >= 0; i--) {
                carry += (unsigned)sum[i] + term[i];
                sum[i] = (uint8_t)carry;
                carry >>= 8;
        }
}

void digest_take(uint8_t sum[static DIGEST_BYTES], const uint8_t term[static DIGEST_BYTES])
{
        unsigned borrow = 0;

        for (int i = DIGEST_BYTES - 1; i >= 0; i--) {
                unsigned difference = 256U + sum[i] - term[i] - borrow;

                sum[i] = (uint8_t)difference;
                borrow = difference < 256 ? 1 : 0;
        }
}
