/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * plan_print - a keyrouter.plan/2 for people
 */
#include "tools/output.h"

#define SAVED_PLAN "keyrouter.saved-plan/1" /* what `plan -o` writes and `apply` takes */

/* Moves, keys, overflow, totals. */
void plan_print(const json_t *plan);

/* "509 desks embedded on 5 keys, 11 by backend, 0 refused", a line for each provider. */
void plan_print_totals(const json_t *plan);
