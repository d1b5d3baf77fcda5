/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_cost - how long a plan takes: see tests/bench/plan
 *
 *   plan_cost PROVIDER_DIR ROUNDS SCENE DESKS    a scene of plan_scene.h
 *   plan_cost PROVIDER_DIR ROUNDS POLICY         a file
 *
 * With nothing on the keys yet; and with everybody's entry there (for a scene and 40 desks more).
 * The best of the rounds counts: what else runs on the machine only adds. Says it in JSON.
 */
#include "policy/plan.h"
#include "policy/settle.h"
#include "tests/bench/plan_scene.h"

#include <err.h>
#include <stdio.h>

#define N_NEW 40U

/* Not inlined: callgrind is told to count in here. */
static __attribute__((noinline)) struct plan *plan_of(struct policy *p,
                                                      const struct entry_set *entries)
{
        struct plan *plan = NULL;
        struct diag d;

        diag_init(&d);
        if (plan_make(p, entries, NULL, &d, &plan) != 0)
                errx(1, "no plan");
        diag_done(&d);
        return plan;
}

static double plan_time_s(struct policy *p, const struct entry_set *entries, unsigned n_rounds)
{
        double best = 1e9;

        for (unsigned i = 0; i < n_rounds; i++) {
                double begin = plan_scene_cpu_s();
                struct plan *plan = plan_of(p, entries);
                double took = plan_scene_cpu_s() - begin;

                plan_free(plan);
                best = MIN(best, took);
        }
        return best;
}

static struct entry_set *settled(const struct plan *plan)
{
        CLEANUP(move_list_freep) struct move_list *moves = NULL;
        struct entry_set *entries = NULL;

        if (entries_settle(plan, NULL, 1, &moves) != 0 ||
            entries_after(NULL, moves->moves, moves->n, 1, &entries) != 0)
                errx(1, "nothing settled");
        return entries;
}

/* The most that was resident since the program began (proc(5)); getrusage() counts who began it. */
static long resident_mb(void)
{
        FILE *f = fopen("/proc/self/status", "r");
        char line[256];
        long kb = 0;

        while (f && fgets(line, sizeof(line), f))
                if (sscanf(line, "VmHWM: %ld", &kb) == 1)
                        break;
        if (f)
                fclose(f);
        return kb / 1024;
}

static void cost_tell(struct policy *p, struct policy *more, unsigned n_rounds)
{
        CLEANUP(plan_freep) struct plan *first = plan_of(p, NULL), *plan = NULL;
        CLEANUP(entry_set_freep) struct entry_set *entries = settled(first);
        double empty = plan_time_s(p, NULL, n_rounds), full = plan_time_s(more, entries, n_rounds);

        plan = plan_of(more, entries);
        printf("{\"desks\": %zu, \"groups\": %zu, \"keys\": %zu, \"overflow\": %zu, "
               "\"empty_ms\": %.3f, \"full_ms\": %.3f, \"moves\": %zu, \"rss_mb\": %ld}\n",
               first->n_desks, p->n_groups, p->n_keys, first->n_desks_overflow, empty * 1e3,
               full * 1e3, plan->n_moves, resident_mb());
}

int main(int argc, char **argv)
{
        const struct plan_scene *scene = argc == 5 ? plan_scene_find(argv[3]) : NULL;
        CLEANUP(policy_unrefp) struct policy *p = NULL, *more = NULL;

        if (argc < 4 || (argc > 4 && !scene))
                return 64;
        if (scene) {
                p = plan_scene_policy(scene, argv[1], (unsigned)atoi(argv[4]), 0);
                more = plan_scene_policy(scene, argv[1], (unsigned)atoi(argv[4]), N_NEW);
        } else {
                p = plan_scene_load(argv[3], argv[1]);
                more = policy_ref(p);
        }
        cost_tell(p, more, (unsigned)atoi(argv[2]));
        return 0;
}
