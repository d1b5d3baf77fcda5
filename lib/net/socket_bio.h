/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * socket_bio - OpenSSL's way to a socket: send() and recv()
 *
 * OpenSSL's own BIO_s_socket() calls write() and read(). On a socket these go through the layer for
 * files first, which costs some percent of a small request, and a write to a connection that the
 * peer has closed raises SIGPIPE.
 */
#include <openssl/bio.h>

/* NULL: out of memory. The descriptor stays the caller's, to be closed after the BIO is freed. */
BIO *socket_bio_new(int fd);
