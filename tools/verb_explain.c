/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a desk has the key that it has, in a dozen lines: what it is, what serves it, and key by key
 * why no other does.
 */
#include "tools/ledger_need.h"
#include "tools/moment.h"
#include "tools/status_print.h"

#include <stdarg.h>
#include <string.h>

#define LABEL_MIN 12

static void line_print(int width, const char *label, const char *format, ...) PRINTF_LIKE(3, 4);

static void line_print(int width, const char *label, const char *format, ...)
{
        va_list args;

        printf("%-*s  ", width, label);
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        putchar('\n');
}

/* All labels are padded to the longest: "not austin-2". */
static int label_width(const json_t *providers)
{
        size_t width = LABEL_MIN;

        for (size_t i = 0; i < json_array_size(providers); i++) {
                const json_t *why_not = json_object_get(json_array_get(providers, i), "why_not");

                for (size_t j = 0; j < json_array_size(why_not); j++)
                        width = MAX(width,
                                    strlen("not ") +
                                            strlen(member_text(json_array_get(why_not, j), "key")));
        }
        return (int)width;
}

static void group_print(int width, const json_t *answer)
{
        const json_t *group = json_object_get(answer, "group");

        line_print(width, "address", "%s%s%s", bold_on(), member_text(answer, "address"),
                   bold_off());
        if (json_is_null(group))
                line_print(width, "group", "none: a workstation that the policy does not know");
        else
                line_print(width, "group", "%s (%s:%lld)", member_text(group, "name"),
                           member_text(group, "file"), member_number(group, "line"));
}

static void unusable_print(int width, const json_t *ago)
{
        const char *age = unusable_age(ago);

        if (age)
                line_print(width, "egress", UNUSABLE_FORMAT, age);
}

static void egress_print(int width, const json_t *p)
{
        const char *source = member_text(p, "source"), *seen = member_text(p, "seen");

        if (!seen[0])
                return;
        line_print(width, "seen as", "%s (egress %s%s%s)",
                   strcmp(seen, "router") == 0 ? "the router's own address" : seen,
                   member_text(p, "egress"),
                   source[0] && strcmp(source, seen) != 0 ? ", leaves from " : "",
                   strcmp(source, seen) != 0 ? source : "");
}

/* "slot 37 of 100 on austin-1, live for 5 days, added 2026-03-01, shared by 10 desks" */
static void slot_print(int width, const char *label, const json_t *s)
{
        const char *since = moment_age(member_text(s, "since"));
        const char *added = member_text(s, "added");
        char number[64] = "", desks[64] = "", suspended[512] = "";

        if (!json_is_object(s))
                return;
        if (member_number(s, "number"))
                snprintf(number, sizeof(number), "%lld of %lld on ", member_number(s, "number"),
                         member_number(s, "capacity"));
        if (member_number(s, "n_desks") > 1)
                snprintf(desks, sizeof(desks), ", shared by %lld desks",
                         member_number(s, "n_desks"));
        if (json_is_string(json_object_get(s, "cause")))
                snprintf(suspended, sizeof(suspended), "; %.400s, tried again in %s",
                         member_text(s, "cause"), age_text(member_number(s, "suspended_for_s")));
        line_print(width, label, "%s%s, %s%s%s%s%s%s%s", number, member_text(s, "key"),
                   member_text(s, "state"), since[0] ? " for " : "", since,
                   added[0] ? ", added " : "", moment_day(added), desks, suspended);
}

static const char *route_subject(const json_t *route)
{
        const char *kind = member_text(route, "kind");

        return strcmp(kind, "key") == 0       ? member_text(route, "key")
               : strcmp(kind, "backend") == 0 ? member_text(route, "backend")
                                              : "";
}

static void route_print(int width, const char *label, const json_t *route)
{
        const char *subject = route_subject(route);

        if (json_is_object(route))
                line_print(width, label, "%s%s%s: %s", member_text(route, "kind"),
                           subject[0] ? " " : "", subject, member_text(route, "reason"));
}

static void why_not_print(int width, const json_t *why_not)
{
        for (size_t i = 0; i < json_array_size(why_not); i++) {
                const json_t *each = json_array_get(why_not, i);
                char label[80];

                snprintf(label, sizeof(label), "not %.70s", member_text(each, "key"));
                line_print(width, label, "%s", member_text(each, "reason"));
        }
}

static void provider_print(int width, const json_t *p, bool is_planned)
{
        egress_print(width, p);
        slot_print(width, "slot", json_object_get(p, "slot"));
        slot_print(width, "former slot", json_object_get(p, "former"));
        route_print(width, is_planned ? "route then" : "route now", json_object_get(p, "route"));
        route_print(width, "if refused", json_object_get(p, "if_refused"));
        why_not_print(width, json_object_get(p, "why_not"));
}

static void answer_print(const json_t *answer)
{
        const json_t *providers = json_object_get(answer, "providers");
        bool is_planned = strcmp(member_text(answer, "from"), "policy") == 0;
        int width = label_width(providers);

        group_print(width, answer);
        unusable_print(width, json_object_get(answer, "unusable_s"));
        for (size_t i = 0; i < json_array_size(providers); i++) {
                const json_t *p = json_array_get(providers, i);

                if (json_array_size(providers) > 1)
                        printf("\n%-*s  %s\n", width, "provider", member_text(p, "provider"));
                provider_print(width, p, is_planned);
        }
}

int verb_explain(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *answer = NULL, *policy = NULL;
        const char *path = request_operand(r, 1);
        int status = session_open(r, &s);

        if (status == 0)
                status = path ? session_policy(s, r, path, &policy)
                              : ledger_need(
                                        s, r,
                                        "or ask about a policy: keyrouter explain ADDRESS POLICY");
        if (status == 0)
                status = session_call(s, "explain",
                                      json_pack("{s:o, s:O*}", "address",
                                                text_json(request_operand(r, 0)), "policy", policy),
                                      &answer);
        if (status)
                return status;
        if (r->json)
                return json_print(answer);
        answer_print(answer);
        return 0;
}
