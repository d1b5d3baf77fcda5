/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is proposed is a drop-in with the group, or, where the policy has the group, the lines that
 * are to be pasted into it: lists are appended over files, but a group stands in one place.
 */
#include "tools/import.h"
#include "tools/output.h"
#include "tools/words.h"

#include <time.h>

#define COMMENT_MAX_BYTES 60

static void date_put(FILE *out)
{
        time_t now = time(NULL);
        char date[32];
        struct tm t;

        strftime(date, sizeof(date), "%Y-%m-%d", gmtime_r(&now, &t));
        fputs(date, out);
}

void range_format(const struct desk_range *r, char text[static 2 * ADDR_TEXT_MAX])
{
        char first[ADDR_TEXT_MAX], last[ADDR_TEXT_MAX];

        addr_format(&r->range.first, first);
        addr_format(&r->range.last, last);
        if (r->n == 1)
                snprintf(text, 2 * ADDR_TEXT_MAX, "%s", first);
        else
                snprintf(text, 2 * ADDR_TEXT_MAX, "%s-%s", first, last);
}

/* Where it comes from: "desks.csv:2-51", with the desk's name where there is one desk. */
static void origin_put(const struct import *i, const struct desk_range *r, FILE *out)
{
        const struct desk *desk = i->sorted[r->first];

        fputs("   # ", out);
        cfg_put_comment(out, slice_of(i->file), COMMENT_MAX_BYTES);
        fprintf(out, r->first_line == r->last_line ? ":%u" : ":%u-%u", r->first_line, r->last_line);
        if (r->n == 1 && desk->label.length) {
                fputs(", ", out);
                cfg_put_comment(out, desk->label, COMMENT_MAX_BYTES);
        }
        fputc('\n', out);
}

static void ranges_put(const struct import *i, bool comma_behind_last, FILE *out)
{
        char text[2 * ADDR_TEXT_MAX];

        for (size_t j = 0; j < i->n_ranges; j++) {
                bool has_comma = comma_behind_last || j + 1 < i->n_ranges;

                range_format(&i->ranges[j], text);
                fprintf(out, "      \"%s\"%s", text, has_comma ? "," : "");
                origin_put(i, &i->ranges[j], out);
        }
}

static void head_put(const struct import *i, FILE *out)
{
        fprintf(out, "# %s in %s for group %s, proposed by keyrouter import csv on ",
                count_text(i->n_proposed, "desk", "desks"),
                count_text(i->n_ranges, "range", "ranges"), i->group);
        date_put(out);
        fputs("\n# from ", out);
        cfg_put_comment(out, slice_of(i->file), 200);
        fputs(".\n", out);
}

/* ---- into a group that is there ---- */

struct place import_paste_place(const struct import *i)
{
        return i->existing->workstations.at;
}

static void paste_put(const struct import *i, FILE *out)
{
        struct place at = import_paste_place(i);

        if (i->existing->workstations.was_list)
                fprintf(out, "# Paste these lines behind the \"[\" of its workstations in ");
        else
                fprintf(out, "# Make a list [ ... ] of its workstations, and paste these lines "
                             "behind the \"[\" in ");
        cfg_put_comment(out, slice_of(at.file), 300);
        fprintf(out, ":%u\n", at.line);
        ranges_put(i, true, out);
}

/* ---- a group of its own ---- */

static bool translation_holds(const struct group *g, const struct addr *a)
{
        for (size_t j = 0; j < g->n_translations; j++)
                if (prefix_contains(&g->translations[j].from, a))
                        return true;
        return false;
}

/* A group of the policy that may be like it: whose the addresses are now, or whose `public` covers
 * them. NULL: none. */
static const struct group *model_of(const struct import *i)
{
        const struct addr *a = &i->ranges[0].range.first;
        const struct group *g = i->policy ? policy_group_of(i->policy, a) : NULL;

        for (size_t j = 0; i->policy && !g && j < i->policy->n_groups; j++)
                if (translation_holds(&i->policy->groups[j], a))
                        g = &i->policy->groups[j];
        return g;
}

static void texts_put(const struct text_list *list, FILE *out)
{
        fputs("[ ", out);
        for (size_t j = 0; j < list->n_items; j++) {
                fputs(j ? ", " : "", out);
                cfg_put_text(out, list->items[j].text);
        }
        fputs(" ]", out);
}

static void egress_put(const struct import *i, FILE *out)
{
        const struct group *model = model_of(i);
        const struct written_group *w =
                model ? GROUP_LIST_AT(&i->written.groups, struct written_group, model->index)
                      : NULL;

        if (!w) {
                fputs("    # public = [ \"10.20.0.0/24 -> 203.0.113.0/24\" ];   # where a NAT "
                      "stands "
                      "between\n"
                      "    egress = \"router\";   # or \"transparent\", \"direct\", the router's "
                      "own "
                      "addresses\n",
                      out);
                return;
        }
        fprintf(out, "    # As group %s has it:\n", model->name);
        if (w->public.n_items) {
                fputs("    public = ", out);
                texts_put(&w->public, out);
                fputs(";\n", out);
        }
        if (w->egress.n_items) {
                fputs("    egress = ", out);
                if (w->egress.was_list)
                        texts_put(&w->egress, out);
                else
                        cfg_put_text(out, w->egress.items[0].text);
                fputs(";\n", out);
        }
}

static void keys_put(const struct import *i, FILE *out)
{
        const struct policy *p = i->policy;

        if (!p || p->n_keys == 0) {
                fputs("    # keys = [ \"...\" ];   # names of embedded keys of the policy\n", out);
                return;
        }
        fputs("    # All embedded keys of the policy: keep those that the group may use.\n"
              "    keys = [ ",
              out);
        for (size_t j = 0; j < p->n_keys; j++) {
                fputs(j ? ", " : "", out);
                cfg_put_text(out, p->keys[j].name);
        }
        fputs(" ];\n", out);
}

/* A group has one backend of a provider at most. */
static bool is_first_of_provider(const struct policy *p, size_t backend)
{
        for (size_t j = 0; j < backend; j++)
                if (p->backends[j].provider == p->backends[backend].provider)
                        return false;
        return true;
}

static void backends_list_put(const struct policy *p, bool first, FILE *out)
{
        const char *separator = "";

        for (size_t j = 0; j < p->n_backends; j++) {
                if (is_first_of_provider(p, j) != first)
                        continue;
                fputs(separator, out);
                cfg_put_text(out, p->backends[j].name);
                separator = ", ";
        }
}

static void backends_put(const struct import *i, FILE *out)
{
        const struct policy *p = i->policy;
        bool has_others = false;

        if (!p || p->n_backends == 0) {
                fputs("    # backends = [ \"...\" ];   # names of secret keys of the policy\n",
                      out);
                if (p)
                        fputs("    overflow = \"refuse\";\n", out);
                return;
        }
        for (size_t j = 0; j < p->n_backends; j++)
                has_others |= !is_first_of_provider(p, j);
        if (has_others) {
                fputs("    # One of a provider; the policy also has ", out);
                backends_list_put(p, false, out);
                fputs(".\n", out);
        }
        fputs("    backends = [ ", out);
        backends_list_put(p, true, out);
        fputs(" ];\n", out);
}

static void group_put(const struct import *i, FILE *out)
{
        fputs("# Read it, put it where the policy's include finds it (conf.d), and run keyrouter "
              "check.\n\n"
              "groups = (\n  { name = ",
              out);
        cfg_put_text(out, i->group);
        fputs(";\n    workstations = [\n", out);
        ranges_put(i, false, out);
        fputs("    ];\n", out);
        egress_put(i, out);
        keys_put(i, out);
        backends_put(i, out);
        fputs("  }\n);\n", out);
}

char *import_text(const struct import *i)
{
        char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);

        if (!out)
                return NULL;
        head_put(i, out);
        if (i->existing)
                paste_put(i, out);
        else
                group_put(i, out);
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}
