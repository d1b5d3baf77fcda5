/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * clean - texts that are safe to keep and to show on a terminal
 *
 * Internal to policy/ledger.
 */
#include <stdbool.h>
#include <stddef.h>

/*
 * Copies a text and terminates it. A "?" stands for each byte that is no UTF-8 (RFC 3629), each
 * control character, and each character that turns the direction of writing (UAX #9) or ends a
 * line (U+2028, U+2029). What is longer than the room is cut at a character. NULL is "".
 */
void text_clean(char *out, size_t size, const char *text);

/* Not empty, at most `max` bytes, and nothing that text_clean() would change. */
bool text_is_clean(const char *text, size_t max);
