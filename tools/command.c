/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/settings/diag.h"
#include "tools/verb.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sysexits.h>

static const struct option_row json_row = { "json", 0, NULL, "print JSON, for programs" };

static const struct option_row session_rows[] = {
        { "socket", 0, "PATH", "ask the daemon at PATH, not at " KEYROUTER_CONTROL },
        { "ledger", 0, "FILE", "work on the ledger FILE while no daemon holds it" },
};

static const struct option_row providers_row = {
        "providers", 0, "DIR",
        "look for provider definitions in DIR, not in " KEYROUTER_PROVIDER_DIR
};

static const struct option_row router_row = {
        "router-address", 0, "ADDRESS", "the router's default address as the vendor sees it"
};

static const struct option_row why_row = { "why", 'm', "TEXT", "why: kept in the history" };

const struct option_row *verb_option(const struct verb *v, size_t i)
{
        const struct option_row *rows[8];
        size_t n = 0;

        for (const struct option_row *o = v->options; o && o->name; o++)
                if (i-- == 0)
                        return o;
        if (v->common & OPTION_WHY)
                rows[n++] = &why_row;
        if (v->common & (OPTION_POLICY | OPTION_PROVIDERS))
                rows[n++] = &providers_row;
        if (v->common & OPTION_POLICY)
                rows[n++] = &router_row;
        for (size_t j = 0; v->common & OPTION_SESSION && j < N_ELEMENTS(session_rows); j++)
                rows[n++] = &session_rows[j];
        if (v->common & OPTION_JSON)
                rows[n++] = &json_row;
        return i < n ? rows[i] : NULL;
}

const char *request_option_next(const struct request *r, const char *name, size_t *i)
{
        while (*i < r->n_options) {
                size_t at = (*i)++;

                if (strcmp(r->options[at].name, name) == 0)
                        return r->options[at].value;
        }
        return NULL;
}

const char *request_option(const struct request *r, const char *name)
{
        const char *last = NULL, *value;
        size_t i = 0;

        while ((value = request_option_next(r, name, &i)))
                last = value;
        return last;
}

/* ---- what is wrong ---- */

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

#define VERBS_MAX 64

/* Of "ledger": " ledger backup, ledger restore, ..." behind `head`. */
static void second_words_print(const char *word, size_t length, const char *head)
{
        const char *before = head;

        for (const struct verb *v = verbs; v->name; v++) {
                if (strncmp(v->name, word, length) != 0 || v->name[length] != ' ')
                        continue;
                fprintf(stderr, "%s keyrouter %s", before, v->name);
                before = ",";
        }
        fputs("\n", stderr);
}

static int usage_unknown_verb(const char *word, const char *second)
{
        const char *names[VERBS_MAX + 1] = { NULL };
        char both[128];
        size_t n = 0, length = strlen(word);
        bool is_first = false;

        for (const struct verb *v = verbs; v->name && n < VERBS_MAX; v++) {
                names[n++] = v->name;
                is_first |= strncmp(v->name, word, length) == 0 && v->name[length] == ' ';
        }
        if (is_first && second && second[0] != '-')
                snprintf(both, sizeof(both), "%s %s", word, second);
        if (is_first && !second)
                fprintf(stderr, "keyrouter: \"%s\" wants a second word", word);
        else
                usage_unknown(word[0] == '-' ? "option" : "verb",
                              is_first && second[0] != '-' ? both : word, names, "");
        if (is_first)
                second_words_print(word, length, second ? "There is:" : ":");
        fputs("Try: keyrouter help\n", stderr);
        return EX_USAGE;
}

static int usage_unknown_option(const struct verb *v, const char *word)
{
        const char *names[VERBS_MAX + 1] = { NULL };
        const struct option_row *o;
        size_t n = 0;

        while (n < VERBS_MAX && (o = verb_option(v, n)))
                names[n++] = o->name;
        if (strncmp(word, "--", 2) == 0)
                usage_unknown("option", word + 2, names, "--");
        else
                usage_unknown("option", word, names, "");
        fprintf(stderr, "Try: keyrouter help %s\n", v->name);
        return EX_USAGE;
}

/* ---- operands ---- */

/* The i-th word of "KEY [FILE]": how it is called. NULL: no more are taken. */
static const char *operand_at(const struct verb *v, size_t i, char out[static 64])
{
        const char *at = v->operands;
        size_t length;

        for (;; at += length) {
                at += strspn(at, " ");
                length = strcspn(at, " ");
                if (length == 0)
                        return NULL;
                if (i == 0 || memmem(at, length, "...", 3))
                        break;
                i--;
        }
        snprintf(out, 64, "%.*s", (int)length, at);
        return out;
}

static int operands_read(struct request *r, int argc, char **argv)
{
        char name[64];

        for (; optind < argc; optind++) {
                if (!operand_at(r->verb, r->n_operands, name) ||
                    r->n_operands == COMMAND_MAX_OPERANDS) {
                        fprintf(stderr, "keyrouter %s: \"%s\" is one argument too many\n",
                                r->verb->name, argv[optind]);
                        return EX_USAGE;
                }
                r->operands[r->n_operands++] = argv[optind];
        }
        if (operand_at(r->verb, r->n_operands, name) && name[0] != '[' &&
            !(r->n_operands > 0 && strstr(name, "..."))) {
                fprintf(stderr, "keyrouter %s: %s is missing\n", r->verb->name, name);
                return EX_USAGE;
        }
        return 0;
}

/* ---- options ---- */

/* What getopt_long() returns for verb_option(v, i): above every character. */
#define OPTION_CODE_BASE 256

struct options {
        struct option longs[VERBS_MAX + 2];
        char shorts[2 * VERBS_MAX + 3];
};

static void options_make(const struct verb *v, struct options *ret)
{
        const struct option_row *o;
        size_t n_shorts;

        *ret = (struct options){ .longs = { { "help", no_argument, NULL, 'h' } }, .shorts = ":h" };
        n_shorts = strlen(ret->shorts);
        for (size_t i = 0; i < VERBS_MAX && (o = verb_option(v, i)); i++) {
                ret->longs[i + 1] =
                        (struct option){ o->name, o->argument ? required_argument : no_argument,
                                         NULL, OPTION_CODE_BASE + (int)i };
                if (o->letter) {
                        ret->shorts[n_shorts++] = o->letter;
                        if (o->argument)
                                ret->shorts[n_shorts++] = ':';
                }
        }
}

static const struct option_row *option_of_code(const struct verb *v, int code)
{
        const struct option_row *o;

        if (code >= OPTION_CODE_BASE)
                return verb_option(v, (size_t)(code - OPTION_CODE_BASE));
        for (size_t i = 0; (o = verb_option(v, i)); i++)
                if (o->letter == code)
                        return o;
        return NULL;
}

static int option_take(struct request *r, const struct option_row *o, const char *value)
{
        if (r->n_options == COMMAND_MAX_OPTIONS) {
                fprintf(stderr, "keyrouter: more than %d options\n", COMMAND_MAX_OPTIONS);
                return EX_USAGE;
        }
        r->options[r->n_options].name = o->name;
        r->options[r->n_options++].value = value ? value : "";
        r->json |= strcmp(o->name, "json") == 0;
        return 0;
}

/* Reads what follows the verb, argv[0] being its last word. */
static int options_read(struct request *r, int argc, char **argv)
{
        struct options options;
        int code;

        options_make(r->verb, &options);
        opterr = 0;
        while ((code = getopt_long(argc, argv, options.shorts, options.longs, NULL)) != -1) {
                const struct option_row *o = option_of_code(r->verb, code);

                if (code == 'h') {
                        *r = (struct request){ .verb = verb_find("help"),
                                               .operands = { r->verb->name },
                                               .n_operands = 1 };
                        optind = argc;
                        return 0;
                }
                if (code == ':') {
                        fprintf(stderr, "keyrouter: %s wants a value\n", argv[optind - 1]);
                        return EX_USAGE;
                }
                if (!o) {
                        char letter[] = { '-', (char)optopt, 0 };
                        bool is_letter = optopt > 0 && optopt < OPTION_CODE_BASE;

                        return usage_unknown_option(r->verb, is_letter ? letter : argv[optind - 1]);
                }
                if (option_take(r, o, optarg))
                        return EX_USAGE;
        }
        return operands_read(r, argc, argv);
}

const struct verb *verb_find(const char *name)
{
        for (const struct verb *v = verbs; v->name; v++)
                if (strcmp(v->name, name) == 0)
                        return v;
        return NULL;
}

int command_read(struct request *r, int argc, char **argv)
{
        char both[128];
        int n_words = 1;

        *r = (struct request){ NULL };
        if (argc > 1) {
                snprintf(both, sizeof(both), "%s %s", argv[0], argv[1]);
                r->verb = verb_find(both);
                n_words = r->verb ? 2 : 1;
        }
        if (!r->verb)
                r->verb = verb_find(argv[0]);
        if (!r->verb)
                return usage_unknown_verb(argv[0], argc > 1 ? argv[1] : NULL);
        return options_read(r, argc - n_words + 1, argv + n_words - 1);
}
