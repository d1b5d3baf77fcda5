/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names are looked up by whoever asks, never here: the request brings the answers. A name that has
 * no pin takes its answer; one that has keeps its pin unless it is told to be updated.
 */
#include "policy/operation/op.h"

#include <errno.h>
#include <stdio.h>

#define NAMES_MAX 20000

static int addr_order(const void *left, const void *right)
{
        return addr_compare(left, right);
}

/* False: not a list of addresses. More than fit are left out. */
static bool pin_read(const char *name, json_t *list, int64_t now_us, struct pin *ret)
{
        json_t *each;
        size_t i;

        *ret = (struct pin){ .name = name, .at_us = now_us };
        if (!json_is_array(list))
                return false;
        json_array_foreach(list, i, each)
        {
                const char *text = json_string_value(each);
                struct addr a;

                if (!text || addr_parse(slice_of(text), &a) != 0)
                        return false;
                if (ret->n_addrs < PIN_MAX_ADDRESSES)
                        ret->addrs[ret->n_addrs++] = a;
        }
        qsort(ret->addrs, ret->n_addrs, sizeof(ret->addrs[0]), addr_order);
        return true;
}

int op_answers_read(struct op *o, struct pin_set **ret)
{
        json_t *answers = json_object_get(o->request, "answers"), *list;
        CLEANUP(freep) struct pin *pins = NULL;
        const char *name;
        size_t n = 0;

        if (!answers || json_is_null(answers))
                return pin_set_new(NULL, 0, ret);
        if (!json_is_object(answers) || json_object_size(answers) > NAMES_MAX)
                return op_refuse(o, EX_USAGE, NULL, "\"answers\" is no object of at most %d names",
                                 NAMES_MAX);
        pins = calloc(json_object_size(answers) + 1, sizeof(*pins));
        if (!pins)
                return -ENOMEM;
        json_object_foreach(
                answers, name,
                list) if (!pin_read(name, list, o->now_us,
                                    &pins[n++])) return op_refuse(o, EX_USAGE, NULL,
                                                                  "the answer for \"%.100s\" is no "
                                                                  "list of addresses",
                                                                  name);
        return pin_set_new(pins, n, ret);
}

static bool pin_is_same(const struct pin *a, const struct pin *b)
{
        return a->n_addrs == b->n_addrs &&
               memcmp(a->addrs, b->addrs, a->n_addrs * sizeof(a->addrs[0])) == 0;
}

int op_pins_freshen(struct op *o, struct op_policy *p)
{
        struct pin_set *set;
        struct pin *all;
        size_t n = p->pins->n;
        int r = op_answers_read(o, &p->answers);

        if (r || !p->answers || p->answers->n == 0)
                return r;
        p->fresh_pins = calloc(p->answers->n, sizeof(*p->fresh_pins));
        all = calloc(n + p->answers->n, sizeof(*all));
        if (!p->fresh_pins || !all) {
                free(all);
                return -ENOMEM;
        }
        memcpy(all, p->pins->pins, n * sizeof(*all));
        for (size_t i = 0; i < p->answers->n; i++) {
                const struct pin *answer = &p->answers->pins[i];

                if (answer->n_addrs == 0 || pin_set_find(p->pins, answer->name))
                        continue;
                all[n++] = p->fresh_pins[p->n_fresh_pins++] = *answer;
        }
        r = pin_set_new(all, n, &set);
        free(all);
        if (r)
                return r;
        pin_set_free(p->pins); /* the names in `all` were its own */
        p->pins = set;
        return 0;
}

/* ---- the operation ---- */

struct resolving {
        struct op_policy p;
        struct pin *set; /* to be pinned */
        size_t n_set;
        json_t *pinned, *changed, *unresolved, *names;
        size_t n_unchanged;
        bool update;
};

static void resolving_done(struct resolving *r)
{
        op_policy_done(&r->p);
        free(r->set);
        json_decref(r->pinned);
        json_decref(r->changed);
        json_decref(r->unresolved);
        json_decref(r->names);
}

static json_t *addrs_json(const struct pin *p)
{
        json_t *list = json_array();
        char text[ADDR_TEXT_MAX];

        for (unsigned i = 0; i < p->n_addrs; i++)
                json_array_append_new(list, json_string(addr_format(&p->addrs[i], text)));
        return list;
}

static void name_judge(struct resolving *r, const char *name, const struct pin *was,
                       const struct pin *is)
{
        json_array_append_new(r->names, json_string(name));
        if (!is || is->n_addrs == 0) {
                json_array_append_new(r->unresolved, json_string(name));
        } else if (!was) {
                json_array_append_new(r->pinned, json_string(name));
                r->set[r->n_set++] = *is;
        } else if (pin_is_same(was, is)) {
                r->n_unchanged++;
        } else {
                json_array_append_new(r->changed, json_pack("{s:s, s:o, s:o}", "name", name, "was",
                                                            addrs_json(was), "is", addrs_json(is)));
                if (r->update)
                        r->set[r->n_set++] = *is;
        }
}

static int resolving_commit(struct op *o, struct resolving *r)
{
        char summary[128];
        struct change c = { .expected_head = r->p.head,
                            .who = o->who,
                            .what = "resolve",
                            .summary = summary,
                            .at_us = o->now_us,
                            .pins = r->set,
                            .n_pins = r->n_set };
        uint64_t row;

        if (r->n_set == 0)
                return 0;
        if (!op_text(o, "why", false, &c.why))
                return 0;
        snprintf(summary, sizeof(summary), "%zu name%s pinned, %zu of them changed", r->n_set,
                 r->n_set == 1 ? "" : "s", r->update ? json_array_size(r->changed) : 0);
        return op_commit(o, &c, CHANGED_POLICY, &row);
}

int op_resolve(struct op *o)
{
        CLEANUP(resolving_done)
        struct resolving r = { .pinned = json_array(),
                               .changed = json_array(),
                               .unresolved = json_array(),
                               .names = json_array() };
        CLEANUP(pin_set_freep) struct pin_set *answers = NULL;
        int error;

        op_policy_init(&r.p);
        if (!op_flag(o, "update", &r.update))
                return 0;
        error = op_answers_read(o, &answers);
        if (error || !answers)
                return error;
        json_object_del(o->request, "answers"); /* what is pinned is what counts below */
        error = op_policy_load(o, 0, &r.p);
        if (error || !r.p.policy)
                return error;
        r.set = calloc(r.p.policy->n_host_names + 1, sizeof(*r.set));
        if (!r.set || !r.pinned || !r.changed || !r.unresolved || !r.names)
                return -ENOMEM;
        for (size_t i = 0; i < r.p.policy->n_host_names; i++) {
                const char *name = r.p.policy->host_names[i];

                name_judge(&r, name, pin_set_find(r.p.pins, name), pin_set_find(answers, name));
        }
        error = resolving_commit(o, &r);
        if (error || o->reply->body)
                return error;
        return op_answer(o, json_pack("{s:s, s:O, s:I, s:O, s:O, s:O}", "schema",
                                      "keyrouter.resolve/1", "pinned", r.pinned, "unchanged",
                                      (json_int_t)r.n_unchanged, "changed", r.changed, "unresolved",
                                      r.unresolved, "names", r.names));
}
