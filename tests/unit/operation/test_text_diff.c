/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/text_diff.h"
#include "tests/unit/base/row.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

/* ---- a diff as a text ---- */

static int line_take(void *context, struct slice line)
{
        fwrite(line.data, 1, line.length, context);
        fputc('\n', context);
        return 0;
}

/* Owner: the caller. */
static char *diff_make(struct slice old, struct slice new)
{
        struct diff_side a = { "old", old }, b = { "new", new };
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        assert_non_null(out);
        assert_int_equal(text_diff(&a, &b, line_take, out), 0);
        assert_int_equal(fclose(out), 0);
        return text;
}

static const struct {
        const char *sentence, *old, *new, *diff;
} diffs[] = {
        { "equal texts have none", "a\nb\n", "a\nb\n", "" },
        { "two empty texts have none", "", "", "" },
        { "a new text is added from line 0", "", "a\nb\n",
          "--- old\n+++ new\n@@ -0,0 +1,2 @@\n+a\n+b\n" },
        { "a text that is gone", "a\n", "", "--- old\n+++ new\n@@ -1 +0,0 @@\n-a\n" },
        { "a line within three others of context", "1\n2\n3\n4\nx\n5\n6\n7\n8\n",
          "1\n2\n3\n4\ny\n5\n6\n7\n8\n",
          "--- old\n+++ new\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-x\n+y\n 5\n 6\n 7\n" },
        { "a line is put in front", "a\nb\nc\nd\n", "x\na\nb\nc\nd\n",
          "--- old\n+++ new\n@@ -1,3 +1,4 @@\n+x\n a\n b\n c\n" },
        { "a line is put behind", "a\nb\nc\nd\n", "a\nb\nc\nd\nx\n",
          "--- old\n+++ new\n@@ -2,3 +2,4 @@\n b\n c\n d\n+x\n" },
        { "six lines between two changes: one hunk", "x\n1\n2\n3\n4\n5\n6\ny\n",
          "1\n2\n3\n4\n5\n6\n",
          "--- old\n+++ new\n@@ -1,8 +1,6 @@\n-x\n 1\n 2\n 3\n 4\n 5\n 6\n-y\n" },
        { "seven: two", "x\n1\n2\n3\n4\n5\n6\n7\ny\n", "1\n2\n3\n4\n5\n6\n7\n",
          "--- old\n+++ new\n@@ -1,4 +1,3 @@\n-x\n 1\n 2\n 3\n@@ -6,4 +5,3 @@\n 5\n 6\n 7\n-y\n" },
        { "the last line loses its end", "a\nb\n", "a\nb",
          "--- old\n+++ new\n@@ -1,2 +1,2 @@\n a\n-b\n+b\n\\ No newline at end of file\n" },
        { "neither has one, and that differs not", "x\nb", "y\nb",
          "--- old\n+++ new\n@@ -1,2 +1,2 @@\n-x\n+y\n b\n\\ No newline at end of file\n" },
        { "the example of the paper: five edits", "a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n",
          "--- old\n+++ new\n@@ -1,7 +1,6 @@\n-a\n+c\n b\n-c\n a\n b\n-b\n a\n+c\n" },
};

static void each_pair_of_texts_has_its_diff(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(diffs); i++) {
                CLEANUP(freep)
                char *text = diff_make(slice_of(diffs[i].old), slice_of(diffs[i].new));

                if (strcmp(text, diffs[i].diff) != 0)
                        fail_msg("row %zu: %s:\n%s", i, diffs[i].sentence, text);
        }
}

static int line_refuse(void *context, struct slice line)
{
        ++*(int *)context;
        return -EIO;
}

static void whoever_is_told_can_end_it(void **state)
{
        struct diff_side a = { "old", SLICE_LITERAL("a\n") }, b = { "new", SLICE_LITERAL("b\n") };
        int n = 0;

        assert_int_equal(text_diff(&a, &b, line_refuse, &n), -EIO);
        assert_int_equal(n, 1);
}

/* ---- what comes of applying it ---- */

struct words {
        struct slice lines[64];
        int n;
};

static void words_read(struct words *w, struct slice text)
{
        struct slice line;

        for (w->n = 0; text.length && slice_split(&text, '\n', &line); w->n++)
                w->lines[w->n] = line;
}

static int lcs_length(const struct words *a, const struct words *b)
{
        int table[65][65] = { { 0 } };

        for (int i = 1; i <= a->n; i++)
                for (int j = 1; j <= b->n; j++)
                        table[i][j] = slice_equal(a->lines[i - 1], b->lines[j - 1])
                                              ? table[i - 1][j - 1] + 1
                                              : MAX(table[i - 1][j], table[i][j - 1]);
        return table[a->n][b->n];
}

/* Applies a diff as patch(1) does, trusting nothing: each line of it has to be where it says. Both
 * texts end with a line's end. Returns the number of edits. */
static size_t diff_apply(struct slice old, struct slice diff, char *out)
{
        struct slice line, was = { NULL, 0 };
        size_t n_edits = 0;
        int at = 1, first, length;

        if (diff.length == 0) {
                memcpy(out, old.data, old.length);
                out[old.length] = 0;
                return 0;
        }
        assert_true(slice_split(&diff, '\n', &line) && slice_split(&diff, '\n', &line));
        while (diff.length && slice_split(&diff, '\n', &line)) {
                if (line.data[0] == '@') {
                        int n = sscanf(line.data, "@@ -%d,%d", &first, &length);

                        assert_true(n >= 1);
                        if (n == 2 && length == 0)
                                first++;
                        for (; at < first; at++) {
                                assert_true(slice_split(&old, '\n', &was));
                                out += sprintf(out, "%.*s\n", (int)was.length, was.data);
                        }
                        continue;
                }
                n_edits += line.data[0] != ' ';
                if (line.data[0] != '+') {
                        assert_true(slice_split(&old, '\n', &was));
                        assert_true(slice_equal(was, slice_from(line, 1)));
                        at++;
                }
                if (line.data[0] != '-')
                        out += sprintf(out, "%.*s\n", (int)line.length - 1, line.data + 1);
        }
        memcpy(out, old.data ? old.data : "", old.length);
        out[old.length] = 0;
        return n_edits;
}

static uint32_t dice(uint32_t *seed, uint32_t n)
{
        *seed = *seed * 1664525 + 1013904223;
        return (*seed >> 16) % n;
}

static void text_throw(uint32_t *seed, char *out)
{
        uint32_t n = dice(seed, 24), n_words = 1 + dice(seed, 6);

        for (uint32_t i = 0; i < n; i++)
                out += sprintf(out, "%c\n", 'a' + (int)dice(seed, n_words));
        *out = 0;
}

static void a_diff_turns_the_old_text_into_the_new_one_with_the_fewest_edits(void **state)
{
        uint32_t seed = 1;

        for (int i = 0; i < 20000; i++) {
                char old[64], new[64], made[256];
                struct words a, b;
                CLEANUP(freep) char *diff = NULL;
                size_t n;

                text_throw(&seed, old);
                text_throw(&seed, new);
                words_read(&a, slice_of(old));
                words_read(&b, slice_of(new));
                diff = diff_make(slice_of(old), slice_of(new));
                n = diff_apply(slice_of(old), slice_of(diff), made);
                if (strcmp(made, new) != 0 || n != (size_t)(a.n + b.n - 2 * lcs_length(&a, &b)))
                        fail_msg("from:\n%sto:\n%s%zu edits:\n%s", old, new, n, diff);
        }
}

#define N_LARGE 20000

static char *large_text(char word, int every)
{
        CLEANUP(freep) char *text = malloc(N_LARGE * (size_t)16);
        char *out = text;

        assert_non_null(text);
        for (int i = 0; i < N_LARGE; i++)
                out += sprintf(out, "%c%d\n", i % every == 0 ? word : 'z', i);
        return TAKE(text);
}

static void texts_with_little_in_common_have_a_right_diff_soon(void **state)
{
        static const int every[] = { 1, 3, 1000 };

        for (size_t i = 0; i < N_ELEMENTS(every); i++) {
                CLEANUP(freep) char *old = large_text('a', every[i]);
                CLEANUP(freep) char *new = large_text('b', every[i]);
                CLEANUP(freep) char *diff = diff_make(slice_of(old), slice_of(new));
                CLEANUP(freep) char *made = malloc(N_LARGE * (size_t)16);

                assert_non_null(made);
                diff_apply(slice_of(old), slice_of(diff), made);
                assert_string_equal(made, new);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_pair_of_texts_has_its_diff),
                cmocka_unit_test(whoever_is_told_can_end_it),
                cmocka_unit_test(a_diff_turns_the_old_text_into_the_new_one_with_the_fewest_edits),
                cmocka_unit_test(texts_with_little_in_common_have_a_right_diff_soon),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
