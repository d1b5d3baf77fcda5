/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ledger_need.h"

#include <string.h>
#include <sysexits.h>

/* ---- what is asked ---- */

static int usage(const struct request *r, const char *option, const char *wanted, const char *text)
{
        fprintf(stderr, "keyrouter %s: --%s wants %s, not \"%s\"\n", r->verb->name, option, wanted,
                text);
        return EX_USAGE;
}

/* "80@sales" */
static json_t *desks_read(const char *text)
{
        char *end;
        long long n = strtoll(text, &end, 10);

        if (end == text || *end != '@' || !end[1] || n < 1 || n > 100000)
                return NULL;
        return json_pack("{s:I, s:o}", "count", (json_int_t)n, "group", text_json(end + 1));
}

static json_t *slice_json(struct slice s)
{
        return json_stringn(s.data, s.length);
}

/* Cuts `text` at the last of a character: what stands behind it. NULL: it does not occur. */
static const char *cut(struct slice *text, char at)
{
        const char *found = memchr(text->data, at, text->length);

        if (!found)
                return NULL;
        text->length = (size_t)(found - text->data);
        return found + 1;
}

static bool capacity_read(json_t *key, const char *text, const char *text_end)
{
        char *end;
        long long n = strtoll(text, &end, 10);

        if (end == text || end != text_end || n < 1)
                return false;
        json_object_set_new(key, "capacity", json_integer(n));
        return true;
}

static bool groups_read(json_t *key, const char *text)
{
        struct slice rest = slice_of(text), part;
        json_t *groups = json_array();

        json_object_set_new(key, "groups", groups);
        while (slice_split(&rest, ',', &part)) {
                if (part.length == 0)
                        return false;
                json_array_append_new(groups, slice_json(part));
        }
        return true;
}

/* "smarty/austin-6:50@sales,support": all but the name may be left out. */
static json_t *key_read(const char *text)
{
        CLEANUP(json_freep) json_t *key = json_object();
        struct slice name = slice_of(text);
        const char *groups = cut(&name, '@'), *end = name.data + name.length;
        const char *capacity = cut(&name, ':');
        struct slice provider = name;
        const char *rest = cut(&provider, '/');

        if (rest) {
                json_object_set_new(key, "provider", slice_json(provider));
                name = (struct slice){ rest, name.length - provider.length - 1 };
        }
        if (name.length == 0 || (rest && provider.length == 0))
                return NULL;
        json_object_set_new(key, "name", slice_json(name));
        if ((capacity && !capacity_read(key, capacity, end)) ||
            (groups && !groups_read(key, groups)))
                return NULL;
        return TAKE(key);
}

/* The values of an option as a list in the request. False: said what is wrong. */
static bool option_read(const struct request *r, json_t *request, const char *option,
                        const char *member, json_t *(*read)(const char *text), const char *wanted)
{
        json_t *list = json_array();
        const char *value;
        size_t i = 0;

        json_object_set_new(request, member, list);
        while ((value = request_option_next(r, option, &i))) {
                json_t *item = read(value);

                if (!item) {
                        usage(r, option, wanted, value);
                        return false;
                }
                json_array_append_new(list, item);
        }
        return true;
}

static int request_fill(const struct request *r, json_t *request)
{
        bool good = option_read(r, request, "add", "add", desks_read,
                                "up to 100000 desks and a group, as 80@sales") &&
                    option_read(r, request, "add-key", "add_keys", key_read,
                                "a key, as austin-6, austin-6:50 or austin-6@sales,support") &&
                    option_read(r, request, "remove-key", "remove_keys", text_json, "a key");

        return good ? 0 : EX_USAGE;
}

/* ---- the answer ---- */

static void number_row(struct table *t, const char *label, const json_t *answer, const char *member)
{
        char before[24], after[24];

        snprintf(before, sizeof(before), "%lld",
                 member_number(json_object_get(answer, "before"), member));
        snprintf(after, sizeof(after), "%lld",
                 member_number(json_object_get(answer, "after"), member));
        table_add(t, (const char *[]){ label, before, after });
}

static void share_text(char out[static 24], const json_t *totals)
{
        snprintf(out, 24, "%.1f %%",
                 json_number_value(json_object_get(totals, "backend_share")) * 100);
}

static void totals_print(const json_t *answer)
{
        static const char *const heads[] = { "", ">before", ">after", NULL };
        struct table *t = table_new(heads);
        char before[24], after[24];

        number_row(t, "desks", answer, "desks");
        number_row(t, "public addresses", answer, "egress_addresses");
        number_row(t, "desks on keys", answer, "embedded");
        number_row(t, "desks by backend", answer, "backend");
        number_row(t, "desks refused", answer, "refused");
        share_text(before, json_object_get(answer, "before"));
        share_text(after, json_object_get(answer, "after"));
        table_add(t, (const char *[]){ "share of the backend", before, after });
        number_row(t, "keys in use", answer, "keys_used");
        table_print(t, "", stdout);
        putchar('\n');
}

static void keys_print(const json_t *answer)
{
        static const char *const heads[] = {
                "key", "provider", ">before", ">after", ">room", NULL
        };
        const json_t *keys = json_object_get(answer, "keys");
        struct table *t = table_new(heads);

        for (size_t i = 0; i < json_array_size(keys); i++) {
                const json_t *k = json_array_get(keys, i);
                const char *change = member_text(k, "change");
                char name[96], before[24], after[24], room[24];

                snprintf(name, sizeof(name), "%.64s%s%s%s", member_text(k, "name"),
                         change[0] ? " (" : "", change, change[0] ? ")" : "");
                snprintf(before, sizeof(before), "%lld", member_number(k, "used_before"));
                snprintf(after, sizeof(after), "%lld", member_number(k, "used"));
                snprintf(room, sizeof(room), "%lld", member_number(k, "room"));
                table_add(t, (const char *[]){ name, member_text(k, "provider"), before, after,
                                               room });
        }
        table_print(t, "", stdout);
        putchar('\n');
}

static const char *side_text(const json_t *move, const char *side)
{
        const char *key = member_text(move, side);

        return key[0] ? key : "none";
}

/* {"FROM TO": count}, in the order of the first of each. */
static json_t *moves_count(const json_t *moved)
{
        json_t *counts = json_object();

        for (size_t i = 0; i < json_array_size(moved); i++) {
                const json_t *m = json_array_get(moved, i);
                char pair[160];

                snprintf(pair, sizeof(pair), "%.70s %.70s", side_text(m, "from"),
                         side_text(m, "to"));
                json_object_set_new(counts, pair, json_integer(member_number(counts, pair) + 1));
        }
        return counts;
}

static void moves_print(const json_t *answer)
{
        static const char *const heads[] = { "from", "to", ">addresses", NULL };
        const json_t *moved = json_object_get(answer, "moved");
        CLEANUP(json_freep) json_t *counts = moves_count(moved);
        size_t n = json_array_size(moved);
        struct table *t;
        const char *pair;
        json_t *count;

        if (n == 0) {
                puts("No address changes its key");
                return;
        }
        printf("%s%s; --json says which%s\n", bold_on(),
               count_text(n, "address changes its key", "addresses change their key"), bold_off());
        t = table_new(heads);
        json_object_foreach(counts, pair, count)
        {
                const char *blank = strchr(pair, ' ');
                char from[80], text[24];

                snprintf(from, sizeof(from), "%.*s", (int)(blank - pair), pair);
                snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(count));
                table_add(t, (const char *[]){ from, blank + 1, text });
        }
        table_print(t, "  ", stdout);
}

static void overflow_print(const json_t *answer)
{
        const json_t *overflow = json_object_get(answer, "overflow");

        for (size_t i = 0; i < json_array_size(overflow); i++) {
                const json_t *o = json_array_get(overflow, i);
                const char *backend = member_text(o, "backend");

                printf("%s of group %s (%s) %s%s: %s\n",
                       count_text((size_t)member_number(o, "desks"), "desk", "desks"),
                       member_text(o, "group"), member_text(o, "provider"),
                       backend[0] ? "by backend " : "refused", backend, member_text(o, "reason"));
        }
}

static void needed_print(const json_t *answer)
{
        json_t *needed = json_object_get(answer, "keys_needed"), *n;
        const char *provider;

        json_object_foreach(needed, provider, n)
        {
                if (json_integer_value(n) == 0)
                        printf("No further key of %s is needed\n", provider);
                else
                        printf("%s of %s would serve every desk that may have one\n",
                               count_text((size_t)json_integer_value(n), "more key", "more keys"),
                               provider);
        }
}

static void answer_print(const json_t *answer)
{
        totals_print(answer);
        keys_print(answer);
        moves_print(answer);
        overflow_print(answer);
        needed_print(answer);
}

int verb_whatif(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *answer = NULL, *policy = NULL, *request = json_object();
        const char *path = request_operand(r, 0);
        int status = request_fill(r, request);

        if (status == 0)
                status = session_open(r, &s);
        if (status == 0)
                status = path ? session_policy(s, r, path, &policy)
                              : ledger_need(s, r, "or ask about a policy: keyrouter whatif POLICY");
        if (policy)
                json_object_set(request, "policy", policy);
        if (status == 0)
                status = session_call(s, "whatif", TAKE(request), &answer);
        if (status)
                return status;
        if (r->json)
                return json_print(answer);
        answer_print(answer);
        return 0;
}
