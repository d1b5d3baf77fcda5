/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"
#include "policy/ranges.h"
#include "tests/unit/settings/folder.h"

#include <errno.h>

#define PROVIDERS SOURCE_ROOT "/policy/providers"
#define N_GROUPS 3

struct site {
        const char *workstations[N_GROUPS]; /* as in a list; NULL: no such group */
        const char *excepts[N_GROUPS];
};

static void site_print(const struct site *s, FILE *out)
{
        fputs("site = \"a\"; providers = \"smarty\";\n"
              "backends = ( { name = \"b\"; provider = \"smarty\"; credential = \"c\"; } );\n"
              "groups = (\n",
              out);
        for (size_t i = 0; i < N_GROUPS && s->workstations[i]; i++)
                fprintf(out,
                        "%s{ name = \"g%zu\"; backends = \"b\"; workstations = [ %s ]; except = [ "
                        "%s ]; }\n",
                        i ? "," : "", i, s->workstations[i], s->excepts[i] ? s->excepts[i] : "");
        fputs(");\n", out);
}

/* "g0: first-last first; g1: ..." */
static void shares_text(const struct policy *p, char *text, size_t size)
{
        size_t used = 0;

        text[0] = 0;
        for (size_t i = 0; i < p->n_groups; i++) {
                const struct group *g = &p->groups[i];
                char first[ADDR_TEXT_MAX], last[ADDR_TEXT_MAX];

                used += (size_t)snprintf(text + used, size - used, "%s%s:", i ? "; " : "", g->name);
                for (size_t j = 0; j < g->n_workstations; j++) {
                        const struct range *r = &g->workstations[j];

                        addr_format(&r->first, first);
                        addr_format(&r->last, last);
                        used += (size_t)snprintf(text + used, size - used, " %s%s%s", first,
                                                 addr_equal(&r->first, &r->last) ? "" : "-",
                                                 addr_equal(&r->first, &r->last) ? "" : last);
                }
        }
}

/* The shares, or the first error where there is one. */
static void site_shares(const struct site *s, char *text, size_t size)
{
        struct folder folder;
        CLEANUP(freep) char *config = NULL;
        CLEANUP(diag_done) struct diag d;
        CLEANUP(policy_unrefp) struct policy *p = NULL;
        size_t length;
        FILE *out = open_memstream(&config, &length);

        assert_non_null(out);
        site_print(s, out);
        fclose(out);
        folder_init(&folder);
        diag_init(&d);
        if (policy_load(folder_put(&folder, "p.cfg", config), PROVIDERS, &d, &p) == 0)
                shares_text(p, text, size);
        else
                for (size_t i = d.n_findings; i-- > 0;)
                        if (d.findings[i].level == DIAG_ERROR)
                                snprintf(text, size, "%s", d.findings[i].message);
        folder_done(&folder);
}

static void addresses_are_shared_out_among_groups(void **state)
{
        static const struct {
                struct site site;
                const char *shares;
                const char *sentence;
        } rows[] = {
                { { { "\"10.0.0.9\", \"10.0.0.1-10.0.0.3\", \"10.0.0.4\"" } },
                  "g0: 10.0.0.1-10.0.0.4 10.0.0.9",
                  "ranges are sorted, and neighbours joined" },
                { { { "\"10.0.0.0/24\"" },
                    { "\"10.0.0.0\", \"10.0.0.100-10.0.0.200\", \"10.0.0.255\"" } },
                  "g0: 10.0.0.1-10.0.0.99 10.0.0.201-10.0.0.254",
                  "except makes holes and trims ends" },
                { { { "\"10.0.0.0/24\"" }, { "\"10.0.0.8/30\", \"10.0.0.9\", \"10.0.0.0/29\"" } },
                  "g0: 10.0.0.12-10.0.0.255",
                  "excepts may overlap" },
                { { { "\"10.0.0.0/24\"", "\"10.0.0.16/28\"" } },
                  "g0: 10.0.0.0-10.0.0.15 10.0.0.32-10.0.0.255; g1: 10.0.0.16-10.0.0.31",
                  "the inner range wins" },
                { { { "\"10.0.0.16/28\"", "\"10.0.0.0/24\"" } },
                  "g0: 10.0.0.16-10.0.0.31; g1: 10.0.0.0-10.0.0.15 10.0.0.32-10.0.0.255",
                  "whichever comes first" },
                { { { "\"10.0.0.0/24\"", "\"10.0.0.0/28\"" } },
                  "g0: 10.0.0.16-10.0.0.255; g1: 10.0.0.0-10.0.0.15",
                  "a common end is inside" },
                { { { "\"10.0.0.0/16\"", "\"10.0.1.0/24\"", "\"10.0.1.7\"" } },
                  "g0: 10.0.0.0-10.0.0.255 10.0.2.0-10.0.255.255; g1: 10.0.1.0-10.0.1.6 "
                  "10.0.1.8-10.0.1.255; g2: 10.0.1.7",
                  "three deep" },
                { { { "\"10.0.0.0/16\", \"10.0.1.7\"", "\"10.0.1.0/24\"" } },
                  "g0: 10.0.0.0-10.0.0.255 10.0.1.7 10.0.2.0-10.0.255.255; g1: 10.0.1.0-10.0.1.6 "
                  "10.0.1.8-10.0.1.255",
                  "the outer group may have a place inside the inner one" },
                { { { "\"10.0.0.0/24\"", "\"10.0.0.16/28\"" }, { NULL, "\"10.0.0.16\"" } },
                  "g0: 10.0.0.0-10.0.0.16 10.0.0.32-10.0.0.255; g1: 10.0.0.17-10.0.0.31",
                  "what the inner group excepts stays with the outer" },
                { { { "\"10.0.0.0/25\", \"10.0.0.128/25\"", "\"10.0.0.0/24\"" },
                    { "\"10.0.0.0/26\"" } },
                  "g0: 10.0.0.64-10.0.0.255; g1: 10.0.0.0-10.0.0.63",
                  "two halves inside a whole, however they join" },
                { { { "\"10.0.0.0-10.0.0.20\"", "\"10.0.0.10-10.0.0.30\"" },
                    { "\"10.0.0.10-10.0.0.15\"", "\"10.0.0.16-10.0.0.20\"" } },
                  "g0: 10.0.0.0-10.0.0.9 10.0.0.16-10.0.0.20; g1: 10.0.0.10-10.0.0.15 "
                  "10.0.0.21-10.0.0.30",
                  "both groups except their part of what they have in common" },
                { { { "\"10.0.0.0-10.0.0.20\"", "\"10.0.0.10-10.0.0.30\"" },
                    { "\"10.0.0.10-10.0.0.15\"", "\"10.0.0.17-10.0.0.20\"" } },
                  "\"10.0.0.10-10.0.0.30\" of group \"g1\" overlaps \"10.0.0.0-10.0.0.20\" of "
                  "group \"g0\" "
                  "(p.cfg:4)",
                  "one address is left in both" },
                { { { "\"::1-fe00::\"", "\"10.0.0.1\"" } },
                  "g0: ::1-::fffe:ffff:ffff ::1:0:0:0-fe00::; g1: 10.0.0.1",
                  "all of IPv6 is none of IPv4" },
                { { { "\"0.0.0.1-223.255.255.255\"", "\"223.255.255.255\"" } },
                  "g0: 0.0.0.1-223.255.255.254; g1: 223.255.255.255",
                  "all of IPv4" },
                { { { "\"2001:db8::/64\"", "\"2001:db8::5-2001:db8::7\"" } },
                  "g0: 2001:db8::-2001:db8::4 2001:db8::8-2001:db8::ffff:ffff:ffff:ffff; g1: "
                  "2001:db8::5-2001:db8::7",
                  "IPv6" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char text[1024] = "";
                char *folder, *end;

                site_shares(&rows[i].site, text, sizeof(text));
                folder = strstr(text, "(/");
                end = folder ? strstr(folder, "p.cfg") : NULL;
                if (end)
                        memmove(folder + 1, end, strlen(end) + 1);
                if (strcmp(text, rows[i].shares) != 0)
                        fail_msg("%s: %s", rows[i].sentence, text);
        }
}

static void ranges_deeper_than_the_bound_are_refused(void **state)
{
        char list[2048], text[256] = "";
        size_t used = 0;

        for (int i = 0; i < 17; i++)
                used += (size_t)snprintf(list + used, sizeof(list) - used,
                                         "%s\"10.0.0.0-10.0.0.%d\"", i ? ", " : "", 100 - i);
        site_shares(&(struct site){ .workstations = { list } }, text, sizeof(text));
        assert_string_equal(text, "more than 16 ranges overlap at \"10.0.0.0-10.0.0.84\"");
}

static struct range range(const char *text)
{
        struct range r;

        assert_int_equal(range_parse(slice_of(text), &r), 0);
        return r;
}

static void a_private_address_is_found_wherever_it_lies(void **state)
{
        static const struct {
                const char *range;
                const char *found;
                const char *sentence;
        } rows[] = {
                { "203.0.113.0/24", NULL, "public" },
                { "10.5.0.0/24", "10.5.0.0", "within a private block" },
                { "9.255.255.0-10.0.0.3", "10.0.0.0", "runs into one" },
                { "172.31.255.255-172.32.0.9", "172.31.255.255", "runs out of one" },
                { "172.0.0.0/8", "172.16.0.0", "holds one" },
                { "100.127.255.255", "100.127.255.255", "the end of RFC 6598" },
                { "100.128.0.0/9", NULL, "behind it" },
                { "2001:db8::/32", NULL, "public IPv6" },
                { "fd00::/16", "fd00::", "RFC 4193" },
                { "8000::-ffff::", "fc00::", "holds RFC 4193" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct range r = range(rows[i].range);
                char text[ADDR_TEXT_MAX] = "";
                struct addr a;
                bool found = range_find_private(&r, &a);

                if (found)
                        addr_format(&a, text);
                if (found != (rows[i].found != NULL) || (found && strcmp(text, rows[i].found) != 0))
                        fail_msg("%s: %s", rows[i].sentence, text);
        }
}

static void what_no_host_can_have_is_found_wherever_it_lies(void **state)
{
        static const struct {
                const char *range, *found;
        } rows[] = {
                { "0.0.0.0", "the unspecified address" },
                { "0.0.0.1", NULL },
                { "::", "the unspecified address" },
                { "::1", NULL },
                { "127.0.0.0/8", NULL },
                { "223.255.255.255", NULL },
                { "224.0.0.0", "a multicast address" },
                { "223.255.255.255-224.0.0.0", "multicast addresses" },
                { "239.255.255.255", "a multicast address" },
                { "240.0.0.0", NULL },
                { "240.0.0.0-255.255.255.254", NULL },
                { "240.0.0.0/4", "the broadcast address" },
                { "255.255.255.255", "the broadcast address" },
                { "0.0.0.0/0", "the unspecified address" },
                { "::/0", "the unspecified address" },
                { "::1-feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL }, /* IPv4 lies within */
                { "ff00::", "a multicast address" },
                { "8000::/1", "multicast addresses" },
                { "2001:db8::/32", NULL },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct range r = range(rows[i].range);
                const char *found = range_find_hostless(&r);

                if ((found == NULL) != (rows[i].found == NULL) ||
                    (found && strcmp(found, rows[i].found) != 0))
                        fail_msg("%s: %s", rows[i].range, found ? found : "(nothing)");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(addresses_are_shared_out_among_groups),
                cmocka_unit_test(ranges_deeper_than_the_bound_are_refused),
                cmocka_unit_test(a_private_address_is_found_wherever_it_lies),
                cmocka_unit_test(what_no_host_can_have_is_found_wherever_it_lies),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
