/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any two files: a policy and, behind a line "----", the definition of its provider "acme". Loading
 * ends in findings or in a policy that keeps its promises: no error without a finding, no address
 * in two groups, each address in the group that lists it. What loads is planned: no key over its
 * capacity, no place on it given twice, and the same plan when asked again, and again on what the
 * first leaves on the keys.
 *
 * Findings are printed in plain ASCII, each caret below its line, and never show the digits of a
 * text that stands where the name of a credential should.
 *
 * The files lie in a folder of the harness, in memory where the system has such; inputs that name
 * further files are left out, so that the same input does the same everywhere.
 */
#include "lib/settings/scan.h"
#include "policy/plan.h"
#include "policy/settle.h"

#include <errno.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEPARATOR "\n----\n"

static const char acme[] = "name = \"acme\";\n"
                           "apis = ( { name = \"a\"; host = \"api.acme.example\"; paths = \"/a\";\n"
                           "  embedded = \"GET\"; secret = [ \"GET\", \"POST\" ]; } );\n"
                           "embedded = { query = { key = \"$key\"; }; };\n"
                           "secret = { bearer = \"$token\"; };\nstrip_query = \"key\";\n";

static struct {
        char folder[64], policy[80], provider[80];
} paths;

static void paths_remove(void)
{
        unlink(paths.policy);
        unlink(paths.provider);
        rmdir(paths.folder);
}

static void paths_make(void)
{
        if (paths.folder[0])
                return;
        strcpy(paths.folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/keyrouter-fuzz-XXXXXX"
                                                           : "/tmp/keyrouter-fuzz-XXXXXX");
        if (!mkdtemp(paths.folder))
                abort();
        snprintf(paths.policy, sizeof(paths.policy), "%s/policy.cfg", paths.folder);
        snprintf(paths.provider, sizeof(paths.provider), "%s/acme.cfg", paths.folder);
        atexit(paths_remove);
}

static void file_put(const char *path, struct slice bytes)
{
        FILE *file = fopen(path, "w");

        if (!file || fwrite(bytes.data, 1, bytes.length, file) != bytes.length || fclose(file) != 0)
                abort();
}

static void group_check(const struct policy *p, const struct group *g)
{
        assert(g->n_workstations > 0 || p->n_host_names > 0); /* names have no address here */
        for (size_t i = 0; i < g->n_workstations; i++) {
                const struct range *r = &g->workstations[i];

                assert(addr_compare(&r->first, &r->last) <= 0);
                assert(i == 0 || addr_compare(&g->workstations[i - 1].last, &r->first) < 0);
                assert(policy_group_of(p, &r->first) == g);
                assert(policy_group_of(p, &r->last) == g);
        }
        for (size_t i = 0; i < g->n_keys; i++)
                assert(g->keys[i]->provider && (i == 0 || g->keys[i - 1] < g->keys[i]));
        for (size_t i = 0; i < g->n_backends; i++)
                assert(policy_backend(p, g, g->backends[i]->provider) == g->backends[i]);
}

static void policy_check(const struct policy *p)
{
        assert(p->site && p->n_providers > 0);
        for (size_t i = 0; i < p->n_keys; i++)
                assert(p->keys[i].capacity >= 1 && p->keys[i].reserve <= p->keys[i].capacity);
        for (size_t i = 0; i < p->n_groups; i++)
                group_check(p, &p->groups[i]);
}

static void key_check(const struct plan *plan, const struct key_use *use)
{
        bool taken[1024] = { false };
        unsigned n = 0;

        for (size_t i = 0; i < plan->n_slots; i++) {
                const struct slot *s = &plan->slots[i];

                if (s->key != use->key)
                        continue;
                n++;
                assert(s->number >= 1 && s->number <= (unsigned)use->key->capacity);
                if (s->number < N_ELEMENTS(taken)) {
                        assert(!taken[s->number]);
                        taken[s->number] = true;
                }
        }
        assert(n == use->n_slots);
        assert(n + (unsigned)use->key->reserve <= (unsigned)use->key->capacity);
}

static void slots_check(const struct plan *plan)
{
        for (size_t i = 0; i < plan->n_slots; i++) {
                const struct slot *s = &plan->slots[i], *before = i ? s - 1 : NULL;

                assert(s->index == i && plan_find(plan, s->provider, &s->seen) == s);
                assert(s->key ? s->key->provider == s->provider : s->number == 0 && s->reason);
                if (before && before->provider == s->provider)
                        assert(addr_compare(&before->seen, &s->seen) < 0);
        }
        for (size_t i = 0; i < plan->n_keys; i++)
                key_check(plan, &plan->keys[i]);
        assert(plan->n_desks == plan->n_desks_embedded + plan->n_desks_overflow);
}

static struct plan *policy_plan(struct policy *p, const struct entry_set *entries)
{
        struct plan *plan = NULL;
        struct diag d;
        int r;

        diag_init(&d);
        r = plan_make(p, entries, NULL, &d, &plan);
        assert((r == 0) == (d.n_errors == 0) && (r == 0) == (plan != NULL));
        diag_done(&d);
        return plan;
}

static void plans_compare(const struct plan *a, const struct plan *b)
{
        assert(b && a->n_slots == b->n_slots && b->n_moves == 0);
        for (size_t i = 0; i < a->n_slots; i++)
                assert(a->slots[i].key == b->slots[i].key &&
                       a->slots[i].number == b->slots[i].number);
}

static struct entry_set *plan_settle(const struct plan *plan)
{
        CLEANUP(move_list_freep) struct move_list *moves = NULL;
        struct entry_set *entries = NULL;

        if (entries_settle(plan, NULL, 1, &moves) != 0 ||
            entries_after(NULL, moves->moves, moves->n, 1, &entries) != 0)
                abort();
        return entries;
}

static void plans_check(struct policy *p)
{
        CLEANUP(plan_freep) struct plan *plan = policy_plan(p, NULL), *again = NULL, *then = NULL;
        CLEANUP(entry_set_freep) struct entry_set *entries = NULL;

        if (!plan)
                return;
        slots_check(plan);
        again = policy_plan(p, NULL);
        plans_compare(plan, again);
        entries = plan_settle(plan);
        then = policy_plan(p, entries);
        plans_compare(plan, then);
}

/* ---- findings ---- */

#define DIGITS_MIN 12

/* Runs of digits that the input holds once must not be shown. */
static void text_check(struct slice text, struct slice input, struct slice shown)
{
        for (size_t i = 0, n = 0; i <= text.length; i++) {
                const char *run = text.data + i - n, *first;

                if (i < text.length && text.data[i] >= '0' && text.data[i] <= '9') {
                        n++;
                        continue;
                }
                first = n >= DIGITS_MIN ? memmem(input.data, input.length, run, n) : NULL;
                if (first == run &&
                    !memmem(run + 1, (size_t)(input.data + input.length - run) - 1, run, n))
                        assert(!memmem(shown.data, shown.length, run, n));
                n = 0;
        }
}

static void credentials_check(struct slice input, struct slice shown)
{
        struct scanner s = { input, 1 };
        struct token t, before[2] = { { TOKEN_OTHER }, { TOKEN_OTHER } };

        while (token_next(&s, &t) == 0) {
                if (t.kind == TOKEN_TEXT && before[0].kind == TOKEN_NAME &&
                    slice_is(before[0].text, "credential") && before[1].kind == TOKEN_OTHER &&
                    strchr("=:", before[1].text.data[0]))
                        text_check(t.text, input, shown);
                before[0] = before[1];
                before[1] = t;
        }
}

static void findings_check(const struct diag *d, struct slice policy, struct slice provider)
{
        CLEANUP(freep) char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);

        for (size_t i = 0; i < d->n_findings; i++) {
                const struct diag_finding *f = &d->findings[i];

                assert(f->message[0]);
                assert(!f->column || (f->line && f->width && f->source));
                if (f->source)
                        assert(f->caret_length >= 1 && f->caret <= strlen(f->source));
        }
        diag_print(d, out);
        fclose(out);
        for (size_t i = 0; i < length; i++)
                assert((text[i] >= 0x20 && text[i] < 0x7f) || text[i] == '\n');
        credentials_check(policy, (struct slice){ text, length });
        credentials_check(provider, (struct slice){ text, length });
}

static void files_load(struct slice policy, struct slice provider)
{
        struct policy *p = NULL;
        struct diag d;
        int r;

        diag_init(&d);
        r = policy_load(paths.policy, paths.folder, &d, &p);
        assert((r == 0) == (d.n_errors == 0));
        assert((r == 0) == (p != NULL));
        findings_check(&d, policy, provider);
        if (p) {
                policy_check(p);
                plans_check(p);
                policy_unref(p);
        }
        diag_done(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct slice policy = { (const char *)data, size }, provider = SLICE_LITERAL(acme);
        const char *cut = memmem(data, size, SEPARATOR, sizeof(SEPARATOR) - 1);

        if (memmem(data, size, "include", 7) || memmem(data, size, ".cfg", 4))
                return 0;
        if (cut) {
                policy.length = (size_t)(cut - (const char *)data);
                provider = slice_from((struct slice){ (const char *)data, size },
                                      policy.length + sizeof(SEPARATOR) - 1);
        }
        paths_make();
        file_put(paths.policy, policy);
        file_put(paths.provider, provider);
        files_load(policy, provider);
        return 0;
}
