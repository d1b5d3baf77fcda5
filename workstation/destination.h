/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * destination - where a request is to go
 *
 * A pure function of the request's head and the table of APIs. Applications reach the shim in two
 * ways: with a loopback Host and the name of an API before the path (base-URL mode), or with the
 * vendor's own Host and path. Any other Host is refused: a web page that lets its own name resolve
 * to 127.0.0.1 (DNS rebinding) sends that name.
 */
#include "lib/net/head.h"
#include "lib/provider/provider.h"

enum destination_kind {
        DESTINATION_API,  /* to the router */
        DESTINATION_HERE, /* asks whether the shim is there */
        DESTINATION_NONE, /* refused */
};

struct destination {
        enum destination_kind kind;
        const struct api
                *api;      /* API: the one asked; where several share the host, the first of them */
        struct slice path; /* API: as the router is to see it, without the query */
        unsigned status;   /* NONE: of the refusal */
        const char *reason; /* HERE, NONE */
        bool names_help;    /* NONE: the client would be helped by the names of the APIs */
};

/* The methods that are served: the value of Allow in a 405. */
extern const char *const destination_methods;

/* `apis` needs names and hosts alone. What *ret points to lives as long as both arguments. */
void destination_find(const struct provider *apis, const struct head *h, struct destination *ret);
