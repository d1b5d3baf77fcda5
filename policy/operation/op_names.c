/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation/op.h"

/* The i-th name of a kind; NULL: no more. */
typedef const char *name_function(const struct policy *p, size_t i);

static const char *group_name(const struct policy *p, size_t i)
{
        return i < p->n_groups ? p->groups[i].name : NULL;
}

static const char *key_name(const struct policy *p, size_t i)
{
        return i < p->n_keys ? p->keys[i].name : NULL;
}

static const char *backend_name(const struct policy *p, size_t i)
{
        return i < p->n_backends ? p->backends[i].name : NULL;
}

static json_t *names_json(const struct policy *p, name_function *name)
{
        json_t *list = json_array();

        for (size_t i = 0; list && p && name(p, i); i++) {
                if (json_array_append_new(list, text_json(name(p, i))) != 0) {
                        json_decref(list);
                        list = NULL;
                }
        }
        return list;
}

int op_names(struct op *o)
{
        CLEANUP(op_policy_done) struct op_policy p;
        int r;

        op_policy_init(&p);
        r = op_in_force_load(o, &p);
        if (r || o->reply->body)
                return r;
        return op_answer(o, json_pack("{s:s, s:o, s:o, s:o}", "schema", "keyrouter.names/1",
                                      "groups", names_json(p.policy, group_name), "keys",
                                      names_json(p.policy, key_name), "backends",
                                      names_json(p.policy, backend_name)));
}
