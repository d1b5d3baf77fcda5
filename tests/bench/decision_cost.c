/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decision_cost - how long it takes to decide the way of a request: see tests/bench/plan
 *
 *   decision_cost PROVIDER_DIR ROUNDS SCENE DESKS CALLERS
 *
 * From the address of a workstation to the key, everything that grows with the policy: its group,
 * the egress address, the slot, health. CALLERS of the desks ask, picked evenly. The best of the
 * rounds counts. Says it in JSON.
 */
#include "policy/plan.h"
#include "router/route.h"
#include "tests/bench/plan_scene.h"

#include <err.h>
#include <stdio.h>

#define N_REQUESTS 100000U
#define NOW_MS 5

struct desk_site {
        struct policy *policy;
        struct plan *plan;
        struct health *health;
        struct addr *callers; /* in the order in which they ask */
};

static void site_init(struct desk_site *s, struct policy *policy, unsigned n_desks,
                      unsigned n_callers)
{
        uint64_t seed = 42;
        struct diag d;

        *s = (struct desk_site){ .policy = policy };
        s->callers = calloc(N_REQUESTS, sizeof(*s->callers));
        diag_init(&d);
        if (!s->callers || plan_make(policy, NULL, NULL, &d, &s->plan) != 0)
                errx(1, "no plan");
        diag_done(&d);
        for (size_t i = 0; i < s->plan->n_slots; i++)
                s->plan->slots[i].state = ENTRY_LIVE;
        if (health_new(s->plan, NOW_MS, 0, &s->health) != 0)
                errx(1, "no memory");
        for (unsigned i = 0; i < N_REQUESTS; i++) {
                seed = seed * 6364136223846793005U + 1442695040888963407U;
                s->callers[i] = plan_scene_desk(
                        (unsigned)((seed >> 33) % n_callers * (n_desks / n_callers)));
        }
}

static void site_done(struct desk_site *s)
{
        health_free(s->health);
        plan_free(s->plan);
        free(s->callers);
}

/* Not inlined: callgrind is told to count in here. Returns how many get a key. */
static __attribute__((noinline)) unsigned decide_all(const struct desk_site *s)
{
        const struct provider *provider = &s->policy->providers[0];
        struct route_request q = { .policy = s->policy,
                                   .plan = s->plan,
                                   .health = s->health,
                                   .provider = provider,
                                   .api = &provider->apis[0],
                                   .method = METHOD_GET,
                                   .now_ms = NOW_MS };
        unsigned n_keys = 0;

        for (unsigned i = 0; i < N_REQUESTS; i++) {
                struct route route;

                q.workstation = s->callers[i];
                q.group = policy_group_of(s->policy, &q.workstation);
                route_decide(&q, &route);
                n_keys += route.kind == ROUTE_KEY;
        }
        return n_keys;
}

int main(int argc, char **argv)
{
        const struct plan_scene *scene = argc == 6 ? plan_scene_find(argv[3]) : NULL;
        unsigned n_rounds, n_desks, n_callers;
        CLEANUP(policy_unrefp) struct policy *p = NULL;
        struct desk_site site;
        double best = 1e9;

        if (!scene)
                return 64;
        n_rounds = (unsigned)atoi(argv[2]);
        n_desks = (unsigned)atoi(argv[4]);
        n_callers = (unsigned)atoi(argv[5]);
        if (n_callers == 0 || n_callers > n_desks)
                return 64;
        p = plan_scene_policy(scene, argv[1], n_desks, 0);
        site_init(&site, p, n_desks, n_callers);
        for (unsigned i = 0; i < n_rounds; i++) {
                double begin = plan_scene_cpu_s();

                if (decide_all(&site) != N_REQUESTS)
                        errx(1, "somebody got no key");
                best = MIN(best, plan_scene_cpu_s() - begin);
        }
        printf("{\"desks\": %u, \"callers\": %u, \"ns\": %.1f, \"requests\": %u}\n", n_desks,
               n_callers, best / N_REQUESTS * 1e9, N_REQUESTS * n_rounds);
        site_done(&site);
        return 0;
}
