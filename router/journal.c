/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two batches: events are laid into one while the thread sends the other, then they change places.
 * The lock is held for a copy of some hundred bytes; an entry is put together before it is taken.
 */
#define SD_JOURNAL_SUPPRESS_LOCATION 1 /* or each entry names this file as its origin */
#include "router/journal.h"

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#define MAX_FIELDS 40
#define ENTRY_BYTES 8192
#define MESSAGE_BYTES 512
#define NUMBER_MAX (1 + DECIMAL_MAX)
#define BATCH_BYTES ((size_t)256 * 1024)
#define EXIT_PATIENCE_MS 2000

/* Assignments are laid one after the other; one that does not fit is left out. */
struct entry {
        uint32_t n_fields;
        uint32_t used;
        uint32_t lengths[MAX_FIELDS];
        char text[ENTRY_BYTES];
};

/* Each entry as n_fields, used, its lengths and its text. */
struct batch {
        size_t used;
        char bytes[BATCH_BYTES];
};

static struct {
        pthread_mutex_t mutex;
        pthread_cond_t wake;
        pthread_cond_t end; /* of the thread; waits by the monotonic clock */
        pthread_t thread;
        bool running;
        bool stopping;
        bool ended;
        uint64_t n_lost;
        struct batch batches[2];
        struct batch *filling, *sending;
} journal = { .mutex = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };

static void entry_put(struct entry *e, const char *prefix, struct slice name, struct slice value)
{
        size_t n_prefix = strlen(prefix);
        size_t n = n_prefix + name.length + 1 + value.length;
        char *p = e->text + e->used;

        if (e->n_fields == MAX_FIELDS || n > sizeof(e->text) - e->used)
                return;
        e->lengths[e->n_fields++] = (uint32_t)n;
        e->used += (uint32_t)n;
        memcpy(p, prefix, n_prefix);
        p += n_prefix;
        for (size_t i = 0; i < name.length; i++)
                *p++ = (char)toupper((unsigned char)name.data[i]);
        *p++ = '=';
        if (value.length)
                memcpy(p, value.data, value.length);
}

static struct slice field_text(const struct field *f, char number[static NUMBER_MAX])
{
        uint64_t size = f->number < 0 ? -(uint64_t)f->number : (uint64_t)f->number;
        char *end = number + NUMBER_MAX, *first;

        if (f->type == FIELD_TEXT)
                return f->text;
        if (f->type == FIELD_BOOL)
                return f->number ? SLICE_LITERAL("true") : SLICE_LITERAL("false");
        first = decimal_before(end, size);
        if (f->number < 0)
                *--first = '-';
        return (struct slice){ first, (size_t)(end - first) };
}

/* "exchange: client=10.20.1.7 api=us-street status=200": the event and those of its fields that
 * fit, in visible ASCII whatever a client sent. */
static void put_message(struct entry *e, const struct event *event, const struct field *fields,
                        size_t n_fields)
{
        char message[MESSAGE_BYTES], number[NUMBER_MAX];
        struct text t = text_begin(message, sizeof(message));

        text_put_string(&t, event->name);
        text_put(&t, ":", 1);
        for (size_t i = 0; i < n_fields; i++) {
                struct slice name = fields[i].name, text = field_text(&fields[i], number);

                if (!text.data || name.length + text.length + 2 > text_room(&t))
                        continue;
                text_put(&t, " ", 1);
                text_put(&t, name.data, name.length);
                text_put(&t, "=", 1);
                text_put(&t, text.data, text.length);
        }
        for (char *p = message; p < t.at; p++)
                if (*p < 0x20 || *p > 0x7e)
                        *p = '?';
        entry_put(e, "", SLICE_LITERAL("MESSAGE"),
                  (struct slice){ message, (size_t)(t.at - message) });
}

static void entry_make(struct entry *e, const struct event *event, const struct field *fields,
                       size_t n_fields)
{
        static const char *const priorities[] = { "3", "4", "6", "7" }; /* syslog(3) */
        char number[NUMBER_MAX];

        e->n_fields = e->used = 0;
        put_message(e, event, fields, n_fields);
        entry_put(e, "", SLICE_LITERAL("PRIORITY"), slice_of(priorities[event->level]));
        entry_put(e, "", SLICE_LITERAL("SYSLOG_IDENTIFIER"),
                  slice_of(program_invocation_short_name));
        entry_put(e, "KEYROUTER_", SLICE_LITERAL("EVENT"), slice_of(event->name));
        for (size_t i = 0; i < n_fields; i++) {
                struct slice text = field_text(&fields[i], number);

                if (text.data)
                        entry_put(e, "KEYROUTER_", fields[i].name, text);
        }
}

static void entry_send(struct entry *e)
{
        struct iovec parts[MAX_FIELDS];
        size_t at = 0;

        for (uint32_t i = 0; i < e->n_fields; i++) {
                parts[i] = (struct iovec){ e->text + at, e->lengths[i] };
                at += e->lengths[i];
        }
        (void)sd_journal_sendv(parts, (int)e->n_fields); /* there is nobody else to tell */
}

static void batch_put(struct batch *b, const void *data, size_t n)
{
        memcpy(b->bytes + b->used, data, n);
        b->used += n;
}

static void batch_get(const struct batch *b, size_t *at, void *ret, size_t n)
{
        memcpy(ret, b->bytes + *at, n);
        *at += n;
}

static bool batch_put_entry(struct batch *b, const struct entry *e)
{
        size_t n_lengths = e->n_fields * sizeof(*e->lengths);

        if (2 * sizeof(uint32_t) + n_lengths + e->used > sizeof(b->bytes) - b->used)
                return false;
        batch_put(b, &e->n_fields, sizeof(e->n_fields));
        batch_put(b, &e->used, sizeof(e->used));
        batch_put(b, e->lengths, n_lengths);
        batch_put(b, e->text, e->used);
        return true;
}

static void batch_send(struct batch *b)
{
        struct entry e;

        for (size_t at = 0; at < b->used;) {
                batch_get(b, &at, &e.n_fields, sizeof(e.n_fields));
                batch_get(b, &at, &e.used, sizeof(e.used));
                batch_get(b, &at, e.lengths, e.n_fields * sizeof(*e.lengths));
                batch_get(b, &at, e.text, e.used);
                entry_send(&e);
        }
        b->used = 0;
}

static void lost_send(uint64_t n_lost)
{
        static const struct event JOURNAL_LOST = { "journal_lost", LOG_LEVEL_WARNING };
        const struct field fields[] = { NUMBER("entries", n_lost) };
        struct entry e;

        entry_make(&e, &JOURNAL_LOST, fields, N_ELEMENTS(fields));
        entry_send(&e);
}

/* Waits for entries and makes them ready to be sent. False: stopped, and there are no more. */
static bool batch_take(uint64_t *ret_n_lost)
{
        bool any;

        pthread_mutex_lock(&journal.mutex);
        while (journal.filling->used == 0 && !journal.stopping)
                pthread_cond_wait(&journal.wake, &journal.mutex);
        any = journal.filling->used > 0;
        if (any) {
                struct batch *full = journal.filling;

                journal.filling = journal.sending;
                journal.sending = full;
        }
        *ret_n_lost = journal.n_lost;
        pthread_mutex_unlock(&journal.mutex);
        return any;
}

static void *journal_run(void *context)
{
        uint64_t n_lost, n_told = 0;

        while (batch_take(&n_lost)) {
                batch_send(journal.sending);
                if (n_lost > n_told)
                        lost_send(n_lost - n_told);
                n_told = n_lost;
        }
        if (n_lost > n_told)
                lost_send(n_lost - n_told);
        pthread_mutex_lock(&journal.mutex);
        journal.ended = true;
        pthread_cond_signal(&journal.end);
        pthread_mutex_unlock(&journal.mutex);
        return NULL;
}

static void sink_journal(const struct event *event, const struct field *fields, size_t n_fields,
                         struct slice line)
{
        struct entry e;

        entry_make(&e, event, fields, n_fields);
        pthread_mutex_lock(&journal.mutex);
        if (!batch_put_entry(journal.filling, &e))
                journal.n_lost++;
        pthread_cond_signal(&journal.wake);
        pthread_mutex_unlock(&journal.mutex);
}

static bool journal_is_at_stderr(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        uint64_t device, inode;
        struct stat st;

        return stream && sscanf(stream, "%" SCNu64 ":%" SCNu64, &device, &inode) == 2 &&
               fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

/* Signals are for the main thread. */
static bool thread_start(void)
{
        sigset_t all, before;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&journal.thread, NULL, journal_run, NULL);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return r == 0;
}

static void on_exit_of_program(void)
{
        (void)journal_stop(EXIT_PATIENCE_MS);
}

static bool end_init(void)
{
        pthread_condattr_t attributes;
        int r;

        if (pthread_condattr_init(&attributes) != 0)
                return false;
        r = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        if (r == 0)
                r = pthread_cond_init(&journal.end, &attributes);
        pthread_condattr_destroy(&attributes);
        return r == 0;
}

void journal_start(void)
{
        static bool exit_is_seen_to;

        if (journal.running || !journal_is_at_stderr())
                return;
        journal.filling = &journal.batches[0];
        journal.sending = &journal.batches[1];
        journal.stopping = journal.ended = false;
        if (!end_init())
                return;
        if (!thread_start()) {
                pthread_cond_destroy(&journal.end);
                return;
        }
        journal.running = true;
        if (!exit_is_seen_to)
                exit_is_seen_to = atexit(on_exit_of_program) == 0;
        log_set_sink(sink_journal);
}

static struct timespec in_ms(unsigned ms)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_sec += ms / 1000;
        t.tv_nsec += (long)(ms % 1000) * 1000000;
        t.tv_sec += t.tv_nsec / 1000000000;
        t.tv_nsec %= 1000000000;
        return t;
}

bool journal_stop(unsigned patience_ms)
{
        struct timespec until = in_ms(patience_ms);
        bool ended;

        if (!journal.running)
                return true;
        log_set_sink(NULL);
        pthread_mutex_lock(&journal.mutex);
        journal.stopping = true;
        pthread_cond_signal(&journal.wake);
        while (!journal.ended &&
               pthread_cond_timedwait(&journal.end, &journal.mutex, &until) != ETIMEDOUT)
                ;
        ended = journal.ended;
        pthread_mutex_unlock(&journal.mutex);
        if (!ended)
                return false;
        pthread_join(journal.thread, NULL);
        pthread_cond_destroy(&journal.end);
        journal.running = false;
        return true;
}

uint64_t journal_n_lost(void)
{
        uint64_t n;

        pthread_mutex_lock(&journal.mutex);
        n = journal.n_lost;
        pthread_mutex_unlock(&journal.mutex);
        return n;
}
