/* SPDX-License-Identifier: Apache-2.0 */
#include "workstation/process.h"

#include "lib/base/process.h"

#include <malloc.h>
#include <openssl/ssl.h>
#include <stdlib.h>

void process_begin(void)
{
        process_protect();
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
