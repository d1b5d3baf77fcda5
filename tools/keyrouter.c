/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/verb.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sysexits.h>

const struct verb verbs[] = {
        { "check", verb_check, "FILE", OPTION_JSON | OPTION_PROVIDERS,
          "read a policy and say everything that is wrong with it" },
        { "plan", verb_plan, "FILE", OPTION_JSON | OPTION_PROVIDERS | OPTION_ROUTER,
          "say which addresses to add to which key at the vendor" },
        { "help", verb_help, "[VERB]", 0, "say how to use keyrouter, or one of its verbs" },
        { NULL },
};

static const struct option_row {
        unsigned bit;
        const char *name, *argument, *help;
} option_rows[] = {
        { OPTION_JSON, "json", NULL, "print JSON, for programs" },
        { OPTION_PROVIDERS, "providers", "DIR",
          "look for provider definitions in DIR, not in " KEYROUTER_PROVIDER_DIR },
        { OPTION_ROUTER, "router-address", "ADDRESS",
          "the router's default address as the vendor sees it" },
};

/* What getopt_long() returns for option_rows[i]: above every character. */
#define OPTION_CODE_BASE 256

const struct verb *verb_find(const char *name)
{
        for (const struct verb *v = verbs; v->name; v++)
                if (strcmp(v->name, name) == 0)
                        return v;
        return NULL;
}

static void usage_print_verb(const struct verb *v, FILE *out)
{
        fprintf(out, "usage: keyrouter %s %s", v->name, v->operand);
        for (size_t i = 0; i < N_ELEMENTS(option_rows); i++) {
                const struct option_row *o = &option_rows[i];

                if (v->options & o->bit)
                        fprintf(out, " [--%s%s%s]", o->name, o->argument ? " " : "",
                                o->argument ? o->argument : "");
        }
        fprintf(out, "\n\n%s\n", v->help);
        if (v->options)
                fputc('\n', out);
        for (size_t i = 0; i < N_ELEMENTS(option_rows); i++) {
                const struct option_row *o = &option_rows[i];
                char text[64];

                if (!(v->options & o->bit))
                        continue;
                snprintf(text, sizeof(text), "--%s%s%s", o->name, o->argument ? " " : "",
                         o->argument ? o->argument : "");
                fprintf(out, "  %-26s %s\n", text, o->help);
        }
}

void usage_print(const struct verb *v, FILE *out)
{
        if (v) {
                usage_print_verb(v, out);
                return;
        }
        fputs("usage: keyrouter VERB ...\n\n", out);
        for (v = verbs; v->name; v++)
                fprintf(out, "  %-8s %-8s %s\n", v->name, v->operand, v->help);
        fputs("\n  --help            this text; keyrouter help VERB tells more\n"
              "  --version         the version of keyrouter\n",
              out);
}

/* Says what is wrong with `word`, with the nearest right one of `names` where there is one. */
static int usage_unknown(const char *what, const char *word, const char *const *names,
                         const char *prefix)
{
        const char *nearest = diag_nearest(slice_of(word), names);

        fprintf(stderr, "keyrouter: unknown %s \"%s%s\"", what, prefix, word);
        if (nearest)
                fprintf(stderr, ": did you mean \"%s%s\"?", prefix, nearest);
        fputs("\n", stderr);
        return EX_USAGE;
}

static int usage_unknown_verb(const char *word)
{
        const char *names[N_ELEMENTS(verbs)] = { NULL };

        for (size_t i = 0; verbs[i].name; i++)
                names[i] = verbs[i].name;
        usage_unknown(word[0] == '-' ? "option" : "verb", word, names, "");
        fputs("Try: keyrouter help\n", stderr);
        return EX_USAGE;
}

static int usage_unknown_option(const struct verb *v, const char *word)
{
        const char *names[N_ELEMENTS(option_rows) + 1] = { NULL };
        size_t n = 0;

        for (size_t i = 0; i < N_ELEMENTS(option_rows); i++)
                if (v->options & option_rows[i].bit)
                        names[n++] = option_rows[i].name;
        if (strncmp(word, "--", 2) == 0)
                usage_unknown("option", word + 2, names, "--");
        else
                usage_unknown("option", word, names, "");
        fprintf(stderr, "Try: keyrouter help %s\n", v->name);
        return EX_USAGE;
}

static int option_take(struct request *r, const struct option_row *o, const char *argument)
{
        switch (o->bit) {
        case OPTION_JSON:
                r->json = true;
                return 0;
        case OPTION_PROVIDERS:
                r->provider_dir = argument;
                return 0;
        default:
                if (addr_parse(slice_of(argument), &r->router) == 0 &&
                    !addr_is_unspecified(&r->router))
                        return 0;
                fprintf(stderr, "keyrouter: --%s wants an IP address, not \"%s\"\n", o->name,
                        argument);
                return EX_USAGE;
        }
}

static int operand_take(struct request *r, int argc, char **argv)
{
        bool needed = r->verb->operand[0] != '[';

        if (optind < argc)
                r->operand = argv[optind++];
        else if (needed) {
                fprintf(stderr, "keyrouter %s: %s is missing\n", r->verb->name, r->verb->operand);
                return EX_USAGE;
        }
        if (optind < argc) {
                fprintf(stderr, "keyrouter %s: \"%s\" is one argument too many\n", r->verb->name,
                        argv[optind]);
                return EX_USAGE;
        }
        return 0;
}

/* Reads what follows the verb, argv[0]. Returns 0, or the exit status having said why. */
static int request_read(struct request *r, int argc, char **argv)
{
        struct option options[N_ELEMENTS(option_rows) + 2] = { { "help", no_argument, NULL, 'h' } };
        int code, status;
        size_t n = 1;

        for (size_t i = 0; i < N_ELEMENTS(option_rows); i++)
                if (r->verb->options & option_rows[i].bit)
                        options[n++] = (struct option){ option_rows[i].name,
                                                        option_rows[i].argument ? required_argument
                                                                                : no_argument,
                                                        NULL, OPTION_CODE_BASE + (int)i };
        opterr = 0;
        while ((code = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
                if (code == 'h') {
                        *r = (struct request){ .verb = verb_find("help"),
                                               .operand = r->verb->name };
                        return 0;
                }
                if (code == ':') {
                        fprintf(stderr, "keyrouter: %s wants a value\n", argv[optind - 1]);
                        return EX_USAGE;
                }
                if (code < OPTION_CODE_BASE) {
                        char letter[] = { '-', (char)optopt, 0 };
                        bool is_letter = optopt > 0 && optopt < OPTION_CODE_BASE;

                        return usage_unknown_option(r->verb, is_letter ? letter : argv[optind - 1]);
                }
                status = option_take(r, &option_rows[code - OPTION_CODE_BASE], optarg);
                if (status)
                        return status;
        }
        return operand_take(r, argc, argv);
}

static int request_run(int argc, char **argv)
{
        struct request r = { NULL };
        int status;

        if (strcmp(argv[0], "--version") == 0) {
                puts("keyrouter " KEYROUTER_VERSION);
                return 0;
        }
        if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
                usage_print(NULL, stdout);
                return 0;
        }
        r.verb = verb_find(argv[0]);
        if (!r.verb)
                return usage_unknown_verb(argv[0]);
        status = request_read(&r, argc, argv);
        return status ? status : r.verb->run(&r);
}

int main(int argc, char **argv)
{
        int status;

        if (argc < 2) {
                usage_print(NULL, stderr);
                return EX_USAGE;
        }
        status = request_run(argc - 1, argv + 1);
        if (fflush(stdout) != 0 || ferror(stdout)) {
                fprintf(stderr, "keyrouter: cannot write the output: %s\n", strerror(errno));
                return EX_IOERR;
        }
        return status;
}
