/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * host_file - lists of hosts from files, as requests carry them
 */
#include "policy/operation/host_list.h"
#include "policy/operation/json.h"
#include "tools/verb.h"

/* What to do about the router's own address where nobody has told it. */
#define HOST_UNTOLD \
        "the router's own address is left out: say it in keyrouterd.cfg (address), or apply with " \
        "--router-address"

/*
 * Reads FILE, "-" is standard input. Lines that are no hosts are named by file and line on standard
 * error, never with what they say. Returns 0, or the exit status having said what is wrong.
 */
MUST_CHECK int host_file_json(const struct request *r, const char *path, enum host_kind kind,
                              json_t **ret);
