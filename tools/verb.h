/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * verb - what keyrouter can be asked to do
 *
 * A verb is a row of the table in keyrouter.c and a file verb_NAME.c. Usage, help and the parsing
 * of the command line come from the row. Results go to standard output, findings and errors to
 * standard error. Exit status: that of sysexits.h.
 */
#include "lib/base/addr.h"
#include "lib/settings/diag.h"

enum {
        OPTION_JSON = 1U << 0,
        OPTION_PROVIDERS = 1U << 1,
        OPTION_ROUTER = 1U << 2,
};

/* The command line, read. The texts are those of argv. */
struct request {
        const struct verb *verb;
        const char *operand; /* NULL: none given */
        bool json;
        const char *provider_dir; /* NULL: the installed definitions */
        struct addr router;       /* unspecified: not told */
};

struct verb {
        const char *name;
        int (*run)(const struct request *r); /* returns the exit status */
        const char *operand;                 /* "FILE", "[VERB]": in brackets it may be left out */
        unsigned options;                    /* set of OPTION_x */
        const char *help;                    /* one line */
};

extern const struct verb verbs[]; /* a row without a name ends it */

/* NULL: there is none of that name. */
const struct verb *verb_find(const char *name);

int verb_check(const struct request *r);
int verb_plan(const struct request *r);
int verb_help(const struct request *r);

/* "usage: keyrouter VERB ...", its help and its options; all verbs for NULL. */
void usage_print(const struct verb *v, FILE *out);

struct policy;
struct plan;

/*
 * Loads and plans the policy of a request; all findings are in *d then. Returns 0, or the exit
 * status with neither output set; what is not a finding has been said.
 */
MUST_CHECK int request_plan(const struct request *r, struct diag *d, struct policy **ret_policy,
                            struct plan **ret_plan);

/* "1 key", "2 keys", into a text that lives until the eighth next call. */
const char *count_text(size_t n, const char *one, const char *many);

struct json_t;

/* A JSON string, or null for NULL. Bytes that are not UTF-8 become '?'. NULL: no memory. */
struct json_t *json_text(const char *text);

/* Prints and releases a JSON document (NULL: there was no memory for it). Returns the exit
 * status. */
int json_finish(struct json_t *document);
