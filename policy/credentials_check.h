/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * credentials_check - are the credentials that a policy names there, and nobody else's to read?
 *
 * Looks at the files, never into them. The router's vault opens them by the same rules.
 */
#include "policy/policy.h"

#define CREDENTIAL_MAX_BYTES 4096

/* What is wrong is an error in *d, at the setting that names the credential; its name, which may be
 * a credential by mistake, is not repeated. */
void credentials_check(const struct policy *p, const char *folder, struct diag *d);
