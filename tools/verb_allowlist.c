/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be done at the vendor, to be pasted there: bare hosts stand on lines of their own, and
 * what is said about them on the lines above.
 */
#include "tools/host_file.h"
#include "tools/session.h"

#include <string.h>
#include <sysexits.h>

enum format { FORMAT_TEXT, FORMAT_CSV, FORMAT_JSON };

/* ---- text ---- */

static void head_print(const json_t *k, bool is_any_in_force)
{
        size_t n_add = json_array_size(json_object_get(k, "add"));
        size_t n_remove = json_array_size(json_object_get(k, "remove"));
        size_t n_propagating = json_array_size(json_object_get(k, "propagating"));
        size_t n_foreign = json_array_size(json_object_get(k, "foreign"));
        size_t n_listed = (size_t)member_number(k, "listed");

        printf("%skey %s (%s): ", bold_on(), member_text(k, "name"), member_text(k, "provider"));
        if (json_is_true(json_object_get(k, "in_policy")))
                printf("%zu of %lld hosts listed", n_listed, member_number(k, "capacity"));
        else
                printf("%s, %s listed",
                       is_any_in_force ? "not in the policy in force" : "not in a policy yet",
                       count_text(n_listed, "host", "hosts"));
        if (n_foreign)
                printf(", %zu foreign", n_foreign);
        if (n_propagating)
                printf(", %zu propagating", n_propagating);
        if (json_array_size(json_object_get(k, "suspended")))
                printf(", %zu suspended", json_array_size(json_object_get(k, "suspended")));
        if (n_add || n_remove)
                printf("; %zu to add, %zu to remove%s\n", n_add, n_remove, bold_off());
        else
                printf("; nothing to do%s\n", bold_off());
}

static bool host_is_told(const char *host)
{
        return strcmp(host, "router") != 0;
}

static int since_compare(const void *left, const void *right)
{
        const json_t *const *a = left, *const *b = right;
        int r = strcmp(member_text(*a, "since"), member_text(*b, "since"));

        return r ? r : (a > b) - (a < b);
}

/* By age, the oldest first, under a line that tells it. */
static void hosts_print(const json_t *hosts, const char *what)
{
        size_t n = json_array_size(hosts);
        CLEANUP(freep) const json_t **sorted = calloc(n + 1, sizeof(*sorted));
        const char *since = "";

        for (size_t i = 0; sorted && i < n; i++)
                sorted[i] = json_array_get(hosts, i);
        if (sorted)
                qsort(sorted, n, sizeof(*sorted), since_compare);
        for (size_t i = 0; sorted && i < n; i++) {
                const char *host = member_text(sorted[i], "host");

                if (strcmp(since, member_text(sorted[i], "since")) != 0) {
                        since = member_text(sorted[i], "since");
                        printf("%s, open for %s:\n", what,
                               age_text(member_number(sorted[i], "age_s")));
                }
                puts(host_is_told(host) ? host
                                        : "(the router's own address: say it in keyrouterd.cfg "
                                          "(address), or apply with --router-address)");
        }
}

static void key_print(const json_t *k, bool is_any_in_force)
{
        const json_t *add = json_object_get(k, "add"), *remove = json_object_get(k, "remove");
        bool is_in_policy = json_is_true(json_object_get(k, "in_policy"));

        head_print(k, is_any_in_force);
        if (member_number(k, "over"))
                printf("%lld of those to be added have no room there: keyrouter apply makes room, "
                       "keyrouter plan says how\n",
                       member_number(k, "over"));
        if (json_is_true(json_object_get(k, "remove_first"))) {
                puts("the key is full: remove before you add");
                hosts_print(remove, "remove");
                hosts_print(add, "add");
        } else {
                hosts_print(add, "add");
                hosts_print(remove,
                            is_in_policy ? "remove" : "revoke the key at the vendor, or remove");
        }
        putchar('\n');
}

static void text_print(const json_t *answer, bool is_one_key)
{
        const json_t *keys = json_object_get(answer, "keys");
        bool is_any_in_force = json_is_integer(json_object_get(answer, "revision"));
        size_t n_add = 0, n_remove = 0, n_left = 0;

        for (size_t i = 0; i < json_array_size(keys); i++) {
                const json_t *k = json_array_get(keys, i);
                bool is_in_policy = json_is_true(json_object_get(k, "in_policy"));

                key_print(k, is_any_in_force);
                n_add += json_array_size(json_object_get(k, "add"));
                *(is_in_policy ? &n_remove : &n_left) +=
                        json_array_size(json_object_get(k, "remove"));
        }
        if (n_add || n_remove)
                printf("%zu to add, %zu to remove. What is done, say with: keyrouter allowlist "
                       "confirm KEY --added all --removed all\n",
                       n_add, n_remove);
        else
                printf("Nothing is to be done at the vendor%s\n",
                       n_left       ? " on keys of the policy"
                       : is_one_key ? " on this key"
                                    : "");
        if (n_left)
                puts("When a key that left the policy is revoked, or its hosts are removed: "
                     "keyrouter "
                     "allowlist confirm KEY --removed all");
}

/* ---- bare addresses, CSV ---- */

static void bare_print(const struct request *r, const json_t *answer, const char *only)
{
        const json_t *keys = json_object_get(answer, "keys");

        for (size_t i = 0; i < json_array_size(keys); i++) {
                const json_t *hosts = json_object_get(json_array_get(keys, i), only);

                for (size_t j = 0; j < json_array_size(hosts); j++) {
                        const char *host = member_text(json_array_get(hosts, j), "host");

                        if (host_is_told(host))
                                puts(host);
                        else
                                fprintf(stderr, "keyrouter %s: " HOST_UNTOLD "\n",
                                        r->verb->name);
                }
        }
}

static void csv_hosts_print(const json_t *k, const char *action)
{
        const json_t *hosts = json_object_get(k, action);

        for (size_t i = 0; i < json_array_size(hosts); i++) {
                const json_t *h = json_array_get(hosts, i);

                printf("%s,%s,%s,%s,%lld\n", member_text(k, "name"), action, member_text(h, "host"),
                       member_text(h, "since"), member_number(h, "age_s"));
        }
}

/* Names and hosts hold neither commas nor quotes. */
static void csv_print(const json_t *answer, const char *only)
{
        const json_t *keys = json_object_get(answer, "keys");

        puts("key,action,host,since,age_s");
        for (size_t i = 0; i < json_array_size(keys); i++) {
                const json_t *k = json_array_get(keys, i);
                bool remove_first = json_is_true(json_object_get(k, "remove_first"));

                for (int j = 0; j < 2; j++) {
                        const char *action = (j == 0) == remove_first ? "remove" : "add";

                        if (!only || strcmp(only, action) == 0)
                                csv_hosts_print(k, action);
                }
        }
}

/* ---- the verb ---- */

/* False: said what is wrong with the options. */
static bool options_read(const struct request *r, enum format *ret_format, const char **ret_only)
{
        static const char *const formats[] = { "text", "csv", "json" };
        const char *format = request_option(r, "format"), *only = request_option(r, "only");
        size_t i = 0;

        *ret_only = only;
        *ret_format = r->json ? FORMAT_JSON : FORMAT_TEXT;
        while (format && i < N_ELEMENTS(formats) && strcmp(format, formats[i]) != 0)
                i++;
        if (format)
                *ret_format = (enum format)i;
        if (i == N_ELEMENTS(formats))
                fputs("keyrouter allowlist: --format wants text, csv or json\n", stderr);
        else if (format && r->json && *ret_format != FORMAT_JSON)
                fputs("keyrouter allowlist: --json and --format say different things\n", stderr);
        else if (only && strcmp(only, "add") != 0 && strcmp(only, "remove") != 0)
                fputs("keyrouter allowlist: --only wants add or remove\n", stderr);
        else if (only && *ret_format == FORMAT_JSON)
                fputs("keyrouter allowlist: --only goes with text and csv\n", stderr);
        else if (only && *ret_format == FORMAT_TEXT && !request_operand(r, 0))
                fputs("keyrouter allowlist: --only wants a KEY\n", stderr);
        else
                return true;
        return false;
}

/* Bare hosts go into a pipe; that others have to go first is said beside it. */
static void only_print(const struct request *r, const json_t *answer, const char *only)
{
        const json_t *key = json_array_get(json_object_get(answer, "keys"), 0);

        if (strcmp(only, "add") == 0 && json_is_true(json_object_get(key, "remove_first")))
                fprintf(stderr, "keyrouter allowlist: key %s is full: remove %s first\n",
                        member_text(key, "name"),
                        count_text(json_array_size(json_object_get(key, "remove")), "host", "hosts"));
        if (strcmp(only, "add") == 0 && member_number(key, "over"))
                fprintf(stderr,
                        "keyrouter allowlist: key %s: %lld of these have no room there: keyrouter "
                        "apply makes room, keyrouter plan says how\n",
                        member_text(key, "name"), member_number(key, "over"));
        bare_print(r, answer, only);
}

int verb_allowlist(const struct request *r)
{
        CLEANUP(session_closep) struct session *s = NULL;
        CLEANUP(json_freep) json_t *answer = NULL;
        const char *key = request_operand(r, 0), *only;
        enum format format;
        int status;

        if (!options_read(r, &format, &only))
                return EX_USAGE;
        status = session_open(r, &s);
        if (status == 0)
                status = session_call(s, "allowlist", json_pack("{s:o}", "key", text_json(key)),
                                      &answer);
        if (status)
                return status;
        if (format == FORMAT_JSON)
                return json_print(answer);
        if (format == FORMAT_CSV)
                csv_print(answer, only);
        else if (only)
                only_print(r, answer, only);
        else
                text_print(answer, key != NULL);
        return 0;
}
