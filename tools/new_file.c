/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/new_file.h"

#include "tools/output.h"
#include "tools/whole_file.h"

#include <errno.h>
#include <sys/stat.h>
#include <sysexits.h>

#define MODE 0644 /* settings: the service reads them */

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

int new_file_write(const struct request *r, const char *path, struct slice text)
{
        int error = 0;

        if (path)
                error = whole_file_write(path, text, false);
        else
                fwrite(text.data, 1, text.length, stdout); /* main() sees whether it went out */
        if (path && error == 0 && chmod(path, MODE) < 0)
                error = -errno;
        return error ? cannot(r, path, -error) : 0;
}

int new_file_show(const struct request *r, const char *schema, const char *text)
{
        CLEANUP(json_freep) json_t *document = NULL;
        const char *path = request_option(r, "output");
        int status = 0;

        if (path || !r->json)
                status = new_file_write(r, path, slice_of(text));
        if (status || !r->json)
                return status;
        document = json_pack("{s:s, s:o, s:o}", "schema", schema, "path", text_json(path), "text",
                             text_json(text));
        return json_print(document);
}
