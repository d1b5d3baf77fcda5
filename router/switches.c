/* SPDX-License-Identifier: Apache-2.0 */
#include "router/switches.h"

#include "lib/base/fault.h"

#include <errno.h>

/* The switch of "KIND:NAME", or NULL. */
static const struct ledger_switch *switch_find(const struct switches *s, const char *kind,
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

int switches_init(struct switches *s, const struct policy *policy,
                  const struct ledger_switch *switched, size_t n)
{
        size_t n_keys = policy ? policy->n_keys : 0, n_backends = policy ? policy->n_backends : 0;

        *s = (struct switches){ .n = n };
        s->list = calloc(n + 1, sizeof(*s->list));
        s->keys = calloc(n_keys + 1, sizeof(const struct ledger_switch *));
        s->backends = calloc(n_backends + 1, sizeof(const struct ledger_switch *));
        if (!s->list || !s->keys || !s->backends)
                return fault(-ENOMEM);
        if (n)
                memcpy(s->list, switched, n * sizeof(*s->list));
        s->all = switch_find(s, "all", "");
        for (size_t i = 0; i < n_keys; i++)
                s->keys[i] = switch_find(s, "key:", policy->keys[i].name);
        for (size_t i = 0; i < n_backends; i++)
                s->backends[i] = switch_find(s, "backend:", policy->backends[i].name);
        return 0;
}

void switches_done(struct switches *s)
{
        free(s->list);
        free(s->keys);
        free(s->backends);
}
