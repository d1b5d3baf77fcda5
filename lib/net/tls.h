/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * tls - contexts for both sides
 *
 * TLS 1.2 and 1.3, no renegotiation, no 0-RTT, ALPN http/1.1. A context is made once, before
 * threads start, and shared by all workers: certificates are loaded once and the CA bundle is
 * parsed once (parsing it for each connection costs 24-35 ms and 872 KB).
 */
#include "lib/base/cleanup.h"

#include <openssl/ssl.h>
#include <stdbool.h>

struct tls_server;
struct tls_client;

/* Why a context could not be made, for a person: file and OpenSSL's sentence, never key
 * material. */
#define TLS_WHY_MAX 256

/*
 * `certificate`: PEM file, leaf first, then the chain. `private_key`: PEM file. Returns 0, or
 * -EINVAL with `why` filled, or -ENOMEM.
 */
MUST_CHECK int tls_server_new(const char *certificate, const char *private_key,
                              struct tls_server **ret, char why[static TLS_WHY_MAX]);
void tls_server_free(struct tls_server *t);
DEFINE_FREEP(struct tls_server, tls_server_free);

/* Trusts the system's bundle where `system_ca`, and the PEM file `ca_file` where not NULL. */
MUST_CHECK int tls_client_new(bool system_ca, const char *ca_file, struct tls_client **ret,
                              char why[static TLS_WHY_MAX]);
void tls_client_free(struct tls_client *t);
DEFINE_FREEP(struct tls_client, tls_client_free);

/* A connection on `fd`, NULL without memory. Owner: the caller (SSL_free). */
SSL *tls_accept_new(struct tls_server *t, int fd);

/*
 * The same towards `host`, whose certificate must carry that name or, where `host` is an address in
 * text, that address. A kept session in *kept is offered; new ones replace it as they arrive. *kept
 * must live as long as the connection.
 */
SSL *tls_connect_new(struct tls_client *t, int fd, const char *host, SSL_SESSION **kept);

/* The sentence of the last failure of `ssl` on this thread; empties OpenSSL's error queue. */
const char *tls_explain(const SSL *ssl, char why[static TLS_WHY_MAX]);
