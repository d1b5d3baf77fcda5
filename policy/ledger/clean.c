/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/ledger/clean.h"

#include "lib/base/cleanup.h"

#include <stdint.h>
#include <string.h>

/* Bytes of the character at `s`, 0 where there is none (RFC 3629 section 4); *ret is its number. */
static unsigned character_at(const unsigned char *s, uint32_t *ret)
{
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        unsigned n = s[0] < 0x80   ? 1
                     : s[0] < 0xc2 ? 0
                     : s[0] < 0xe0 ? 2
                     : s[0] < 0xf0 ? 3
                     : s[0] < 0xf5 ? 4
                                   : 0;
        uint32_t c = n == 1 ? s[0] : n ? s[0] & (0x7fU >> n) : 0;

        for (unsigned i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3fU);
        }
        if (n == 0 || c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;
        *ret = c;
        return n;
}

static bool is_shown(uint32_t c)
{
        static const struct {
                uint32_t first, last;
        } hidden[] = {
                { 0, 0x1f },        { 0x7f, 0x9f },     { 0x061c, 0x061c },
                { 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2066, 0x2069 },
                { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0xe0000, 0xe007f },
        };

        for (size_t i = 0; i < N_ELEMENTS(hidden); i++)
                if (c >= hidden[i].first && c <= hidden[i].last)
                        return false;
        return true;
}

void text_clean(char *out, size_t size, const char *text)
{
        const unsigned char *s = (const unsigned char *)(text ? text : "");
        char *end = out + size - 1;

        while (*s) {
                uint32_t c;
                unsigned n = character_at(s, &c);
                bool is_kept = n > 0 && is_shown(c);
                size_t n_out = is_kept ? n : 1;

                if (n_out > (size_t)(end - out))
                        break;
                memcpy(out, is_kept ? (const char *)s : "?", n_out);
                out += n_out;
                s += n ? n : 1;
        }
        *out = 0;
}

bool text_is_clean(const char *text, size_t max)
{
        const unsigned char *s = (const unsigned char *)text;
        size_t length = strlen(text);

        if (length == 0 || length > max)
                return false;
        while (*s) {
                uint32_t c;
                unsigned n = character_at(s, &c);

                if (n == 0 || !is_shown(c))
                        return false;
                s += n;
        }
        return true;
}
