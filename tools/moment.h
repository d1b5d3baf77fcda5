/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * moment - times of answers, "2026-03-01T12:00:00Z", as people like them
 *
 * Each text lives for a few more calls.
 */
#include <stdint.h>

/* How long ago: "3 h", "5 days". "" for "", and for what is no time. */
const char *moment_age(const char *text);

/* "2026-03-01", as far as there is one. */
const char *moment_day(const char *text);
