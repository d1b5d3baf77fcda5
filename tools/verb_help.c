/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/verb.h"

#include <sysexits.h>

int verb_help(const struct request *r)
{
        const struct verb *v = r->operand ? verb_find(r->operand) : NULL;

        if (r->operand && !v) {
                fprintf(stderr, "keyrouter help: there is no verb \"%s\"\n", r->operand);
                return EX_USAGE;
        }
        usage_print(v, stdout);
        return 0;
}
