/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * provider_load - from a definition's file to struct provider
 */
#include "lib/provider/provider.h"
#include "lib/settings/settings.h"

/*
 * Returns 0 and *ret where the file has no error, -EINVAL where it has, or another negative errno;
 * each with findings in *d. *ret_name, the provider's own name as far as it could be read, is set
 * in any case (or NULL). Owner of both: the caller.
 */
MUST_CHECK int provider_load(const struct settings_input *input, struct diag *d, struct provider *ret,
                             char **ret_name);
