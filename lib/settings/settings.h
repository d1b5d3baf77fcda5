/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * settings - libconfig files read through rows
 *
 * Every setting of every file is a row: name, type, where it goes, range, default, help. The reader
 * fills a zeroed struct from a group; whatever is not in the rows is a finding that names the
 * nearest row. Only this module sees libconfig.
 *
 * libconfig 1.5 (measured): an integer over 64 bits or over 32 bits without L is cut silently, so
 * the reader compares each integer with its text in the file; a lookup of the wrong type gives 0,
 * so the type is asked first.
 */
#include "lib/settings/diag.h"
#include "lib/settings/files.h"

#include <stdbool.h>
#include <stdint.h>

enum setting_type {
        SETTING_TEXT,   /* char *            */
        SETTING_INT,    /* int64_t           */
        SETTING_BOOL,   /* bool              */
        SETTING_TEXTS,  /* struct text_list  [ "a", "b" ]; one text counts as a list of one */
        SETTING_INTS,   /* struct int_list   [ 1, 2 ]; one integer counts as a list of one */
        SETTING_GROUP,  /* struct described by `rows`, embedded */
        SETTING_GROUPS, /* struct group_list ( { ... }, { ... } ) of structs described by `rows` */
        SETTING_PAIRS,  /* struct pair_list  { name = "text"; ... }, any names */
        SETTING_TEXT_OR_TEXTS_MARKED, /* as SETTING_TEXTS, and list.was_list tells "a" from [ "a" ] */
        SETTING_TEXT_PLACED,          /* struct text_item: as SETTING_TEXT, with its place */
};

struct text_item {
        char *text;
        struct place at;
};

struct text_list {
        struct text_item *items;
        size_t n_items;
        bool was_list; /* written with [ ] or ( ) */
        struct place at;
};

struct int_list {
        int64_t *items;
        size_t n_items;
};

struct pair_item {
        char *name;
        char *text;
        struct place at;
};

struct pair_list {
        struct pair_item *items;
        size_t n_items;
};

/* Elements lie one after the other, each `rows`' struct size bytes; element i starts at data + i
 * * size. */
struct group_list {
        void *data;
        size_t n_items;
        size_t item_size;
};

#define GROUP_LIST_AT(list, type, i) (&((type *)(list)->data)[i])

#define SETTING_REQUIRED 1U /* absence is an error */
#define SETTING_NAME 2U     /* text: 1..64 of A-Z a-z 0-9 . _ -, not starting with a dot */
#define SETTING_DEPENDS 4U  /* range and default depend on others: the help says on which */

#define SETTING_TEXT_MAX 1023 /* length of a text, where its row does not say */
#define SETTING_NAME_MAX 64

bool setting_name_is_legal(const char *text); /* as SETTING_NAME has it */

struct setting_row {
        const char *name; /* NULL ends the rows */
        enum setting_type type;
        size_t offset; /* of the member in the struct */
        int64_t min,
                max; /* SETTING_INT(S): inclusive; SETTING_TEXT(S): of the length, 0,0 is 1..1023 */
        int64_t default_int;        /* SETTING_INT, SETTING_BOOL */
        const char *default_text;   /* SETTING_TEXT; NULL stays NULL. Of SETTING_TEXT_OR_TEXTS_MARKED
                                     * what its absence means, to be told */
        const char *const *choices; /* texts: NULL-terminated list of the legal words, or NULL */
        unsigned flags;
        const char *help;               /* one line for a person */
        const struct setting_row *rows; /* SETTING_GROUP(S) */
        size_t size;                    /* SETTING_GROUPS: of one element's struct */
        size_t place_offset; /* SETTING_GROUPS: of a `struct place` in the element; SETTING_INT and
                              * SETTING_GROUP: of one beside it, of the value or the name, where it
                              * was written; 0 or SIZE_MAX: none */
        size_t present_offset; /* SETTING_GROUP, SETTING_INT: of a `bool` set when it was written; 0 or
                                * SIZE_MAX: none. So neither can be the first member. */
        size_t tried_offset; /* SETTING_INT: the same, also where the value was wrong */
};

/* Every file may have it at its top: see settings_load(). */
extern const struct setting_row setting_include_row;

struct settings_file;

/*
 * Reads `path` and its `include` list (globs, relative to the file's folder, lexical order, one
 * level: lists are appended, a scalar given twice is an error that names both places), fills
 * *target (zeroed by the caller) from `rows` and puts every finding into *d. A row named "include"
 * need not be listed. A value with a finding is left at its default; messages never repeat a text
 * that stands for a value.
 *
 * Returns 0 when the files could be read at all (d->n_errors tells whether they are right), -EINVAL
 * on a syntax error (also a finding), or another negative errno (also a finding). *ret_file owns
 * everything that *target and the places point to: free it last.
 */
MUST_CHECK int settings_load(const char *path, const struct setting_row *rows, void *target,
                             struct diag *d, struct settings_file **ret_file);

/* The same from elsewhere than the file system, or with copies of what was read. */
MUST_CHECK int settings_load_from(const struct settings_input *input,
                                  const struct setting_row *rows, void *target, struct diag *d,
                                  struct settings_file **ret_file);

/* Zeroed memory that lives as long as the file, for models made from it. NULL: no memory. */
void *settings_alloc(struct settings_file *f, size_t n, size_t size);

/* NULL is fine. */
void settings_file_free(struct settings_file *f);
DEFINE_FREEP(struct settings_file, settings_file_free);
