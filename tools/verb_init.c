/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every answer has an option; on a terminal the five that a site differs in are asked for. Questions
 * go to standard error, for the policy may go to standard output.
 */
#include "tools/init.h"
#include "tools/new_file.h"
#include "tools/output.h"

#include <errno.h>
#include <glob.h>
#include <sysexits.h>

static bool embedded_is_offered(const struct init *i)
{
        return i->provider.classes[CLASS_EMBEDDED].offered;
}

static const char *propose_site(const struct init *i)
{
        return "main";
}

/* The one that is shipped, or the first that is installed. */
static const char *propose_provider(const struct init *i)
{
        static char name[65];
        CLEANUP(globfree) glob_t found = { 0 };
        char pattern[4096];

        if (provider_is_there(i, "smarty"))
                return "smarty";
        snprintf(pattern, sizeof(pattern), "%s/*.cfg",
                 i->provider_dir ? i->provider_dir : KEYROUTER_PROVIDER_DIR);
        if (glob(pattern, 0, NULL, &found) != 0)
                return NULL;
        snprintf(name, sizeof(name), "%s", strrchr(found.gl_pathv[0], '/') + 1);
        name[strlen(name) - MIN(strlen(name), (size_t)4)] = 0;
        return name;
}

static const char *propose_keys(const struct init *i)
{
        return embedded_is_offered(i) ? "1" : "0";
}

/* What --egress says, if it was given, comes before what the addresses look like. */
static const char *propose_public(const struct init *i)
{
        if (i->egress || i->egress_list.n)
                return i->egress && strcmp(i->egress, "router") == 0 ? "router" : "same";
        return workstations_are_private(i) ? "router" : "same";
}

static const char *propose_group(const struct init *i)
{
        return "desks";
}

static const char *propose_backend(const struct init *i)
{
        static char name[80];

        if (!i->provider.classes[CLASS_SECRET].offered)
                return "none";
        snprintf(name, sizeof(name), "%.57s-secret", i->site);
        return name;
}

/* The vendor sees an address of its own only where there are embedded keys. */
static bool public_is_open(const struct init *i)
{
        return i->keys.n > 0 && !i->egress_list.n &&
               !(i->egress && strcmp(i->egress, "router") == 0);
}

static const struct question {
        const char *option;
        const char *text;                             /* NULL: is not asked */
        const char *(*propose)(const struct init *i); /* NULL: there is no default */
        bool (*take)(struct init *i, const char *text);
        bool (*is_open)(const struct init *i); /* NULL: always */
        bool may_be_missing;
} questions[] = {
        { "site", "Name of the site?", propose_site, take_site, NULL },
        { "provider", "Which vendor?", propose_provider, take_provider, NULL },
        { "keys", "How many embedded keys are there? (Or their names, joined by commas)",
          propose_keys, take_keys, embedded_is_offered },
        { "workstations",
          "Which addresses have the workstations? (As 10.20.0.0/24, 10.20.1.10-10.20.1.59)", NULL,
          take_workstations, NULL },
        { "egress", NULL, NULL, take_egress, NULL, true },
        { "public",
          "How does the vendor see them?\n"
          "  same                                each by its own address\n"
          "  10.20.0.0/24 -> 203.0.113.0/24      translated one to one, by a NAT\n"
          "  203.0.113.7                         all by one address\n"
          "  router                              all by the router's address\n",
          propose_public, take_public, public_is_open },
        { "group", NULL, propose_group, take_group, NULL },
        { "backend", NULL, propose_backend, take_backend, NULL },
};

#define ANSWER_MAX_BYTES 16384

/* One line, trimmed. False: there is no more. */
static bool line_read(char line[static ANSWER_MAX_BYTES])
{
        struct slice s;

        if (!fgets(line, ANSWER_MAX_BYTES, stdin))
                return false;
        line[strcspn(line, "\r\n")] = 0;
        s = slice_trim(slice_of(line));
        memmove(line, s.data, s.length);
        line[s.length] = 0;
        return true;
}

static int question_ask(struct init *i, const struct question *q)
{
        const char *proposed = q->propose ? q->propose(i) : NULL;
        char line[ANSWER_MAX_BYTES];

        for (;;) {
                size_t n = strlen(q->text);

                fprintf(stderr, "%s%s[%s]: ", q->text, q->text[n - 1] == '\n' ? "" : " ",
                        proposed ? proposed : "");
                if (!line_read(line)) {
                        fputs("\nkeyrouter init: no answer; nothing is written\n", stderr);
                        return EX_NOINPUT;
                }
                if (q->take(i, line[0] || !proposed ? line : proposed))
                        return 0;
                fprintf(stderr, "  %s\n", i->why);
        }
}

static int option_take(struct init *i, const struct question *q, const char *told)
{
        const char *text = told;

        if (!text && q->propose)
                text = q->propose(i);
        if (!text) {
                fprintf(stderr, "keyrouter init: --%s is missing\n", q->option);
                return EX_USAGE;
        }
        if (q->take(i, text))
                return 0;
        fprintf(stderr, "keyrouter init: --%s%s: %s\n", q->option, told ? "" : " (by default)",
                i->why);
        return EX_USAGE;
}

static int answers_collect(const struct request *r, struct init *i)
{
        bool asks = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);

        for (size_t j = 0; j < N_ELEMENTS(questions); j++) {
                const struct question *q = &questions[j];
                const char *told = request_option(r, q->option);
                int status;

                if (!told && q->may_be_missing)
                        continue;
                if (asks && !told && q->text && (!q->is_open || q->is_open(i)))
                        status = question_ask(i, q);
                else
                        status = option_take(i, q, told);
                if (status)
                        return status;
        }
        return 0;
}

/* As keyrouter check would; and what the answers come to. */
static int text_check(struct init *i, const char *text, const char *name, struct plan **ret)
{
        CLEANUP(diag_done) struct diag d;
        CLEANUP(policy_unrefp) struct policy *policy = NULL;
        int r;

        diag_init(&d);
        r = init_compile(i, text, name, &d, &policy);
        if (r == 0)
                r = plan_make(policy, NULL, NULL, &d, ret);
        diag_print(&d, stderr);
        if (r == 0)
                return 0;
        fputs("keyrouter init: these answers make no policy; nothing is written\n", stderr);
        return r == -ENOMEM ? EX_OSERR : EX_DATAERR;
}

int verb_init(const struct request *r)
{
        CLEANUP(init_done) struct init i = { .provider_dir = request_option(r, "providers") };
        CLEANUP(plan_freep) struct plan *plan = NULL;
        CLEANUP(freep) char *text = NULL;
        const char *path = request_option(r, "output"), *name = path ? path : "policy.cfg";
        int status = new_file_may(r, path);

        if (status == 0)
                status = answers_collect(r, &i);
        if (status)
                return status;
        text = init_text(&i, name);
        if (!text)
                return EX_OSERR;
        status = text_check(&i, text, name, &plan);
        if (status == 0)
                status = new_file_show(r, "keyrouter.init/1", text);
        if (status)
                return status;
        fflush(stdout);
        if (path)
                fprintf(stderr, "%s is written. ", path);
        init_next_print(&i, plan, name, stderr);
        return 0;
}
