/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER_MAX 64
#define BATCH_MAX_BYTES 2000
#define PERCENT_POST 4
#define PERCENT_FOREIGN 10

static const struct {
        const char *name, *path;
        bool takes_post;
} hosts[N_HOSTS] = {
        { "us-street.api.smarty.com", "/street-address", true },
        { "us-zipcode.api.smarty.com", "/lookup", true },
        { "us-autocomplete-pro.api.smarty.com", "/lookup", false },
};

static struct {
        char text[NEVER_MAX][128];
        unsigned n;
} never;

void never_load(const char *path)
{
        FILE *f = fopen(path, "re");

        if (!f) {
                perror(path);
                exit(66);
        }
        while (never.n < NEVER_MAX && fgets(never.text[never.n], sizeof(never.text[0]), f)) {
                never.text[never.n][strcspn(never.text[never.n], "\n")] = 0;
                if (never.text[never.n][0])
                        never.n++;
        }
        fclose(f);
}

struct lookup lookup_roll(struct dice *d, const struct desk *desk)
{
        struct lookup l = { .host = (uint8_t)(dice_percent(d, 60) ? 0 : 1 + dice_below(d, 2)) };

        /* a body that the router refuses to read ends the connection: that desk sends none */
        l.post = hosts[l.host].takes_post && desk->status == 200 && dice_percent(d, PERCENT_POST);
        l.chunked = l.post && dice_percent(d, 25);
        l.foreign = dice_percent(d, PERCENT_FOREIGN);
        return l;
}

static size_t put_batch(const struct lookup *l, struct dice *d, char *out, size_t room)
{
        unsigned filler = 1 + dice_below(d, BATCH_MAX_BYTES);
        int n;

        if (l->chunked)
                n = snprintf(out, room, "%x\r\n[{\"street\":\"%0*d\"}]\r\n0\r\n\r\n", filler + 15,
                             (int)filler, 1);
        else
                n = snprintf(out, room, "[{\"street\":\"%0*d\"}]", (int)filler, 1);
        return (size_t)n;
}

size_t lookup_format(const struct lookup *l, struct dice *d, char out[static REQUEST_MAX_BYTES],
                     size_t *ret_head)
{
        char body[BATCH_MAX_BYTES + 64], framing[64] = "";
        size_t n_body = l->post ? put_batch(l, d, body, sizeof(body)) : 0;
        int n;

        if (l->chunked)
                strcpy(framing, "Transfer-Encoding: chunked\r\n");
        else if (l->post)
                snprintf(framing, sizeof(framing), "Content-Length: %zu\r\n", n_body);
        n = snprintf(out, REQUEST_MAX_BYTES,
                     "%s %s?%sstreet=1%%20Main%%20St&t=%08x%s HTTP/1.1\r\nHost: %s\r\n"
                     "User-Agent: smartystreets (sdk:crowd@1.0)\r\nAccept: */*\r\n%s%s%s\r\n",
                     l->post ? "POST" : "GET", hosts[l->host].path,
                     l->foreign ? "key=4711&auth-id=a&auth-token=b&" : "", l->token,
                     l->large ? "&size=large" : "", hosts[l->host].name,
                     l->foreign ? "Authorization: Basic YTpi\r\nReferer: https://example.com/\r\n"
                                : "",
                     l->says_close ? "Connection: close\r\n" : "", framing);
        *ret_head = (size_t)n;
        memcpy(out + n, body, n_body);
        return (size_t)n + n_body;
}

/* ---- the answer ---- */

static bool header_take(const char *line, const char *name, const char **ret_value)
{
        size_t n = strlen(name);

        if (strncasecmp(line, name, n) != 0 || strncmp(line + n, ": ", 2) != 0)
                return false;
        *ret_value = line + n + 2;
        return true;
}

static const char *head_read(char *head, struct answer *a)
{
        unsigned n_lengths = 0, n_ids = 0, n_codings = 0;
        const char *value;
        char *end;

        if (sscanf(head, "HTTP/1.1 %3u ", &a->status) != 1)
                return "no status line";
        for (char *line = strstr(head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n")) {
                if (header_take(line + 2, "Content-Length", &value)) {
                        a->body_bytes = strtoul(value, NULL, 10);
                        n_lengths++;
                } else if (header_take(line + 2, "X-Request-Id", &value)) {
                        a->request_id = strtoull(value, &end, 16);
                        n_ids += end == value + 16;
                } else if (header_take(line + 2, "Connection", &value)) {
                        a->closes = strncasecmp(value, "close\r", 6) == 0;
                } else if (header_take(line + 2, "Transfer-Encoding", &value)) {
                        n_codings++;
                }
        }
        if (n_lengths != 1 || n_codings != 0)
                return "not one length";
        if (n_ids != 1 || a->request_id == 0)
                return "not one request id";
        return a->body_bytes > ANSWER_MAX_BYTES - ANSWER_HEAD_MAX_BYTES ? "too long" : NULL;
}

int answer_parse(const char *data, size_t n, struct answer *ret, const char **ret_why)
{
        const char *end = memmem(data, n, "\r\n\r\n", 4);
        char head[ANSWER_HEAD_MAX_BYTES + 1];

        if (!end) {
                *ret_why = "a head without end";
                return n < ANSWER_HEAD_MAX_BYTES ? 0 : -1;
        }
        *ret = (struct answer){ .head_bytes = (size_t)(end + 4 - data) };
        if (ret->head_bytes > ANSWER_HEAD_MAX_BYTES) {
                *ret_why = "a head that is too long";
                return -1;
        }
        memcpy(head, data, ret->head_bytes - 2);
        head[ret->head_bytes - 2] = 0;
        for (unsigned i = 0; i < never.n; i++) {
                if (strstr(head, never.text[i])) {
                        *ret_why = "a credential in the head";
                        return -1;
                }
        }
        *ret_why = head_read(head, ret);
        return *ret_why ? -1 : 1;
}

/* What the vendor says of this lookup, up to the text. */
static size_t beginning_format(const struct lookup *l, const char *origin, char *out, size_t room)
{
        return (size_t)snprintf(
                out, room,
                "{\"token\":\"%08x\",\"host\":\"%s\",\"method\":\"%s\",\"by\":\"%s\",\"text\":\"",
                l->token, hosts[l->host].name, l->post ? "POST" : "GET", origin);
}

static const char *piece_text(void)
{
        static char text[PIECE_BYTES];

        for (unsigned i = 0; i < PIECE_BYTES && !text[PIECE_BYTES - 1]; i++)
                text[i] = (char)('a' + i % 26);
        return text;
}

static bool pieces_are_right(const struct lookup *l, const char *text, size_t n)
{
        size_t n_pieces = l->large ? PIECES_LARGE : 1;
        char token[10];

        snprintf(token, sizeof(token), "%08x:", l->token);
        if (n != n_pieces * (9 + PIECE_BYTES) + 2 || memcmp(text + n - 2, "\"}", 2) != 0)
                return false;
        for (size_t i = 0; i < n_pieces; i++, text += 9 + PIECE_BYTES) {
                if (memcmp(text, token, 9) != 0 || memcmp(text + 9, piece_text(), PIECE_BYTES) != 0)
                        return false;
        }
        return true;
}

const char *lookup_check(const struct lookup *l, const struct desk *desk, const struct answer *a,
                         const char *data)
{
        const char *body = data + a->head_bytes;
        char expected[512];

        if (a->status != desk->status)
                return "an unexpected status";
        if (a->status != 200)
                return a->body_bytes > 11 && memcmp(body, "{\"errors\":[", 11) == 0
                               ? NULL
                               : "an odd error";
        for (const char *const *origin = desk->origins[l->post]; *origin; origin++) {
                size_t n = beginning_format(l, *origin, expected, sizeof(expected));

                if (a->body_bytes > n && memcmp(body, expected, n) == 0)
                        return pieces_are_right(l, body + n, a->body_bytes - n)
                                       ? NULL
                                       : "the text of another lookup, or not all of it";
        }
        return "the answer for another lookup, or by another key or address";
}
