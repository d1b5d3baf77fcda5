/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/switched.h"

#include <string.h>

int switched_read(struct ledger *l, struct switched *ret)
{
        return ledger_switches(l, &ret->list, &ret->n);
}

void switched_done(struct switched *s)
{
        free(s->list);
}

const struct ledger_switch *switched_find(const struct switched *s, const char *kind,
                                          const char *name)
{
        size_t length = strlen(kind);

        for (size_t i = 0; i < s->n; i++) {
                const char *whole = s->list[i].name;

                if (strncmp(whole, kind, length) == 0 && strcmp(whole + length, name) == 0)
                        return &s->list[i];
        }
        return NULL;
}
