/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define READ_BYTES ((size_t)64 * 1024)

/* ---- reading ---- */

static int all_read(int fd, size_t max_bytes, void **ret, size_t *ret_length)
{
        CLEANUP(freep) char *bytes = NULL;
        size_t length = 0, room = 0;
        ssize_t n = 1;

        while (n > 0) {
                if (length + 1 >= room) {
                        char *larger = realloc(bytes, room = MAX(2 * room, READ_BYTES));

                        if (!larger)
                                return -ENOMEM;
                        bytes = larger;
                }
                n = read(fd, bytes + length, room - length - 1);
                if (n < 0 && errno == EINTR)
                        n = 1;
                else if (n < 0)
                        return -errno;
                else
                        length += (size_t)n;
                if (length > max_bytes)
                        return -EFBIG;
        }
        bytes[length] = 0;
        *ret_length = length;
        *ret = TAKE(bytes);
        return 0;
}

int whole_file_read(const char *path, size_t max_bytes, void **ret, size_t *ret_length)
{
        CLEANUP(closep) int fd = -1;

        if (strcmp(path, "-") == 0)
                return all_read(STDIN_FILENO, max_bytes, ret, ret_length);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : all_read(fd, max_bytes, ret, ret_length);
}

/* ---- writing ---- */

static int all_write(int fd, struct slice bytes)
{
        while (bytes.length > 0) {
                ssize_t n = write(fd, bytes.data, bytes.length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                bytes = slice_from(bytes, (size_t)n);
        }
        return fsync(fd) < 0 ? -errno : 0;
}

/* The folder keeps the name only once it is on the disk itself. */
static int folder_sync(const char *path)
{
        const char *slash = strrchr(path, '/');
        CLEANUP(freep)
        char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
        CLEANUP(closep) int fd = -1;

        if (!folder)
                return -ENOMEM;
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* A file system that cannot rename without replacing can link. */
static int file_place(const char *name, const char *path, bool replace)
{
        if (renameat2(AT_FDCWD, name, AT_FDCWD, path, replace ? 0 : RENAME_NOREPLACE) == 0)
                return 0;
        if (replace || (errno != EINVAL && errno != ENOSYS))
                return -errno;
        if (link(name, path) < 0)
                return -errno;
        unlink(name);
        return 0;
}

int whole_file_write(const char *path, struct slice bytes, bool replace)
{
        CLEANUP(freep) char *name = NULL;
        CLEANUP(closep) int fd = -1;
        int r;

        if (!replace && access(path, F_OK) == 0)
                return -EEXIST;
        if (asprintf(&name, "%s.XXXXXX", path) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        fd = mkostemp(name, O_CLOEXEC); /* mode 0600 */
        if (fd < 0)
                return -errno;
        r = all_write(fd, bytes);
        if (r == 0)
                r = file_place(name, path, replace);
        if (r)
                unlink(name);
        return r ? r : folder_sync(path);
}

const char *whole_file_explain(int error)
{
        return error == -EFBIG ? "the file is too large" : strerror(-error);
}
