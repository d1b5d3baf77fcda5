/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * row - a table's row that fails says which sentence is wrong
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ROW_CHECK(condition, row, sentence)                                            \
        do {                                                                           \
                if (!(condition))                                                      \
                        fail_msg("row %zu: %s: not so: %s", (size_t)(row), (sentence), \
                                 #condition);                                          \
        } while (0)
