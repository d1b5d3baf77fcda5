/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/verb.h"

#include <string.h>
#include <sysexits.h>

int verb_help(const struct request *r)
{
        const struct verb *v = NULL;
        char name[256] = "";
        size_t length = 0;

        for (size_t i = 0; i < r->n_operands && length < sizeof(name); i++)
                length += (size_t)snprintf(name + length, sizeof(name) - length, "%s%s",
                                           i ? " " : "", r->operands[i]);
        if (r->n_operands) {
                v = verb_find(name);
                if (!v) {
                        fprintf(stderr, "keyrouter help: there is no verb \"%s\"\n", name);
                        return EX_USAGE;
                }
        }
        usage_print(v, stdout);
        return 0;
}
