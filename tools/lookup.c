/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getaddrinfo() cannot be told to stop. So it runs in threads of a child, which say what they find
 * in lines on a pipe, short enough to be written at once; when the time is over the child is killed,
 * with whatever hangs in it.
 */
#include "tools/lookup.h"

#include "lib/base/addr.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "tools/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* ---- answers ---- */

static json_t *answers_new(const char *const *names, size_t n)
{
        json_t *answers = json_object();

        for (size_t i = 0; answers && i < n; i++)
                json_object_set_new(answers, names[i], json_array());
        return answers;
}

/* Each address once. */
static void answer_add(json_t *answers, const char *name, const struct addr *a)
{
        json_t *list = json_object_get(answers, name), *each;
        char text[ADDR_TEXT_MAX];
        size_t i;

        addr_format(a, text);
        json_array_foreach(list, i, each)
        {
                if (strcmp(json_string_value(each), text) == 0)
                        return;
        }
        if (list && json_array_size(list) < LOOKUP_MAX_ADDRESSES)
                json_array_append_new(list, json_string(text));
}

/* ---- in the child ---- */

struct asking {
        const char *const *names;
        size_t n, next; /* next: atomic */
        int fd;
};

/* "INDEX ADDRESS ADDRESS\n" */
#define LINE_MAX_BYTES (24 + LOOKUP_MAX_ADDRESSES * ADDR_TEXT_MAX)
_Static_assert(LINE_MAX_BYTES <= PIPE_BUF, "a line goes out whole");

static void name_ask(struct asking *x, size_t index)
{
        static const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
        char line[LINE_MAX_BYTES], text[ADDR_TEXT_MAX];
        struct addrinfo *found = NULL;
        size_t length, n_found = 0;
        struct addr a;
        uint16_t port;

        if (getaddrinfo(x->names[index], NULL, &hints, &found) != 0)
                return;
        length = (size_t)snprintf(line, sizeof(line), "%zu", index);
        for (struct addrinfo *f = found; f && n_found < LOOKUP_MAX_ADDRESSES; f = f->ai_next) {
                if (!addr_from_sockaddr(f->ai_addr, &a, &port) || addr_is_unspecified(&a))
                        continue;
                length += (size_t)snprintf(line + length, sizeof(line) - length, " %s",
                                           addr_format(&a, text));
                n_found++;
        }
        freeaddrinfo(found);
        line[length++] = '\n';
        if (write(x->fd, line, length) < 0)
                return; /* the parent has ended */
}

static void *asker(void *context)
{
        struct asking *x = context;
        size_t i;

        while ((i = __atomic_fetch_add(&x->next, 1, __ATOMIC_RELAXED)) < x->n)
                name_ask(x, i);
        return NULL;
}

_Noreturn static void child_run(struct asking *x)
{
        pthread_t threads[LOOKUP_MAX_AT_ONCE];
        size_t n = 0;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        while (n < MIN(x->n, (size_t)LOOKUP_MAX_AT_ONCE) &&
               pthread_create(&threads[n], NULL, asker, x) == 0)
                n++;
        if (n == 0)
                asker(x);
        for (size_t i = 0; i < n; i++)
                pthread_join(threads[i], NULL);
        _exit(0);
}

/* ---- in the parent ---- */

static void line_take(const char *const *names, size_t n, char *line, json_t *answers)
{
        char *rest = line, *word = strsep(&rest, " ");
        size_t index = strtoul(word, NULL, 10);
        struct addr a;

        while (index < n && (word = strsep(&rest, " ")))
                if (addr_parse(slice_of(word), &a) == 0)
                        answer_add(answers, names[index], &a);
}

struct collecting {
        const char *const *names;
        size_t n, length;
        char buffer[4 * LINE_MAX_BYTES];
        json_t *answers;
};

/* False: there is no more. */
static bool some_collect(struct collecting *c, int fd)
{
        ssize_t got = read(fd, c->buffer + c->length, sizeof(c->buffer) - 1 - c->length);
        char *start = c->buffer, *end;

        if (got <= 0)
                return got < 0 && errno == EINTR;
        c->length += (size_t)got;
        c->buffer[c->length] = 0;
        while ((end = strchr(start, '\n'))) {
                *end = 0;
                line_take(c->names, c->n, start, c->answers);
                start = end + 1;
        }
        c->length -= (size_t)(start - c->buffer);
        memmove(c->buffer, start, c->length);
        return true;
}

static void all_collect(struct collecting *c, int fd, int max_ms)
{
        uint64_t until_ms = clock_monotonic_ms() + (uint64_t)max_ms;

        for (;;) {
                uint64_t now_ms = clock_monotonic_ms();
                struct pollfd p = { .fd = fd, .events = POLLIN };
                int r;

                if (now_ms >= until_ms)
                        return;
                r = poll(&p, 1, (int)(until_ms - now_ms));
                if (r < 0 && errno != EINTR)
                        return;
                if (r > 0 && !some_collect(c, fd))
                        return;
        }
}

static int child_start(struct asking *x, pid_t *ret_pid, int *ret_fd)
{
        int fds[2];
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return fault(-errno);
        fflush(NULL);
        pid = fork();
        if (pid == 0) {
                close(fds[0]);
                x->fd = fds[1];
                child_run(x);
        }
        close(fds[1]);
        if (pid < 0) {
                close(fds[0]);
                return fault(-errno);
        }
        *ret_pid = pid;
        *ret_fd = fds[0];
        return 0;
}

int lookup_names(const char *const *names, size_t n, int max_ms, json_t **ret)
{
        struct asking x = { .names = names, .n = n };
        struct collecting c = { .names = names, .n = n, .answers = answers_new(names, n) };
        CLEANUP(closep) int fd = -1;
        pid_t pid = 0;
        int r;

        if (!c.answers)
                return fault(-ENOMEM);
        if (n > 0) {
                r = child_start(&x, &pid, &fd);
                if (r) {
                        json_decref(c.answers);
                        return r;
                }
                all_collect(&c, fd, max_ms);
                kill(pid, SIGKILL);
                while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        *ret = c.answers;
        return 0;
}

/* ---- from a file ---- */

#define FILE_MAX_BYTES ((size_t)16 * 1024 * 1024)

/* One line without its end. False: it is no such line. */
static bool file_line_take(char *line, json_t *answers)
{
        struct addr a;
        char *word, *rest = line;
        bool has_address = false;

        line[strcspn(line, "#")] = 0;
        while ((word = strsep(&rest, " \t\r"))) {
                if (!word[0])
                        continue;
                if (!has_address && addr_parse(slice_of(word), &a) != 0)
                        return false;
                for (char *c = word; *c; c++)
                        if (*c >= 'A' && *c <= 'Z')
                                *c += 'a' - 'A';
                if (has_address)
                        answer_add(answers, word, &a);
                has_address = true;
        }
        return true;
}

int lookup_in_file(const char *path, const char *const *names, size_t n, json_t **ret,
                   unsigned *ret_line)
{
        CLEANUP(freep) char *text = NULL;
        json_t *answers;
        char *rest, *line;
        size_t length;
        void *bytes;
        int r = whole_file_read(path, FILE_MAX_BYTES, &bytes, &length);

        if (r)
                return r;
        rest = text = bytes;
        answers = answers_new(names, n);
        if (!answers)
                return fault(-ENOMEM);
        *ret_line = 0;
        while ((line = strsep(&rest, "\n"))) {
                ++*ret_line;
                if (file_line_take(line, answers))
                        continue;
                json_decref(answers);
                return -EINVAL;
        }
        *ret = answers;
        return 0;
}
