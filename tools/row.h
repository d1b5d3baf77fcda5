/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * row - numbers of rows of the history on a command line
 */
#include "policy/operation/json.h"
#include "tools/verb.h"

/* Puts the row that `text` says (NULL: null) into a request. False: said that it is none of at least
 * `least`. */
bool row_put(const struct request *r, json_t *request, const char *member, const char *text,
             long long least);
