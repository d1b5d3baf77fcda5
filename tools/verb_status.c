/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first look: whether all is well, then the keys, then what is to be seen to.
 */
#include "tools/moment.h"
#include "tools/session.h"
#include "tools/status_print.h"

#include <string.h>

/* "90 live, 8 wanted, 2 leaving": what stands on the key. */
static void state_text(const json_t *key, char *out, size_t size)
{
        static const char *const states[] = { "live",      "propagating", "wanted",
                                              "suspended", "leaving",     "foreign" };
        const char *by = member_text(key, "suspended_by");
        size_t n = 0;

        out[0] = 0;
        for (size_t i = 0; i < sizeof(states) / sizeof(states[0]) && n < size; i++) {
                long long count = member_number(key, states[i]);

                if (count)
                        n += (size_t)snprintf(out + n, size - n, "%s%lld %s", n ? ", " : "", count,
                                              states[i]);
        }
        if (by[0] && n < size)
                snprintf(out + n, size - n, "%sswitched off", n ? "; " : "");
}

static void keys_print(const json_t *status)
{
        static const char *const heads[] = { "key",   "provider", ">used", ">capacity",
                                             ">free", ">desks",   "state", NULL };
        const json_t *keys = json_object_get(status, "keys");
        struct table *t;

        if (json_array_size(keys) == 0)
                return;
        t = table_new(heads);
        for (size_t i = 0; i < json_array_size(keys); i++) {
                const json_t *k = json_array_get(keys, i);
                char used[24], capacity[24], n_free[24], desks[24], state[256];

                snprintf(used, sizeof(used), "%lld", member_number(k, "used"));
                snprintf(capacity, sizeof(capacity), "%lld", member_number(k, "capacity"));
                snprintf(n_free, sizeof(n_free), "%lld", member_number(k, "free"));
                snprintf(desks, sizeof(desks), "%lld", member_number(k, "desks"));
                state_text(k, state, sizeof(state));
                table_add(t, (const char *[]){ member_text(k, "name"), member_text(k, "provider"),
                                               used, capacity, n_free, desks, state });
        }
        putchar('\n');
        table_print(t, "", stdout);
}

static void daemon_print(const json_t *status)
{
        const json_t *traffic = json_object_get(status, "traffic");

        if (!json_is_true(json_object_get(status, "daemon")))
                status_line_print(0, "keyrouterd", "not asked; this is what %s says",
                                  member_text(json_object_get(status, "ledger"), "path"));
        else
                status_line_print(0, "keyrouterd",
                                  "%s, up for %s; %s, %lld by key, %lld by backend, "
                                  "%lld refused, %lld failed",
                                  member_text(status, "version"),
                                  moment_age(member_text(status, "started")),
                                  count_text((size_t)member_number(traffic, "requests"), "request",
                                             "requests"),
                                  member_number(traffic, "by_key"),
                                  member_number(traffic, "by_backend"),
                                  member_number(traffic, "refused"),
                                  member_number(traffic, "failed"));
}

static void status_print(const json_t *status)
{
        const json_t *totals = json_object_get(status, "totals");

        fputs(bold_on(), stdout);
        if (json_is_integer(json_object_get(status, "revision")))
                printf("%s: %s: ", member_text(status, "site"), status_verdict(status));
        status_force_print(status);
        printf("%s\n", bold_off());
        keys_print(status);
        putchar('\n');
        status_matters(status, 0);
        if (json_is_integer(json_object_get(status, "revision")))
                status_line_print(0, "desks", "%lld on keys, %lld by backend, %lld refused",
                                  member_number(totals, "on_keys"),
                                  member_number(totals, "by_backend"),
                                  member_number(totals, "refused"));
        daemon_print(status);
}

int verb_status(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *status = NULL;
        int r_status = session_open(r, &s);

        if (r_status == 0)
                r_status = session_call(s, "status", json_object(), &status);
        if (r_status)
                return r_status;
        if (r->json)
                return json_print(status);
        status_print(status);
        return 0;
}
