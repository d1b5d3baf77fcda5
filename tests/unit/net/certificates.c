/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/certificates.h"

#include "tests/unit/net/check.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DAY_S 86400L

struct issue {
        const char *name;
        long from_s, until_s; /* relative to now */
        EVP_PKEY *key;
        X509 *issuer; /* NULL: itself */
        EVP_PKEY *issuer_key;
        const char *names; /* NULL: a CA */
};

static void extension_add(X509 *certificate, X509 *issuer, int nid, const char *value)
{
        X509_EXTENSION *extension;
        X509V3_CTX context;

        X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
        extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
        assert_non_null(extension);
        assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
        X509_EXTENSION_free(extension);
}

static X509 *certificate_new(const struct issue *i)
{
        static long serial = 1;
        X509 *certificate = X509_new();
        X509 *issuer = i->issuer ? i->issuer : certificate;
        X509_NAME *name = X509_get_subject_name(certificate);

        X509_set_version(certificate, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
        X509_gmtime_adj(X509_getm_notBefore(certificate), i->from_s);
        X509_gmtime_adj(X509_getm_notAfter(certificate), i->until_s);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)i->name, -1, -1,
                                   0);
        X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
        X509_set_pubkey(certificate, i->key);
        extension_add(certificate, issuer, NID_basic_constraints,
                      i->names ? "critical,CA:FALSE" : "critical,CA:TRUE");
        if (i->names)
                extension_add(certificate, issuer, NID_subject_alt_name, i->names);
        assert_true(X509_sign(certificate, i->issuer_key, EVP_sha256()) > 0);
        return certificate;
}

static void certificate_write(const char *path, X509 *certificate)
{
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        assert_int_equal(PEM_write_X509(f, certificate), 1);
        fclose(f);
}

static void key_write(const char *path, EVP_PKEY *key)
{
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
        fclose(f);
}

static void leaf_write(const char *path, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, long from_s,
                       long until_s)
{
        X509 *leaf =
                certificate_new(&(struct issue){ "vendor.test", from_s, until_s, key, ca, ca_key,
                                                 "DNS:vendor.test,DNS:*.wild.test,IP:127.0.0.1" });

        certificate_write(path, leaf);
        X509_free(leaf);
}

void certificates_init(struct certificates *c)
{
        EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *leaf_key = EVP_EC_gen("P-256");
        X509 *ca, *stranger;

        strcpy(c->folder, "/tmp/keyrouter-net-XXXXXX");
        assert_non_null(mkdtemp(c->folder));
        snprintf(c->ca, sizeof(c->ca), "%s/ca.pem", c->folder);
        snprintf(c->stranger_ca, sizeof(c->stranger_ca), "%s/stranger.pem", c->folder);
        snprintf(c->leaf, sizeof(c->leaf), "%s/leaf.pem", c->folder);
        snprintf(c->leaf_key, sizeof(c->leaf_key), "%s/leaf.key", c->folder);
        snprintf(c->expired, sizeof(c->expired), "%s/expired.pem", c->folder);
        ca = certificate_new(
                &(struct issue){ "CA of the tests", -DAY_S, DAY_S, ca_key, NULL, ca_key });
        stranger = certificate_new(
                &(struct issue){ "another CA", -DAY_S, DAY_S, leaf_key, NULL, leaf_key });
        certificate_write(c->ca, ca);
        certificate_write(c->stranger_ca, stranger);
        leaf_write(c->leaf, leaf_key, ca, ca_key, -DAY_S, DAY_S);
        leaf_write(c->expired, leaf_key, ca, ca_key, -2 * DAY_S, -DAY_S);
        key_write(c->leaf_key, leaf_key);
        X509_free(ca);
        X509_free(stranger);
        EVP_PKEY_free(ca_key);
        EVP_PKEY_free(leaf_key);
}

void certificates_done(struct certificates *c)
{
        unlink(c->ca);
        unlink(c->stranger_ca);
        unlink(c->leaf);
        unlink(c->leaf_key);
        unlink(c->expired);
        rmdir(c->folder);
}

SSL_CTX *certificates_server(const struct certificates *c)
{
        SSL_CTX *context = SSL_CTX_new(TLS_server_method());

        assert_int_equal(SSL_CTX_use_certificate_chain_file(context, c->leaf), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(context, c->leaf_key, SSL_FILETYPE_PEM), 1);
        return context;
}

SSL_CTX *certificates_client(const struct certificates *c)
{
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());

        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        assert_int_equal(SSL_CTX_load_verify_file(context, c->ca), 1);
        return context;
}
