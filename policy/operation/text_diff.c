/* SPDX-License-Identifier: Apache-2.0 */
/*
 * E. W. Myers, "An O(ND) Difference Algorithm and Its Variations" (1986), in the variation of its
 * section 4b: paths of fewest edits grow from both corners of the edit graph until they meet; there
 * it is cut in two, and each part is looked at in the same way. Memory is linear.
 *
 * Lines are numbered first, equal ones alike, so that comparing them is comparing numbers.
 */
#include "policy/operation/text_diff.h"

#include "lib/base/fault.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>

struct side {
        struct slice *lines; /* with their ends */
        int *numbers;
        bool *changed; /* removed from the old one, added in the new one */
        int n;
};

#define N_DIAGONALS ((size_t)2 * DIFF_MAX_EDITS + 3)

struct differ {
        struct side old, new;
        int *memory;
        int *forward, *backward; /* how far along the old text paths have come, by diagonal: from
                                  * -DIFF_MAX_EDITS - 1 to DIFF_MAX_EDITS + 1 */
};

static void side_done(struct side *s)
{
        free(s->lines);
        free(s->numbers);
        free(s->changed);
}

static void differ_done(struct differ *d)
{
        side_done(&d->old);
        side_done(&d->new);
        free(d->memory);
}

/* ---- lines ---- */

static struct slice line_next(struct slice *rest)
{
        const char *end = memchr(rest->data, '\n', rest->length);
        size_t length = end ? (size_t)(end - rest->data) + 1 : rest->length;
        struct slice line = { rest->data, length };

        *rest = slice_from(*rest, length);
        return line;
}

static int side_init(struct side *s, struct slice text)
{
        struct slice rest = text;
        size_t n = 0;

        while (rest.length) {
                line_next(&rest);
                n++;
        }
        if (n > INT_MAX / 4)
                return -EFBIG;
        s->lines = calloc(n + 1, sizeof(*s->lines));
        s->numbers = calloc(n + 1, sizeof(*s->numbers));
        s->changed = calloc(n + 2, sizeof(*s->changed));
        if (!s->lines || !s->numbers || !s->changed)
                return fault(-ENOMEM);
        for (rest = text; rest.length; s->n++)
                s->lines[s->n] = line_next(&rest);
        return 0;
}

/* Where each distinct line has been seen first: a table with open addressing. */
struct dictionary {
        struct {
                struct slice line;
                int number; /* 0: free */
        } * places;
        size_t mask;
        int n;
};

static uint64_t line_hash(struct slice line)
{
        uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

        for (size_t i = 0; i < line.length; i++)
                hash = (hash ^ (unsigned char)line.data[i]) * 0x100000001b3;
        return hash ^ hash >> 32;
}

static int line_number(struct dictionary *d, struct slice line)
{
        size_t i = line_hash(line) & d->mask;

        while (d->places[i].number && !slice_equal(d->places[i].line, line))
                i = (i + 1) & d->mask;
        if (!d->places[i].number) {
                d->places[i].line = line;
                d->places[i].number = ++d->n;
        }
        return d->places[i].number;
}

static int lines_number(struct side *old, struct side *new)
{
        struct dictionary d = { .mask = 15 };

        while (d.mask < 2 * ((size_t)old->n + (size_t) new->n))
                d.mask = 2 * d.mask + 1;
        d.places = calloc(d.mask + 1, sizeof(*d.places));
        if (!d.places)
                return fault(-ENOMEM);
        for (int i = 0; i < old->n; i++)
                old->numbers[i] = line_number(&d, old->lines[i]);
        for (int i = 0; i < new->n; i++)
                new->numbers[i] = line_number(&d, new->lines[i]);
        free(d.places);
        return 0;
}

/* ---- the shortest way from one to the other ---- */

/* A part of the edit graph: lines of the old text (x) by lines of the new one (y). */
struct part {
        int x, x_end, y, y_end;
};

#define UNREACHED (INT_MIN / 2)

/* One edit further, onto diagonal k = x - y, in a part of n by m lines: the larger x. */
static int edit_step(const int *reached, int k, int n, int m)
{
        int right = reached[k - 1] + 1, down = reached[k + 1];

        if (right > n || right < 0)
                right = UNREACHED;
        if (down < 0 || down - k > m)
                down = UNREACHED;
        return MAX(right, down);
}

/* One edit more on every diagonal from one corner; `from_end` looks at the part from its end. True:
 * met the paths that come from the other one, at *ret_x, *ret_y, seen from its own corner. */
static bool paths_grow(const struct differ *d, const struct part *p, int edits, bool from_end,
                       int *ret_x, int *ret_y)
{
        int n = p->x_end - p->x, m = p->y_end - p->y;
        int *mine = from_end ? d->backward : d->forward;
        const int *theirs = from_end ? d->forward : d->backward;
        int their_edits = from_end ? edits : edits - 1;
        const int *a = d->old.numbers, *b = d->new.numbers;

        mine[-edits - 1] = mine[edits + 1] = UNREACHED;
        for (int k = -edits; k <= edits; k += 2) {
                int x = edits ? edit_step(mine, k, n, m) : 0, y = x - k, other = n - m - k;

                mine[k] = x;
                if (x < 0)
                        continue;
                for (; x < n && y < m; x++, y++)
                        if (from_end ? a[p->x_end - 1 - x] != b[p->y_end - 1 - y]
                                     : a[p->x + x] != b[p->y + y])
                                break;
                mine[k] = x;
                /* Have they been on this diagonal, and is there no gap left on it? */
                if ((other - their_edits) % 2 == 0 && abs(other) <= their_edits &&
                    theirs[other] >= 0 && x + theirs[other] >= n) {
                        *ret_x = x;
                        *ret_y = y;
                        return true;
                }
        }
        return false;
}

/* Where to cut a part. False: there is too little in common. */
static bool part_cut(const struct differ *d, const struct part *p, int *ret_x, int *ret_y)
{
        int x, y;

        for (int edits = 0; edits <= DIFF_MAX_EDITS; edits++) {
                if (paths_grow(d, p, edits, false, &x, &y)) {
                        *ret_x = p->x + x;
                        *ret_y = p->y + y;
                        return true;
                }
                if (paths_grow(d, p, edits, true, &x, &y)) {
                        *ret_x = p->x_end - x;
                        *ret_y = p->y_end - y;
                        return true;
                }
        }
        return false;
}

static void part_compare(struct differ *d, struct part p)
{
        const int *a = d->old.numbers, *b = d->new.numbers;
        int x, y;

        while (p.x < p.x_end && p.y < p.y_end && a[p.x] == b[p.y])
                p.x++, p.y++;
        while (p.x < p.x_end && p.y < p.y_end && a[p.x_end - 1] == b[p.y_end - 1])
                p.x_end--, p.y_end--;
        if (p.x < p.x_end && p.y < p.y_end && part_cut(d, &p, &x, &y)) {
                assert(x + y > p.x + p.y && x + y < p.x_end + p.y_end);
                part_compare(d, (struct part){ p.x, x, p.y, y });
                part_compare(d, (struct part){ x, p.x_end, y, p.y_end });
                return;
        }
        for (x = p.x; x < p.x_end; x++)
                d->old.changed[x] = true;
        for (y = p.y; y < p.y_end; y++)
                d->new.changed[y] = true;
}

static int differ_init(struct differ *d, struct slice old, struct slice new)
{
        int r = side_init(&d->old, old);

        if (r == 0)
                r = side_init(&d->new, new);
        if (r == 0)
                r = lines_number(&d->old, &d->new);
        if (r)
                return r;
        d->memory = calloc(2 * N_DIAGONALS, sizeof(*d->memory));
        if (!d->memory)
                return fault(-ENOMEM);
        d->forward = d->memory + DIFF_MAX_EDITS + 1;
        d->backward = d->forward + N_DIAGONALS;
        return 0;
}

/* ---- telling it ---- */

struct telling {
        const struct differ *d;
        const struct diff_side *old, *new;
        int (*tell)(void *context, struct slice line);
        void *context;
        char *line; /* room for the longest one */
        bool is_begun;
};

static int line_tell(struct telling *t, char sign, struct slice line)
{
        static const struct slice no_end = SLICE_LITERAL("\\ No newline at end of file");
        bool has_end = line.length && line.data[line.length - 1] == '\n';
        int r;

        t->line[0] = sign;
        memcpy(t->line + 1, line.data, line.length);
        r = t->tell(t->context, (struct slice){ t->line, line.length + (has_end ? 0 : 1) });
        return r || has_end ? r : t->tell(t->context, no_end);
}

static int head_tell(struct telling *t)
{
        const char *const labels[] = { t->old->label, t->new->label };

        for (int i = 0; i < 2 && !t->is_begun; i++) {
                CLEANUP(freep) char *text = NULL;
                int length = asprintf(&text, "%s %s", i ? "+++" : "---", labels[i]), r;

                if (length < 0)
                        return fault(-ENOMEM);
                r = t->tell(t->context, (struct slice){ text, (size_t)length });
                if (r)
                        return r;
        }
        t->is_begun = true;
        return 0;
}

/* "12,3", and "12" for a single line; of none the line before it. */
static void range_write(char out[static 32], int first, int n)
{
        if (n == 1)
                snprintf(out, 32, "%d", first + 1);
        else
                snprintf(out, 32, "%d,%d", n ? first + 1 : first, n);
}

static int hunk_tell(struct telling *t, struct part h)
{
        const struct side *a = &t->d->old, *b = &t->d->new;
        char old[32], new[32], head[80];
        int n, r = head_tell(t);

        range_write(old, h.x, h.x_end - h.x);
        range_write(new, h.y, h.y_end - h.y);
        n = snprintf(head, sizeof(head), "@@ -%s +%s @@", old, new);
        if (r == 0)
                r = t->tell(t->context, (struct slice){ head, (size_t)n });
        while (r == 0 && (h.x < h.x_end || h.y < h.y_end)) {
                if (h.x < h.x_end && a->changed[h.x]) {
                        r = line_tell(t, '-', a->lines[h.x++]);
                } else if (h.y < h.y_end && b->changed[h.y]) {
                        r = line_tell(t, '+', b->lines[h.y++]);
                } else {
                        r = line_tell(t, ' ', a->lines[h.x++]);
                        h.y++;
                }
        }
        return r;
}

/* Both stand at a line that they have in common, or at an end: on to the next change. */
static bool change_find(const struct differ *d, int *x, int *y)
{
        while (*x < d->old.n && *y < d->new.n && !d->old.changed[*x] && !d->new.changed[*y])
                ++*x, ++*y;
        return *x < d->old.n || *y < d->new.n;
}

/* The hunk of the change at x, y. Changes with at most twice the context between them are one. */
static struct part hunk_find(const struct differ *d, int x, int y)
{
        int before = MIN(MIN(x, y), DIFF_CONTEXT), common;
        struct part h = { x - before, x, y - before, y };

        while (change_find(d, &x, &y) && x - h.x_end <= 2 * DIFF_CONTEXT) {
                while (d->old.changed[x])
                        x++;
                while (d->new.changed[y])
                        y++;
                h.x_end = x;
                h.y_end = y;
        }
        common = MIN(d->old.n - h.x_end, d->new.n - h.y_end);
        h.x_end += MIN(common, DIFF_CONTEXT);
        h.y_end += MIN(common, DIFF_CONTEXT);
        return h;
}

static size_t line_longest(const struct side *s)
{
        size_t longest = 0;

        for (int i = 0; i < s->n; i++)
                longest = MAX(longest, s->lines[i].length);
        return longest;
}

int text_diff(const struct diff_side *old, const struct diff_side *new,
              int (*tell)(void *context, struct slice line), void *context)
{
        CLEANUP(differ_done) struct differ d = { .memory = NULL };
        struct telling t = { &d, old, new, tell, context };
        CLEANUP(freep) char *line = NULL;
        int x = 0, y = 0, r = differ_init(&d, old->text, new->text);

        if (r)
                return r;
        line = t.line = malloc(MAX(line_longest(&d.old), line_longest(&d.new)) + 2);
        if (!line)
                return fault(-ENOMEM);
        part_compare(&d, (struct part){ 0, d.old.n, 0, d.new.n });
        while (r == 0 && change_find(&d, &x, &y)) {
                struct part h = hunk_find(&d, x, y);

                r = hunk_tell(&t, h);
                x = h.x_end;
                y = h.y_end;
        }
        return r;
}
