/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/plan_scene.h"

#include <err.h>
#include <stdio.h>
#include <time.h>

#define FIRST_DESK (11U << 24) /* 11.0.0.0: public, so that no finding is made of it */
#define FIRST_NEW (200U << 24)
#define PART_BYTES (3U << 20) /* of a file; larger ones are not loaded */

static const struct plan_scene scenes[] = {
        { "plain", 500, 10, 10, 100, 1, false, false },
        { "contended", 500, 30, 10, 45, 3, true, false },
        { "listed", 500, 10, 10, 100, 1, false, true },
};

/* A policy in parts: the second and further ones are included by the first. */
struct writer {
        char folder[32];
        FILE *file;
        unsigned n_parts;
};

double plan_scene_cpu_s(void)
{
        struct timespec t;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

const struct plan_scene *plan_scene_find(const char *name)
{
        for (size_t i = 0; i < N_ELEMENTS(scenes); i++)
                if (strcmp(scenes[i].name, name) == 0)
                        return &scenes[i];
        return NULL;
}

static struct addr addr_of(unsigned value)
{
        return (struct addr){ { [10] = 0xff,
                                [11] = 0xff,
                                [12] = (uint8_t)(value >> 24),
                                [13] = (uint8_t)(value >> 16),
                                [14] = (uint8_t)(value >> 8),
                                [15] = (uint8_t)value } };
}

struct addr plan_scene_desk(unsigned i)
{
        return addr_of(FIRST_DESK + i);
}

static void path_of(const struct writer *w, unsigned part, char path[static 64])
{
        snprintf(path, 64, part ? "%s/part%u.cfg" : "%s/policy.cfg", w->folder, part);
}

static void part_begin(struct writer *w)
{
        char path[64];

        path_of(w, w->n_parts++, path);
        w->file = fopen(path, "w");
        if (!w->file)
                err(1, "%s", path);
        fputs("groups = (\n", w->file);
}

static void part_end(struct writer *w)
{
        fputs(");\n", w->file);
        if (fclose(w->file) != 0)
                err(1, "%s", w->folder);
}

static void range_write(FILE *f, unsigned first, unsigned last)
{
        struct addr low = addr_of(first), high = addr_of(last);
        char low_text[ADDR_TEXT_MAX], high_text[ADDR_TEXT_MAX];

        if (first == last)
                fprintf(f, "\"%s\"", addr_format(&low, low_text));
        else
                fprintf(f, "\"%s-%s\"", addr_format(&low, low_text), addr_format(&high, high_text));
}

/* Desks first..end, of a listed scene every apart-th. */
struct cut {
        unsigned first, end, apart, first_new, n_new;
};

static void group_write(struct writer *w, const struct plan_scene *s, unsigned group,
                        const struct cut *c, unsigned n_keys)
{
        if (ftell(w->file) > (long)PART_BYTES) {
                part_end(w);
                part_begin(w);
        } else if (group > 0) {
                fputs(",\n", w->file);
        }
        fprintf(w->file,
                "{ name = \"g%u\"; egress = \"transparent\"; backends = [ \"b\" ]; "
                "priority = %u; workstations = [ ",
                group, group % s->n_priorities);
        if (s->listed)
                for (unsigned i = c->first; i < c->end; i += c->apart) {
                        range_write(w->file, FIRST_DESK + i, FIRST_DESK + i);
                        if (i + c->apart < c->end)
                                fputc(',', w->file);
                }
        else
                range_write(w->file, FIRST_DESK + c->first, FIRST_DESK + c->end - 1);
        if (c->n_new > 0) {
                fputc(',', w->file);
                range_write(w->file, FIRST_NEW + c->first_new,
                            FIRST_NEW + c->first_new + c->n_new - 1);
        }
        fputs(" ]; keys = [", w->file);
        for (unsigned i = 0; i < s->keys_of_group; i++)
                fprintf(w->file, "%s\"k%u\"", i ? "," : "", (group * s->keys_apart + i) % n_keys);
        fputs("]; }", w->file);
}

static unsigned group_size(const struct plan_scene *s, unsigned group)
{
        return s->uneven ? s->desks_of_group / 2 + s->desks_of_group * (group * 7 % 11) / 10
                         : s->desks_of_group;
}

static void groups_write(struct writer *w, const struct plan_scene *s, unsigned n_desks,
                         unsigned n_new, unsigned n_groups, unsigned n_keys)
{
        unsigned next = 0, next_new = 0;

        part_begin(w);
        for (unsigned i = 0; i < n_groups && next < n_desks; i++) {
                unsigned n =
                        i == n_groups - 1 ? n_desks - next : MIN(group_size(s, i), n_desks - next);
                bool is_last = i == n_groups - 1 || next + n == n_desks;
                unsigned here =
                        is_last ? n_new - next_new : MIN(n_new - next_new, 1 + n_new / n_groups);
                struct cut c = { next, next + n, 1, next_new, here };

                if (s->listed)
                        c = (struct cut){ i, n_desks, n_groups, next_new, here };
                group_write(w, s, i, &c, n_keys);
                next += n;
                next_new += here;
        }
        part_end(w);
}

static void head_write(const struct writer *w, const struct plan_scene *s, unsigned n_keys)
{
        char path[64];
        FILE *f;

        path_of(w, 0, path);
        f = fopen(path, "a");
        if (!f)
                err(1, "%s", path);
        fputs("site = \"bench\"; providers = [ \"smarty\" ];\ninclude = [ \"part*.cfg\" ];\n"
              "backends = ( { name = \"b\"; provider = \"smarty\"; credential = \"s\"; } );\n"
              "keys = (\n",
              f);
        for (unsigned i = 0; i < n_keys; i++)
                fprintf(f,
                        "%s{ name = \"k%u\"; provider = \"smarty\"; credential = \"c%u\"; "
                        "capacity = %u; }",
                        i ? ",\n" : "", i, i, s->capacity);
        fputs(");\n", f);
        if (fclose(f) != 0)
                err(1, "%s", path);
}

struct policy *plan_scene_load(const char *path, const char *provider_dir)
{
        struct policy *p = NULL;
        struct diag d;

        diag_init(&d);
        if (policy_load(path, provider_dir, &d, &p) != 0) {
                diag_print(&d, stderr);
                errx(1, "%s", path);
        }
        diag_done(&d);
        return p;
}

struct policy *plan_scene_policy(const struct plan_scene *s, const char *provider_dir,
                                 unsigned n_desks, unsigned n_new)
{
        unsigned n_groups = MAX(n_desks / s->desks_of_group, 1U);
        unsigned n_keys = MAX(n_groups * s->keys_apart, s->keys_of_group);
        struct writer w = { "/tmp/plan-scene-XXXXXX", NULL, 0 };
        struct policy *p;
        char path[64];

        if (!mkdtemp(w.folder))
                err(1, "%s", w.folder);
        groups_write(&w, s, n_desks, n_new, n_groups, n_keys);
        head_write(&w, s, n_keys);
        path_of(&w, 0, path);
        p = plan_scene_load(path, provider_dir);
        while (w.n_parts > 0) {
                path_of(&w, --w.n_parts, path);
                unlink(path);
        }
        rmdir(w.folder);
        return p;
}
