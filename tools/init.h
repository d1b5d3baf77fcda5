/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * init - a first policy, from a few answers
 *
 * Internal to the verb init: verb_init.c asks, init_answers.c takes answers, init_write.c writes. An
 * answer is judged by the language itself: a policy of the answers so far is compiled, and what it
 * finds is the reason for asking again.
 */
#include "lib/provider/provider.h"
#include "lib/settings/files.h"
#include "policy/plan.h"
#include "tools/words.h"

#define INIT_MAX_KEYS 1000
#define INIT_WHY_MAX 512

enum init_public {
        PUBLIC_SAME,   /* each workstation by its own address */
        PUBLIC_MAP,    /* prefix to prefix, by a NAT */
        PUBLIC_ONE,    /* all by one address */
        PUBLIC_ROUTER, /* all by the router's */
};

struct init {
        const char *provider_dir;
        char *site;
        char *provider_text; /* as it stands in the policy: a name, or a path that ends in .cfg */
        struct provider provider;
        struct file_set definition; /* the provider's */
        struct words keys;
        struct words workstations; /* addresses, prefixes and first-last */
        struct words excepts;      /* network's and broadcast addresses of the prefixes */
        enum init_public public;
        struct words maps; /* PUBLIC_MAP; of PUBLIC_ONE one address */
        char *egress;      /* a kind; NULL: egress_list, or not told yet */
        struct words egress_list;
        bool egress_is_told;
        char *group;
        char *backend;          /* NULL: none, or not told yet */
        char why[INIT_WHY_MAX]; /* what is wrong with the last answer */
};

void init_done(struct init *i);

/* ---- answers: false, with i->why, where it is none ---- */

bool take_site(struct init *i, const char *text);
bool take_provider(struct init *i, const char *text);
bool take_keys(struct init *i, const char *text);
bool take_workstations(struct init *i, const char *text);
bool take_public(struct init *i, const char *text);
bool take_egress(struct init *i, const char *text);
bool take_group(struct init *i, const char *text);
bool take_backend(struct init *i, const char *text);

/* Has every workstation an address that no vendor can see? */
bool workstations_are_private(const struct init *i);

/* Is there a definition of that name? */
bool provider_is_there(const struct init *i, const char *name);

/* ---- the text ---- */

/* With what there is so far; `name` is that of the file, for comments. NULL: no memory. */
char *init_text(const struct init *i, const char *name);

/* The name of the credential of a key or backend. */
void credential_name(const struct init *i, const char *name, char ret[static 65]);

/* What is to be done next. */
void init_next_print(const struct init *i, const struct plan *plan, const char *name, FILE *out);

/* Compiles a text. Returns 0 or a negative errno, with findings in *d; `ret` may be NULL. */
MUST_CHECK int init_compile(const struct init *i, const char *text, const char *name,
                            struct diag *d, struct policy **ret);
