/* SPDX-License-Identifier: Apache-2.0 */
#include "workstation/process.h"

#include <malloc.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static void limits_set(void)
{
        struct rlimit limit = { 0, 0 };

        setrlimit(RLIMIT_CORE, &limit);
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
                limit.rlim_cur = limit.rlim_max;
                setrlimit(RLIMIT_NOFILE, &limit);
        }
}

void process_begin(void)
{
        prctl(PR_SET_DUMPABLE, 0);
        limits_set();
        signal(SIGPIPE, SIG_IGN);
        mallopt(M_ARENA_MAX, 1);
        mallopt(M_MMAP_THRESHOLD,
                20 * 1024); /* below BLOCK_BYTES: a burst's blocks leave no holes */
        setenv("UV_THREADPOOL_SIZE", "1", 1);
        OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

void process_trim(void)
{
        malloc_trim(0);
}
