/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/provider/provider.h"

static bool rule_is_for(const struct answer_rule *rule, enum credential_class c, unsigned status)
{
        if (!(rule->classes & (1U << c)))
                return false;
        for (size_t i = 0; i < rule->n_statuses; i++)
                if (rule->statuses[i] == status)
                        return true;
        return false;
}

bool answer_needs_body(const struct provider *p, enum credential_class c, unsigned status)
{
        for (size_t i = 0; i < p->n_answers; i++)
                if (rule_is_for(&p->answers[i], c, status))
                        return p->answers[i].body != NULL; /* without one it decides at once */
        return false;
}

/* No piece, or an empty one, is in every body. */
static bool body_holds(struct slice body, struct slice piece)
{
        return piece.length == 0 || (body.length >= piece.length &&
                                     memmem(body.data, body.length, piece.data, piece.length));
}

const struct answer_rule *answer_classify(const struct provider *p, enum credential_class c,
                                          unsigned status, struct slice body)
{
        for (size_t i = 0; i < p->n_answers; i++) {
                const struct answer_rule *rule = &p->answers[i];

                if (rule_is_for(rule, c, status) && body_holds(body, slice_of(rule->body)))
                        return rule;
        }
        return NULL;
}
