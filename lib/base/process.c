/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void process_protect(void)
{
        struct rlimit none = { 0, 0 }, files;

        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGPIPE, SIG_IGN);
        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                setrlimit(RLIMIT_NOFILE, &files);
        }
}

void process_hold_signals(void)
{
        sigset_t all;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, NULL);
}
