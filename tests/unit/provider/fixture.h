/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * fixture - a vendor for the tests of this folder, with one of everything
 */
#include "lib/provider/provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct provider vendor;

/* Names the row that fails. */
#define ROW_CHECK(condition, row, sentence)                                            \
        do {                                                                           \
                if (!(condition))                                                      \
                        fail_msg("row %zu: %s: not so: %s", (size_t)(row), (sentence), \
                                 #condition);                                          \
        } while (0)
