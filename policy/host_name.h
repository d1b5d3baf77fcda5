/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * host_name - names of hosts as DNS has them
 */
#include <stdbool.h>

/* Labels of letters, digits and dashes (RFC 1123 section 2.1), the last not of digits alone; no dot
 * at the end. */
bool host_name_is_right(const char *text);

/* The same, and nothing that was meant to be an address: "10.20.0.x" is none. */
bool host_name_is_no_address(const char *text);
