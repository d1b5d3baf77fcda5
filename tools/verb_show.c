/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of an applied policy, as they were. Written to a folder they lie as the policy needs
 * them: what was below the main file's folder is so again, definitions of providers from elsewhere
 * go to "providers", which is what --providers wants.
 */
#include "tools/row.h"
#include "tools/session.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

static void files_print(const json_t *files)
{
        for (size_t i = 0; i < json_array_size(files); i++) {
                const json_t *f = json_array_get(files, i), *text = json_object_get(f, "text");
                size_t length = json_string_length(text);
                const char *bytes = json_string_value(text);

                printf("%s%s# %s: %s%s\n", i ? "\n" : "", bold_on(), member_text(f, "role"),
                       member_text(f, "path"), bold_off());
                file_text_print(bytes, length);
                if (length && bytes[length - 1] != '\n')
                        putchar('\n');
        }
}

/* ---- into a folder ---- */

/* Length of the folder of a path, with its slash; 0 for a bare name. */
static size_t folder_length(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Nothing that leads out of the folder. */
static bool path_is_inside(const char *path)
{
        struct slice rest = slice_of(path), part;

        if (path[0] == '/' || !path[0])
                return false;
        while (slice_split(&rest, '/', &part))
                if (slice_is(part, "..") || slice_is(part, ".") || part.length == 0)
                        return false;
        return true;
}

/* Where a file goes, below the folder. */
static bool place_choose(const json_t *files, const json_t *f, char *out, size_t size)
{
        const char *main_path = member_text(json_array_get(files, 0), "path");
        const char *path = member_text(f, "path"), *below = path + folder_length(path);
        size_t base = folder_length(main_path);
        bool is_below = strncmp(path, main_path, base) == 0 && path_is_inside(path + base);
        const char *folder =
                strncmp(member_text(f, "role"), "provider ", 9) == 0 ? "providers/" : "";

        if (is_below)
                snprintf(out, size, "%s", path + base);
        else
                snprintf(out, size, "%s%s", folder, below);
        return path_is_inside(out);
}

/* Makes the folders on the way to a file. */
static int folders_make(char *path)
{
        for (char *c = path + 1; *c; c++) {
                int r;

                if (*c != '/')
                        continue;
                *c = 0;
                r = mkdir(path, 0777) < 0 && errno != EEXIST ? -errno : 0;
                *c = '/';
                if (r)
                        return r;
        }
        return 0;
}

static int file_write(const char *path, const json_t *text)
{
        CLEANUP(closep)
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        struct slice rest = { json_string_value(text), json_string_length(text) };

        while (fd >= 0 && rest.length) {
                ssize_t n = write(fd, rest.data, rest.length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                rest = slice_from(rest, (size_t)n);
        }
        return fd < 0 ? -errno : 0;
}

static int complain(const char *path, int error)
{
        fprintf(stderr, "keyrouter show: cannot write %s: %s\n", path, strerror(-error));
        return error == -ENOSPC || error == -EDQUOT || error == -EIO ? EX_IOERR : EX_CANTCREAT;
}

/* The path of the i-th file in the folder. False: it has no place there, and that has been said. */
static bool path_make(const char *folder, const json_t *files, size_t i, char out[static PATH_MAX])
{
        const json_t *f = json_array_get(files, i);
        char below[PATH_MAX / 2];

        if (place_choose(files, f, below, sizeof(below)) &&
            snprintf(out, PATH_MAX, "%s/%s", folder, below) < PATH_MAX)
                return true;
        fprintf(stderr, "keyrouter show: there is no place in %s for %s\n", folder,
                member_text(f, "path"));
        return false;
}

/* All or none: whatever stands in the way is found before the first is written. */
static int files_write(const json_t *files, const char *folder)
{
        char path[PATH_MAX];
        struct stat st;
        int r;

        for (size_t i = 0; i < json_array_size(files); i++) {
                if (!path_make(folder, files, i, path))
                        return EX_CANTCREAT;
                if (lstat(path, &st) == 0) {
                        fprintf(stderr,
                                "keyrouter show: %s is there already; nothing has been written\n",
                                path);
                        return EX_CANTCREAT;
                }
        }
        for (size_t i = 0; i < json_array_size(files); i++) {
                if (!path_make(folder, files, i, path))
                        return EX_CANTCREAT;
                r = folders_make(path);
                if (r == 0)
                        r = file_write(path, json_object_get(json_array_get(files, i), "text"));
                if (r)
                        return complain(path, r);
                puts(path);
        }
        return 0;
}

int verb_show(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *answer = NULL, *request = json_object();
        const char *folder = request_option(r, "output");
        int status;

        if (r->json && folder) {
                fputs("keyrouter show: either --json or --output\n", stderr);
                return EX_USAGE;
        }
        if (!row_put(r, request, "id", request_operand(r, 0), 1))
                return EX_USAGE;
        status = session_open(r, &s);
        if (status == 0)
                status = session_call(s, "revision", TAKE(request), &answer);
        if (status)
                return status;
        if (r->json)
                return json_print(answer);
        if (folder)
                return files_write(json_object_get(answer, "files"), folder);
        files_print(json_object_get(answer, "files"));
        return 0;
}
