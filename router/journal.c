/* SPDX-License-Identifier: Apache-2.0 */
#include "router/journal.h"

#include "lib/base/cleanup.h"
#include "lib/base/log.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#define MAX_FIELDS 40
#define TEXT_BYTES 8192

/* Assignments are laid one after the other; one that does not fit is left out. */
struct entry {
        struct iovec fields[MAX_FIELDS];
        int n_fields;
        char text[TEXT_BYTES];
        size_t used;
};

static void entry_put(struct entry *e, const char *prefix, const char *name, struct slice value)
{
        size_t n_prefix = strlen(prefix), n_name = strlen(name);
        size_t n = n_prefix + n_name + 1 + value.length;
        char *p = e->text + e->used;

        if (e->n_fields == MAX_FIELDS || n > sizeof(e->text) - e->used)
                return;
        e->fields[e->n_fields++] = (struct iovec){ p, n };
        e->used += n;
        memcpy(p, prefix, n_prefix);
        for (size_t i = 0; i < n_name; i++)
                p[n_prefix + i] = (char)toupper((unsigned char)name[i]);
        p[n_prefix + n_name] = '=';
        if (value.length)
                memcpy(p + n_prefix + n_name + 1, value.data, value.length);
}

static struct slice field_text(const struct field *f, char number[static 24])
{
        if (f->type == FIELD_TEXT)
                return f->text;
        if (f->type == FIELD_BOOL)
                return f->number ? SLICE_LITERAL("true") : SLICE_LITERAL("false");
        snprintf(number, 24, "%" PRId64, f->number);
        return slice_of(number);
}

/* "exchange: 127.1.0.1 us-street GET 200 ...": the event's name and the first of its fields. */
static void put_message(struct entry *e, const struct event *event, const struct field *fields,
                        size_t n_fields)
{
        char message[512], number[24];
        size_t used = (size_t)snprintf(message, sizeof(message), "%s:", event->name);

        for (size_t i = 0; i < n_fields && i < 12; i++) {
                struct slice text = field_text(&fields[i], number);

                if (!text.data || used + text.length + 2 > sizeof(message))
                        continue;
                message[used++] = ' ';
                memcpy(message + used, text.data, text.length);
                used += text.length;
        }
        entry_put(e, "", "MESSAGE", (struct slice){ message, used });
}

static void send_event(const struct event *event, const struct field *fields, size_t n_fields,
                       struct slice line)
{
        static const char *const priorities[] = { "3", "4", "6", "7" }; /* syslog(3) */
        struct entry e = { .n_fields = 0 };
        char number[24];

        put_message(&e, event, fields, n_fields);
        entry_put(&e, "", "PRIORITY", slice_of(priorities[event->level]));
        entry_put(&e, "KEYROUTER_", "EVENT", slice_of(event->name));
        for (size_t i = 0; i < n_fields; i++) {
                struct slice text = field_text(&fields[i], number);

                if (text.data)
                        entry_put(&e, "KEYROUTER_", fields[i].name, text);
        }
        sd_journal_sendv(e.fields, e.n_fields);
}

void journal_start(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        uint64_t device, inode;
        struct stat st;

        if (stream && sscanf(stream, "%" SCNu64 ":%" SCNu64, &device, &inode) == 2 &&
            fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode)
                log_set_sink(send_event);
}
