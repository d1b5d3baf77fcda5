/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The corpus as a test, without a fuzzer: runs a harness over each file of the folders that are
 * named, and over each beginning of it. Ends with "N passed, N failed"; a broken property aborts.
 */
#include "lib/base/cleanup.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define MAX_BEGINNINGS 512U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool file_read(const char *path, uint8_t **ret_data, size_t *ret_size)
{
        struct stat status;
        FILE *f = fopen(path, "r");
        uint8_t *data;

        if (!f || fstat(fileno(f), &status) < 0 || !S_ISREG(status.st_mode) ||
            (size_t)status.st_size > FILE_MAX_BYTES) {
                if (f)
                        fclose(f);
                return false;
        }
        data = malloc((size_t)status.st_size + 1);
        *ret_size = data ? fread(data, 1, (size_t)status.st_size, f) : 0;
        *ret_data = data;
        fclose(f);
        return data && *ret_size == (size_t)status.st_size;
}

/* A copy of the exact size, so that a sanitizer sees a read behind its end. */
static void run_beginning(const uint8_t *data, size_t size)
{
        uint8_t *copy = malloc(size ? size : 1);

        if (!copy)
                abort();
        memcpy(copy, data, size);
        LLVMFuzzerTestOneInput(copy, size);
        free(copy);
}

static bool replay_file(const char *path)
{
        CLEANUP(freep) uint8_t *data = NULL;
        size_t size, step;

        if (!file_read(path, &data, &size)) {
                fprintf(stderr, "%s: cannot be read\n", path);
                return false;
        }
        step = size / MAX_BEGINNINGS + 1;
        for (size_t n = 0; n < size; n += step)
                run_beginning(data, n);
        run_beginning(data, size);
        return true;
}

static void replay_folder(const char *folder, unsigned *n_passed, unsigned *n_failed)
{
        DIR *d = opendir(folder);
        struct dirent *entry;
        char path[4096];

        while (d && (entry = readdir(d))) {
                if (entry->d_name[0] == '.')
                        continue;
                if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) <
                            sizeof(path) &&
                    replay_file(path))
                        ++*n_passed;
                else
                        ++*n_failed;
        }
        if (d)
                closedir(d);
}

int main(int argc, char **argv)
{
        unsigned n_passed = 0, n_failed = 0;

        for (int i = 1; i < argc; i++)
                replay_folder(argv[i], &n_passed, &n_failed);
        if (n_passed == 0)
                n_failed++; /* no corpus is no test */
        printf("%u passed, %u failed\n", n_passed, n_failed);
        return n_failed ? 1 : 0;
}
