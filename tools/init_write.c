/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/init.h"

#include "lib/provider/template.h"
#include "tools/output.h"

#include <errno.h>
#include <time.h>

void credential_name(const struct init *i, const char *name, char ret[static 65])
{
        int n = snprintf(ret, 65, "%s-%s", i->provider.name, name);

        if (n < 0 || n > 64)
                snprintf(ret, 65, "%s", name);
}

/* ---- the parts of the file ---- */

static void head_put(const struct init *i, const char *name, FILE *out)
{
        time_t now = time(NULL);
        char date[32];
        struct tm t;

        strftime(date, sizeof(date), "%Y-%m-%d", gmtime_r(&now, &t));
        fprintf(out, "# Policy of site %s, begun with keyrouter init on %s.\n", i->site, date);
        fputs("# Every setting is described in keyrouter-policy(5). After a change:\n#\n", out);
        fputs("#   keyrouter check ", out);
        cfg_put_comment(out, slice_of(name), 200);
        fputs("      # all that is wrong with it\n#   keyrouter plan ", out);
        cfg_put_comment(out, slice_of(name), 200);
        fputs("       # what it would change\n#   keyrouter apply ", out);
        cfg_put_comment(out, slice_of(name), 200);
        fputs("      # put it in force\n\nsite = ", out);
        cfg_put_text(out, i->site);
        fputs(";\n\n"
              "# Drop-ins, in lexical order: their lists are appended to those of this file.\n"
              "include = [ \"conf.d/*.cfg\" ];\n\n"
              "# The vendors: installed definitions, or paths that end in .cfg.\n"
              "providers = [ ",
              out);
        cfg_put_text(out, i->provider_text);
        fputs(" ];\n\n", out);
}

static void credential_put(const struct init *i, const char *name, FILE *out)
{
        char credential[65];

        fputs("  { name = ", out);
        cfg_put_text(out, name);
        fputs("; provider = ", out);
        cfg_put_text(out, i->provider.name);
        fputs("; credential = ", out);
        credential_name(i, name, credential);
        cfg_put_text(out, credential);
        fputs("; }", out);
}

static void keys_put(const struct init *i, FILE *out)
{
        if (!i->provider.classes[CLASS_EMBEDDED].offered) {
                fprintf(out, "# %s has no embedded keys: the secret key serves everybody.\n\n",
                        i->provider.name);
                return;
        }
        fprintf(out,
                "# Embedded keys, in order of preference. The vendor lists %lld addresses on "
                "each;\n"
                "# reserve = N keeps some of them free. A credential is the name of a file, never "
                "the key itself.\n",
                (long long)i->provider.classes[CLASS_EMBEDDED].capacity);
        if (i->keys.n == 0) {
                fputs("# keys = (\n#   { name = \"key-1\"; provider = ", out);
                cfg_put_text(out, i->provider.name);
                fputs("; credential = \"key-1\"; }\n# );\n\n", out);
                return;
        }
        fputs("keys = (\n", out);
        for (size_t j = 0; j < i->keys.n; j++) {
                credential_put(i, i->keys.items[j], out);
                fputs(j + 1 < i->keys.n ? ",\n" : "\n", out);
        }
        fputs(");\n\n", out);
}

static void backends_put(const struct init *i, FILE *out)
{
        if (i->backend) {
                fputs("# Secret keys; they never leave the router. per_day = N limits the requests "
                      "of a day.\nbackends = (\n",
                      out);
                credential_put(i, i->backend, out);
                fputs("\n);\n\n", out);
        } else {
                fputs("# Without a secret key whoever gets no place on an embedded key is "
                      "refused.\n"
                      "# backends = (\n#   { name = \"secret\"; provider = ",
                      out);
                cfg_put_text(out, i->provider.name);
                fputs("; credential = \"secret\"; }\n# );\n\n", out);
        }
}

static bool has_family(const struct init *i, bool v4)
{
        struct range range;

        for (size_t j = 0; j < i->workstations.n; j++)
                if (range_parse(slice_of(i->workstations.items[j]), &range) == 0 &&
                    addr_is_v4(&range.first) == v4)
                        return true;
        return false;
}

static void public_put(const struct init *i, FILE *out)
{
        const char *one = i->maps.n ? i->maps.items[0] : "203.0.113.7";
        const char *separator = "";

        if (i->public == PUBLIC_MAP) {
                fputs("    public = ", out);
                cfg_put_texts(out, i->maps.items, i->maps.n);
                fputs(";   # a NAT stands between\n", out);
        } else if (i->public == PUBLIC_ONE && (!i->egress || strcmp(i->egress, "router") != 0)) {
                fputs("    public = [ ", out);
                for (int v4 = 1; v4 >= 0; v4--) {
                        if (!has_family(i, v4))
                                continue;
                        fprintf(out, "%s\"%s -> %s\"", separator, v4 ? "0.0.0.0/0" : "::/0", one);
                        separator = ", ";
                }
                fputs(" ];   # all behind one address\n", out);
        } else {
                fputs("    # public = [ \"10.20.0.0/24 -> 203.0.113.0/24\" ];   # where a NAT "
                      "stands "
                      "between\n",
                      out);
        }
}

static void egress_put(const struct init *i, FILE *out)
{
        fputs("    egress = ", out);
        if (i->egress_list.n)
                cfg_put_texts(out, i->egress_list.items, i->egress_list.n);
        else
                cfg_put_text(out, i->egress ? i->egress : "router");
        fputs(";   # \"router\", \"transparent\", \"direct\", or the router's own addresses\n",
              out);
}

static void names_put(const char *setting, char *const *names, size_t n, FILE *out)
{
        if (n == 0)
                return;
        fprintf(out, "    %s = ", setting);
        cfg_put_texts(out, names, n);
        fputs(";\n", out);
}

static void groups_put(const struct init *i, FILE *out)
{
        fputs("# Workstations that share keys, egress and limits. An address belongs to one "
              "group.\n"
              "groups = (\n  { name = ",
              out);
        cfg_put_text(out, i->group ? i->group : "desks");
        fputs(";\n    workstations = ", out);
        cfg_put_texts(out, i->workstations.items, i->workstations.n);
        fputs(";\n", out);
        if (i->excepts.n) {
                fputs("    except = ", out);
                cfg_put_texts(out, i->excepts.items, i->excepts.n);
                fputs(";   # networks' and broadcast addresses\n", out);
        }
        public_put(i, out);
        egress_put(i, out);
        names_put("keys", i->keys.items, i->keys.n, out);
        names_put("backends", &(char *){ i->backend }, i->backend ? 1 : 0, out);
        fprintf(out,
                "    overflow = \"%s\";   # of whoever gets no place on a key: \"backend\" or "
                "\"refuse\"\n",
                i->backend ? "backend" : "refuse");
        fputs("    # priority = 10;   # who keeps a place when the keys are full: higher first\n"
              "    # limits = { requests_per_minute = 600; burst = 50; };   # of one workstation\n"
              "  }\n);\n\n",
              out);
}

char *init_text(const struct init *i, const char *name)
{
        char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);

        if (!out)
                return NULL;
        head_put(i, name, out);
        keys_put(i, out);
        backends_put(i, out);
        groups_put(i, out);
        fputs("# Web pages that may use the API through the agents' browsers.\n"
              "# origins = [ \"https://crm.example.com\" ];\n\n"
              "# What workstations in no group get: \"refuse\", or the name of a backend.\n"
              "unknown = \"refuse\";\n",
              out);
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

/* ---- what comes next ---- */

struct fields {
        struct slice names[8];
        size_t n;
};

static void fields_find(const char *text, struct fields *f)
{
        struct slice rest = slice_of(text);
        struct template_part part;

        while (text && template_next(&rest, &part)) {
                bool is_known = !part.is_field || f->n == N_ELEMENTS(f->names);

                for (size_t i = 0; i < f->n && !is_known; i++)
                        is_known = slice_equal(f->names[i], part.text);
                if (!is_known)
                        f->names[f->n++] = part.text;
        }
}

/* "key=...", "id=... and token=..." */
static void fields_print(const struct class_rules *rules, FILE *out)
{
        struct fields f = { .n = 0 };

        for (size_t i = 0; i < rules->n_query; i++)
                fields_find(rules->query[i].text, &f);
        for (size_t i = 0; i < rules->n_headers; i++)
                fields_find(rules->headers[i].text, &f);
        fields_find(rules->basic_user, &f);
        fields_find(rules->basic_password, &f);
        fields_find(rules->bearer, &f);
        fputs(f.n == 1 ? "the line " : "the lines ", out);
        for (size_t i = 0; i < f.n; i++)
                fprintf(out, "%s%.*s=...", i ? " and " : "", (int)f.names[i].length,
                        f.names[i].data);
        fputc('\n', out);
}

static void credentials_print(const struct init *i, FILE *out)
{
        char name[65];

        fputs("  1. Put the credentials into /etc/keyrouter/credentials, a file each, mode 0600, "
              "owned by keyrouter:\n",
              out);
        for (size_t j = 0; j < i->keys.n; j++) {
                credential_name(i, i->keys.items[j], name);
                fprintf(out, "       %s%s", name, j + 1 < i->keys.n ? "\n" : ": ");
        }
        if (i->keys.n) {
                if (i->keys.n > 1)
                        fputs("each ", out);
                fields_print(&i->provider.classes[CLASS_EMBEDDED], out);
        }
        if (i->backend) {
                credential_name(i, i->backend, name);
                fprintf(out, "       %s: ", name);
                fields_print(&i->provider.classes[CLASS_SECRET], out);
        }
}

static bool is_by_router(const struct init *i)
{
        return i->egress && strcmp(i->egress, "router") == 0;
}

/* What goes with the way that the vendor sees the workstations. */
static void egress_next_print(const struct init *i, FILE *out)
{
        if (i->keys.n == 0)
                return;
        if (!is_by_router(i)) {
                if (i->egress && strcmp(i->egress, "transparent") == 0)
                        fputs("To keep the workstations' addresses the router needs a capability, "
                              "and their way back leads through it: see EGRESS in "
                              "keyrouterd(8)\n",
                              out);
        } else if (i->public == PUBLIC_ONE) {
                fprintf(out,
                        "keyrouterd.cfg tells the daemon that address, so that plan and apply need "
                        "not:  address = \"%s\";\n",
                        i->maps.items[0]);
        } else {
                fputs("The vendor sees the router's address: say it in keyrouterd.cfg (address), "
                      "or "
                      "with --router-address\n",
                      out);
        }
}

void init_next_print(const struct init *i, const struct plan *plan, const char *name, FILE *out)
{
        bool is_told = i->public == PUBLIC_ONE && is_by_router(i);
        const char *option = is_told ? " --router-address " : "";
        const char *address = is_told ? i->maps.items[0] : "";

        fprintf(out, "%s behind %s: %s on %s, %zu %s\n\nNext:\n",
                count_text(plan->census->n_desks, "workstation", "workstations"),
                count_text(plan->census->n_egresses, "egress address", "egress addresses"),
                count_text(plan->n_desks_embedded, "desk", "desks"),
                count_text(i->keys.n, "key", "keys"),
                plan->census->n_desks - plan->n_desks_embedded,
                i->backend ? "by the backend" : "refused");
        credentials_print(i, out);
        fprintf(out, "  2. keyrouter check %s\n", name);
        fprintf(out, "  3. keyrouter plan %s%s%s\n", name, option, address);
        fprintf(out, "  4. keyrouter apply %s%s%s\n", name, option, address);
        if (i->keys.n)
                fputs("  5. keyrouter allowlist: what to add at the vendor\n", out);
        egress_next_print(i, out);
}
