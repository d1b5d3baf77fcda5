/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/cleanup.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "tests/unit/base/row.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct event HAPPENED = { "happened", LOG_LEVEL_INFO };
static const struct event DETAIL = { "detail", LOG_LEVEL_DEBUG };

static char last[16384];
static size_t n_lines;

static void keep(const struct event *event, const struct field *fields, size_t n_fields,
                 struct slice line)
{
        assert_true(line.length < sizeof(last));
        memcpy(last, line.data, line.length);
        last[line.length] = 0;
        n_lines++;
}

static int sink_keep(void **state)
{
        log_set_sink(keep);
        last[0] = 0;
        n_lines = 0;
        return 0;
}

static int sink_stderr(void **state)
{
        log_set_sink(NULL);
        log_set_level(LOG_LEVEL_INFO);
        return 0;
}

/* The line behind its time. */
static const char *last_fields(void)
{
        static const char pattern[] = "{\"time\":\"dddd-dd-ddTdd:dd:dd.dddZ\",";

        for (size_t i = 0; i < sizeof(pattern) - 1; i++) {
                if (pattern[i] == 'd')
                        assert_in_range(last[i], '0', '9');
                else if (last[i] != pattern[i])
                        fail_msg("no time at the start of %s", last);
        }
        return last + sizeof(pattern) - 1;
}

static void an_event_is_one_line_of_json(void **state)
{
        log_event(&HAPPENED, TEXT("key", "austin-1"), NUMBER("status", 200),
                  NUMBER("low", INT64_MIN), BOOLEAN("probe", true), BOOLEAN("cold", false),
                  TEXT("absent", NULL));
        assert_string_equal(
                last_fields(),
                "\"level\":\"info\",\"event\":\"happened\",\"key\":\"austin-1\",\"status\":200,"
                "\"low\":-9223372036854775808,\"probe\":true,\"cold\":false}\n");
}

static void whatever_stands_in_a_value_stays_in_its_quotes(void **state)
{
        static const struct {
                struct slice value;
                const char *json, *sentence;
        } rows[] = {
                { SLICE_LITERAL("plain"), "plain", "printable ASCII goes as it is" },
                { SLICE_LITERAL("a\"b\\c"), "a\\u0022b\\u005cc", "a quote and a backslash" },
                { SLICE_LITERAL("a\nb\r\t\0c"), "a\\u000ab\\u000d\\u0009\\u0000c",
                  "controls and a NUL" },
                { SLICE_LITERAL("\x1b[31m\x7f"), "\\u001b[31m\\u007f",
                  "what a terminal would obey" },
                { SLICE_LITERAL("caf\xc3\xa9\xff"), "caf\\u00c3\\u00a9\\u00ff",
                  "bytes beyond ASCII, one by one" },
                { SLICE_LITERAL(""), "", "nothing" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char expected[256];

                log_event(&HAPPENED, SLICE("v", rows[i].value));
                snprintf(expected, sizeof(expected),
                         "\"level\":\"info\",\"event\":\"happened\",\"v\":\"%s\"}\n", rows[i].json);
                ROW_CHECK(strcmp(last_fields(), expected) == 0, i, rows[i].sentence);
        }
}

static void a_long_value_is_cut_and_the_line_stays_whole(void **state)
{
        char value[1000];
        const char *fields;

        memset(value, 'x', sizeof(value));
        log_event(&HAPPENED, SLICE("v", ((struct slice){ value, sizeof(value) })), NUMBER("n", 1));
        fields = last_fields();
        assert_non_null(strstr(fields, "\",\"n\":1}\n"));
        assert_int_equal(strspn(strstr(fields, "xxx"), "x"), 512);
}

/* Each of these values takes 6 x 512 bytes: the third has no room. */
static void fields_beyond_the_line_are_left_out_whole(void **state)
{
        char value[512];
        struct slice s = { value, sizeof(value) };

        memset(value, '\n', sizeof(value));
        log_event(&HAPPENED, SLICE("a", s), SLICE("b", s), SLICE("c", s), NUMBER("d", 1));
        assert_non_null(strstr(last, "\"a\":\""));
        assert_non_null(strstr(last, "\"b\":\""));
        assert_null(strstr(last, "\"c\":\""));
        assert_int_equal(strcmp(last + strlen(last) - 9, "\\u000a\"}\n"), 0);
}

static void events_above_the_level_are_dropped(void **state)
{
        log_event(&DETAIL, NUMBER("n", 1));
        assert_int_equal(n_lines, 0);
        log_set_level(LOG_LEVEL_DEBUG);
        log_event(&DETAIL, NUMBER("n", 1));
        assert_int_equal(n_lines, 1);
        log_set_level(LOG_LEVEL_ERROR);
        log_event(&HAPPENED, NUMBER("n", 1));
        assert_int_equal(n_lines, 1);
        assert_true(log_wants(LOG_LEVEL_ERROR));
        assert_false(log_wants(LOG_LEVEL_WARNING));
}

static void levels_have_names(void **state)
{
        enum log_level back;

        for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
                back = LOG_LEVEL_ERROR;
                assert_true(log_level_parse(slice_of(log_level_name((enum log_level)i)), &back));
                assert_int_equal(back, i);
        }
        assert_false(log_level_parse(SLICE_LITERAL("Info"), &back));
        assert_false(log_level_parse(SLICE_LITERAL(""), &back));
}

static void a_fault_is_forwarded_and_traced_at_level_debug(void **state)
{
        assert_int_equal(fault(-ENOMEM), -ENOMEM);
        assert_int_equal(n_lines, 0);
        log_set_level(LOG_LEVEL_DEBUG);
        assert_int_equal(fault(-ENOMEM), -ENOMEM);
        assert_int_equal(n_lines, 1);
        assert_non_null(
                strstr(last, "\"function\":\"a_fault_is_forwarded_and_traced_at_level_debug\""));
}

/* Standard error becomes a pipe that blocks its writer; what was in it comes back in `last`. */
struct piped {
        int saved, read_end;
};

static struct piped pipe_start(void)
{
        struct piped p;
        int ends[2];

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
        p.saved = dup(STDERR_FILENO);
        p.read_end = ends[0];
        assert_true(p.saved >= 0);
        assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
        close(ends[1]);
        return p;
}

static size_t pipe_read(const struct piped *p)
{
        ssize_t n = read(p->read_end, last, sizeof(last) - 1);

        last[MAX(n, 0)] = 0;
        return (size_t)MAX(n, 0);
}

static void pipe_stop(const struct piped *p)
{
        dup2(p->saved, STDERR_FILENO);
        close(p->saved);
        close(p->read_end);
}

static void held_lines_leave_together(void **state)
{
        struct piped p = pipe_start();
        size_t before, after;

        log_hold(true);
        log_event(&HAPPENED, NUMBER("n", 1));
        log_event(&HAPPENED, NUMBER("n", 2));
        before = pipe_read(&p);
        log_flush();
        after = pipe_read(&p);
        log_hold(false);
        pipe_stop(&p);
        assert_int_equal(before, 0);
        assert_int_equal(after, strlen(last));
        assert_non_null(strstr(last, "\"n\":1}\n{\"time\""));
        assert_non_null(strstr(last, "\"n\":2}\n"));
}

/* 64 KiB are held at most: a line that does not fit flushes those before it. */
static void a_full_hold_flushes_itself(void **state)
{
        struct piped p = pipe_start();
        char value[500];
        size_t n = 0;

        memset(value, 'x', sizeof(value));
        log_hold(true);
        for (unsigned i = 0; i < 120; i++)
                log_event(&HAPPENED, SLICE("v", ((struct slice){ value, sizeof(value) })));
        n = pipe_read(&p);
        log_hold(false);
        pipe_stop(&p);
        assert_int_not_equal(n, 0);
}

static void a_reader_that_does_not_read_costs_lines_not_time(void **state)
{
        struct piped p = pipe_start();
        uint64_t before = log_n_lost();
        char value[500];

        memset(value, 'x', sizeof(value));
        for (unsigned i = 0; i < 500; i++) /* a pipe takes 64 KiB */
                log_event(&HAPPENED, SLICE("v", ((struct slice){ value, sizeof(value) })));
        pipe_stop(&p);
        assert_in_range(log_n_lost() - before, 300, 450);
}

/* Lines of 540 bytes: the pipe's one page ends within the eighth. */
static void what_a_full_pipe_does_not_take_is_lost_by_whole_lines(void **state)
{
        struct piped p = pipe_start();
        uint64_t before = log_n_lost();
        char value[440];
        size_t n;

        assert_true(fcntl(p.read_end, F_SETPIPE_SZ, 4096) >= 4096);
        memset(value, 'x', sizeof(value));
        log_hold(true);
        for (unsigned i = 0; i < 10; i++)
                log_event(&HAPPENED, SLICE("v", ((struct slice){ value, sizeof(value) })));
        log_flush();
        n = pipe_read(&p);
        log_hold(false);
        pipe_stop(&p);
        assert_in_range(n, 2000, 4096);
        assert_int_equal(last[n - 1], '\n');
        assert_in_range(log_n_lost() - before, 2, 6);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_event_is_one_line_of_json, sink_keep,
                                                sink_stderr),
                cmocka_unit_test_setup_teardown(whatever_stands_in_a_value_stays_in_its_quotes,
                                                sink_keep, sink_stderr),
                cmocka_unit_test_setup_teardown(a_long_value_is_cut_and_the_line_stays_whole,
                                                sink_keep, sink_stderr),
                cmocka_unit_test_setup_teardown(fields_beyond_the_line_are_left_out_whole,
                                                sink_keep, sink_stderr),
                cmocka_unit_test_setup_teardown(events_above_the_level_are_dropped, sink_keep,
                                                sink_stderr),
                cmocka_unit_test(levels_have_names),
                cmocka_unit_test_setup_teardown(a_fault_is_forwarded_and_traced_at_level_debug,
                                                sink_keep, sink_stderr),
                cmocka_unit_test(held_lines_leave_together),
                cmocka_unit_test(a_full_hold_flushes_itself),
                cmocka_unit_test(a_reader_that_does_not_read_costs_lines_not_time),
                cmocka_unit_test(what_a_full_pipe_does_not_take_is_lost_by_whole_lines),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
