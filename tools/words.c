/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/words.h"

#include <ctype.h>
#include <errno.h>

void words_done(struct words *w)
{
        free(w->items);
        free(w->text);
        *w = (struct words){ NULL };
}

int words_split(const char *text, const char *separators, struct words *ret)
{
        CLEANUP(words_done)
        struct words w = { .items = calloc(strlen(text) / 2 + 2, sizeof(char *)),
                           .text = strdup(text) };
        char *rest = w.text, *piece;

        if (!w.items || !w.text)
                return -ENOMEM;
        while ((piece = strsep(&rest, separators))) {
                struct slice s = slice_trim(slice_of(piece));

                if (s.length == 0)
                        continue;
                w.items[w.n] = w.text + (s.data - w.text);
                w.items[w.n++][s.length] = 0;
        }
        *ret = w;
        w = (struct words){ NULL };
        return 0;
}

bool name_is_legal(const char *text)
{
        size_t n = strlen(text);

        if (n == 0 || n > 64 || text[0] == '.')
                return false;
        for (size_t i = 0; i < n; i++)
                if (!isascii(text[i]) || (!isalnum((unsigned char)text[i]) && text[i] != '.' &&
                                          text[i] != '_' && text[i] != '-'))
                        return false;
        return true;
}

void cfg_put_text(FILE *out, const char *text)
{
        fputc('"', out);
        for (const char *c = text; *c; c++) {
                if (*c == '"' || *c == '\\')
                        fputc('\\', out);
                if ((unsigned char)*c < 0x20 || *c == 0x7f)
                        fprintf(out, "\\x%02x", (unsigned char)*c);
                else
                        fputc(*c, out);
        }
        fputc('"', out);
}

void cfg_put_texts(FILE *out, char *const *texts, size_t n)
{
        fputs("[ ", out);
        for (size_t i = 0; i < n; i++) {
                if (i)
                        fputs(", ", out);
                cfg_put_text(out, texts[i]);
        }
        fputs(" ]", out);
}

void cfg_put_comment(FILE *out, struct slice text, size_t max)
{
        size_t n = MIN(text.length, max);

        /* Not in the middle of a character of UTF-8. */
        while (n < text.length && n > 0 && ((unsigned char)text.data[n] & 0xc0) == 0x80)
                n--;
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)text.data[i];

                fputc(c < 0x20 || c == 0x7f ? '?' : c, out);
        }
        if (n < text.length)
                fputs("...", out);
}
