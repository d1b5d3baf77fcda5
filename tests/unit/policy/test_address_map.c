/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/policy/build.h"

#include <stdio.h>

static const struct build_key no_keys[] = { { NULL } };

static const struct {
        const char *sentence;
        struct build_group groups[4];
        const char *address;
        const char *group; /* NULL: none */
} look_ups[] = {
        { "an address of a group", { { "a", "10.0.0.0/24" } }, "10.0.0.7", "a" },
        { "the first of a range", { { "a", "10.0.0.5-10.0.0.9" } }, "10.0.0.5", "a" },
        { "the last of a range", { { "a", "10.0.0.5-10.0.0.9" } }, "10.0.0.9", "a" },
        { "one below a range", { { "a", "10.0.0.5-10.0.0.9" } }, "10.0.0.4", NULL },
        { "one above a range", { { "a", "10.0.0.5-10.0.0.9" } }, "10.0.0.10", NULL },
        { "between two ranges", { { "a", "10.0.0.1,10.0.0.3" } }, "10.0.0.2", NULL },
        { "no group at all", { { NULL } }, "10.0.0.2", NULL },
        { "a group without workstations", { { "a", NULL } }, "10.0.0.2", NULL },
        { "the longer prefix wins inside",
          { { "wide", "10.0.0.0/8" }, { "narrow", "10.1.0.0/16" } },
          "10.1.2.3",
          "narrow" },
        { "the shorter prefix keeps what is below",
          { { "wide", "10.0.0.0/8" }, { "narrow", "10.1.0.0/16" } },
          "10.0.255.255",
          "wide" },
        { "the shorter prefix goes on above",
          { { "wide", "10.0.0.0/8" }, { "narrow", "10.1.0.0/16" } },
          "10.2.0.0",
          "wide" },
        { "the order of the groups does not matter",
          { { "narrow", "10.1.0.0/16" }, { "wide", "10.0.0.0/8" } },
          "10.1.2.3",
          "narrow" },
        { "three deep: the longest wins",
          { { "a", "10.0.0.0/8" }, { "b", "10.1.0.0/16" }, { "c", "10.1.1.0/24" } },
          "10.1.1.1",
          "c" },
        { "three deep: behind the longest the second longest goes on",
          { { "a", "10.0.0.0/8" }, { "b", "10.1.0.0/16" }, { "c", "10.1.1.0/24" } },
          "10.1.2.0",
          "b" },
        { "ranges that cross: the one with fewer addresses has the common part",
          { { "a", "10.0.0.0-10.0.0.20" }, { "b", "10.0.0.10-10.0.0.100" } },
          "10.0.0.15",
          "a" },
        { "ranges that cross: the other has the rest",
          { { "a", "10.0.0.0-10.0.0.20" }, { "b", "10.0.0.10-10.0.0.100" } },
          "10.0.0.21",
          "b" },
        { "the same range twice: the first group in the policy",
          { { "a", "10.0.0.0/24" }, { "b", "10.0.0.0/24" } },
          "10.0.0.1",
          "a" },
        { "IPv6 beside IPv4",
          { { "four", "0.0.0.0/0" }, { "six", "2001:db8::/32" } },
          "2001:db8::1",
          "six" },
        { "all of IPv4 is not all of IPv6", { { "four", "0.0.0.0/0" } }, "2001:db8::1", NULL },
        { "the highest IPv4 address", { { "four", "0.0.0.0/0" } }, "255.255.255.255", "four" },
        { "the highest address of all",
          { { "all", "::/0" } },
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
          "all" },
        { "the lowest address of all", { { "all", "::/0" } }, "::", "all" },
        { "an IPv4 group inside all of IPv6",
          { { "all", "::/0" }, { "four", "10.0.0.0/8" } },
          "10.1.1.1",
          "four" },
        { "IPv6 prefixes beyond 2^64 addresses: the longer wins",
          { { "a", "2001:db8::/32" }, { "b", "2001:db8::/33" } },
          "2001:db8::1",
          "b" },
};

static void group_of_an_address(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(look_ups); i++) {
                CLEANUP(build_freep)
                struct policy *p = build_policy(no_keys, look_ups[i].groups);
                struct addr a = build_addr(look_ups[i].address);
                const struct group *g = policy_group_of(p, &a);
                const char *name = g ? g->name : "(none)";
                const char *wanted = look_ups[i].group ? look_ups[i].group : "(none)";

                if (strcmp(name, wanted) != 0)
                        fail_msg("%s: %s instead of %s", look_ups[i].sentence, name, wanted);
        }
}

static void neighbours_of_one_group_are_one_interval(void **state)
{
        static const struct build_group groups[] = {
                { "a", "10.0.0.0/25,10.0.0.128/25,10.0.1.0/24,10.0.3.0/24" }, { NULL }
        };
        CLEANUP(build_freep) struct policy *p = build_policy(no_keys, groups);
        const struct address_interval *intervals;
        struct addr last = build_addr("10.0.1.255");
        size_t n;

        intervals = address_map_intervals(p->map, &n);
        assert_int_equal(n, 2);
        assert_true(addr_equal(&intervals[0].range.last, &last));
}

static void intervals_are_sorted_and_disjoint(const struct policy *p)
{
        const struct address_interval *v;
        size_t n;

        v = address_map_intervals(p->map, &n);
        for (size_t i = 0; i < n; i++) {
                assert_true(addr_compare(&v[i].range.first, &v[i].range.last) <= 0);
                if (i)
                        assert_true(addr_compare(&v[i - 1].range.last, &v[i].range.first) < 0);
        }
}

/* The definition, word for word: of all ranges that hold it the smallest, of equals the first
 * group. */
static const struct group *group_by_scan(const struct policy *p, const struct addr *a)
{
        const struct group *best = NULL;
        uint64_t fewest = 0;

        for (size_t i = 0; i < p->n_groups; i++) {
                const struct group *g = &p->groups[i];

                for (size_t j = 0; j < g->n_workstations; j++) {
                        uint64_t count = range_count(&g->workstations[j]);

                        if (!range_contains(&g->workstations[j], a) || (best && count >= fewest))
                                continue;
                        best = g;
                        fewest = count;
                }
        }
        return best;
}

static void any_ranges_agree_with_a_scan(void **state)
{
        uint64_t seed = 20260301;

        for (unsigned round = 0; round < 2000; round++) {
                struct build_group groups[9] = { { NULL } };
                char ranges[8][64];
                unsigned n = 1 + (unsigned)build_random(&seed, 8);

                for (unsigned i = 0; i < n; i++) {
                        unsigned first = (unsigned)build_random(&seed, 64);
                        unsigned last = first + (unsigned)build_random(&seed, 64 - first);

                        snprintf(ranges[i], sizeof(ranges[i]), "10.0.0.%u-10.0.0.%u", first, last);
                        groups[i] = (struct build_group){ "g", ranges[i] };
                }
                CLEANUP(build_freep) struct policy *p = build_policy(no_keys, groups);

                intervals_are_sorted_and_disjoint(p);
                for (unsigned i = 0; i < 66; i++) {
                        struct addr a = build_addr("10.0.0.0");

                        a.bytes[15] = (uint8_t)i;
                        assert_ptr_equal(policy_group_of(p, &a), group_by_scan(p, &a));
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(group_of_an_address),
                cmocka_unit_test(neighbours_of_one_group_are_one_interval),
                cmocka_unit_test(any_ranges_agree_with_a_scan),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
