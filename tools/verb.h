/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * verb - what keyrouter can be asked to do
 *
 * A verb is a row of the table in keyrouter.c and a file verb_NAME.c. Usage, help, completion and
 * the parsing of the command line (command.c) come from the row. Results go to standard output,
 * findings and errors to standard error. Exit status: that of sysexits.h.
 */
#include "lib/base/addr.h"

#include <stdio.h>

#define COMMAND_MAX_OPERANDS 64
#define COMMAND_MAX_OPTIONS 128

struct option_row {
        const char *name;     /* NULL ends the rows */
        char letter;          /* 0: only --name */
        const char *argument; /* NULL: takes none */
        const char *help;     /* one line */
};

/* The command line, read. The texts are those of argv. */
struct request {
        const struct verb *verb;
        const char *operands[COMMAND_MAX_OPERANDS];
        size_t n_operands;
        struct {
                const char *name, *value;
        } options[COMMAND_MAX_OPTIONS]; /* in the order in which they were given */
        size_t n_options;
        bool json;
};

/* Options that several verbs take. */
#define OPTION_JSON 1U       /* --json */
#define OPTION_SESSION 2U    /* --socket, --ledger */
#define OPTION_POLICY 4U     /* --providers, --router-address */
#define OPTION_WHY 8U        /* -m, --why */
#define OPTION_PROVIDERS 16U /* --providers alone */

#define OPTION_HIDDEN 32U /* no option: the verb does not stand in the list of all */

struct verb {
        const char *name;                    /* one word or two: "apply", "allowlist confirm" */
        int (*run)(const struct request *r); /* returns the exit status */
        const char *
                operands; /* "KEY FILE", "[POLICY]": may be left out, "NAME...": one or more; "" none */
        unsigned common;                  /* set of OPTION_x */
        const struct option_row *options; /* its own; NULL: none */
        const char *help;                 /* one line */
};

extern const struct verb verbs[]; /* a row without a name ends it */

/* The last value that was given; "" for an option without an argument; NULL: it was not given. */
const char *request_option(const struct request *r, const char *name);

/* The next one given from *i on, which then stands behind it; NULL: no more. */
const char *request_option_next(const struct request *r, const char *name, size_t *i);

/* The i-th operand, or NULL. */
static inline const char *request_operand(const struct request *r, size_t i)
{
        return i < r->n_operands ? r->operands[i] : NULL;
}

/*
 * Reads a command line without the program's name. Returns 0, or the exit status having said what
 * is wrong with it. --help of a verb becomes the verb "help" with the verb's name as its operand.
 */
MUST_CHECK int command_read(struct request *r, int argc, char **argv);

/* NULL: there is none of that name ("allowlist confirm" is one name). */
const struct verb *verb_find(const char *name);

/* "usage: keyrouter VERB ...", its help and its options; all verbs for NULL. */
void usage_print(const struct verb *v, FILE *out);

/* All options of a verb, its own and the common ones, one after the other; NULL: no more. */
const struct option_row *verb_option(const struct verb *v, size_t i);

int verb_check(const struct request *r);
int verb_plan(const struct request *r);
int verb_apply(const struct request *r);
int verb_confirm(const struct request *r);
int verb_rollback(const struct request *r);
int verb_allowlist(const struct request *r);
int verb_allowlist_confirm(const struct request *r);
int verb_allowlist_import(const struct request *r);
int verb_suspend(const struct request *r);
int verb_resume(const struct request *r);
int verb_history(const struct request *r);
int verb_diff(const struct request *r);
int verb_show(const struct request *r);
int verb_ledger_backup(const struct request *r);
int verb_ledger_restore(const struct request *r);
int verb_ledger_verify(const struct request *r);
int verb_schema(const struct request *r);
int verb_explain(const struct request *r);
int verb_whatif(const struct request *r);
int verb_status(const struct request *r);
int verb_report(const struct request *r);
int verb_names(const struct request *r);
int verb_help(const struct request *r);
int verb_init(const struct request *r);
int verb_import_csv(const struct request *r);
int verb_resolve(const struct request *r);
int verb_workstation_config(const struct request *r);
