/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * duration - "90s", "10m", "2h", "1d"; a number alone could be minutes to one and seconds to another
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* False: no such time, or none above 0. */
static inline bool duration_parse(const char *text, int64_t *ret_s)
{
        char *end;
        long long n = strtoll(text, &end, 10), unit = 1;

        if (end == text || n <= 0 || n > 1000000000)
                return false;
        switch (*end) {
        case 's':
                end++;
                break;
        case 'm':
                unit = 60, end++;
                break;
        case 'h':
                unit = 3600, end++;
                break;
        case 'd':
                unit = 86400, end++;
                break;
        default:
                return false;
        }
        *ret_s = n * unit;
        return *end == 0;
}
