/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * certificates - a CA of the tests' own, and leaves under it, as files in a folder that goes away
 */
#include <openssl/ssl.h>

#define CERTIFICATE_PATH_MAX 128

struct certificates {
        char folder[64];
        char ca[CERTIFICATE_PATH_MAX];
        char stranger_ca[CERTIFICATE_PATH_MAX]; /* signed none of the leaves */
        /* vendor.test, *.wild.test and 127.0.0.1 */
        char leaf[CERTIFICATE_PATH_MAX];
        char leaf_key[CERTIFICATE_PATH_MAX];
        char expired[CERTIFICATE_PATH_MAX]; /* same names and key, yesterday's */
};

/* Stops the test where anything goes wrong. */
void certificates_init(struct certificates *c);
void certificates_done(struct certificates *c);

/* A server's context with OpenSSL alone, so that both ends are not the code under test. */
SSL_CTX *certificates_server(const struct certificates *c);
/* A client's, which verifies and keeps no session. */
SSL_CTX *certificates_client(const struct certificates *c);
