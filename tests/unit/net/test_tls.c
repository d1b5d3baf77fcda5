/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net/tls.h"
#include "tests/unit/net/certificates.h"
#include "tests/unit/net/check.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct side {
        struct certificates certificates;
        struct tls_server *server;
};

static int setup(void **state)
{
        struct side *s = calloc(1, sizeof(*s));
        char why[TLS_WHY_MAX];

        assert_non_null(s);
        certificates_init(&s->certificates);
        assert_int_equal(tls_server_new(s->certificates.leaf, s->certificates.leaf_key, &s->server,
                                        why),
                         0);
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        struct side *s = *state;

        tls_server_free(s->server);
        certificates_done(&s->certificates);
        free(s);
        return 0;
}

/* Drives both ends over a socket pair; true where the client's end is done and happy. */
static bool shake_hands(SSL *client, SSL *server)
{
        int c = 0, s = 0;

        for (int i = 0; i < 100 && (c != 1 || s != 1); i++) {
                ERR_clear_error();
                c = c == 1 ? c : SSL_do_handshake(client);
                if (c != 1 && SSL_get_error(client, c) != SSL_ERROR_WANT_READ)
                        return false;
                ERR_clear_error();
                s = s == 1 ? s : SSL_do_handshake(server);
                if (s != 1 && SSL_get_error(server, s) != SSL_ERROR_WANT_READ)
                        return false;
        }
        return c == 1 && s == 1;
}

struct wire {
        SSL *client, *server;
        int fds[2];
};

static void wire_init(struct wire *w, struct side *s, SSL_CTX *client)
{
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, w->fds),
                         0);
        w->client = SSL_new(client);
        SSL_set_fd(w->client, w->fds[0]);
        SSL_set_connect_state(w->client);
        w->server = tls_accept_new(s->server, w->fds[1]);
        assert_non_null(w->server);
}

static void wire_done(struct wire *w)
{
        SSL_free(w->client);
        SSL_free(w->server);
        close(w->fds[0]);
        close(w->fds[1]);
        ERR_clear_error();
}

static void only_tls_1_2_and_1_3_are_spoken(void **state)
{
        static const struct {
                int version;
                bool good;
        } rows[] = {
                { TLS1_VERSION, false },
                { TLS1_1_VERSION, false },
                { TLS1_2_VERSION, true },
                { TLS1_3_VERSION, true },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                SSL_CTX *client = SSL_CTX_new(TLS_client_method());
                struct wire w;

                SSL_CTX_set_security_level(client, 0);
                SSL_CTX_set_min_proto_version(client, rows[i].version);
                SSL_CTX_set_max_proto_version(client, rows[i].version);
                wire_init(&w, *state, client);
                if (shake_hands(w.client, w.server) != rows[i].good)
                        fail_msg("version %x", (unsigned)rows[i].version);
                wire_done(&w);
                SSL_CTX_free(client);
        }
}

static void a_client_that_asks_to_renegotiate_is_not_heard(void **state)
{
        SSL_CTX *client = SSL_CTX_new(TLS_client_method());
        struct wire w;
        char byte;

        SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION);
        wire_init(&w, *state, client);
        assert_true(shake_hands(w.client, w.server));
        assert_int_equal(SSL_renegotiate(w.client), 1);
        assert_false(shake_hands(w.client, w.server) && SSL_renegotiate_pending(w.client) == 0 &&
                     SSL_read(w.server, &byte, 1) <= 0 && SSL_num_renegotiations(w.server) > 0);
        assert_int_equal(SSL_num_renegotiations(w.server), 0);
        wire_done(&w);
        SSL_CTX_free(client);
}

static void no_early_data_is_offered(void **state)
{
        SSL_CTX *client = SSL_CTX_new(TLS_client_method());
        struct wire w;
        char byte;

        wire_init(&w, *state, client);
        assert_true(shake_hands(w.client, w.server));
        SSL_read(w.client, &byte, 1); /* the ticket */
        assert_non_null(SSL_get0_session(w.client));
        assert_int_equal(SSL_SESSION_get_max_early_data(SSL_get0_session(w.client)), 0);
        wire_done(&w);
        SSL_CTX_free(client);
}

static void of_the_offered_protocols_only_http_1_1_is_chosen(void **state)
{
        static const struct {
                const char *offered; /* as ALPN has it: a length before each */
                const char *chosen;
        } rows[] = {
                { "\x08http/1.1", "http/1.1" },
                { "\x02h2\x08http/1.1", "http/1.1" },
                { "\x02h2", "" },
                { NULL, "" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                SSL_CTX *client = SSL_CTX_new(TLS_client_method());
                const unsigned char *chosen;
                unsigned n;
                struct wire w;

                if (rows[i].offered)
                        SSL_CTX_set_alpn_protos(client, (const unsigned char *)rows[i].offered,
                                                (unsigned)strlen(rows[i].offered));
                wire_init(&w, *state, client);
                assert_true(shake_hands(w.client, w.server));
                SSL_get0_alpn_selected(w.client, &chosen, &n);
                assert_int_equal(n, strlen(rows[i].chosen));
                assert_memory_equal(n ? (const char *)chosen : "", rows[i].chosen, n);
                wire_done(&w);
                SSL_CTX_free(client);
        }
}

static void encrypted_key_write(const char *path)
{
        EVP_PKEY *key = EVP_EC_gen("P-256");
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        assert_int_equal(PEM_write_PKCS8PrivateKey(f, key, EVP_aes_128_cbc(), "pass", 4, NULL,
                                                   NULL),
                         1);
        fclose(f);
        EVP_PKEY_free(key);
}

static void what_is_wrong_with_a_file_is_said_with_its_name(void **state)
{
        struct side *s = *state;
        const struct certificates *c = &s->certificates;
        char why[TLS_WHY_MAX], encrypted[CERTIFICATE_PATH_MAX + 16];
        struct tls_server *server = NULL;
        struct tls_client *client = NULL;

        assert_int_equal(tls_server_new("/nowhere/leaf.pem", c->leaf_key, &server, why), -EINVAL);
        assert_non_null(strstr(why, "/nowhere/leaf.pem"));
        assert_non_null(strstr(why, "No such file"));
        assert_int_equal(tls_server_new(c->leaf, "/nowhere/leaf.key", &server, why), -EINVAL);
        assert_non_null(strstr(why, "/nowhere/leaf.key"));
        assert_int_equal(tls_server_new(c->leaf_key, c->leaf_key, &server, why), -EINVAL);
        assert_non_null(strstr(why, c->leaf_key));
        assert_int_equal(tls_server_new(c->ca, c->leaf_key, &server, why), -EINVAL);
        snprintf(encrypted, sizeof(encrypted), "%s/encrypted.key", c->folder);
        encrypted_key_write(encrypted);
        assert_int_equal(tls_server_new(c->leaf, encrypted, &server, why), -EINVAL);
        assert_non_null(strstr(why, encrypted));
        unlink(encrypted);
        assert_int_equal(tls_client_new(false, "/nowhere/ca.pem", &client, why), -EINVAL);
        assert_non_null(strstr(why, "/nowhere/ca.pem"));
        assert_int_equal(tls_client_new(false, c->leaf_key, &client, why), -EINVAL);
        assert_null(server);
        assert_null(client);
        assert_int_equal(ERR_peek_error(), 0);
}

/* The bundle and the CA of the tests together: as a site with a proxy of its own would have it. */
static void the_system_s_bundle_and_another_ca_go_together(void **state)
{
        struct side *s = *state;
        struct tls_client *client = NULL;
        SSL_SESSION *kept = NULL;
        char why[TLS_WHY_MAX];
        struct wire w;

        assert_int_equal(tls_client_new(true, s->certificates.ca, &client, why), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, w.fds),
                         0);
        w.client = tls_connect_new(client, w.fds[0], "vendor.test", &kept);
        w.server = tls_accept_new(s->server, w.fds[1]);
        assert_true(shake_hands(w.client, w.server));
        wire_done(&w);
        SSL_SESSION_free(kept);
        tls_client_free(client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(only_tls_1_2_and_1_3_are_spoken),
                CASE(a_client_that_asks_to_renegotiate_is_not_heard),
                CASE(no_early_data_is_offered),
                CASE(of_the_offered_protocols_only_http_1_1_is_chosen),
                CASE(what_is_wrong_with_a_file_is_said_with_its_name),
                CASE(the_system_s_bundle_and_another_ca_go_together),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
