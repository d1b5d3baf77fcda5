/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * books_desk - a router's books with a ledger, credentials and a policy of their own, in a folder
 *
 * Any failure stops the test at once.
 */
#include "router/books.h"
#include "tests/unit/ledger/rig.h"

#include <jansson.h>

#define DESK_1 "203.0.113.1"
#define DESK_2 "203.0.113.2"

struct desk {
        struct rig rig; /* a folder, of the ledger and the credentials; it is opened here */
        struct config config;
        struct origins origins;
        struct books books;
        struct snapshot *snapshot; /* that serves */
        json_t *provider;          /* the text of its definition */
};

/* For cmocka's setup and teardown: *state is a desk. */
int desk_init(void **state);
int desk_done(void **state);

/* A process starts, and ends. */
void desk_open(struct desk *d);
void desk_close(struct desk *d);

void credential_put(struct desk *d, const char *name);

/* Runs it, by "tester"; returns its status. Takes the request over. */
int desk_ask(struct desk *d, const char *operation, json_t *request);

/* Two desks on that key, k-1 or k-2. confirm_within_s 0: it stays. */
int desk_apply(struct desk *d, const char *key, int confirm_within_s);
