/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sysexits.h>

static int cannot(const struct request *r, const char *path, int error)
{
        fprintf(stderr, "keyrouter %s: cannot write %s: %s\n", r->verb->name, path,
                strerror(error));
        if (error == EEXIST)
                fputs("    a file that is there is never overwritten: choose another name\n",
                      stderr);
        return EX_CANTCREAT;
}

int new_file_may(const struct request *r, const char *path)
{
        struct stat info;

        return path && lstat(path, &info) == 0 ? cannot(r, path, EEXIST) : 0;
}

static int all_write(int fd, struct slice text)
{
        while (text.length > 0) {
                ssize_t n = write(fd, text.data, text.length);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        text = slice_from(text, (size_t)n);
        }
        return fsync(fd) == 0 || errno == EINVAL || errno == EROFS ? 0 : -errno;
}

int new_file_write(const struct request *r, const char *path, struct slice text)
{
        CLEANUP(closep) int fd = -1;
        int error;

        if (!path) {
                fwrite(text.data, 1, text.length, stdout); /* main() sees whether it went out */
                return 0;
        }
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0)
                return cannot(r, path, errno);
        error = all_write(fd, text);
        if (error == 0)
                return 0;
        unlink(path);
        return cannot(r, path, -error);
}
