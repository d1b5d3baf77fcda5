/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net/dial.h"

const char *dial_explain(enum dial_outcome o)
{
        static const char *const sentences[N_DIAL_OUTCOMES] = {
                [DIAL_OK] = "connected",
                [DIAL_E_NAME] = "the host name has no usable address",
                [DIAL_E_SOURCE] = "the source address cannot be used on this machine",
                [DIAL_E_REFUSED] = "the connection was refused or the host is unreachable",
                [DIAL_E_TIMEOUT] = "the connection did not open in time",
                [DIAL_E_BROKEN] = "no connection could be opened here",
        };

        return (unsigned)o < N_DIAL_OUTCOMES ? sentences[o] : "unknown";
}
