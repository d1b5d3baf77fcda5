/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * plan_scene - policies of any size, for measuring what they cost
 *
 * Written as a file and loaded, so that what is measured is what loading leaves. What goes wrong
 * ends the program. Owner of the policy: the caller.
 */
#include "policy/policy.h"

/* How a policy is cut. */
struct plan_scene {
        const char *name;
        unsigned desks_of_group;
        unsigned keys_of_group,
                keys_apart; /* from the first key of one group to that of the next */
        unsigned capacity;
        unsigned n_priorities; /* of the groups, in turn */
        bool uneven;           /* groups from half to one and a half times the size */
        bool listed;           /* desks of different groups lie between each other, one by one */
};

/* NULL: no such scene. "plain": every group its own keys, room for all. "contended": each key shared
 * by three groups, priorities, one desk in ten without a place. "listed": as plain, see above. */
const struct plan_scene *plan_scene_find(const char *name);

/* `n_new` desks more than n_desks, spread over the groups. */
struct policy *plan_scene_policy(const struct plan_scene *s, const char *provider_dir,
                                 unsigned n_desks, unsigned n_new);

/* The i-th of the n_desks. */
struct addr plan_scene_desk(unsigned i);

struct policy *plan_scene_load(const char *path, const char *provider_dir);

/* CPU time of the process: on an idle machine that is how long it took. */
double plan_scene_cpu_s(void);
