/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each secret has a mapping of its own: mlock() and MADV_DONTDUMP work on pages, and a page shared
 * with other data would lose both when either is freed. There are a few dozen secrets, so this
 * costs nothing that matters. mlock() may fail under a low RLIMIT_MEMLOCK: swap is then the
 * remaining risk, which is no reason to refuse service.
 */
#include "lib/base/secret.h"

#include "lib/base/fault.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <sys/mman.h>

struct secret {
        size_t mapped;
        size_t length;
        char bytes[];
};

int secret_new(struct slice bytes, struct secret **ret)
{
        size_t mapped = sizeof(struct secret) + bytes.length;
        struct secret *s;

        if (bytes.length > SECRET_MAX_BYTES)
                return -EMSGSIZE;
        s = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (s == MAP_FAILED)
                return fault(-errno);
        (void)mlock(s, mapped);
        (void)madvise(s, mapped, MADV_DONTDUMP);
        s->mapped = mapped;
        s->length = bytes.length;
        if (bytes.length)
                memcpy(s->bytes, bytes.data, bytes.length);
        *ret = s;
        return 0;
}

void secret_free(struct secret *s)
{
        size_t mapped;

        if (!s)
                return;
        mapped = s->mapped;
        explicit_bzero(s, mapped);
        munmap(s, mapped);
}

struct slice secret_reveal(const struct secret *s)
{
        return (struct slice){ s->bytes, s->length };
}

const char *secret_fingerprint(const struct secret *s, char text[static SECRET_FINGERPRINT_MAX])
{
        unsigned char digest[SHA256_DIGEST_LENGTH];

        SHA256((const unsigned char *)s->bytes, s->length, digest);
        snprintf(text, SECRET_FINGERPRINT_MAX, "%02x%02x%02x%02x", digest[0], digest[1], digest[2],
                 digest[3]);
        return text;
}
