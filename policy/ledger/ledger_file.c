/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file before SQLite may touch it. A ledger is born whole: made in memory, written beside its
 * place and renamed, so that a process killed meanwhile leaves none, never half of one.
 *
 * The lock is a file of its own that is never removed: whoever waits for it would else hold one
 * that nobody else sees. It is not taken on the ledger itself, whose locks of fcntl() SQLite loses
 * as soon as the same process closes another descriptor of it.
 */
#include "lib/base/fault.h"
#include "lib/base/text.h"
#include "policy/ledger/ledger_internal.h"
#include "policy/ledger/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define HEADER_TEXT_ENCODING 56
#define HEADER_USER_VERSION 60
#define HEADER_APPLICATION_ID 68

#define UTF_8 1 /* SQLite takes some other numbers for it, too, but not of what it attaches */

static const char magic[16] = "SQLite format 3";

/* `path` with an ending, or NULL without memory. */
static char *path_with(const char *path, const char *ending)
{
        char *text;

        return asprintf(&text, "%s%s", path, ending) < 0 ? NULL : text;
}

/* The folder that holds `path`, open. */
static int folder_open(const char *path, int *ret_fd)
{
        const char *slash = strrchr(path, '/');
        CLEANUP(freep)
        char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
        int fd;

        if (!folder)
                return fault(-ENOMEM);
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return errno_result(errno);
        *ret_fd = fd;
        return 0;
}

/*
 * What root makes belongs to the owner of the ledger, or else of its folder. He must not get what is
 * not his by a second name for it.
 */
static int owner_give(int fd, const char *path, int folder)
{
        struct stat mine, st;

        if (fstat(fd, &mine) < 0)
                return errno_result(errno);
        if (!S_ISREG(mine.st_mode) || mine.st_nlink != 1)
                return LEDGER_E_FOREIGN;
        if (geteuid() != 0)
                return 0;
        if (stat(path, &st) < 0 && fstat(folder, &st) < 0)
                return errno_result(errno);
        return fchown(fd, st.st_uid, st.st_gid) < 0 ? errno_result(errno) : 0;
}

/* ---- the header ---- */

static uint32_t number_at(const uint8_t *bytes)
{
        return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
               bytes[3];
}

int header_judge(const uint8_t *header, size_t length, char why[static LEDGER_WHY_MAX])
{
        uint32_t id, version;

        if (length == 0 || memcmp(header, magic, MIN(length, sizeof(magic))) != 0) {
                why_say(why, "it is no SQLite file");
                return LEDGER_E_FOREIGN;
        }
        if (length < HEADER_BYTES) {
                why_say(why, "it ends within its header");
                return LEDGER_E_DAMAGED;
        }
        id = number_at(header + HEADER_APPLICATION_ID);
        version = number_at(header + HEADER_USER_VERSION);
        if (id != LEDGER_APPLICATION_ID) {
                why_say(why, "it is a SQLite file of another application (0x%08x)", id);
                return LEDGER_E_FOREIGN;
        }
        if (version == 0 || version > INT32_MAX) {
                why_say(why, "it has no schema version");
                return LEDGER_E_DAMAGED;
        }
        if (version > SCHEMA_VERSION) {
                why_say(why, "its schema is version %u, and this keyrouter knows up to %u", version,
                        SCHEMA_VERSION);
                return LEDGER_E_NEWER;
        }
        if (number_at(header + HEADER_TEXT_ENCODING) != UTF_8) {
                why_say(why, "its texts are not in UTF-8");
                return LEDGER_E_DAMAGED;
        }
        return 0;
}

int header_check(const char *path, char why[static LEDGER_WHY_MAX])
{
        /* Not blocking: it may be a pipe. */
        CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        uint8_t header[HEADER_BYTES];
        struct stat st;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) < 0)
                return errno_result(errno);
        if (!S_ISREG(st.st_mode)) {
                why_say(why, "it is no file");
                return LEDGER_E_FOREIGN;
        }
        n = pread(fd, header, sizeof(header), 0);
        if (n < 0)
                return errno_result(errno);
        return n == 0 ? LEDGER_E_MISSING : header_judge(header, (size_t)n, why);
}

/* ---- the lock ---- */

/* Tells who holds it; that is a courtesy and may fail. */
static void lock_sign(int fd)
{
        char memory[DECIMAL_MAX + 2];
        struct text t = text_begin(memory, sizeof(memory));

        text_put_number(&t, (uint64_t)getpid());
        text_put(&t, "\n", 1);
        if (ftruncate(fd, 0) < 0 || pwrite(fd, memory, (size_t)(t.at - memory), 0) < 0)
                return;
}

static void lock_tell(int fd, char why[static LEDGER_WHY_MAX])
{
        char holder[DECIMAL_MAX + 1];
        ssize_t n = pread(fd, holder, sizeof(holder) - 1, 0);
        size_t length;

        holder[n > 0 ? n : 0] = 0;
        length = strspn(holder, "0123456789");
        if (length > 0)
                why_say(why, "process %.*s holds it", (int)length, holder);
        else
                why_say(why, "another process holds it");
}

int lock_take(const char *path, char why[static LEDGER_WHY_MAX], int *ret_fd)
{
        CLEANUP(freep) char *name = path_with(path, ".lock");
        CLEANUP(closep) int folder = -1, fd = -1;
        int r;

        if (!name)
                return fault(-ENOMEM);
        r = folder_open(path, &folder);
        if (r == LEDGER_E_MISSING)
                why_say(why, "its folder is not there");
        if (r)
                return r;
        fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (fd < 0) {
                why_say(why, "%s: %s", name, strerror(errno));
                return errno_result(errno);
        }
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK)
                        return errno_result(errno);
                lock_tell(fd, why);
                return LEDGER_E_LOCKED;
        }
        r = owner_give(fd, path, folder);
        if (r == LEDGER_E_FOREIGN)
                why_say(why, "%s is no file of its own", name);
        if (r)
                return r;
        lock_sign(fd);
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* ---- a new one ---- */

static int all_write(int fd, const char *bytes, size_t length)
{
        while (length > 0) {
                ssize_t n = write(fd, bytes, length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno_result(errno);
                bytes += n;
                length -= (size_t)n;
        }
        return fsync(fd) < 0 ? errno_result(errno) : 0;
}

static int empty_bytes(void **ret, size_t *ret_length)
{
        CLEANUP(store_freep) struct store *s = NULL;
        int r = store_open_memory(&s);

        if (r == 0)
                r = schema_raise(s, SCHEMA_VERSION);
        return r ? r : store_bytes(s, ret, ret_length);
}

/* Logs of a ledger that is gone would be taken for the new one's. */
static int rests_remove(const char *path)
{
        static const char *const endings[] = { "-wal", "-journal", "-shm" };

        for (size_t i = 0; i < N_ELEMENTS(endings); i++) {
                CLEANUP(freep) char *name = path_with(path, endings[i]);

                if (!name)
                        return fault(-ENOMEM);
                if (unlink(name) < 0 && errno != ENOENT)
                        return errno_result(errno);
        }
        return 0;
}

static int file_put(const char *name, const char *path, int folder, const void *bytes,
                    size_t length)
{
        CLEANUP(closep) int fd = -1;
        int r;

        if (unlink(name) < 0 && errno != ENOENT) /* of one that was killed */
                return errno_result(errno);
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return errno_result(errno);
        r = owner_give(fd, path, folder);
        if (r == 0)
                r = all_write(fd, bytes, length);
        if (r == 0)
                r = rests_remove(path);
        if (r == 0 && (rename(name, path) < 0 || fsync(folder) < 0))
                r = errno_result(errno);
        return r;
}

int ledger_file_new(const char *path, char why[static LEDGER_WHY_MAX])
{
        CLEANUP(freep) char *name = path_with(path, ".new");
        CLEANUP(freep) void *bytes = NULL;
        CLEANUP(closep) int folder = -1;
        size_t length = 0;
        int r;

        if (!name)
                return fault(-ENOMEM);
        r = empty_bytes(&bytes, &length);
        if (r == 0)
                r = folder_open(path, &folder);
        if (r)
                return r;
        r = file_put(name, path, folder, bytes, length);
        if (r) {
                why_say(why, "a new one could not be put there");
                unlink(name);
        }
        return r;
}
