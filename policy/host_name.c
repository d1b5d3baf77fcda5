/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/host_name.h"

#include "lib/base/slice.h"

#define NAME_MAX_LENGTH 253 /* RFC 1035 section 2.3.4, as text */
#define LABEL_MAX_LENGTH 63

static bool label_is_right(struct slice label, bool *ret_digits)
{
        *ret_digits = true;
        if (label.length == 0 || label.length > LABEL_MAX_LENGTH || label.data[0] == '-' ||
            label.data[label.length - 1] == '-')
                return false;
        for (size_t i = 0; i < label.length; i++) {
                char c = label.data[i];
                bool digit = c >= '0' && c <= '9';
                bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

                if (!digit && !letter && c != '-')
                        return false;
                *ret_digits &= digit;
        }
        return true;
}

/* Counts the labels and those of digits alone. */
static bool labels_count(const char *text, unsigned *ret_n, unsigned *ret_n_digits)
{
        struct slice rest = slice_of(text), label;
        bool digits = true;

        *ret_n = *ret_n_digits = 0;
        if (rest.length > NAME_MAX_LENGTH)
                return false;
        while (slice_split(&rest, '.', &label)) {
                if (!label_is_right(label, &digits))
                        return false;
                ++*ret_n;
                *ret_n_digits += digits;
        }
        return !digits;
}

bool host_name_is_right(const char *text)
{
        unsigned n, n_digits;

        return labels_count(text, &n, &n_digits);
}

bool host_name_is_no_address(const char *text)
{
        unsigned n, n_digits;

        return labels_count(text, &n, &n_digits) && (n_digits < 2 || n_digits < n - 1);
}
