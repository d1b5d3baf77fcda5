/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/log.h"

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>

#define LINE_MAX_BYTES 8192
#define HELD_MAX_BYTES 65536
#define TEXT_MAX_BYTES ((size_t)512) /* of one value; the rest of a longer one is cut off */

static enum log_level max_level = LOG_LEVEL_INFO;
static log_sink *sink_set;
static atomic_uint_fast64_t n_lost;

static _Thread_local struct {
        bool hold;
        size_t length;
        char *data;
        time_t second;
        char stamp[32];
} held;

static const char *const level_names[] = { "error", "warning", "info", "debug" };

void log_set_level(enum log_level level)
{
        max_level = level;
}

bool log_wants(enum log_level level)
{
        return level <= max_level;
}

const char *log_level_name(enum log_level level)
{
        return level_names[level];
}

bool log_level_parse(struct slice name, enum log_level *ret)
{
        for (size_t i = 0; i < N_ELEMENTS(level_names); i++) {
                if (slice_is(name, level_names[i])) {
                        *ret = (enum log_level)i;
                        return true;
                }
        }
        return false;
}

void log_set_sink(log_sink *sink)
{
        sink_set = sink;
}

uint64_t log_n_lost(void)
{
        return atomic_load(&n_lost);
}

/* As many whole lines as a pipe takes in one piece, of a longer line its beginning. */
static size_t piece_length(const char *data, size_t length)
{
        const char *end;

        if (length <= PIPE_BUF)
                return length;
        end = memrchr(data, '\n', PIPE_BUF);
        return end ? (size_t)(end + 1 - data) : PIPE_BUF;
}

/*
 * Writes to standard error without ever waiting for its reader. A pipe that polls writable takes
 * PIPE_BUF bytes at least, and so much it takes whole (pipe(7)): lines of several threads do not mix,
 * and what a full pipe does not take is lost by whole lines.
 */
static void stderr_write(const char *data, size_t length)
{
        while (length > 0) {
                struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
                ssize_t n = -1;

                if (poll(&p, 1, 0) == 1)
                        n = write(STDERR_FILENO, data, piece_length(data, length));
                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        for (size_t i = 0; i < length; i++)
                                n_lost += data[i] == '\n';
                        return;
                }
                data += n;
                length -= (size_t)n;
        }
}

void log_hold(bool hold)
{
        log_flush();
        held.hold = hold;
        if (!hold) {
                free(held.data);
                held.data = NULL;
        }
}

void log_flush(void)
{
        if (held.length == 0)
                return;
        stderr_write(held.data, held.length);
        held.length = 0;
}

static void sink_stderr(struct slice line)
{
        if (held.hold && !held.data)
                held.data = malloc(HELD_MAX_BYTES);
        if (!held.hold || !held.data) {
                stderr_write(line.data, line.length);
                return;
        }
        if (line.length > HELD_MAX_BYTES - held.length)
                log_flush();
        memcpy(held.data + held.length, line.data, line.length);
        held.length += line.length;
}

struct line {
        size_t length;
        char text[LINE_MAX_BYTES];
};

/* A field that may not fit is left out by line_has_room(), so that the line is always whole. */
static void line_put(struct line *l, const char *text, size_t n)
{
        assert(n <= sizeof(l->text) - l->length);
        memcpy(l->text + l->length, text, n);
        l->length += n;
}

/* JSON text (RFC 8259 section 7). Bytes that are not ASCII go out escaped one by one: a log line is
 * valid UTF-8 whatever a client sent. */
static void line_put_text(struct line *l, struct slice s)
{
        static const char hex[] = "0123456789abcdef";

        line_put(l, "\"", 1);
        for (size_t i = 0; i < MIN(s.length, TEXT_MAX_BYTES); i++) {
                unsigned char c = (unsigned char)s.data[i];
                char escaped[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

                if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
                        line_put(l, (const char *)&c, 1);
                else
                        line_put(l, escaped, sizeof(escaped));
        }
        line_put(l, "\"", 1);
}

static void line_put_name(struct line *l, const char *name)
{
        line_put(l, ",\"", 2);
        line_put(l, name, strlen(name));
        line_put(l, "\":", 2);
}

static void line_put_number(struct line *l, int64_t number)
{
        char text[24];
        int n = snprintf(text, sizeof(text), "%" PRId64, number);

        line_put(l, text, (size_t)n);
}

static void line_put_time(struct line *l)
{
        uint64_t now_us = clock_wall_us();
        time_t second = (time_t)(now_us / 1000000U);
        unsigned ms = (unsigned)(now_us / 1000U % 1000U);
        char fraction[] = { '.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
                            (char)('0' + ms % 10), 'Z', '"' };

        if (second != held.second || !held.stamp[0]) {
                struct tm tm;

                gmtime_r(&second, &tm);
                strftime(held.stamp, sizeof(held.stamp), "%Y-%m-%dT%H:%M:%S", &tm);
                held.second = second;
        }
        line_put(l, "{\"time\":\"", 9);
        line_put(l, held.stamp, strlen(held.stamp));
        line_put(l, fraction, sizeof(fraction));
}

/* An escaped byte takes six; 32 more are the punctuation, a number and the end of the line. */
static bool line_has_room(const struct line *l, const struct field *f)
{
        size_t text = f->type == FIELD_TEXT ? 6 * MIN(f->text.length, TEXT_MAX_BYTES) : 0;

        return strlen(f->name) + text + 32 <= sizeof(l->text) - l->length;
}

void log_fields(const struct event *event, const struct field *fields, size_t n_fields)
{
        struct line l;

        if (!log_wants(event->level))
                return;
        l.length = 0;
        line_put_time(&l);
        line_put_name(&l, "level");
        line_put_text(&l, slice_of(log_level_name(event->level)));
        line_put_name(&l, "event");
        line_put_text(&l, slice_of(event->name));
        for (size_t i = 0; i < n_fields; i++) {
                const struct field *f = &fields[i];

                if (f->type == FIELD_TEXT && !f->text.data)
                        continue;
                if (!line_has_room(&l, f))
                        break;
                line_put_name(&l, f->name);
                if (f->type == FIELD_TEXT)
                        line_put_text(&l, f->text);
                else if (f->type == FIELD_NUMBER)
                        line_put_number(&l, f->number);
                else
                        line_put(&l, f->number ? "true" : "false", f->number ? 4 : 5);
        }
        memcpy(l.text + l.length, "}\n", 2);
        l.length += 2;
        if (sink_set)
                sink_set(event, fields, n_fields, (struct slice){ l.text, l.length });
        else
                sink_stderr((struct slice){ l.text, l.length });
}

int fault_at(int error, const char *file, int line, const char *function)
{
        static const struct event FAULT = { "fault", LOG_LEVEL_DEBUG };

        if (error < 0 && log_wants(LOG_LEVEL_DEBUG))
                log_event(&FAULT, TEXT("error", strerror(-error)), TEXT("file", file),
                          NUMBER("line", line), TEXT("function", function));
        return error;
}
