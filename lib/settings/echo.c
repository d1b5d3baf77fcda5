/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/settings/echo.h"

#define BEFORE_CARET 60 /* kept of a long line in front of the word */
#define TAB_STOP 8
#define TABS_MAX 8 /* with more of them in a line each is one blank */

static const char cut_mark[] = "...";

#define CUT_LENGTH (sizeof(cut_mark) - 1)

/* What is shown of a line: bytes from `start` to `stop`. */
struct excerpt {
        size_t start, stop;
        bool is_cut; /* behind stop */
        size_t tab_stop;
};

/* Looks no further than has to be: a line may have millions of bytes. */
static struct excerpt excerpt_find(const char *line, size_t word)
{
        size_t length = 0, end, n_tabs = 0;
        struct excerpt x = { .tab_stop = TAB_STOP };

        while (length <= ECHO_COLUMNS && line[word + length] && line[word + length] != '\n')
                length++;
        end = word + length;
        x.is_cut = length > ECHO_COLUMNS;
        while (!x.is_cut && end > word && (line[end - 1] == '\r' || line[end - 1] == ' '))
                end--;
        x.stop = end;
        if (end > ECHO_COLUMNS && word > BEFORE_CARET)
                x.start = MIN(word - BEFORE_CARET, end - ECHO_COLUMNS);
        if (x.stop - x.start > ECHO_COLUMNS) {
                x.stop = x.start + ECHO_COLUMNS;
                x.is_cut = true;
        }
        for (size_t i = x.start; i < x.stop; i++)
                n_tabs += line[i] == '\t';
        if (n_tabs > TABS_MAX)
                x.tab_stop = 1;
        return x;
}

static size_t byte_put(char *out, size_t used, char c, size_t tab_stop)
{
        size_t next = used + 1;

        if (c == '\t')
                next = (used / tab_stop + 1) * tab_stop;
        else if (c < 0x20 || c >= 0x7f)
                c = '?';
        memset(out + used, c == '\t' ? ' ' : c, next - used);
        return next;
}

struct echo echo_make(const struct place *at)
{
        struct echo e = { NULL };
        size_t word = at->column ? at->column - 1 : 0, used = 0, caret = 0, end = 0;
        struct excerpt x;

        if (!at->column || !at->source)
                return e;
        x = excerpt_find(at->source, word);
        e.line = malloc(2 * CUT_LENGTH + (x.stop - x.start) + TABS_MAX * TAB_STOP + 1);
        if (!e.line)
                return e;
        if (x.start) {
                memcpy(e.line, cut_mark, CUT_LENGTH);
                used = CUT_LENGTH;
        }
        for (size_t i = x.start; i < x.stop; i++) {
                if (i == word)
                        caret = used;
                used = byte_put(e.line, used, at->source[i], x.tab_stop);
                if (i >= word && i < word + at->width)
                        end = used;
        }
        if (word >= x.stop)
                caret = used;
        if (x.is_cut) {
                memcpy(e.line + used, cut_mark, CUT_LENGTH);
                used += CUT_LENGTH;
        }
        e.line[used] = 0;
        e.caret = (unsigned)caret;
        e.length = (unsigned)(end > caret ? end - caret : 1);
        return e;
}
