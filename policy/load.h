/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * load - the steps of policy_load(), each in its file
 *
 * Internal to policy/. Each step reports what it finds and goes on, so that one run shows every
 * mistake; what could not be made out stays NULL or empty and is left alone by the later steps.
 * Each returns 0, whatever was found, or a negative errno.
 */
#include "policy/names.h"
#include "policy/policy.h"
#include "policy/schema.h"

#ifndef KEYROUTER_PROVIDER_DIR
#define KEYROUTER_PROVIDER_DIR "/usr/share/keyrouter/providers"
#endif

struct loading {
        struct policy *p;
        struct written_policy w;
        struct diag *d;
        const struct policy_source *source;
        const char *provider_dir;
        struct names providers, keys, backends, groups; /* indices are those of the policy's arrays */
        bool providers_incomplete; /* one has no name: an unknown provider may be that */
};

MUST_CHECK int providers_load(struct loading *l);

/* The groups, with their workstations settled among them. */
MUST_CHECK int groups_load(struct loading *l);

/* Ranges of workstations, shared out: see workstations.c. */
MUST_CHECK int workstations_load(struct loading *l);

MUST_CHECK int origins_load(struct loading *l);

/* Where a thing stands: its name if it has one, else `at`. */
struct place place_of(const struct text_item *name, struct place at);

/*
 * The backends that `list` names. One of a provider at most; more are findings. *ret lives as long
 * as the policy.
 */
MUST_CHECK int backends_refer(struct loading *l, const struct text_list *list,
                              const struct backend ***ret, size_t *ret_n);

/* What is legal but most likely not meant, and groups that can never be served. */
MUST_CHECK int policy_check(struct loading *l);
