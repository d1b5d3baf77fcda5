/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * status_print - what `status` and `report` say alike of a keyrouter.status/1
 */
#include "policy/operation/json.h"

/* Lines have a label, and where `columns` is not 0 are indented and folded to that width. */
#define STATUS_QUIET (-1) /* in place of columns: prints nothing */

void status_line_print(int columns, const char *label, const char *format, ...) PRINTF_LIKE(3, 4);

/* Of a member "unusable_s": for UNUSABLE_FORMAT. NULL: nothing to tell, or too long ago. */
#define UNUSABLE_FORMAT \
        "%s ago a call could not leave from its egress address: see EGRESS in keyrouterd(8)"
const char *unusable_age(const json_t *ago);

/* "all is well", or how many matters there are. Lives as a text of count_text(). */
const char *status_verdict(const json_t *status);

/* "policy of row 41 in force for 2 days (alice); 509 of 520 desks on keys", or that there is none;
 * without the line's end. */
void status_force_print(const json_t *status);

/* Each matter that an administrator should see to, on a line. Returns how many there are. */
size_t status_matters(const json_t *status, int columns);
