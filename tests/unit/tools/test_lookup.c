/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resolver is this file's: it hangs for names that begin with "hang", knows none that begin with
 * "no", and has for every other one as many addresses as it begins with digits, one of them twice.
 */
#include "tools/lookup.h"

#include "lib/base/clock.h"
#include "tests/unit/base/row.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

static struct shared {
        int n_now, n_most, n_asked;
} * shared; /* with the child */

static struct addrinfo *one_new(unsigned char last, struct addrinfo *next)
{
        struct one {
                struct addrinfo info;
                struct sockaddr_in address;
        } *one = calloc(1, sizeof(*one));
        unsigned char bytes[] = { 192, 0, 2, last };

        one->address.sin_family = AF_INET;
        memcpy(&one->address.sin_addr, bytes, sizeof(bytes));
        one->info =
                (struct addrinfo){ .ai_addr = (struct sockaddr *)&one->address, .ai_next = next };
        return &one->info;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
        int n_now = __atomic_add_fetch(&shared->n_now, 1, __ATOMIC_SEQ_CST);
        int n_most = __atomic_load_n(&shared->n_most, __ATOMIC_SEQ_CST);

        __atomic_add_fetch(&shared->n_asked, 1, __ATOMIC_SEQ_CST);
        while (n_now > n_most &&
               !__atomic_compare_exchange_n(&shared->n_most, &n_most, n_now, false,
                                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
                ;
        if (strncmp(name, "hang", 4) == 0)
                poll(NULL, 0, -1);
        __atomic_sub_fetch(&shared->n_now, 1, __ATOMIC_SEQ_CST);
        if (strncmp(name, "no", 2) == 0)
                return EAI_NONAME;
        *ret = one_new(1, NULL);
        for (int i = 1; i < atoi(name); i++)
                *ret = one_new((unsigned char)(i + 1), *ret);
        *ret = one_new(1, *ret);
        return 0;
}

void freeaddrinfo(struct addrinfo *info)
{
        while (info) {
                struct addrinfo *next = info->ai_next;

                free(info);
                info = next;
        }
}

static int shared_set_up(void **state)
{
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        return shared == MAP_FAILED ? -1 : 0;
}

static char *answers_format(json_t *answers)
{
        return json_dumps(answers, JSON_COMPACT | JSON_SORT_KEYS);
}

static void every_name_has_an_answer_or_an_empty_list(void **state)
{
        static const char *const names[] = { "a.test", "no.test", "3.test" };
        CLEANUP(freep) char *text = NULL;
        json_t *answers;

        assert_int_equal(lookup_names(names, N_ELEMENTS(names), 60000, &answers), 0);
        text = answers_format(answers);
        assert_string_equal(text, "{\"3.test\":[\"192.0.2.1\",\"192.0.2.3\",\"192.0.2.2\"],"
                                  "\"a.test\":[\"192.0.2.1\"],\"no.test\":[]}");
        json_decref(answers);
        assert_int_equal(lookup_names(NULL, 0, 60000, &answers), 0);
        assert_int_equal(json_object_size(answers), 0);
        json_decref(answers);
}

static void a_name_has_sixteen_addresses_at_most(void **state)
{
        static const char *const names[] = { "40.test" };
        json_t *answers;

        assert_int_equal(lookup_names(names, 1, 60000, &answers), 0);
        assert_int_equal(json_array_size(json_object_get(answers, "40.test")),
                         LOOKUP_MAX_ADDRESSES);
        json_decref(answers);
}

#define MANY 1000

static void many_are_asked_sixteen_at_a_time(void **state)
{
        static char texts[MANY][16];
        const char *names[MANY];
        json_t *answers;

        for (size_t i = 0; i < MANY; i++) {
                snprintf(texts[i], sizeof(texts[i]), "2-%zu.test", i);
                names[i] = texts[i];
        }
        memset(shared, 0, sizeof(*shared));
        assert_int_equal(lookup_names(names, MANY, 60000, &answers), 0);
        assert_int_equal(json_object_size(answers), MANY);
        for (size_t i = 0; i < MANY; i++)
                assert_int_equal(json_array_size(json_object_get(answers, names[i])), 2);
        assert_int_equal(shared->n_asked, MANY);
        assert_true(shared->n_most <= LOOKUP_MAX_AT_ONCE);
        json_decref(answers);
}

static void what_hangs_costs_its_time_and_nothing_else(void **state)
{
        const char *names[LOOKUP_MAX_AT_ONCE + 4];
        uint64_t began_ms = clock_monotonic_ms(), ended_ms;
        json_t *answers;

        for (size_t i = 0; i < N_ELEMENTS(names); i++)
                names[i] = i == 0 ? "a.test" : "hang.test";
        memset(shared, 0, sizeof(*shared));
        assert_int_equal(lookup_names(names, N_ELEMENTS(names), 500, &answers), 0);
        ended_ms = clock_monotonic_ms();
        assert_true(ended_ms - began_ms >= 500 && ended_ms - began_ms < 20000);
        assert_int_equal(json_array_size(json_object_get(answers, "a.test")), 1);
        assert_int_equal(json_array_size(json_object_get(answers, "hang.test")), 0);
        assert_true(shared->n_most == LOOKUP_MAX_AT_ONCE);
        json_decref(answers);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
}

/* ---- from a file ---- */

static int in_file(const char *text, char **ret, unsigned *ret_line)
{
        static const char *const names[] = { "a.test", "b.test" };
        char path[] = "/tmp/test-lookup.XXXXXX";
        json_t *answers;
        int fd = mkstemp(path), r;

        assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
        close(fd);
        r = lookup_in_file(path, names, N_ELEMENTS(names), &answers, ret_line);
        unlink(path);
        if (r == 0) {
                *ret = answers_format(answers);
                json_decref(answers);
        }
        return r;
}

static void a_file_answers_in_place_of_the_resolver(void **state)
{
        static const struct {
                const char *text, *answers; /* NULL: refused */
                unsigned line;
                const char *sentence;
        } rows[] = {
                { "", "{\"a.test\":[],\"b.test\":[]}", 0, "nothing" },
                { "192.0.2.1 a.test\n", "{\"a.test\":[\"192.0.2.1\"],\"b.test\":[]}", 0, "one" },
                { "192.0.2.1\tother a.test A.TEST # b.test\n\n# x\n192.0.2.2 B.test\r\n",
                  "{\"a.test\":[\"192.0.2.1\"],\"b.test\":[\"192.0.2.2\"]}", 0,
                  "aliases, comments, tabs, capitals" },
                { "2001:db8::1 a.test\n192.0.2.1 a.test",
                  "{\"a.test\":[\"2001:db8::1\",\"192.0.2.1\"],\"b.test\":[]}", 0,
                  "several addresses, and no end of the last line" },
                { "192.0.2.1\n", "{\"a.test\":[],\"b.test\":[]}", 0, "an address without a name" },
                { "192.0.2.1 a.test\na.test 192.0.2.1\n", NULL, 2, "the wrong way round" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                CLEANUP(freep) char *text = NULL;
                unsigned line = 0;
                int r = in_file(rows[i].text, &text, &line);

                ROW_CHECK(r == (rows[i].answers ? 0 : -EINVAL), i, rows[i].sentence);
                if (rows[i].answers)
                        ROW_CHECK(strcmp(text, rows[i].answers) == 0, i, rows[i].sentence);
                else
                        ROW_CHECK(line == rows[i].line, i, rows[i].sentence);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_name_has_an_answer_or_an_empty_list),
                cmocka_unit_test(a_name_has_sixteen_addresses_at_most),
                cmocka_unit_test(many_are_asked_sixteen_at_a_time),
                cmocka_unit_test(what_hangs_costs_its_time_and_nothing_else),
                cmocka_unit_test(a_file_answers_in_place_of_the_resolver),
        };

        return cmocka_run_group_tests(tests, shared_set_up, NULL);
}
