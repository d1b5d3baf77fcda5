/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/init.h"

#include "policy/host_name.h"
#include "policy/provider_load.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdarg.h>

#ifndef KEYROUTER_PROVIDER_DIR
#define KEYROUTER_PROVIDER_DIR "/usr/share/keyrouter/providers"
#endif

void init_done(struct init *i)
{
        free(i->site);
        free(i->provider_text);
        provider_done(&i->provider);
        file_set_done(&i->definition);
        words_done(&i->keys);
        words_done(&i->workstations);
        words_done(&i->excepts);
        words_done(&i->maps);
        words_done(&i->egress_list);
        free(i->egress);
        free(i->group);
        free(i->backend);
}

static bool no(struct init *i, const char *format, ...) PRINTF_LIKE(2, 3);

static bool no(struct init *i, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(i->why, sizeof(i->why), format, args);
        va_end(args);
        return false;
}

static bool keep(struct init *i, char **member, const char *text)
{
        char *copy = strdup(text);

        if (!copy)
                return no(i, "out of memory");
        free(*member);
        *member = copy;
        return true;
}

static bool keep_name(struct init *i, char **member, const char *text)
{
        if (!name_is_legal(text))
                return no(i,
                          "\"%.80s\" is no name: 1 to 64 of A-Z a-z 0-9 . _ -, not starting "
                          "with a dot",
                          text);
        return keep(i, member, text);
}

/* ---- judged by the language ---- */

int init_compile(const struct init *i, const char *text, const char *name, struct diag *d,
                 struct policy **ret)
{
        CLEANUP(file_set_done) struct file_set files = { NULL };
        CLEANUP(policy_unrefp) struct policy *policy = NULL;
        struct policy_source source = { .path = name, .files = &files };
        int r = file_set_add(&files, "policy", name, slice_of(text));

        for (size_t j = 0; j < i->definition.n && r == 0; j++) {
                const struct file_text *f = &i->definition.files[j];

                r = file_set_add(&files, f->role, f->path, (struct slice){ f->text, f->length });
        }
        if (r == 0)
                r = policy_load_from(&source, d, &policy);
        if (r == 0 && ret)
                *ret = TAKE(policy);
        return r;
}

static bool finding_is_why(struct init *i, const struct diag *d)
{
        for (size_t j = 0; j < d->n_findings; j++) {
                const struct diag_finding *f = &d->findings[j];

                if (f->level == DIAG_ERROR)
                        return no(i, "%s%s%s", f->message, f->remedy ? ": " : "",
                                  f->remedy ? f->remedy : "");
        }
        return no(i, "out of memory");
}

/* Would a policy of the answers so far be right? With a backend where nothing else serves yet. */
static bool answers_are_right(struct init *i)
{
        CLEANUP(diag_done) struct diag d;
        CLEANUP(freep) char *text = NULL;
        bool is_bare = i->keys.n == 0 && !i->backend;
        int r;

        diag_init(&d);
        if (is_bare)
                i->backend = (char *)"later";
        text = init_text(i, "policy.cfg");
        if (is_bare)
                i->backend = NULL;
        r = text ? init_compile(i, text, "policy.cfg", &d, NULL) : -ENOMEM;
        return r == 0 || finding_is_why(i, &d);
}

/* ---- site and vendor ---- */

bool take_site(struct init *i, const char *text)
{
        return keep_name(i, &i->site, text);
}

static bool is_path(const char *text)
{
        size_t n = strlen(text);

        return n > 4 && strcmp(text + n - 4, ".cfg") == 0;
}

static bool provider_path(const struct init *i, const char *text, char *out, size_t size)
{
        const char *folder = i->provider_dir ? i->provider_dir : KEYROUTER_PROVIDER_DIR;
        int n = is_path(text) ? snprintf(out, size, "%s", text)
                              : snprintf(out, size, "%s/%s.cfg", folder, text);

        return n > 0 && (size_t)n < size && access(out, R_OK) == 0;
}

bool provider_is_there(const struct init *i, const char *name)
{
        char path[4096];

        return name_is_legal(name) && provider_path(i, name, path, sizeof(path));
}

static bool provider_missing(struct init *i, const char *text)
{
        const char *folder = i->provider_dir ? i->provider_dir : KEYROUTER_PROVIDER_DIR;
        CLEANUP(globfree) glob_t found = { 0 };
        char pattern[4096], names[256] = "";
        size_t n = 0;

        snprintf(pattern, sizeof(pattern), "%s/*.cfg", folder);
        if (glob(pattern, 0, NULL, &found) != 0)
                return no(i, "there is no definition \"%.64s\", nor any other in %.300s", text,
                          folder);
        for (size_t j = 0; j < found.gl_pathc && n < sizeof(names); j++) {
                const char *name = strrchr(found.gl_pathv[j], '/') + 1;

                n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%.*s", j ? ", " : "",
                                      (int)strlen(name) - 4, name);
        }
        return no(i, "there is no definition \"%.64s\": installed are %s", text, names);
}

bool take_provider(struct init *i, const char *text)
{
        CLEANUP(diag_done) struct diag d;
        CLEANUP(freep) char *name = NULL;
        char path[4096], role[4200];
        struct settings_input input = { .path = path, .role = role, .record = &i->definition };
        struct provider loaded = { NULL };
        int r;

        diag_init(&d);
        if (is_path(text) && text[0] != '/')
                return no(i, "write the whole path of the definition, from / on");
        if ((!is_path(text) && !name_is_legal(text)) || !provider_path(i, text, path, sizeof(path)))
                return provider_missing(i, text);
        snprintf(role, sizeof(role), "provider %s", text);
        file_set_done(&i->definition);
        r = provider_load(&input, &d, &loaded, &name);
        if (r)
                return finding_is_why(i, &d);
        provider_done(&i->provider);
        i->provider = loaded;
        return keep(i, &i->provider_text, text);
}

/* ---- keys and backend ---- */

static bool keys_number(struct init *i, const char *text)
{
        CLEANUP(freep) char *names = NULL;
        unsigned long n = strtoul(text, NULL, 10);
        size_t length;
        FILE *out;

        if (strlen(text) > 4 || n > INIT_MAX_KEYS)
                return no(i, "at most %d keys", INIT_MAX_KEYS);
        out = open_memstream(&names, &length);
        if (!out)
                return no(i, "out of memory");
        for (unsigned long j = 1; j <= n; j++)
                fprintf(out, "%.59s-%lu,", i->site, j);
        words_done(&i->keys);
        if (fclose(out) != 0 || words_split(names, ",", &i->keys) != 0)
                return no(i, "out of memory");
        return true;
}

static bool keys_names(struct init *i, const char *text)
{
        CLEANUP(words_done) struct words w = { NULL };

        if (words_split(text, ", ", &w) != 0)
                return no(i, "out of memory");
        if (w.n == 0 || w.n > INIT_MAX_KEYS)
                return no(i, "write how many there are, or their names, at most %d", INIT_MAX_KEYS);
        for (size_t j = 0; j < w.n; j++) {
                if (!name_is_legal(w.items[j]) || w.items[j][0] == '-')
                        return no(i,
                                  "\"%.80s\" is neither a number nor a name of letters, digits, "
                                  ". _ -",
                                  w.items[j]);
                for (size_t k = 0; k < j; k++)
                        if (strcmp(w.items[j], w.items[k]) == 0)
                                return no(i, "\"%s\" is there twice", w.items[j]);
        }
        words_done(&i->keys);
        i->keys = w;
        w = (struct words){ NULL };
        return true;
}

bool take_keys(struct init *i, const char *text)
{
        bool is_number = text[0] && strspn(text, "0123456789") == strlen(text);

        if (is_number ? !keys_number(i, text) : !keys_names(i, text))
                return false;
        if (i->keys.n > 0 && !i->provider.classes[CLASS_EMBEDDED].offered)
                return no(i, "provider \"%s\" has no embedded keys: 0", i->provider.name);
        if (i->keys.n == 0 && !i->provider.classes[CLASS_SECRET].offered)
                return no(i, "provider \"%s\" has embedded keys alone: at least 1",
                          i->provider.name);
        return true;
}

bool take_backend(struct init *i, const char *text)
{
        if (strcmp(text, "none") == 0) {
                free(TAKE(i->backend));
                if (i->keys.n == 0)
                        return no(i, "without embedded keys there must be a backend");
                return true;
        }
        if (!i->provider.classes[CLASS_SECRET].offered)
                return no(i, "provider \"%s\" has no secret keys: none", i->provider.name);
        for (size_t j = 0; j < i->keys.n; j++)
                if (strcmp(text, i->keys.items[j]) == 0)
                        return no(i, "\"%s\" is the name of an embedded key", text);
        return keep_name(i, &i->backend, text) && answers_are_right(i);
}

bool take_group(struct init *i, const char *text)
{
        return keep_name(i, &i->group, text);
}

/* ---- workstations ---- */

/* "10.1.0.1 - 10.1.0.9" is one word, "10.1.0.1 10.1.0.2" are two. */
static char *without_blanks_at_dashes(const char *text)
{
        char *copy = strdup(text), *out = copy;

        for (const char *c = text; copy && *c; c++) {
                const char *next = c + strspn(c, " \t");

                if (next > c && (*next == '-' || (out > copy && out[-1] == '-'))) {
                        c = next - 1;
                        continue;
                }
                *out++ = *c;
        }
        if (copy)
                *out = 0;
        return copy;
}

/* The first and the last address of an IPv4 prefix are no workstations (RFC 1122 section 3.2.1.3). */
static bool excepts_find(struct init *i)
{
        CLEANUP(freep) char *list = NULL;
        char first[ADDR_TEXT_MAX], last[ADDR_TEXT_MAX];
        size_t length;
        FILE *out = open_memstream(&list, &length);

        if (!out)
                return no(i, "out of memory");
        for (size_t j = 0; j < i->workstations.n; j++) {
                struct prefix p;
                struct range r;

                if (prefix_parse(slice_of(i->workstations.items[j]), &p) != 0 ||
                    !addr_is_v4(&p.base) || p.bits > 126)
                        continue;
                r = prefix_range(&p);
                fprintf(out, "%s,%s,", addr_format(&r.first, first), addr_format(&r.last, last));
        }
        words_done(&i->excepts);
        if (fclose(out) != 0 || words_split(list, ",", &i->excepts) != 0)
                return no(i, "out of memory");
        return true;
}

static bool overlaps_are_none(struct init *i)
{
        const struct words *w = &i->workstations;
        struct range a, b;

        for (size_t j = 0; j < w->n; j++)
                for (size_t k = 0; k < j; k++)
                        if (range_parse(slice_of(w->items[j]), &a) == 0 &&
                            range_parse(slice_of(w->items[k]), &b) == 0 && range_overlaps(&a, &b))
                                return no(i, "\"%s\" and \"%s\" overlap", w->items[k], w->items[j]);
        return true;
}

/* "desks.csv", or the "to" of "10.1.0.1 to 10.1.0.9": a policy may have names, but then there are
 * no workstations yet. */
static bool names_are_none(struct init *i)
{
        const struct words *w = &i->workstations;

        for (size_t j = 0; j < w->n; j++)
                if (host_name_is_right(w->items[j]))
                        return no(i, "\"%s\" is no address: write first-last as "
                                     "10.20.1.10-10.20.1.59; names of hosts can be written into "
                                     "the policy later", w->items[j]);
        return true;
}

#define WORKSTATIONS_MAX 1000

bool take_workstations(struct init *i, const char *text)
{
        CLEANUP(freep) char *joined = without_blanks_at_dashes(text);

        words_done(&i->workstations);
        words_done(&i->excepts);
        if (!joined || words_split(joined, ",; \t", &i->workstations) != 0)
                return no(i, "out of memory");
        if (i->workstations.n == 0)
                return no(i, "write addresses, prefixes or first-last, joined by commas, as "
                             "10.20.0.0/24, 10.20.1.10-10.20.1.59");
        if (i->workstations.n > WORKSTATIONS_MAX)
                return no(i, "more than %d: see keyrouter import csv", WORKSTATIONS_MAX);
        if (!names_are_none(i) || !overlaps_are_none(i) || !excepts_find(i))
                return false;
        return answers_are_right(i);
}

bool workstations_are_private(const struct init *i)
{
        struct range range;

        for (size_t j = 0; j < i->workstations.n; j++)
                if (range_parse(slice_of(i->workstations.items[j]), &range) == 0 &&
                    (!addr_is_private(&range.first) || !addr_is_private(&range.last)))
                        return false;
        return true;
}

/* ---- how the vendor sees them, and where calls leave from ---- */

static bool public_choose(struct init *i, const char *text)
{
        struct addr one;

        words_done(&i->maps);
        if (strcmp(text, "same") == 0)
                i->public = PUBLIC_SAME;
        else if (strcmp(text, "router") == 0)
                i->public = PUBLIC_ROUTER;
        else if (addr_parse(slice_of(text), &one) == 0)
                i->public = PUBLIC_ONE;
        else if (strstr(text, "->"))
                i->public = PUBLIC_MAP;
        else
                return no(i,
                          "\"%.80s\" is none of same, router, an address, or \"PREFIX -> "
                          "PREFIX\"",
                          text);
        if (i->public != PUBLIC_ONE && i->public != PUBLIC_MAP)
                return true;
        return words_split(text, ",;", &i->maps) == 0 || no(i, "out of memory");
}

static bool egress_is(const struct init *i, const char *kind)
{
        return i->egress && strcmp(i->egress, kind) == 0;
}

static bool egress_fits(struct init *i)
{
        bool is_seen = i->public == PUBLIC_SAME || i->public == PUBLIC_MAP;

        if (i->keys.n == 0)
                return true;
        if (is_seen && egress_is(i, "router"))
                return no(i,
                          "with --egress router the vendor sees the router's address: router, or "
                          "that address");
        if (i->public == PUBLIC_ROUTER && !egress_is(i, "router"))
                return no(i, "with this --egress the vendor does not see the router's address");
        return true;
}

bool take_public(struct init *i, const char *text)
{
        bool by_router;

        if (!public_choose(i, text))
                return false;
        by_router = i->public == PUBLIC_ONE || i->public == PUBLIC_ROUTER;
        if (!i->egress_is_told && !keep(i, &i->egress, by_router ? "router" : "transparent"))
                return false;
        return egress_fits(i) && answers_are_right(i);
}

bool take_egress(struct init *i, const char *text)
{
        static const char *const kinds[] = { "router", "transparent", "direct" };

        i->egress_is_told = true;
        for (size_t j = 0; j < N_ELEMENTS(kinds); j++)
                if (strcmp(text, kinds[j]) == 0)
                        return keep(i, &i->egress, text);
        if (words_split(text, ",; \t", &i->egress_list) != 0)
                return no(i, "out of memory");
        if (i->egress_list.n == 0)
                return no(i, "write router, transparent, direct, or addresses of the router");
        return answers_are_right(i);
}
