/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suspend and resume: the panic switch. What an administrator has switched off stays so until it is
 * switched on again by hand; in the ledger it is called "key:NAME", "backend:NAME" or "all".
 */
#include "policy/operation/op.h"

#include <errno.h>
#include <stdio.h>

#define SWITCH_NAME_MAX sizeof(((struct ledger_switch *)0)->name)

struct switching {
        struct op_policy p;
        struct ledger_switch *off; /* as it is before */
        size_t n_off;
        char (*names)[SWITCH_NAME_MAX]; /* that the request means */
        size_t n_names;
        const char *why;
        struct diag diag;
};

static void switching_done(struct switching *s)
{
        op_policy_done(&s->p);
        diag_done(&s->diag);
        free(s->off);
        free(s->names);
}

static json_t *switch_json(const struct ledger_switch *s)
{
        return json_pack("{s:o, s:o, s:o, s:o}", "name", text_json(s->name), "who",
                         text_json(s->who), "why", text_json(s->why[0] ? s->why : NULL), "at",
                         time_json(s->at_us));
}

int op_switches(struct op *o, json_t **ret)
{
        CLEANUP(freep) struct ledger_switch *list = NULL;
        CLEANUP(json_freep) json_t *all = json_array();
        size_t n = 0;
        int r = ledger_switches(o->host->ledger, &list, &n);

        for (size_t i = 0; r == 0 && i < n; i++)
                if (json_array_append_new(all, switch_json(&list[i])) != 0)
                        r = -ENOMEM;
        if (r || !all)
                return r ? r : -ENOMEM;
        *ret = TAKE(all);
        return 0;
}

/* ---- which are meant ---- */

static bool is_off(const struct switching *s, const char *name)
{
        for (size_t i = 0; i < s->n_off; i++)
                if (strcmp(s->off[i].name, name) == 0)
                        return true;
        return false;
}

/* Does something of that name exist, in the policy or, switched off, in the ledger? */
static bool is_known(const struct switching *s, const char *name)
{
        const struct policy *p = s->p.policy;

        for (size_t i = 0; p && strncmp(name, "key:", 4) == 0 && i < p->n_keys; i++)
                if (strcmp(p->keys[i].name, name + 4) == 0)
                        return true;
        for (size_t i = 0; p && strncmp(name, "backend:", 8) == 0 && i < p->n_backends; i++)
                if (strcmp(p->backends[i].name, name + 8) == 0)
                        return true;
        return is_off(s, name);
}

static void name_mean(struct switching *s, const char *name)
{
        for (size_t i = 0; i < s->n_names; i++)
                if (strcmp(s->names[i], name) == 0)
                        return;
        strcpy(s->names[s->n_names++], name);
}

static void unknown_tell(struct switching *s, const char *name)
{
        const struct policy *p = s->p.policy;
        size_t n_keys = p ? p->n_keys : 0, n_backends = p ? p->n_backends : 0, n = 0;
        CLEANUP(freep) const char **names = calloc(n_keys + n_backends + 1, sizeof(*names));
        const char *nearest = NULL;
        char remedy[128];

        for (size_t i = 0; names && i < n_keys; i++)
                names[n++] = p->keys[i].name;
        for (size_t i = 0; names && i < n_backends; i++)
                names[n++] = p->backends[i].name;
        if (names)
                nearest = diag_nearest(slice_of(name), names);
        snprintf(remedy, sizeof(remedy), "did you mean \"%.64s\"?", nearest ? nearest : "");
        diag_error(&s->diag, (struct place){ NULL, 0 }, nearest ? remedy : NULL,
                   "the policy in force has no key and no backend \"%.64s\"", name);
}

/* "NAME", or where a key and a backend are called so "key:NAME" or "backend:NAME". */
static void name_find(struct switching *s, const char *name)
{
        char both[2][SWITCH_NAME_MAX + 64];
        bool known[2];

        snprintf(both[0], sizeof(both[0]), "key:%.100s", name);
        snprintf(both[1], sizeof(both[1]), "backend:%.100s", name);
        known[0] = is_known(s, both[0]);
        known[1] = is_known(s, both[1]);
        if (known[0] && known[1])
                diag_error(&s->diag, (struct place){ NULL, 0 }, "say key:NAME or backend:NAME",
                           "both a key and a backend are called \"%s\"", name);
        else if (known[0] || known[1])
                name_mean(s, both[known[1]]);
        else if (strchr(name, ':') && is_known(s, name))
                name_mean(s, name);
        else
                unknown_tell(s, name);
}

/* False: refused, or *ret_error. */
static bool names_read(struct op *o, struct switching *s, bool suspend, int *ret_error)
{
        json_t *list;
        bool all = false;
        size_t n;

        *ret_error = 0;
        if (!op_flag(o, "all", &all) || !op_texts(o, "names", &list))
                return false;
        n = json_array_size(list);
        if ((n > 0) == all) {
                op_refuse(o, EX_USAGE, NULL, "either \"names\" or \"all\" has to be there");
                return false;
        }
        s->names = calloc(n + s->n_off + 1, sizeof(*s->names));
        if (!s->names) {
                *ret_error = -ENOMEM;
                return false;
        }
        for (size_t i = 0; i < n; i++)
                name_find(s, json_string_value(json_array_get(list, i)));
        if (all && suspend)
                name_mean(s, "all");
        for (size_t i = 0; all && !suspend && i < s->n_off; i++)
                name_mean(s, s->off[i].name);
        if (s->diag.n_errors)
                *ret_error = op_refuse_findings(o, &s->diag, "nothing has changed");
        return s->diag.n_errors == 0;
}

/* ---- switching ---- */

/* Those of the names that are not as they shall be stay. */
static void names_keep(struct switching *s, bool suspend)
{
        size_t n = 0;

        for (size_t i = 0; i < s->n_names; i++)
                if (is_off(s, s->names[i]) != suspend)
                        memmove(s->names[n++], s->names[i], SWITCH_NAME_MAX);
        s->n_names = n;
}

static void summary_write(const struct switching *s, bool suspend, char *out, size_t size)
{
        size_t n = (size_t)snprintf(out, size, "%s", suspend ? "suspended" : "resumed");

        for (size_t i = 0; i < s->n_names && n < size; i++)
                n += (size_t)snprintf(out + n, size - n, "%s %s", i ? "," : "", s->names[i]);
}

/* A copy that is cut at a character. */
static void text_cut(char *out, size_t size, const char *text)
{
        size_t length = strnlen(text, size);

        if (length == size)
                for (length--; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80;)
                        length--;
        memcpy(out, text, length);
        out[length] = 0;
}

static int switching_commit(struct op *o, struct switching *s, bool suspend)
{
        CLEANUP(freep) struct ledger_switch *off = calloc(s->n_names + 1, sizeof(*off));
        CLEANUP(freep) const char **on = calloc(s->n_names + 1, sizeof(*on));
        char summary[512];
        struct change c = { .expected_head = s->p.head,
                            .who = o->who,
                            .what = suspend ? "suspend" : "resume",
                            .why = s->why,
                            .summary = summary,
                            .at_us = o->now_us };
        uint64_t row;

        if (!off || !on)
                return -ENOMEM;
        for (size_t i = 0; i < s->n_names; i++) {
                struct ledger_switch *each = &off[i];

                on[i] = s->names[i];
                strcpy(each->name, s->names[i]);
                text_cut(each->who, sizeof(each->who), o->who);
                text_cut(each->why, sizeof(each->why), s->why ? s->why : "");
                each->at_us = o->now_us;
        }
        if (suspend) {
                c.switched_off = off;
                c.n_switched_off = s->n_names;
        } else {
                c.switched_on = on;
                c.n_switched_on = s->n_names;
        }
        summary_write(s, suspend, summary, sizeof(summary));
        return s->n_names ? op_commit(o, &c, CHANGED_SWITCHES, &row) : 0;
}

static int switching_answer(struct op *o, struct switching *s, bool suspend)
{
        CLEANUP(json_freep) json_t *changed = json_array();
        json_t *off = NULL;
        int r;

        for (size_t i = 0; i < s->n_names; i++)
                if (json_array_append_new(changed, text_json(s->names[i])) != 0)
                        return -ENOMEM;
        r = op_switches(o, &off);
        if (r)
                return r;
        return op_answer(o, json_pack("{s:s, s:b, s:O, s:o}", "schema", "keyrouter.switch/1",
                                      "suspended", suspend, "changed", changed, "switched_off",
                                      off));
}

static int switch_run(struct op *o, bool suspend)
{
        CLEANUP(switching_done) struct switching s = { .off = NULL };
        int r;

        op_policy_init(&s.p);
        diag_init(&s.diag);
        if (!op_text(o, "why", false, &s.why))
                return 0;
        r = op_in_force_load(o, &s.p);
        if (r || o->reply->body)
                return r;
        if (suspend && !s.p.policy)
                return op_refuse(o, EX_UNAVAILABLE, "run keyrouter apply POLICY",
                                 "no policy has been applied yet");
        r = ledger_switches(o->host->ledger, &s.off, &s.n_off);
        if (r || !names_read(o, &s, suspend, &r))
                return r;
        names_keep(&s, suspend);
        r = switching_commit(o, &s, suspend);
        return r ? r : switching_answer(o, &s, suspend);
}

int op_suspend(struct op *o)
{
        return switch_run(o, true);
}

int op_resume(struct op *o)
{
        return switch_run(o, false);
}
