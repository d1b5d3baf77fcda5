/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * log - one event tells the story
 *
 * An event has a name, a level and typed fields, and becomes one line of JSON on standard error:
 *
 *   {"time":"2026-03-01T12:00:00.123Z","level":"info","event":"exchange","status":200,...}
 *
 * A program may set another sink (the journal). Values are escaped here; no caller may hand over a
 * credential or a query string. A sink that cannot take more loses events and counts them: logging
 * never blocks the data path.
 */
#include "lib/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct event {
        const char *name; /* lower case, words joined by _ */
        enum log_level level;
};

/* One field. Text with data == NULL is left out. */
struct field {
        struct slice name;
        enum { FIELD_TEXT, FIELD_NUMBER, FIELD_BOOL } type;
        struct slice text;
        int64_t number;
};

/* Its length is known where it is compiled, for a literal name. */
#define FIELD_NAME(name_) ((struct slice){ (name_), __builtin_strlen(name_) })

#define TEXT(name_, string_) ((struct field){ FIELD_NAME(name_), FIELD_TEXT, slice_of(string_), 0 })
#define SLICE(name_, slice_) ((struct field){ FIELD_NAME(name_), FIELD_TEXT, (slice_), 0 })
#define NUMBER(name_, value_) \
        ((struct field){ FIELD_NAME(name_), FIELD_NUMBER, { NULL, 0 }, (int64_t)(value_) })
#define BOOLEAN(name_, value_) \
        ((struct field){ FIELD_NAME(name_), FIELD_BOOL, { NULL, 0 }, (value_) })

/* log_event(&EXCHANGE, TEXT("key", name), NUMBER("status", 200)); */
#define log_event(event_, ...)                                      \
        log_fields((event_), (const struct field[]){ __VA_ARGS__ }, \
                   sizeof((const struct field[]){ __VA_ARGS__ }) / sizeof(struct field))

void log_fields(const struct event *event, const struct field *fields, size_t n_fields);

/* Events above this level are dropped. Set once, before threads start. Default: info. */
void log_set_level(enum log_level level);
bool log_wants(enum log_level level);

/* "error", "warning", "info", "debug". */
const char *log_level_name(enum log_level level);
/* Takes such a name; false if it is none. */
bool log_level_parse(struct slice name, enum log_level *ret);

/*
 * A sink takes each event as it happens, with its formatted line (`line.data` ends in a newline).
 * It must not block. Set once, before threads start; NULL is standard error.
 */
typedef void log_sink(const struct event *event, const struct field *fields, size_t n_fields,
                      struct slice line);
void log_set_sink(log_sink *sink);

/*
 * While held, lines of this thread collect in a buffer (at most 64 KiB) until log_flush(): one
 * write for many events. Workers hold, and flush when they come to rest and at least every 20 ms
 * under load: a crash can lose that much (lib/net/worker.c).
 */
void log_hold(bool hold);
void log_flush(void);

/* Lines lost since the start because standard error did not take them. */
uint64_t log_n_lost(void);
