/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ledger_need.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

int ledger_need(const struct session *s, const struct request *r, const char *remedy)
{
        const char *ledger = request_option(r, "ledger"), *socket = request_option(r, "socket");
        int status = EX_UNAVAILABLE;

        if (session_is_daemon(s) || (ledger && access(ledger, F_OK) == 0))
                return 0;
        if (ledger) {
                fprintf(stderr, "keyrouter %s: %s: %s\n", r->verb->name, ledger, strerror(errno));
                status = EX_NOINPUT;
        } else {
                fprintf(stderr,
                        "keyrouter %s: no answer from keyrouterd at %s\n"
                        "    start it, or work on its ledger with --ledger FILE\n",
                        r->verb->name, socket ? socket : KEYROUTER_CONTROL);
        }
        fprintf(stderr, "    %s\n", remedy);
        return status;
}
