/* SPDX-License-Identifier: Apache-2.0 */
#include "router/journal.h"

#include "lib/base/cleanup.h"
#include "lib/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <cmocka.h>

/* What the journal got: each entry as its assignments, a line each. Read after journal_stop(). */
static struct {
        char entries[8][16384];
        size_t n_entries; /* all, also those that were not kept */
        sem_t *gate;      /* NULL: the journal takes everything at once */
        sem_t arrived;
} got;

int __wrap_sd_journal_sendv(const struct iovec *parts, int n);

int __wrap_sd_journal_sendv(const struct iovec *parts, int n)
{
        char *out = got.entries[got.n_entries % N_ELEMENTS(got.entries)];
        size_t used = 0;

        sem_post(&got.arrived);
        if (got.gate)
                while (sem_wait(got.gate) < 0 && errno == EINTR)
                        ;
        for (int i = 0; i < n; i++) {
                assert_true(used + parts[i].iov_len + 2 < sizeof(got.entries[0]));
                memcpy(out + used, parts[i].iov_base, parts[i].iov_len);
                used += parts[i].iov_len;
                out[used++] = '\n';
        }
        out[used] = 0;
        got.n_entries++;
        return 0;
}

static const struct event EXCHANGE = { "exchange", LOG_LEVEL_INFO };

static void journal_begin(sem_t *gate)
{
        char stream[64];
        struct stat st;

        got.n_entries = 0;
        got.gate = gate;
        sem_init(&got.arrived, 0, 0);
        assert_int_equal(fstat(STDERR_FILENO, &st), 0);
        snprintf(stream, sizeof(stream), "%" PRIu64 ":%" PRIu64, (uint64_t)st.st_dev,
                 (uint64_t)st.st_ino);
        assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
        journal_start();
}

static void an_event_becomes_an_entry_with_fields(void **state)
{
        journal_begin(NULL);
        log_event(&EXCHANGE, TEXT("key", "austin-1"), NUMBER("status", -200),
                  BOOLEAN("reused", true), TEXT("absent", NULL), TEXT("text", "a b"));
        assert_true(journal_stop(10000));
        assert_int_equal(got.n_entries, 1);
        assert_string_equal(got.entries[0],
                            "MESSAGE=exchange: key=austin-1 status=-200 reused=true text=a b\n"
                            "PRIORITY=6\n"
                            "SYSLOG_IDENTIFIER=test_journal\n"
                            "KEYROUTER_EVENT=exchange\n"
                            "KEYROUTER_KEY=austin-1\n"
                            "KEYROUTER_STATUS=-200\n"
                            "KEYROUTER_REUSED=true\n"
                            "KEYROUTER_TEXT=a b\n");
}

static void each_level_has_its_priority(void **state)
{
        static const struct {
                enum log_level level;
                const char *priority;
        } rows[] = {
                { LOG_LEVEL_ERROR, "\nPRIORITY=3\n" },
                { LOG_LEVEL_WARNING, "\nPRIORITY=4\n" },
                { LOG_LEVEL_INFO, "\nPRIORITY=6\n" },
                { LOG_LEVEL_DEBUG, "\nPRIORITY=7\n" },
        };

        log_set_level(LOG_LEVEL_DEBUG);
        journal_begin(NULL);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct event event = { "some_event", rows[i].level };

                log_fields(&event, NULL, 0);
        }
        assert_true(journal_stop(10000));
        assert_int_equal(got.n_entries, N_ELEMENTS(rows));
        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                assert_non_null(strstr(got.entries[i], rows[i].priority));
        log_set_level(LOG_LEVEL_INFO);
}

static void a_message_holds_visible_text_only_and_stays_short(void **state)
{
        char wide[20000];

        memset(wide, 'w', sizeof(wide));
        journal_begin(NULL);
        log_event(&EXCHANGE, TEXT("path", "a\nPRIORITY=0\x1b[31m\xff\x7f"), NUMBER("status", 1));
        log_event(&EXCHANGE, SLICE("wide", ((struct slice){ wide, 600 })), NUMBER("status", 2));
        log_event(&EXCHANGE, SLICE("wide", ((struct slice){ wide, sizeof(wide) })),
                  NUMBER("status", 3));
        assert_true(journal_stop(10000));
        assert_non_null(
                strstr(got.entries[0],
                       "MESSAGE=exchange: path=a?PRIORITY=0?[31m?? status=1\nPRIORITY=6\n"));
        assert_non_null(strstr(got.entries[1], "MESSAGE=exchange: status=2\n"));
        assert_non_null(strstr(got.entries[1], "KEYROUTER_WIDE=www"));
        assert_null(strstr(got.entries[2], "WIDE")); /* beyond an entry's bound: left out whole */
        assert_non_null(strstr(got.entries[2], "KEYROUTER_STATUS=3\n"));
}

static void a_journal_that_hangs_stops_no_caller_and_hears_of_the_loss(void **state)
{
        const unsigned n_events = 5000;
        char expected[64], text[400];
        uint64_t before = journal_n_lost(), n_lost;
        sem_t gate;

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = 0;
        sem_init(&gate, 0, 0);
        journal_begin(&gate);
        log_event(&EXCHANGE, NUMBER("n", 0));
        while (sem_wait(&got.arrived) < 0) /* now the thread hangs in the journal */
                ;
        for (unsigned i = 1; i < n_events; i++)
                log_event(&EXCHANGE, TEXT("text", text), NUMBER("n", i));
        n_lost = journal_n_lost() - before;
        assert_true(n_lost > 0 && n_lost < n_events);
        assert_false(journal_stop(5));
        for (unsigned i = 0; i < n_events + 2; i++)
                sem_post(&gate);
        assert_true(journal_stop(10000));
        assert_int_equal(got.n_entries, n_events - n_lost + 1);
        snprintf(expected, sizeof(expected), "MESSAGE=journal_lost: entries=%" PRIu64 "\n", n_lost);
        assert_non_null(
                strstr(got.entries[(got.n_entries - 1) % N_ELEMENTS(got.entries)], expected));
        sem_destroy(&gate);
}

static void without_a_journal_at_standard_error_nothing_changes(void **state)
{
        char other_inode[64], other_device[64];
        const char *streams[] = { NULL, "", "1", "x:y", ":", other_inode, other_device };
        struct stat st;

        assert_int_equal(fstat(STDERR_FILENO, &st), 0);
        snprintf(other_inode, sizeof(other_inode), "%" PRIu64 ":%" PRIu64, (uint64_t)st.st_dev,
                 (uint64_t)st.st_ino + 1);
        snprintf(other_device, sizeof(other_device), "%" PRIu64 ":%" PRIu64,
                 (uint64_t)st.st_dev + 1, (uint64_t)st.st_ino);
        got.n_entries = 0;
        log_set_level(LOG_LEVEL_ERROR);
        for (size_t i = 0; i < N_ELEMENTS(streams); i++) {
                if (streams[i])
                        assert_int_equal(setenv("JOURNAL_STREAM", streams[i], 1), 0);
                else
                        unsetenv("JOURNAL_STREAM");
                journal_start();
                log_event(&EXCHANGE, NUMBER("n", i));
                assert_true(journal_stop(10000));
        }
        log_set_level(LOG_LEVEL_INFO);
        assert_int_equal(got.n_entries, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_event_becomes_an_entry_with_fields),
                cmocka_unit_test(each_level_has_its_priority),
                cmocka_unit_test(a_message_holds_visible_text_only_and_stays_short),
                cmocka_unit_test(a_journal_that_hangs_stops_no_caller_and_hears_of_the_loss),
                cmocka_unit_test(without_a_journal_at_standard_error_nothing_changes),
        };

        program_invocation_short_name = (char *)"test_journal";
        return cmocka_run_group_tests(tests, NULL, NULL);
}
