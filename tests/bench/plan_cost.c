/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_cost - how long a plan takes: see tests/bench/plan
 *
 *   plan_cost PROVIDER_DIR [SCENE DESKS [ROUNDS]]
 *
 * Policies are written as files and loaded, so that a plan is measured of what loading leaves.
 */
#include "policy/settle.h"
#include "policy/plan.h"

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define N_NEW 40U /* desks that come when all others have their entries */

/* How a policy is cut: desks in groups, keys that groups share. */
struct scene {
        const char *name, *title;
        unsigned desks_of_group, keys_of_group, keys_apart; /* from one group's first key to the next's */
        unsigned capacity, n_priorities;
        bool uneven; /* groups from half to one and a half times the size */
};

static const struct scene scenes[] = {
        { "plain", "every group its own keys, room for all", 500, 10, 10, 100, 1, false },
        { "contended", "keys shared by three groups, three priorities, one desk in ten without a place",
          500, 30, 10, 45, 3, true },
        { "site", "one group, keys for most", 520, 5, 5, 100, 1, false },
};

static const char *provider_dir;

static double now_s(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned group_size(const struct scene *s, unsigned group, unsigned left)
{
        unsigned n = s->desks_of_group;

        if (s->uneven)
                n = n / 2 + n * (group * 7 % 11) / 10;
        return MIN(n, left);
}

static void group_write(FILE *f, const struct scene *s, unsigned group, unsigned first, unsigned n,
                        unsigned n_new, unsigned n_keys)
{
        fprintf(f, "%s{ name = \"g%u\"; workstations = [ \"%u.%u.%u.%u-%u.%u.%u.%u\"", group ? ",\n" : "",
                group, 11 + (first >> 24), first >> 16 & 255, first >> 8 & 255, first & 255,
                11 + ((first + n - 1) >> 24), (first + n - 1) >> 16 & 255,
                (first + n - 1) >> 8 & 255, (first + n - 1) & 255);
        if (n_new)
                fprintf(f, ", \"12.%u.%u.1-12.%u.%u.%u\"", group >> 8 & 255, group & 255,
                        group >> 8 & 255, group & 255, n_new);
        fprintf(f, " ]; egress = \"transparent\"; backends = [ \"b\" ]; priority = %u; keys = [",
                group % s->n_priorities);
        for (unsigned i = 0; i < s->keys_of_group; i++)
                fprintf(f, "%s\"k%u\"", i ? "," : "", (group * s->keys_apart + i) % n_keys);
        fprintf(f, "]; }");
}

static unsigned n_groups_of(const struct scene *s, unsigned n_desks)
{
        return MAX(n_desks / s->desks_of_group, 1U);
}

static void policy_write(FILE *f, const struct scene *s, unsigned n_desks, unsigned n_new)
{
        unsigned n_groups = n_groups_of(s, n_desks);
        unsigned n_keys = MAX(n_groups * s->keys_apart, s->keys_of_group), next = 0, new_left = n_new;

        fprintf(f, "site = \"bench\"; providers = [ \"smarty\" ];\nkeys = (\n");
        for (unsigned i = 0; i < n_keys; i++)
                fprintf(f, "%s{ name = \"k%u\"; provider = \"smarty\"; credential = \"c%u\"; capacity = %u; }",
                        i ? ",\n" : "", i, i, s->capacity);
        fprintf(f, ");\nbackends = ( { name = \"b\"; provider = \"smarty\"; credential = \"s\"; } );\ngroups = (\n");
        for (unsigned i = 0; next < n_desks; i++) {
                unsigned n = i == n_groups - 1 ? n_desks - next : group_size(s, i, n_desks - next);
                unsigned here = i == n_groups - 1 || next + n == n_desks
                                        ? new_left : MIN(new_left, 1 + n_new / n_groups);

                group_write(f, s, i, next, n, here, n_keys);
                next += n;
                new_left -= here;
        }
        fprintf(f, ");\n");
}

static struct policy *policy_of(const struct scene *s, unsigned n_desks, unsigned n_new)
{
        char path[] = "/tmp/plan-cost-XXXXXX.cfg";
        int fd = mkstemps(path, 4);
        FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
        struct policy *p = NULL;
        struct diag d;

        if (!f)
                err(1, "%s", path);
        policy_write(f, s, n_desks, n_new);
        if (fclose(f) != 0)
                err(1, "%s", path);
        diag_init(&d);
        if (policy_load(path, provider_dir, &d, &p) != 0) {
                diag_print(&d, stderr);
                errx(1, "%s", path);
        }
        diag_done(&d);
        unlink(path);
        return p;
}

static struct plan *plan_of(struct policy *p, const struct entry_set *entries, double *ret_s)
{
        struct plan *plan = NULL;
        double begin = now_s();
        struct diag d;

        diag_init(&d);
        if (plan_make(p, entries, NULL, &d, &plan) != 0)
                errx(1, "no plan");
        diag_done(&d);
        *ret_s = now_s() - begin;
        return plan;
}

/* The best of the rounds: what else runs on the machine only adds. */
static double plan_time(struct policy *p, const struct entry_set *entries, unsigned n_rounds)
{
        double best = 1e9;

        for (unsigned i = 0; i < n_rounds; i++) {
                double took;

                plan_free(plan_of(p, entries, &took));
                best = MIN(best, took);
        }
        return best;
}

static struct entry_set *settled(struct policy *p)
{
        CLEANUP(move_list_freep) struct move_list *moves = NULL;
        CLEANUP(plan_freep) struct plan *plan = NULL;
        struct entry_set *entries = NULL;
        double took;

        plan = plan_of(p, NULL, &took);
        if (entries_settle(plan, NULL, 1, &moves) != 0 ||
            entries_after(NULL, moves->moves, moves->n, 1, &entries) != 0)
                errx(1, "nothing settled");
        return entries;
}

static void scene_run(const struct scene *s, unsigned n_desks, unsigned n_rounds)
{
        CLEANUP(policy_unrefp) struct policy *p = policy_of(s, n_desks, 0);
        CLEANUP(policy_unrefp) struct policy *more = policy_of(s, n_desks, N_NEW);
        CLEANUP(entry_set_freep) struct entry_set *entries = settled(p);
        CLEANUP(plan_freep) struct plan *plan = NULL;
        double empty = plan_time(p, NULL, n_rounds), full = plan_time(more, entries, n_rounds), took;

        plan = plan_of(more, entries, &took);
        printf("| %s | %u | %zu | %zu | %zu | %.2f | %.2f | %.2f | %.2f | %zu |\n", s->name, n_desks,
               p->n_groups, p->n_keys, plan->n_desks_overflow, empty * 1e3, empty * 1e6 / n_desks,
               full * 1e3, full * 1e6 / n_desks, plan->n_moves);
        fflush(stdout);
}

int main(int argc, char **argv)
{
        if (argc < 2)
                return 64;
        provider_dir = argv[1];
        for (size_t i = 0; argc > 3 && i < N_ELEMENTS(scenes); i++) {
                if (strcmp(scenes[i].name, argv[2]) != 0)
                        continue;
                scene_run(&scenes[i], (unsigned)atoi(argv[3]), argc > 4 ? (unsigned)atoi(argv[4]) : 5);
        }
        return 0;
}
