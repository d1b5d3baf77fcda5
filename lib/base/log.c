/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/log.h"

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/text.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>

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
 * PIPE_BUF bytes at least, and so much it takes whole (pipe(7)): lines of several threads do not
 * mix, and what a full pipe does not take is lost by whole lines.
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

/* Bytes that stand for themselves in JSON text. */
static const bool is_plain[256] = {
        [' ' ... '!'] = true,
        ['#' ... '['] = true,
        [']' ... '~'] = true,
};

/* JSON text (RFC 8259 section 7). Bytes that are not ASCII go out escaped one by one: a log line is
 * valid UTF-8 whatever a client sent. The caller has seen that it fits. */
static void put_text(struct text *l, struct slice s)
{
        static const char hex[] = "0123456789abcdef";
        size_t length = MIN(s.length, TEXT_MAX_BYTES);
        char *at = l->at;

        assert(text_room(l) >= 2 + 6 * length);
        *at++ = '"';
        for (size_t i = 0; i < length; i++) {
                unsigned char c = (unsigned char)s.data[i];

                if (is_plain[c]) {
                        *at++ = (char)c;
                        continue;
                }
                memcpy(at, "\\u00", 4);
                at[4] = hex[c >> 4];
                at[5] = hex[c & 15];
                at += 6;
        }
        *at++ = '"';
        l->at = at;
}

static void put_name(struct text *l, struct slice name)
{
        text_put(l, ",\"", 2);
        text_put(l, name.data, name.length);
        text_put(l, "\":", 2);
}

static void put_number(struct text *l, int64_t number)
{
        if (number < 0)
                text_put(l, "-", 1);
        text_put_number(l, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

static void put_time(struct text *l)
{
        uint64_t now_us = clock_wall_us();
        time_t second = (time_t)(now_us / 1000000U);
        unsigned ms = (unsigned)(now_us / 1000U % 1000U);
        char fraction[] = {
                '.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10), 'Z',
                '"'
        };

        if (second != held.second || !held.stamp[0]) {
                struct tm tm;

                gmtime_r(&second, &tm);
                strftime(held.stamp, sizeof(held.stamp), "%Y-%m-%dT%H:%M:%S", &tm);
                held.second = second;
        }
        text_put(l, "{\"time\":\"", 9);
        text_put_string(l, held.stamp);
        text_put(l, fraction, sizeof(fraction));
}

/* An escaped byte takes six; 32 more are the punctuation, a number and the end of the line: a field
 * that may not fit is left out, so that the line is always whole. */
static bool has_room(const struct text *l, const struct field *f)
{
        size_t text = f->type == FIELD_TEXT ? 6 * MIN(f->text.length, TEXT_MAX_BYTES) : 0;

        return f->name.length + text + 32 <= text_room(l);
}

static void put_field(struct text *l, const struct field *f)
{
        put_name(l, f->name);
        if (f->type == FIELD_TEXT)
                put_text(l, f->text);
        else if (f->type == FIELD_NUMBER)
                put_number(l, f->number);
        else
                text_put_string(l, f->number ? "true" : "false");
}

void log_fields(const struct event *event, const struct field *fields, size_t n_fields)
{
        char memory[LINE_MAX_BYTES];
        struct text l = text_begin(memory, sizeof(memory));
        struct slice line;

        if (!log_wants(event->level))
                return;
        put_time(&l);
        put_field(&l, &TEXT("level", log_level_name(event->level)));
        put_field(&l, &TEXT("event", event->name));
        for (size_t i = 0; i < n_fields; i++) {
                if (fields[i].type == FIELD_TEXT && !fields[i].text.data)
                        continue;
                if (!has_room(&l, &fields[i]))
                        break;
                put_field(&l, &fields[i]);
        }
        text_put(&l, "}\n", 2);
        line = (struct slice){ memory, (size_t)(l.at - memory) };
        if (sink_set)
                sink_set(event, fields, n_fields, line);
        else
                sink_stderr(line);
}

int fault_at(int error, const char *file, int line, const char *function)
{
        static const struct event FAULT = { "fault", LOG_LEVEL_DEBUG };

        if (error < 0 && log_wants(LOG_LEVEL_DEBUG))
                log_event(&FAULT, TEXT("error", strerror(-error)), TEXT("file", file),
                          NUMBER("line", line), TEXT("function", function));
        return error;
}
