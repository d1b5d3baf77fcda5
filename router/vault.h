/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * vault - the credentials, and the only file that touches their bytes
 *
 * Read from files, rendered into what goes into a request, and wiped. Whoever needs one gets the
 * finished placement, or the redaction that takes it out of an answer; nobody gets the fields.
 * Reference-counted and immutable, like the policy whose keys and backends it goes by.
 *
 * A credential NAME is the file NAME in $CREDENTIALS_DIRECTORY (systemd.exec(5), LoadCredential=)
 * or, where it is not there, in the configured directory; there it must belong to the service's
 * user or to root, with mode 0600 or 0400. It is a regular file of at most 4,096 bytes. Lines are
 * `field=value`: `key=` of an embedded key, `id=` and `token=` of a secret one; empty lines and
 * lines that begin with # are skipped.
 */
#include "lib/net/redact.h"
#include "policy/policy.h"

struct vault;

/*
 * Every credential of the policy, or none: a key without its credential could never be used, so a
 * router that lacks one does not start (and does not take the new policy on a reload). What is
 * missing or wrong is a finding each, and -EINVAL. No finding shows a value. Other negative errno:
 * no memory.
 */
MUST_CHECK int vault_load(const char *directory, const struct policy *policy, struct diag *d,
                          struct vault **ret);
struct vault *vault_ref(struct vault *v);
void vault_unref(struct vault *v);

static inline void vault_unrefp(struct vault **v)
{
        if (*v)
                vault_unref(*v);
}

/* What goes into a request by this key or backend. Lives as long as the vault. */
const struct placement *vault_key(const struct vault *v, const struct key *key);
const struct placement *vault_backend(const struct vault *v, const struct backend *backend);

/* What of it must not come back in an answer. Lives as long as the vault. */
const struct redaction *vault_key_redaction(const struct vault *v, const struct key *key);
const struct redaction *vault_backend_redaction(const struct vault *v,
                                                const struct backend *backend);
