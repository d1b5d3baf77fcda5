/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client sessions are kept by the caller, one for each host and worker (SSL_SESS_CACHE_CLIENT with
 * the internal cache off), so that no lock is shared between workers. Servers resume statelessly,
 * by tickets under a key that lives with the context.
 */
#include "lib/net/tls.h"

#include "lib/base/fault.h"
#include "lib/net/socket_bio.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* The context itself is the object: the two names keep a server's and a client's apart. */
struct tls_server {
        SSL_CTX *context;
};

struct tls_client {
        SSL_CTX *context;
};

static const unsigned char alpn_http1[] = "\x08http/1.1";

static int kept_index = -1;

static void why_openssl(char why[static TLS_WHY_MAX], const char *what, const char *file)
{
        unsigned long code = ERR_peek_error(); /* the cause; later ones only say who called */
        const char *reason = ERR_reason_error_string(code);

        if (ERR_GET_LIB(code) == ERR_LIB_SYS)
                reason = strerror(ERR_GET_REASON(code));
        snprintf(why, TLS_WHY_MAX, "%s%s%s: %s", what, file ? " " : "", file ? file : "",
                 reason ? reason : "unknown error");
        ERR_clear_error();
}

/* A client that offers protocols but not ours gets none chosen, as if it had offered none. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                   const unsigned char *in, unsigned in_length, void *context)
{
        if (SSL_select_next_proto((unsigned char **)out, out_length, alpn_http1,
                                  sizeof(alpn_http1) - 1, in, in_length) != OPENSSL_NPN_NEGOTIATED)
                return SSL_TLSEXT_ERR_NOACK;
        return SSL_TLSEXT_ERR_OK;
}

/* Without it OpenSSL would ask the terminal for the passphrase of an encrypted key, and wait. */
static int no_passphrase(char *out, int size, int writing, void *context)
{
        return -1;
}

/*
 * SSL_MODE_RELEASE_BUFFERS: an idle connection holds no record buffers. Read-ahead: one recv()
 * takes a whole record and what follows it. AES-128 comes first (RFC 9325 section 4.2 asks for no
 * more): its suite hashes with SHA-256, which processors do in hardware, and a handshake hashes a
 * lot.
 */
static void context_tune(SSL_CTX *context)
{
        SSL_CTX_set_default_passwd_cb(context, no_passphrase);
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
        SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_read_ahead(context, 1);
        SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
        SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                          "TLS_CHACHA20_POLY1305_SHA256");
}

int tls_server_new(const char *certificate, const char *private_key, struct tls_server **ret,
                   char why[static TLS_WHY_MAX])
{
        CLEANUP(tls_server_freep) struct tls_server *t = calloc(1, sizeof(*t));

        if (!t || !(t->context = SSL_CTX_new(TLS_server_method())))
                return fault(-ENOMEM);
        context_tune(t->context);
        SSL_CTX_set_options(t->context, SSL_OP_CIPHER_SERVER_PREFERENCE);
        SSL_CTX_set_alpn_select_cb(t->context, on_alpn, NULL);
        SSL_CTX_set_session_id_context(t->context, (const unsigned char *)"keyrouter", 9);
        SSL_CTX_set_session_cache_mode(t->context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_num_tickets(t->context, 1);
        SSL_CTX_set_max_early_data(t->context, 0);
        if (SSL_CTX_use_certificate_chain_file(t->context, certificate) != 1) {
                why_openssl(why, "certificate", certificate);
                return -EINVAL;
        }
        if (SSL_CTX_use_PrivateKey_file(t->context, private_key, SSL_FILETYPE_PEM) != 1) {
                why_openssl(why, "private key", private_key);
                return -EINVAL;
        }
        if (SSL_CTX_check_private_key(t->context) != 1) {
                why_openssl(why, "certificate and private key do not belong together", NULL);
                return -EINVAL;
        }
        *ret = TAKE(t);
        return 0;
}

void tls_server_free(struct tls_server *t)
{
        SSL_CTX_free(t->context);
        free(t);
}

static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
        SSL_SESSION **kept = SSL_get_ex_data(ssl, kept_index);

        if (!kept)
                return 0;
        SSL_SESSION_free(*kept);
        *kept = session;
        return 1; /* the reference is ours now */
}

int tls_client_new(bool system_ca, const char *ca_file, struct tls_client **ret,
                   char why[static TLS_WHY_MAX])
{
        CLEANUP(tls_client_freep) struct tls_client *t = calloc(1, sizeof(*t));

        if (kept_index < 0)
                kept_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
        if (!t || kept_index < 0 || !(t->context = SSL_CTX_new(TLS_client_method())))
                return fault(-ENOMEM);
        context_tune(t->context);
        SSL_CTX_set_verify(t->context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_session_cache_mode(t->context,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(t->context, on_new_session);
        if (SSL_CTX_set_alpn_protos(t->context, alpn_http1, sizeof(alpn_http1) - 1) != 0)
                return fault(-ENOMEM);
        if (system_ca && SSL_CTX_set_default_verify_paths(t->context) != 1) {
                why_openssl(why, "the system's CA bundle", NULL);
                return -EINVAL;
        }
        if (ca_file && SSL_CTX_load_verify_file(t->context, ca_file) != 1) {
                why_openssl(why, "CA file", ca_file);
                return -EINVAL;
        }
        *ret = TAKE(t);
        return 0;
}

void tls_client_free(struct tls_client *t)
{
        SSL_CTX_free(t->context);
        free(t);
}

static SSL *connection_new(SSL_CTX *context, int fd)
{
        SSL *ssl = SSL_new(context);
        BIO *socket = ssl ? socket_bio_new(fd) : NULL;

        if (!socket) {
                SSL_free(ssl);
                return NULL;
        }
        SSL_set_bio(ssl, socket, socket); /* takes the one reference for both ways */
        return ssl;
}

SSL *tls_accept_new(struct tls_server *t, int fd)
{
        SSL *ssl = connection_new(t->context, fd);

        if (ssl)
                SSL_set_accept_state(ssl);
        return ssl;
}

static bool is_address(const char *host)
{
        struct in6_addr any;

        return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

/* SNI holds names only (RFC 6066 section 3); an address is checked against IP SANs. */
static bool connect_expect(SSL *ssl, const char *host)
{
        X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

        if (is_address(host))
                return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

SSL *tls_connect_new(struct tls_client *t, int fd, const char *host, SSL_SESSION **kept)
{
        SSL *ssl = connection_new(t->context, fd);

        if (!ssl)
                return NULL;
        if (!connect_expect(ssl, host) || SSL_set_ex_data(ssl, kept_index, kept) != 1) {
                SSL_free(ssl);
                return NULL;
        }
        if (*kept)
                SSL_set_session(ssl, *kept);
        SSL_set_connect_state(ssl);
        return ssl;
}

const char *tls_explain(const SSL *ssl, char why[static TLS_WHY_MAX])
{
        long verify = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;

        if (verify != X509_V_OK) {
                snprintf(why, TLS_WHY_MAX, "certificate: %s", X509_verify_cert_error_string(verify));
                ERR_clear_error();
        } else {
                why_openssl(why, "TLS", NULL);
        }
        return why;
}
