/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openssl_floor - what OpenSSL alone holds for an idle server connection
 *
 * openssl_floor CERTIFICATE PRIVATE_KEY: prints the bytes of heap that a handshaken TLS 1.3
 * connection keeps, with the settings of lib/net/tls.c (buffers released, one ticket), without any
 * program around it. No server with this library can hold less.
 */
#include <malloc.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define WARM_UP 16
#define COUNT 1000
#define STEPS 10 /* more than a handshake takes */

static void fail(const char *what)
{
        ERR_print_errors_fp(stderr);
        fprintf(stderr, "openssl_floor: %s\n", what);
        exit(1);
}

/* One byte each way, and a read that finds nothing: now the record buffers are given back. */
static void talk(SSL *client, SSL *server)
{
        char byte = 'x';
        size_t n;

        if (SSL_write_ex(client, &byte, 1, &n) != 1 || SSL_read_ex(server, &byte, 1, &n) != 1 ||
            SSL_write_ex(server, &byte, 1, &n) != 1 || SSL_read_ex(client, &byte, 1, &n) != 1)
                fail("no byte goes through");
        if (SSL_read_ex(server, &byte, 1, &n) == 1)
                fail("a byte came that nobody sent");
        ERR_clear_error();
}

static SSL *connection_new(SSL_CTX *servers, SSL_CTX *clients)
{
        SSL *server = SSL_new(servers), *client = SSL_new(clients);
        int fds[2];

        if (!server || !client ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
                fail("out of memory or descriptors");
        SSL_set_fd(server, fds[0]);
        SSL_set_fd(client, fds[1]);
        SSL_set_accept_state(server);
        SSL_set_connect_state(client);
        for (int i = 0; i < STEPS; i++) {
                SSL_do_handshake(client);
                SSL_do_handshake(server);
        }
        talk(client, server);
        SSL_free(client);
        close(fds[0]);
        close(fds[1]);
        return server;
}

int main(int n_words, char **words)
{
        SSL_CTX *servers = SSL_CTX_new(TLS_server_method());
        SSL_CTX *clients = SSL_CTX_new(TLS_client_method());
        static SSL *kept[COUNT];
        size_t before;

        if (n_words != 3 || !servers || !clients ||
            SSL_CTX_use_certificate_chain_file(servers, words[1]) != 1 ||
            SSL_CTX_use_PrivateKey_file(servers, words[2], SSL_FILETYPE_PEM) != 1)
                fail("usage: openssl_floor CERTIFICATE PRIVATE_KEY");
        SSL_CTX_set_mode(servers, SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_read_ahead(servers, 1);
        SSL_CTX_set_session_cache_mode(servers, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_num_tickets(servers, 1);
        SSL_CTX_set_ciphersuites(servers, "TLS_AES_128_GCM_SHA256");
        for (int i = 0; i < WARM_UP; i++)
                SSL_free(connection_new(servers, clients));
        before = mallinfo2().uordblks;
        for (int i = 0; i < COUNT; i++)
                kept[i] = connection_new(servers, clients);
        printf("%zu\n", (mallinfo2().uordblks - before) / COUNT);
        for (int i = 0; i < COUNT; i++)
                SSL_free(kept[i]);
        SSL_CTX_free(servers);
        SSL_CTX_free(clients);
        return 0;
}
