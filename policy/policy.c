/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts and arrays of a policy live in the memory of its settings file. Providers are on the heap,
 * as lib/provider wants them, and so is the map.
 */
#include "policy/policy.h"

#include "policy/address_map.h"

struct policy *policy_ref(struct policy *p)
{
        __atomic_add_fetch(&p->n_refs, 1, __ATOMIC_RELAXED);
        return p;
}

void policy_unref(struct policy *p)
{
        /* Whoever frees has to see what the others did with it before they let go. */
        if (__atomic_sub_fetch(&p->n_refs, 1, __ATOMIC_ACQ_REL) > 0)
                return;
        if (p->map)
                address_map_free(p->map);
        for (size_t i = 0; i < p->n_providers; i++)
                provider_done(&p->providers[i]);
        free(p->providers);
        settings_file_free(p->file);
        free(p);
}

const struct backend *policy_backend(const struct policy *p, const struct group *g,
                                     const struct provider *provider)
{
        const struct backend *const *backends = g ? g->backends : p->unknown;
        size_t n = g ? g->n_backends : p->n_unknown;

        for (size_t i = 0; i < n; i++) {
                if (backends[i]->provider == provider)
                        return backends[i];
        }
        return NULL;
}

const struct provider *policy_provider_of_host(const struct policy *p, struct slice host)
{
        for (size_t i = 0; i < p->n_providers; i++) {
                if (provider_has_host(&p->providers[i], host))
                        return &p->providers[i];
        }
        return NULL;
}
