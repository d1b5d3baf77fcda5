/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page to print: 66 lines of 80 columns hold a site of five keys. What does not fit a column is
 * cut; what is as it should be gives way to what is not. Composed of what `status`, `allowlist` and
 * `history` answer.
 */
#include "tools/moment.h"
#include "tools/session.h"
#include "tools/status_print.h"

#include <string.h>
#include <sysexits.h>
#include <time.h>

#define COLUMNS 80
#define GROUPS_SHOWN 10 /* of those that are wholly on keys */
#define ROWS_SHOWN 8
#define SUMMARY_WIDTH 34

struct report {
        json_t *status, *allowlist, *history;
};

static void report_done(struct report *r)
{
        json_decref(r->status);
        json_decref(r->allowlist);
        json_decref(r->history);
}

/* A number as the text of a cell: lives until the table has copied it. */
static const char *number_text(long long n)
{
        static char texts[8][24];
        static unsigned next;
        char *text = texts[next++ % 8];

        snprintf(text, sizeof(texts[0]), "%lld", n);
        return text;
}

static const char *member_cell(const json_t *object, const char *name)
{
        return number_text(member_number(object, name));
}

/* At most `width` characters; a ~ says that some are missing. */
static const char *cut_text(const char *text, size_t width)
{
        static char texts[4][320];
        static unsigned next;
        char *out = texts[next++ % 4];
        size_t length = 0, n = 0;

        for (; text[length] && length + 8 < sizeof(texts[0]); length++) {
                n += ((unsigned char)text[length] & 0xc0) != 0x80;
                if (n > width)
                        break;
        }
        memcpy(out, text, length);
        out[length] = 0;
        if (!text[length])
                return out;
        while (length > 0 && ((unsigned char)out[--length] & 0xc0) == 0x80)
                ;
        strcpy(out + length, "~");
        return out;
}

/* Of a name the end stays too: it is what tells one key from the next. */
static const char *cut_name(const char *name, size_t width)
{
        static char texts[4][80];
        static unsigned next;
        char *out = texts[next++ % 4];
        size_t length = strlen(name), end = width / 2;

        if (length <= width)
                snprintf(out, sizeof(texts[0]), "%s", name);
        else
                snprintf(out, sizeof(texts[0]), "%.*s~%s", (int)(width - end - 1), name,
                         name + length - end);
        return out;
}

static void section_print(const char *title)
{
        printf("\n%s\n", title);
}

/* ---- keys and groups ---- */

static void keys_print(const json_t *status)
{
        static const char *const heads[] = { "key",      "provider", ">used",    ">capacity",
                                             ">reserve", ">free",    ">foreign", NULL };
        const json_t *keys = json_object_get(status, "keys");
        struct table *t = table_new(heads);

        for (size_t i = 0; i < json_array_size(keys); i++) {
                const json_t *k = json_array_get(keys, i);

                table_add(t, (const char *[]){ cut_name(member_text(k, "name"), 20),
                                               cut_name(member_text(k, "provider"), 12),
                                               member_cell(k, "used"), member_cell(k, "capacity"),
                                               member_cell(k, "reserve"), member_cell(k, "free"),
                                               member_cell(k, "foreign") });
        }
        section_print("KEYS");
        table_print(t, "  ", stdout);
}

static bool group_is_on_keys(const json_t *g)
{
        return member_number(g, "on_keys") == member_number(g, "desks");
}

static void group_add(struct table *t, const json_t *g, const char *name)
{
        table_add(t, (const char *[]){ cut_name(name, 32), member_cell(g, "desks"),
                                       member_cell(g, "on_keys"), member_cell(g, "not_live"),
                                       member_cell(g, "by_backend"), member_cell(g, "refused") });
}

static void groups_print(const json_t *status)
{
        static const char *const heads[] = { "group",     ">desks",      ">on keys",
                                             ">not live", ">by backend", ">refused", NULL };
        const json_t *groups = json_object_get(status, "groups");
        struct table *t = table_new(heads);
        size_t n_good = 0;

        for (size_t i = 0; i < json_array_size(groups); i++) {
                const json_t *g = json_array_get(groups, i);

                if (group_is_on_keys(g) && ++n_good > GROUPS_SHOWN)
                        continue;
                group_add(t, g, member_text(g, "name"));
        }
        if (json_array_size(groups) > 1)
                group_add(t, json_object_get(status, "totals"), "all groups");
        section_print("GROUPS");
        table_print(t, "  ", stdout);
        if (n_good > GROUPS_SHOWN)
                printf("  %s more, all of their desks on keys\n",
                       count_text(n_good - GROUPS_SHOWN, "group", "groups"));
}

/* ---- exceptions ---- */

static size_t overflow_print(const json_t *status)
{
        const json_t *groups = json_object_get(status, "groups");
        size_t n = 0;

        for (size_t i = 0; i < json_array_size(groups); i++) {
                const json_t *g = json_array_get(groups, i);

                if (member_number(g, "by_backend") == 0)
                        continue;
                n++;
                status_line_print(COLUMNS, "by backend", "%lld of %lld desks of group %s",
                                  member_number(g, "by_backend"), member_number(g, "desks"),
                                  cut_name(member_text(g, "name"), 30));
        }
        return n;
}

static void exceptions_print(const json_t *status)
{
        size_t n;

        section_print("EXCEPTIONS");
        n = status_matters(status, COLUMNS);
        n += overflow_print(status);
        if (member_number(status, "pins"))
                status_line_print(COLUMNS, "host names",
                                  "%s pinned: keyrouter resolve says which have changed",
                                  count_text((size_t)member_number(status, "pins"), "name is",
                                             "names are"));
        if (n == 0)
                puts("  none");
}

/* ---- the vendor's lists ---- */

/* The age of the oldest: "-" where there is none. */
static const char *oldest_text(const json_t *hosts)
{
        long long oldest = 0;

        for (size_t i = 0; i < json_array_size(hosts); i++)
                oldest = MAX(oldest, member_number(json_array_get(hosts, i), "age_s"));
        return json_array_size(hosts) ? age_text(oldest) : "-";
}

static void open_print(const json_t *allowlist)
{
        static const char *const heads[] = { "key",        ">listed", ">to add", ">oldest",
                                             ">to remove", ">oldest", NULL };
        const json_t *keys = json_object_get(allowlist, "keys");
        struct table *t = table_new(heads);
        size_t n = 0;

        for (size_t i = 0; i < json_array_size(keys); i++) {
                const json_t *k = json_array_get(keys, i);
                const json_t *add = json_object_get(k, "add"),
                             *remove = json_object_get(k, "remove");

                if (json_array_size(add) + json_array_size(remove) == 0)
                        continue;
                n++;
                table_add(t, (const char *[]){
                                     cut_name(member_text(k, "name"), 20), member_cell(k, "listed"),
                                     number_text((long long)json_array_size(add)), oldest_text(add),
                                     number_text((long long)json_array_size(remove)),
                                     oldest_text(remove) });
        }
        section_print("TO DO AT THE VENDOR");
        table_print(t, "  ", stdout);
        if (n == 0)
                puts("  nothing");
}

static void history_print(const json_t *history)
{
        static const char *const heads[] = { ">row", "day", "who", "what", "summary", NULL };
        const json_t *rows = json_object_get(history, "rows");
        struct table *t = table_new(heads);

        for (size_t i = 0; i < MIN(json_array_size(rows), ROWS_SHOWN); i++) {
                const json_t *row = json_array_get(rows, i);

                table_add(t, (const char *[]){
                                     member_cell(row, "id"), moment_day(member_text(row, "at")),
                                     cut_text(member_text(row, "who"), 10),
                                     cut_text(member_text(row, "what"), 10),
                                     cut_text(member_text(row, "summary"), SUMMARY_WIDTH) });
        }
        section_print("LAST CHANGES");
        table_print(t, "  ", stdout);
        if (json_array_size(rows) == 0)
                puts("  none");
}

/* ---- the page ---- */

static void head_print(const json_t *status)
{
        char now[32];
        time_t s = time(NULL);
        struct tm t;

        strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&s, &t));
        printf("KEYROUTER REPORT  %s  %s\n", cut_name(member_text(status, "site"), 38), now);
        status_force_print(status);
        putchar('\n');
        if (json_is_integer(json_object_get(status, "revision")))
                printf("applied %s, from %s\n", member_text(status, "applied"),
                       cut_text(member_text(status, "policy_path"), 45));
}

static void report_print(const struct report *r)
{
        head_print(r->status);
        if (json_is_integer(json_object_get(r->status, "revision"))) {
                keys_print(r->status);
                groups_print(r->status);
                exceptions_print(r->status);
        }
        open_print(r->allowlist);
        history_print(r->history);
}

static int report_fetch(struct session *s, struct report *r)
{
        int status = session_call(s, "status", json_object(), &r->status);

        if (status == 0)
                status = session_call(s, "allowlist", json_object(), &r->allowlist);
        if (status == 0)
                status = session_call(s, "history", json_pack("{s:i}", "limit", ROWS_SHOWN),
                                      &r->history);
        return status;
}

static int report_json(const struct report *r)
{
        CLEANUP(json_freep)
        json_t *document =
                json_pack("{s:s, s:O, s:O, s:O}", "schema", "keyrouter.report/1", "status",
                          r->status, "allowlist", r->allowlist, "history", r->history);

        return json_print(document);
}

int verb_report(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(report_done) struct report report = { NULL };
        int status = session_open(r, &s);

        if (status == 0)
                status = report_fetch(s, &report);
        if (status)
                return status;
        if (r->json)
                return report_json(&report);
        report_print(&report);
        return 0;
}
