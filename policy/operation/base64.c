/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/base64.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

/* OpenSSL counts in int: pieces, each of whole groups. */
#define PIECE ((size_t)3 * 1024 * 1024)

char *base64_encode(const void *bytes, size_t length)
{
        const unsigned char *from = bytes;
        unsigned char *text = malloc((length + 2) / 3 * 4 + 1), *end = text;

        if (!text)
                return NULL;
        for (size_t n; length > 0; length -= n, from += n) {
                n = MIN(length, PIECE);
                end += EVP_EncodeBlock(end, from, (int)n);
        }
        *end = 0;
        return (char *)text;
}

/* How many bytes the last group lacks: one "=" each. -1: there is one elsewhere. */
static int padding_count(const char *text, size_t length)
{
        size_t n = strcspn(text, "=");

        if (n == length)
                return 0;
        if (length - n > 2 || strspn(text + n, "=") != length - n)
                return -1;
        return (int)(length - n);
}

int base64_decode(const char *text, void **ret, size_t *ret_length)
{
        size_t length = strlen(text), n_text = length;
        int padding = padding_count(text, length);
        CLEANUP(freep) unsigned char *bytes = NULL;
        unsigned char *end;

        if (length % 4 != 0 || padding < 0)
                return -EINVAL;
        bytes = end = malloc(length / 4 * 3 + 1);
        if (!bytes)
                return -ENOMEM;
        while (length > 0) {
                size_t n = MIN(length, PIECE / 3 * 4);
                int n_bytes = EVP_DecodeBlock(end, (const unsigned char *)text, (int)n);

                if (n_bytes != (int)(n / 4 * 3)) /* -1; or blanks, which it passes over */
                        return -EINVAL;
                end += n_bytes;
                text += n;
                length -= n;
        }
        *ret_length = n_text / 4 * 3 - (size_t)padding;
        *ret = TAKE(bytes);
        return 0;
}
