/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A matter is what is not as it should stay. Desks that are served by a backend because the keys
 * are full are none: that is what a backend is for.
 */
#include "tools/status_print.h"

#include "tools/moment.h"
#include "tools/output.h"

#include "lib/base/cleanup.h"

#include <stdarg.h>
#include <string.h>

#define LABEL_WIDTH 13
#define UNUSABLE_S 900 /* after that it is no matter any more */

struct matters {
        size_t n;
        int columns;
};

/* Bytes of the text that stand on a line of that many characters: to a blank where there is one. */
static size_t fold_length(const char *text, size_t width)
{
        size_t length = 0, blank = 0, n = 0;

        for (; text[length]; length++) {
                n += ((unsigned char)text[length] & 0xc0) != 0x80;
                if (n > width)
                        return blank ? blank : length;
                if (text[length] == ' ')
                        blank = length;
        }
        return length;
}

static void line_fold(int columns, const char *label, const char *text)
{
        const char *indent = columns ? "  " : "";
        size_t width = columns ? (size_t)columns - LABEL_WIDTH - 4 : SIZE_MAX, length;

        do {
                length = fold_length(text, width);
                printf("%s%-*s  %.*s\n", indent, LABEL_WIDTH, label, (int)length, text);
                label = "";
                text += length;
                text += *text == ' ';
        } while (*text);
}

static void line_vprint(int columns, const char *label, const char *format, va_list args)
{
        CLEANUP(freep) char *text = NULL;

        if (columns != STATUS_QUIET && vasprintf(&text, format, args) >= 0)
                line_fold(columns, label, text);
}

void status_line_print(int columns, const char *label, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        line_vprint(columns, label, format, args);
        va_end(args);
}

static void matter(struct matters *m, const char *label, const char *format, ...) PRINTF_LIKE(3, 4);

static void matter(struct matters *m, const char *label, const char *format, ...)
{
        va_list args;

        m->n++;
        va_start(args, format);
        line_vprint(m->columns, label, format, args);
        va_end(args);
}

static const json_t *list_at(const json_t *status, const char *list, size_t i)
{
        return json_array_get(json_object_get(status, list), i);
}

/* ---- matters ---- */

static const char *error_of(const json_t *failed)
{
        const char *error = member_text(failed, "error");

        return error[0] ? error : "see the log of keyrouterd";
}

static void pending_tell(struct matters *m, const json_t *pending)
{
        long long previous = member_number(pending, "previous");
        const json_t *failed = json_object_get(pending, "take_back_failed");

        if (!json_is_object(pending))
                return;
        if (json_is_object(failed))
                matter(m, "unconfirmed",
                       "row %lld cannot go back to %s%.0lld: %s; tried %s ago, and again unless "
                       "you run: keyrouter confirm",
                       member_number(pending, "revision"), previous ? "row " : "no policy",
                       previous, error_of(failed), age_text(member_number(failed, "ago_s")));
        else
                matter(m, "unconfirmed",
                       "row %lld goes back to %s%.0lld in %s unless you run: keyrouter confirm",
                       member_number(pending, "revision"), previous ? "row " : "no policy",
                       previous, age_text(member_number(pending, "left_s")));
}

/* It serves on what it served before; with a start that would be over. */
static void reload_tell(struct matters *m, const json_t *failed)
{
        if (json_is_object(failed))
                matter(m, "reload",
                       "failed %s ago: %s; mend that before keyrouterd has to start again, then "
                       "reload it",
                       age_text(member_number(failed, "ago_s")), error_of(failed));
}

static void file_tell(struct matters *m, const json_t *status)
{
        const char *state = member_text(status, "policy_state");
        const char *path = member_text(status, "policy_path");

        if (strcmp(state, "differs") == 0)
                matter(m, "policy file", "%s differs from what is in force: see keyrouter plan",
                       path);
        else if (strcmp(state, "invalid") == 0)
                matter(m, "policy file",
                       "%s has a mistake, see keyrouter check; what was applied stays in force",
                       path);
        else if (strcmp(state, "unreadable") == 0)
                matter(m, "policy file", "%s cannot be read; what was applied stays in force",
                       path[0] ? path : "its place is not known, so it");
}

static void open_tell(struct matters *m, const json_t *open)
{
        long long n_add = member_number(open, "add"), n_remove = member_number(open, "remove");

        if (n_add + n_remove == 0)
                return;
        matter(m, "at the vendor",
               "%lld to add, %lld to remove, open for up to %s: see keyrouter "
               "allowlist",
               n_add, n_remove, age_text(member_number(open, "oldest_s")));
}

/* "key:austin-1" as "key austin-1". */
static void off_tell(struct matters *m, const json_t *off)
{
        const char *name = member_text(off, "name"), *colon = strchr(name, ':');
        const char *why = member_text(off, "why");
        char what[96] = "everything";

        if (colon)
                snprintf(what, sizeof(what), "%.*s %s", (int)(colon - name), name, colon + 1);
        matter(m, "switched off", "%s by %s, %s ago%s%s", what, member_text(off, "who"),
               moment_age(member_text(off, "at")), why[0] ? ": " : "", why);
}

static void key_tell(struct matters *m, const json_t *key)
{
        const json_t *health = json_object_get(key, "health");
        const char *cause = member_text(health, "cause");
        size_t n = (size_t)member_number(key, "suspended");
        long long n_over = member_number(key, "used") + member_number(key, "foreign") -
                           member_number(key, "capacity");

        if (strcmp(member_text(health, "state"), "suspended") == 0)
                matter(m, "key suspended", "%s: %s; tried again in %s", member_text(key, "name"),
                       cause[0] ? cause : "refused", age_text(member_number(health, "for_s")));
        if (n_over > 0)
                matter(m, "too many",
                       "key %s: %lld slots and %lld foreign hosts, where %lld may stand: see "
                       "keyrouter plan",
                       member_text(key, "name"), member_number(key, "used"),
                       member_number(key, "foreign"), member_number(key, "capacity"));
        if (n)
                matter(m, "suspended", "%s of key %s, refused by the vendor: are they on its list?",
                       count_text(n, "address", "addresses"), member_text(key, "name"));
}

static void group_tell(struct matters *m, const json_t *group)
{
        long long n = member_number(group, "refused");

        if (n)
                matter(m, "refused", "%lld of %lld desks of group %s have neither key nor backend",
                       n, member_number(group, "desks"), member_text(group, "name"));
}

const char *unusable_age(const json_t *ago)
{
        bool counts = json_is_integer(ago) && json_integer_value(ago) < UNUSABLE_S;

        return counts ? age_text(json_integer_value(ago)) : NULL;
}

static void egress_tell(struct matters *m, const json_t *traffic)
{
        const char *age = unusable_age(json_object_get(traffic, "unusable_s"));

        if (age)
                matter(m, "egress", UNUSABLE_FORMAT, age);
}

size_t status_matters(const json_t *status, int columns)
{
        struct matters m = { .columns = columns };

        if (!json_is_integer(json_object_get(status, "revision")))
                return 0;
        pending_tell(&m, json_object_get(status, "pending"));
        reload_tell(&m, json_object_get(status, "reload_failed"));
        for (size_t i = 0; list_at(status, "switched_off", i); i++)
                off_tell(&m, list_at(status, "switched_off", i));
        for (size_t i = 0; list_at(status, "keys", i); i++)
                key_tell(&m, list_at(status, "keys", i));
        for (size_t i = 0; list_at(status, "groups", i); i++)
                group_tell(&m, list_at(status, "groups", i));
        egress_tell(&m, json_object_get(status, "traffic"));
        open_tell(&m, json_object_get(status, "open"));
        file_tell(&m, status);
        return m.n;
}

/* ---- the first line ---- */

const char *status_verdict(const json_t *status)
{
        size_t n = status_matters(status, STATUS_QUIET);

        return n ? count_text(n, "matter to see to", "matters to see to") : "all is well";
}

void status_force_print(const json_t *status)
{
        const json_t *totals = json_object_get(status, "totals");
        const char *by = member_text(status, "applied_by");

        if (!json_is_integer(json_object_get(status, "revision"))) {
                fputs("no policy is in force: run keyrouter apply POLICY", stdout);
                return;
        }
        printf("policy of row %lld in force for %s%s%s%s; %lld of %lld desks on keys",
               member_number(status, "revision"), moment_age(member_text(status, "applied")),
               by[0] ? " (" : "", by, by[0] ? ")" : "", member_number(totals, "on_keys"),
               member_number(totals, "desks"));
        if (member_number(totals, "not_live"))
                printf(" (%lld not live)", member_number(totals, "not_live"));
}
