/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * explain - why a workstation has the key that it has
 *
 * Internal to op_explain.c and explain_*.c. What is said of a route are the words that the router
 * says in its events and errors (router/route.c): a test holds the two together.
 */
#include "policy/operation/op.h"
#include "policy/operation/switched.h"
#include "policy/terms.h"

struct explaining {
        struct op *op;
        struct op_policy p;
        struct plan *plan;
        struct switched switched;
        struct addr address;
        const struct group *group; /* NULL: the address is in none */
        bool is_in_force;          /* and not what a given policy would make of it */
};

/* The same at one provider. */
struct explained {
        const struct explaining *e;
        const struct provider *provider;
        const struct api *api;      /* that takes a GET with an embedded key; NULL: none does */
        struct addr source, seen;   /* of a group's address */
        const struct slot *planned; /* of the address seen, with a key or without; NULL: none */
        const struct slot *slot; /* the same where the group has its key; NULL: none, or not it */
};

#define EXPLAIN_REASON_MAX 640

struct explained_route {
        const struct slot *slot; /* serves; NULL: the backend does, or none */
        const struct backend *backend;
        char reason[EXPLAIN_REASON_MAX];
};

/* What a GET that a key may serve gets now. */
void explain_route(const struct explained *x, struct explained_route *ret);

/* What becomes of it when the vendor refuses its key. */
void explain_refused(const struct explained *x, struct explained_route *ret);

/* The member "why_not": each other key of the provider. NULL: no memory. */
json_t *explain_why_not(const struct explained *x);

/* From a running daemon, of what is in force. False: nothing is known. */
bool explain_slot_health(const struct explained *x, const struct slot *slot,
                         struct slot_health *ret);
bool explain_key_health(const struct explained *x, const struct key *key, struct slot_health *ret);
