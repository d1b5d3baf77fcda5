/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/settings/scan.h"

#include <ctype.h>

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*';
}

static bool is_name_part(char c)
{
        return is_name_start(c) || is_digit(c) || c == '-' || c == '_';
}

/* The byte at `i`, 0 behind the end: files with zero bytes are refused before they are scanned. */
static char byte_at(struct slice s, size_t i)
{
        return i < s.length ? s.data[i] : 0;
}

static void scanner_skip(struct scanner *s, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (s->rest.data[i] != '\n')
                        continue;
                s->line++;
                s->line_start = s->rest.data + i + 1;
        }
        s->rest = slice_from(s->rest, n);
}

/* A block comment at the start of the rest. */
static bool comment_skip(struct scanner *s)
{
        const char *end = memmem(s->rest.data + 2, s->rest.length - 2, "*/", 2);

        if (!end)
                return false;
        scanner_skip(s, (size_t)(end - s->rest.data) + 2);
        return true;
}

static void line_skip(struct scanner *s)
{
        const char *end = memchr(s->rest.data, '\n', s->rest.length);

        scanner_skip(s, end ? (size_t)(end - s->rest.data) : s->rest.length);
}

/* Skips blanks and comments. False: a comment is not closed. */
static bool blank_skip(struct scanner *s)
{
        for (;;) {
                char c = byte_at(s->rest, 0), next = byte_at(s->rest, 1);

                if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f')
                        scanner_skip(s, 1);
                else if (c == '#' || (c == '/' && next == '/'))
                        line_skip(s);
                else if (c != '/' || next != '*')
                        return true;
                else if (!comment_skip(s))
                        return false;
        }
}

/* Length with both quotes; 0: not closed. */
static size_t text_length(struct slice s)
{
        for (size_t i = 1; i < s.length; i++) {
                if (s.data[i] == '"')
                        return i + 1;
                if (s.data[i] == '\\')
                        i++;
        }
        return 0;
}

static size_t digits_length(struct slice s, size_t i)
{
        size_t n = 0;

        while (is_digit(byte_at(s, i + n)))
                n++;
        return n;
}

/* "L" or "LL" behind an integer. */
static size_t suffix_length(struct slice s, size_t i)
{
        return byte_at(s, i) != 'L' ? 0 : byte_at(s, i + 1) != 'L' ? 1 : 2;
}

static size_t hex_length(struct slice s)
{
        size_t i = 2;

        if (byte_at(s, 0) != '0' || (byte_at(s, 1) | 0x20) != 'x')
                return 0;
        while (isxdigit((unsigned char)byte_at(s, i)))
                i++;
        return i == 2 ? 0 : i + suffix_length(s, i);
}

/* Length of the number at the start, 0: none. The longest match, as libconfig's lexer takes. */
static size_t number_length(struct slice s)
{
        size_t i = byte_at(s, 0) == '+' || byte_at(s, 0) == '-';
        size_t n_digits = digits_length(s, i), n_sign;
        bool point;

        if (hex_length(s))
                return hex_length(s);
        i += n_digits;
        point = byte_at(s, i) == '.';
        if (point)
                i += 1 + digits_length(s, i + 1);
        else if (n_digits == 0)
                return 0;
        if ((byte_at(s, i) | 0x20) == 'e') {
                n_sign = byte_at(s, i + 1) == '+' || byte_at(s, i + 1) == '-';
                if (is_digit(byte_at(s, i + 1 + n_sign)))
                        return i + 1 + n_sign + digits_length(s, i + 1 + n_sign);
        }
        return point ? i : i + suffix_length(s, i);
}

static size_t name_length(struct slice s)
{
        size_t n = 0;

        if (!is_name_start(byte_at(s, 0)))
                return 0;
        while (is_name_part(byte_at(s, n)))
                n++;
        return n;
}

static enum token_kind word_kind(struct slice word)
{
        if (slice_is_nocase(word, "true") || slice_is_nocase(word, "false"))
                return TOKEN_BOOL;
        return TOKEN_NAME;
}

/* What begins with this byte, and how long it is. Length 0: a text that is not closed. */
static struct token token_here(struct slice rest)
{
        char c = rest.data[0];
        size_t n;

        if (c == '"')
                return (struct token){ TOKEN_TEXT, { rest.data, text_length(rest) } };
        n = name_length(rest);
        if (n)
                return (struct token){ word_kind((struct slice){ rest.data, n }),
                                       { rest.data, n } };
        n = number_length(rest);
        if (n)
                return (struct token){ TOKEN_NUMBER, { rest.data, n } };
        if (c == '{' || c == '(' || c == '[')
                return (struct token){ TOKEN_OPEN, { rest.data, 1 } };
        if (c == '}' || c == ')' || c == ']')
                return (struct token){ TOKEN_CLOSE, { rest.data, 1 } };
        return (struct token){ TOKEN_OTHER, { rest.data, 1 } };
}

int token_next(struct scanner *s, struct token *ret)
{
        struct token here = { TOKEN_OTHER };
        bool closed;

        if (!s->line_start)
                s->line_start = s->rest.data;
        closed = blank_skip(s);
        here.text.data = s->rest.data;
        here.line = s->line;
        here.column = (unsigned)(s->rest.data - s->line_start) + 1;
        *ret = here;
        if (!closed)
                return SCAN_E_COMMENT;
        if (s->rest.length == 0)
                return SCAN_E_END;
        if (s->rest.data[0] == '@')
                return SCAN_E_INCLUDE;
        *ret = token_here(s->rest);
        ret->line = here.line;
        ret->column = here.column;
        if (ret->text.length == 0)
                return SCAN_E_TEXT;
        scanner_skip(s, ret->text.length);
        return 0;
}
