/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * desk - the workstations, and how each is to be served
 *
 * A line of the file: ADDRESS STATUS GET POST. GET and POST are what the vendor may say of a
 * lookup's origin, as "key-1@127.40.0.1", alternatives joined by a comma; "-" where the router
 * itself answers. Owner of the table: the caller of desks_load(), until the end of the process.
 */
#include <netinet/in.h>
#include <openssl/ssl.h>

#define DESKS_MAX 4096
#define DESK_ORIGINS_MAX 3
#define DESK_TEXT_MAX 192

struct desk {
        struct in_addr address;
        unsigned status;
        char text[2][DESK_TEXT_MAX];                  /* of GET and POST, cut at the commas */
        const char *origins[2][DESK_ORIGINS_MAX + 1]; /* end in NULL */
        SSL_SESSION *session;                         /* the last one, or NULL */
};

/* Returns how many there are; a file that cannot be used ends the program with a word about it. */
unsigned desks_load(const char *path, struct desk desks[static DESKS_MAX]);
void desks_done(struct desk *desks, unsigned n);
