/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/host_list.h"

#include <errno.h>

/* ---- one host ---- */

static bool is_letter(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* Of a host name, with the underscore that some have. */
static bool label_is_good(struct slice label)
{
        if (label.length < 1 || label.length > 63)
                return false;
        for (size_t i = 0; i < label.length; i++) {
                char c = label.data[i];

                if (!is_letter(c) && !is_digit(c) && c != '-' && c != '_')
                        return false;
        }
        return label.data[0] != '-' && label.data[label.length - 1] != '-';
}

static bool label_is_number(struct slice label)
{
        for (size_t i = 0; i < label.length; i++)
                if (!is_digit(label.data[i]))
                        return false;
        return true;
}

static bool name_is_good(struct slice name, bool is_wildcard)
{
        struct slice rest = name, label = name;
        unsigned n_labels = 0;

        if (name.length < 1)
                return false;
        while (slice_split(&rest, '.', &label)) {
                if (!label_is_good(label))
                        return false;
                n_labels++;
        }
        if (label_is_number(label))
                return false;
        return n_labels > 1 || (!is_wildcard && name.length <= HOST_MAX_LONE &&
                                is_letter(name.data[0]) && !slice_is_nocase(name, "router"));
}

bool host_canonical(struct slice text, enum host_kind kind, char ret[static HOST_TEXT_MAX])
{
        bool is_wildcard = text.length > 2 && text.data[0] == '*' && text.data[1] == '.';
        struct addr a;

        if (addr_parse(text, &a) == 0 && !addr_is_unspecified(&a)) {
                addr_format(&a, ret);
                return true;
        }
        if (kind == HOST_SLOT) {
                strcpy(ret, "router");
                return slice_is(text, "router");
        }
        if (text.length < 1 || text.length >= HOST_TEXT_MAX)
                return false;
        if (!slice_is(text, "*") &&
            !name_is_good(is_wildcard ? slice_from(text, 2) : text, is_wildcard))
                return false;
        for (size_t i = 0; i < text.length; i++) {
                char c = text.data[i];

                ret[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        }
        ret[text.length] = 0;
        return true;
}

/* ---- a line ---- */

static struct slice line_trim(struct slice line)
{
        while (line.length && line.data[line.length - 1] == '\r')
                line.length--;
        return slice_trim(line);
}

/* A comment that stands on the line goes with what follows it. */
static struct slice first_column(struct slice line)
{
        struct slice column = line;

        if (line.data[0] == '"') {
                column = slice_from(line, 1);
                for (size_t i = 0; i < column.length; i++)
                        if (column.data[i] == '"')
                                column.length = i;
                return slice_trim(column);
        }
        for (size_t i = 0; i < column.length; i++)
                if (memchr(",;\t#", column.data[i], 4))
                        column.length = i;
        return slice_trim(column);
}

/* "203.0.113.7   Remove", as copied from a page. */
static bool column_canonical(struct slice column, enum host_kind kind,
                             char ret[static HOST_TEXT_MAX])
{
        struct slice rest = column, word;
        struct addr a;

        if (host_canonical(column, kind, ret))
                return true;
        return slice_split(&rest, ' ', &word) && rest.data && addr_parse(word, &a) == 0 &&
               host_canonical(word, kind, ret);
}

/* Nothing but words that such headings are made of? */
static bool column_is_heading(struct slice column)
{
        static const char *const words[] = { "address",  "addresses", "allowed", "and",
                                             "domain",   "domains",   "host",    "hosts",
                                             "hostname", "hostnames", "ip",      "ips",
                                             "listed",   "name",      "names",   "or",
                                             "referer",  "url",       "website" };
        struct slice rest = column;
        bool is_word = false;

        while (rest.length) {
                size_t length = 0;

                while (length < rest.length && is_letter(rest.data[length]))
                        length++;
                if (length == 0 && !memchr(" /_-()", rest.data[0], 6))
                        return false;
                is_word = length == 0;
                for (size_t i = 0; !is_word && i < N_ELEMENTS(words); i++)
                        is_word = slice_is_nocase((struct slice){ rest.data, length }, words[i]);
                if (!is_word)
                        return false;
                rest = slice_from(rest, MAX(length, 1U));
        }
        return column.length > 0;
}

/* ---- a list ---- */

struct found {
        char *host;
        unsigned line;
};

struct reading {
        struct found *found;
        size_t n, n_max;
        bool is_past_top; /* a line that is not empty has been read */
};

static void reading_done(struct reading *r)
{
        for (size_t i = 0; i < r->n; i++)
                free(r->found[i].host);
        free(r->found);
}

static int reading_add(struct reading *r, const char *host, unsigned line)
{
        if (r->n == r->n_max) {
                size_t n_max = r->n_max ? 2 * r->n_max : 128;
                struct found *larger = reallocarray(r->found, n_max, sizeof(*larger));

                if (!larger)
                        return -ENOMEM;
                r->found = larger;
                r->n_max = n_max;
        }
        r->found[r->n] = (struct found){ strdup(host), line };
        return r->found[r->n++].host ? 0 : -ENOMEM;
}

static int line_read(struct reading *r, struct slice line, enum host_kind kind, struct place at,
                     struct diag *d)
{
        char host[HOST_TEXT_MAX];
        struct slice column;
        bool is_top = !r->is_past_top;

        line = line_trim(line);
        if (line.length == 0 || line.data[0] == '#')
                return 0;
        r->is_past_top = true;
        column = first_column(line);
        if (is_top && column_is_heading(column))
                return 0;
        if (column_canonical(column, kind, host))
                return reading_add(r, host, at.line);
        if (kind == HOST_SLOT)
                diag_error(d, at, NULL, "no IP address stands in this line");
        else
                diag_error(d, at, NULL,
                           "no IP address, host name or wildcard stands at the beginning of this "
                           "line");
        return 0;
}

static int found_compare(const void *left, const void *right)
{
        const struct found *a = *(const struct found *const *)left;
        const struct found *b = *(const struct found *const *)right;
        int r = strcmp(a->host, b->host);

        return r ? r : (a > b) - (a < b);
}

/* Of equal ones the first stays; the others lose their text. */
static int doubles_drop(struct reading *r, const char *path, struct diag *d)
{
        CLEANUP(freep) struct found **sorted = calloc(r->n + 1, sizeof(*sorted));
        const struct found *first;

        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < r->n; i++)
                sorted[i] = &r->found[i];
        qsort(sorted, r->n, sizeof(*sorted), found_compare);
        first = sorted[0];
        for (size_t i = 1; i < r->n; i++) {
                if (strcmp(first->host, sorted[i]->host) != 0) {
                        first = sorted[i];
                        continue;
                }
                diag_warning(d, (struct place){ path, sorted[i]->line }, NULL,
                             "%s is listed twice, first in line %u", first->host, first->line);
                free(TAKE(sorted[i]->host));
        }
        return 0;
}

static int lines_read(struct reading *r, struct slice text, enum host_kind kind, const char *path,
                      struct diag *d)
{
        static const struct slice mark = { "\xef\xbb\xbf", 3 }; /* UTF-8, as Excel begins files */
        struct place at = { path, 0 };
        struct slice line;
        int error = 0;

        if (slice_starts_nocase(text, mark))
                text = slice_from(text, mark.length);
        while (error == 0 && slice_split(&text, '\n', &line)) {
                at.line++;
                error = line_read(r, line, kind, at, d);
                if (r->n > HOST_LIST_MAX) {
                        diag_error(d, at, NULL, "these are more than %d hosts", HOST_LIST_MAX);
                        break;
                }
        }
        return error;
}

int host_list_read(struct slice text, enum host_kind kind, const char *path, struct diag *d,
                   struct host_list *ret)
{
        CLEANUP(reading_done) struct reading r = { NULL };
        size_t n_errors = d->n_errors;
        int error = lines_read(&r, text, kind, path, d);

        if (error == 0)
                error = doubles_drop(&r, path, d);
        if (error || d->n_errors > n_errors)
                return error ? error : -EINVAL;
        *ret = (struct host_list){ calloc(r.n + 1, sizeof(*ret->hosts)), 0 };
        if (!ret->hosts)
                return -ENOMEM;
        for (size_t i = 0; i < r.n; i++)
                if (r.found[i].host)
                        ret->hosts[ret->n++] = TAKE(r.found[i].host);
        return 0;
}

void host_list_done(struct host_list *l)
{
        for (size_t i = 0; i < l->n; i++)
                free(l->hosts[i]);
        free(l->hosts);
}
