/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * template - a provider's texts with "$name" in them
 *
 * "$name" (letters, digits and _) stands for a value, "$$" for a dollar. A dollar before anything
 * else is a field without a name: a mistake, which the reader of a template has to treat as one.
 */
#include "lib/base/slice.h"

#include <stdbool.h>

struct template_part {
        struct slice text; /* of a field: its name without the dollar */
        struct slice raw;  /* as it stands in the template */
        bool is_field;
};

/* Cuts the next part off *rest. False at the end. */
bool template_next(struct slice *rest, struct template_part *ret);

/* Does it hold a field? */
bool template_has_field(const char *text);
