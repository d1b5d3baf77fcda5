/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte-level checks of a head, before any parser. One pass, by table, and of field values eight
 * bytes at a time: a request head costs well under a microsecond.
 */
#include "lib/net/head.h"

#include "lib/base/cleanup.h"

enum {
        C_TOKEN = 1,  /* tchar, RFC 9110 section 5.6.2 */
        C_FIELD = 2,  /* may stand in a field value: HTAB, SP, VCHAR, obs-text (section 5.5) */
        C_TARGET = 4, /* may stand in a request target: VCHAR but '"', '#', '<', '>', '\', '^', '`',
                         '{', '|', '}' (RFC 3986 appendix A) */
};

static uint8_t class_of(unsigned char c)
{
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        uint8_t class = 0;

        if (alnum || (c && strchr("!#$%&'*+-.^_`|~", c)))
                class |= C_TOKEN;
        if (c == '\t' || (c >= 0x20 && c != 0x7f))
                class |= C_FIELD;
        if (c > 0x20 && c < 0x7f && !strchr("\"#<>\\^`{|}", c))
                class |= C_TARGET;
        return class;
}

static uint8_t classes[256];

__attribute__((constructor)) static void classes_fill(void)
{
        for (unsigned c = 0; c < 256; c++)
                classes[c] = class_of((unsigned char)c);
}

static size_t span(struct slice s, uint8_t class)
{
        size_t n = 0;

        while (n < s.length && classes[(unsigned char)s.data[n]] & class)
                n++;
        return n;
}

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Is one of the eight bytes a control (a tab counts as well)? A byte below 0x20 borrows from its
 * highest bit when that is taken away; one that is 0x7f is zero after the exclusive or, and
 * below 1. */
static bool has_control(uint64_t eight)
{
        uint64_t below = (eight - EACH_BYTE(0x20)) & ~eight;
        uint64_t without_del = eight ^ EACH_BYTE(0x7f);
        uint64_t del = (without_del - EACH_BYTE(0x01)) & ~without_del;

        return (below | del) & EACH_BYTE(0x80);
}

/* span() of C_FIELD, for the long run of bytes that most of a head is. */
static size_t span_field(struct slice s)
{
        size_t n = 0;
        uint64_t eight;

        for (; s.length - n >= sizeof(eight); n += sizeof(eight)) {
                memcpy(&eight, s.data + n, sizeof(eight));
                if (has_control(eight))
                        break;
        }
        return n + span(slice_from(s, n), C_FIELD);
}

/* "HTTP/1.0" or "HTTP/1.1". */
static enum head_answer check_version(struct slice v)
{
        static const char shape[] = "HTTP/";

        if (v.length != 8 || memcmp(v.data, shape, 5) != 0 || v.data[6] != '.' || v.data[5] < '0' ||
            v.data[5] > '9' || v.data[7] < '0' || v.data[7] > '9')
                return HEAD_E_SYNTAX;
        if (v.data[5] != '1' || v.data[7] > '1')
                return HEAD_E_VERSION;
        return HEAD_OK;
}

/* method SP request-target SP HTTP-version (RFC 9112 section 3), one blank each. */
static enum head_answer check_request_line(struct slice line)
{
        size_t n = span(line, C_TOKEN);

        if (n == 0 || n == line.length || line.data[n] != ' ')
                return HEAD_E_SYNTAX;
        line = slice_from(line, n + 1);
        n = span(line, C_TARGET);
        if (n == 0 || n == line.length || line.data[n] != ' ')
                return HEAD_E_TARGET;
        return check_version(slice_from(line, n + 1));
}

/* HTTP-version SP 3DIGIT [SP reason] (RFC 9112 section 4; the blank is often left out with the
 * reason, and llhttp takes that too). */
static enum head_answer check_status_line(struct slice line)
{
        enum head_answer a;

        if (line.length < 12 || line.data[8] != ' ')
                return HEAD_E_SYNTAX;
        a = check_version((struct slice){ line.data, 8 });
        if (a)
                return a;
        for (int i = 9; i < 12; i++) {
                if (line.data[i] < '0' || line.data[i] > '9')
                        return HEAD_E_SYNTAX;
        }
        if (line.length > 12 && line.data[12] != ' ')
                return HEAD_E_SYNTAX;
        return span_field(slice_from(line, 12)) == line.length - 12 ? HEAD_OK : HEAD_E_BYTES;
}

static enum head_answer check_header_line(struct slice line)
{
        size_t n;

        if (line.data[0] == ' ' || line.data[0] == '\t')
                return HEAD_E_FOLDED;
        n = span(line, C_TOKEN);
        if (n == 0 || n == line.length || line.data[n] != ':')
                return HEAD_E_NAME;
        line = slice_from(line, n + 1);
        return span_field(line) == line.length ? HEAD_OK : HEAD_E_BYTES;
}

/* Cuts a line off *rest; false where a line does not end in CR LF or holds a bare one. */
static bool next_line(struct slice *rest, struct slice *ret)
{
        const char *lf = rest->length ? memchr(rest->data, '\n', rest->length) : NULL;
        size_t n;

        if (!lf)
                return false;
        n = (size_t)(lf - rest->data);
        if (n == 0 || lf[-1] != '\r' || memchr(rest->data, '\r', n - 1))
                return false;
        *ret = (struct slice){ rest->data, n - 1 };
        *rest = slice_from(*rest, n + 1);
        return true;
}

enum head_answer head_check(struct slice text, bool is_request)
{
        struct slice line;
        unsigned n_lines = 0;
        enum head_answer a;

        if (memchr(text.data, 0, text.length))
                return HEAD_E_BYTES;
        if (!next_line(&text, &line))
                return HEAD_E_BYTES;
        a = is_request ? check_request_line(line) : check_status_line(line);
        while (a == HEAD_OK) {
                if (!next_line(&text, &line))
                        return HEAD_E_BYTES;
                if (line.length == 0)
                        return text.length == 0 ? HEAD_OK : HEAD_E_SYNTAX;
                if (++n_lines > HEAD_MAX_HEADERS)
                        return HEAD_E_HEADERS;
                a = check_header_line(line);
        }
        return a;
}

/*
 * A head ends at the first empty line, and a bare LF counts as a line end here: what follows such a
 * line must not be waited for, it is refused by head_check().
 */
size_t head_length(struct slice text, bool is_request, size_t *ret_skip)
{
        size_t skip = 0;
        const char *p, *end = text.data + text.length;

        if (is_request && text.length >= 2 && text.data[0] == '\r' && text.data[1] == '\n')
                skip = 2;
        *ret_skip = skip;
        for (p = text.data + skip; (p = memchr(p, '\n', (size_t)(end - p))); p++) {
                if (end - p >= 2 && p[1] == '\n')
                        return (size_t)(p + 2 - text.data) - skip;
                if (end - p >= 3 && p[1] == '\r' && p[2] == '\n')
                        return (size_t)(p + 3 - text.data) - skip;
        }
        return 0;
}
