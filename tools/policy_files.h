/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_files - a policy from the file system, as requests carry it
 */
#include "policy/operation/json.h"
#include "tools/verb.h"

struct policy;

/*
 * Reads it with all that it names. Paths in it are absolute, so that they mean the same to whoever
 * reads them later. Returns 0, or the exit status having said what is wrong.
 */
MUST_CHECK int policy_files_json(const struct request *r, const char *path, json_t **ret);

/* Loads it again from what a request carries; host names are not pinned in it. Returns likewise. */
MUST_CHECK int policy_files_load(const struct request *r, const json_t *policy,
                                 struct policy **ret);
