/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * value - one scalar, checked against its row
 *
 * Internal to lib/settings. What is wrong becomes a finding; the output is then untouched.
 */
#include "lib/settings/settings.h"
#include "lib/settings/source.h"

/* What the row wants in this place: for messages. */
const char *row_wants(const struct setting_row *row);

/* "NAME must be TEXT IN QUOTES, not AN INTEGER". */
void type_report(const config_setting_t *setting, const struct setting_row *row, const char *wanted,
                 struct diag *d);

/* Each returns true and *ret, or false after a finding. *ret of a text lives as long as its
 * source. */
bool int_read(const config_setting_t *setting, const struct setting_row *row, struct diag *d,
              int64_t *ret);
bool bool_read(const config_setting_t *setting, const struct setting_row *row, struct diag *d,
               bool *ret);
bool text_read(const config_setting_t *setting, const struct setting_row *row, struct diag *d,
               char **ret);
