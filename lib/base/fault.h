/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * fault - where an unexpected error began
 *
 * Channel one of three: a negative errno says that the world broke. It is traced once, by fault(),
 * where it began, and forwarded unchanged. Expected answers are positive and named by their module;
 * what a person wrote wrong goes to struct diag (lib/settings/diag.h).
 */

/* Returns `error` (a negative errno) after tracing it at level debug with its place. */
#define fault(error) fault_at((error), __FILE__, __LINE__, __func__)

int fault_at(int error, const char *file, int line, const char *function);
