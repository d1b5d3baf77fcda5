/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * import - desks of a table, on their way into a policy
 *
 * Internal to the verb import: import_table.c finds the addresses, import_policy.c reads the policy to
 * compare with, import_judge.c judges row by row and makes ranges, import_write.c the proposal.
 */
#include "policy/policy.h"
#include "policy/schema.h"
#include "tools/csv.h"

/* What is to be said of a row. */
#define DESK_KINDS(X)                                                                          \
        X(FINE, "", true)                                                                      \
        X(SYNTAX, "syntax", false)                                                             \
        X(NO_ADDRESS, "not an address", false)                                                 \
        X(TWICE, "twice", false)                                                               \
        X(IN_GROUP, "in a group", false)                                                       \
        X(NO_WORKSTATION, "not a workstation", false)                                          \
        X(EXCEPTED, "excepted", false)                                                         \
        X(NESTED, "nested", true) /* in a prefix of another group, where this one then wins */ \
        X(LISTED, "listed",                                                                    \
          false) /* in the group already: nothing is to be done, and it is no error */

enum desk_kind {
#define X(name, text, taken) DESK_##name,
        DESK_KINDS(X)
#undef X
};

const char *desk_kind_name(enum desk_kind kind);
bool desk_kind_is_taken(enum desk_kind kind);

struct desk {
        unsigned line;
        struct slice text, label; /* cells; label: empty where there is none */
        struct addr address;      /* unless SYNTAX or NO_ADDRESS */
        enum desk_kind kind;
        char *message; /* unless FINE: one sentence. Owner: the import */
        char *remedy;  /* or NULL */
        const struct text_item
                *holder; /* the innermost item of the policy that holds it, or NULL */
};

/* Desks whose addresses follow each other. */
struct desk_range {
        struct range range;
        size_t first, n; /* of sorted */
        unsigned first_line, last_line;
};

/* Ranges of the policy, as they are written. */
struct policy_item {
        struct range range;
        const struct text_item *item;
        const struct written_group *group;
        bool is_prefix; /* of several addresses */
};

struct import {
        const char *path, *group; /* as told */
        const char *file;         /* for people: the path, or "stdin" */
        char *bytes;              /* of the file */
        struct csv table;
        unsigned header_line; /* 0: there is none */
        struct desk *desks;
        size_t n_desks;
        struct desk **sorted; /* that ranges point into, by address */
        size_t n_sorted;
        struct desk_range *ranges;
        size_t n_ranges;
        size_t n_proposed; /* desks in them */

        const char *policy_path; /* NULL: there is none to compare with */
        struct file_set files;
        struct policy *policy;
        struct settings_file *settings;
        struct written_policy written;
        struct policy_item *items; /* of workstations, the larger range first */
        size_t n_items;
        const struct written_group *existing; /* the group, where the policy has it */
};

void import_done(struct import *i);

/* Says it of a desk, in place of what was said before. `remedy` may be NULL. */
void desk_say(struct desk *d, enum desk_kind kind, const char *remedy, const char *format, ...)
        PRINTF_LIKE(4, 5);

/* Returns 0, or the exit status having said why. Each wants those before it. */
MUST_CHECK int import_table_read(struct import *i);
MUST_CHECK int import_policy_read(struct import *i, const char *path, const char *providers);
MUST_CHECK int import_judge(struct import *i);

/* Does any row keep the import from being whole? */
bool import_has_bad_rows(const struct import *i);

/* Where to paste into the existing group: behind the "[" there. */
struct place import_paste_place(const struct import *i);

/* "10.20.0.1-10.20.0.9", or one address. */
void range_format(const struct desk_range *r, char text[static 2 * ADDR_TEXT_MAX]);

/* The proposal. NULL: no memory. */
char *import_text(const struct import *i);
