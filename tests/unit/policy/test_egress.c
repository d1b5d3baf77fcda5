/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/policy/build.h"

#include <errno.h>
#include <stdio.h>

#define NOT_TOLD "::"

static const struct build_key no_keys[] = { { NULL } };
static const struct addr not_told;

static const struct {
        const char *sentence;
        const char *egress, *public;
        const char *workstation, *router;
        const char *source, *seen;
} egresses[] = {
        { "transparent: the workstation's own address", NULL, NULL, "10.0.0.7", "192.0.2.1",
          "10.0.0.7", "10.0.0.7" },
        { "direct: the same", "direct", NULL, "10.0.0.7", "192.0.2.1", "10.0.0.7", "10.0.0.7" },
        { "router: the system chooses, the vendor sees the router", "router", NULL, "10.0.0.7",
          "192.0.2.1", "::", "192.0.2.1" },
        { "router, address not told: nobody knows what the vendor sees", "router", NULL, "10.0.0.7",
          NOT_TOLD, "::", "::" },
        { "router, address not told: there is nothing to translate", "router", "::/0>2001:db8::1",
          "10.0.0.7", NOT_TOLD, "::", "::" },
        { "router behind a NAT of its own", "router", "192.168.0.1>203.0.113.9", "10.0.0.7",
          "192.168.0.1", "::", "203.0.113.9" },
        { "a list of one: that one", "192.0.2.10", NULL, "10.0.0.7", "192.0.2.1", "192.0.2.10",
          "192.0.2.10" },
        { "a list: the NAT stands behind it", "192.168.0.1", "192.168.0.0/24>203.0.113.0/24",
          "10.0.0.7", "192.0.2.1", "192.168.0.1", "203.0.113.1" },
        { "a list: no NAT of the workstation", "192.0.2.10", "10.0.0.0/8>203.0.113.7", "10.0.0.7",
          "192.0.2.1", "192.0.2.10", "192.0.2.10" },
        { "one to one keeps the host part", NULL, "10.0.0.0/23>198.51.100.0/23", "10.0.1.77",
          NOT_TOLD, "10.0.1.77", "198.51.101.77" },
        { "one to one with a length inside a byte", NULL, "10.0.0.64/26>203.0.113.128/26",
          "10.0.0.127", NOT_TOLD, "10.0.0.127", "203.0.113.191" },
        { "many to one drops it", NULL, "10.0.0.0/16>203.0.113.7", "10.0.1.77", NOT_TOLD,
          "10.0.1.77", "203.0.113.7" },
        { "an address outside of every translation stays", NULL, "10.0.0.0/24>203.0.113.0/24",
          "10.0.1.77", NOT_TOLD, "10.0.1.77", "10.0.1.77" },
        { "the longest match wins, written last", NULL,
          "10.0.0.0/16>203.0.113.7,10.0.1.0/24>198.51.100.0/24", "10.0.1.77", NOT_TOLD, "10.0.1.77",
          "198.51.100.77" },
        { "the longest match wins, written first", NULL,
          "10.0.1.0/24>198.51.100.0/24,10.0.0.0/16>203.0.113.7", "10.0.1.77", NOT_TOLD, "10.0.1.77",
          "198.51.100.77" },
        { "IPv6 one to one", NULL, "fd00:0:0:1::/64>2001:db8:0:9::/64", "fd00:0:0:1::abcd",
          NOT_TOLD, "fd00:0:0:1::abcd", "2001:db8:0:9::abcd" },
        { "IPv6 many to one IPv4", NULL, "fd00::/8>203.0.113.7", "fd00::1", NOT_TOLD, "fd00::1",
          "203.0.113.7" },
};

static void address_is_as_expected(const char *sentence, const char *what, const struct addr *a,
                                   const char *expected)
{
        struct addr wanted = build_addr(expected);
        char text[ADDR_TEXT_MAX];

        if (!addr_equal(a, &wanted))
                fail_msg("%s: %s is %s instead of %s", sentence, what, addr_format(a, text),
                         expected);
}

static void egress_of_a_workstation(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(egresses); i++) {
                struct build_group groups[] = { { .name = "g",
                                                  .workstations = egresses[i].workstation,
                                                  .egress = egresses[i].egress,
                                                  .public = egresses[i].public },
                                                { NULL } };
                CLEANUP(build_freep) struct policy *p = build_policy(no_keys, groups);
                struct addr workstation = build_addr(egresses[i].workstation);
                struct addr router = build_addr(egresses[i].router), source, seen;

                egress_of(&p->groups[0], &workstation, &router, &source, &seen);
                address_is_as_expected(egresses[i].sentence, "source", &source, egresses[i].source);
                address_is_as_expected(egresses[i].sentence, "seen", &seen, egresses[i].seen);
        }
}

static struct addr chosen(struct policy *p, unsigned workstation)
{
        struct addr a = build_addr("10.0.0.0"), source, seen;

        a.bytes[14] = (uint8_t)(workstation >> 8);
        a.bytes[15] = (uint8_t)workstation;
        egress_of(&p->groups[0], &a, &not_told, &source, &seen);
        return source;
}

static void one_more_listed_address_moves_only_those_it_wins(void **state)
{
        struct build_group four[] = {
                { .name = "g", .egress = "192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4" }, { NULL }
        };
        struct build_group five[] = {
                { .name = "g", .egress = "192.0.2.4,192.0.2.9,192.0.2.2,192.0.2.1,192.0.2.3" },
                { NULL }
        };
        CLEANUP(build_freep) struct policy *before = build_policy(no_keys, four);
        CLEANUP(build_freep) struct policy *after = build_policy(no_keys, five);
        struct addr new_one = build_addr("192.0.2.9");
        unsigned n_moved = 0;

        for (unsigned i = 0; i < 10000; i++) {
                struct addr a = chosen(before, i), b = chosen(after, i);

                if (addr_equal(&a, &b))
                        continue;
                assert_true(addr_equal(&b, &new_one));
                n_moved++;
        }
        assert_in_range(n_moved, 1800, 2200); /* a fifth, give or take */
}

static void listed_addresses_get_equal_parts(void **state)
{
        struct build_group groups[] = {
                { .name = "g", .egress = "192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4" }, { NULL }
        };
        CLEANUP(build_freep) struct policy *p = build_policy(no_keys, groups);
        unsigned counts[5] = { 0 };

        for (unsigned i = 0; i < 10000; i++)
                counts[chosen(p, i).bytes[15]]++;
        for (unsigned i = 1; i < 5; i++)
                assert_in_range(counts[i], 2300, 2700);
}

static struct egress_census *census_of(struct policy *p)
{
        struct egress_census *c = NULL;
        struct diag d;

        diag_init(&d);
        assert_int_equal(egress_census_new(p, &not_told, &d, &c), 0);
        assert_int_equal(d.n_errors, 0);
        diag_done(&d);
        return c;
}

static void census_counts_each_desk_once_and_each_address_once(void **state)
{
        static const struct build_group groups[] = {
                { .name = "nat",
                  .workstations = "10.0.0.0/24",
                  .public = "10.0.0.0/24>203.0.113.7" },
                { .name = "own", .workstations = "10.0.1.0-10.0.1.9" },
                { .name = "late",
                  .workstations = "10.0.2.0-10.0.2.4",
                  .public = "10.0.2.0/24>203.0.113.7" },
                { NULL },
        };
        CLEANUP(build_freep) struct policy *p = build_policy(no_keys, groups);
        CLEANUP(egress_census_freep) struct egress_census *c = census_of(p);
        const struct egress *shared = &c->egresses[c->n_egresses - 1];

        assert_int_equal(c->n_desks, 256 + 10 + 5);
        assert_int_equal(c->n_egresses, 11);
        assert_int_equal(shared->n_shares, 2);
        assert_string_equal(shared->shares[0].group->name, "nat");
        assert_int_equal(shared->shares[0].n_desks, 256);
        assert_int_equal(shared->shares[1].n_desks, 5);
        for (size_t i = 1; i < c->n_egresses; i++)
                assert_true(addr_compare(&c->egresses[i - 1].seen, &c->egresses[i].seen) < 0);
}

static void census_counts_a_desk_in_the_group_it_belongs_to(void **state)
{
        static const struct build_group groups[] = {
                { .name = "wide", .workstations = "10.0.0.0/24", .egress = "192.0.2.1" },
                { .name = "narrow", .workstations = "10.0.0.16/28", .egress = "192.0.2.2" },
                { NULL },
        };
        CLEANUP(build_freep) struct policy *p = build_policy(no_keys, groups);
        CLEANUP(egress_census_freep) struct egress_census *c = census_of(p);

        assert_int_equal(c->n_egresses, 2);
        assert_int_equal(c->egresses[0].shares[0].n_desks, 240);
        assert_int_equal(c->egresses[1].shares[0].n_desks, 16);
}

static void same_groups_are_one_cohort(void **state)
{
        static const struct build_group groups[] = {
                { .name = "a", .workstations = "10.0.0.0/28" },
                { .name = "b", .workstations = "10.0.1.0/28", .public = "10.0.1.0/28>10.0.0.0/28" },
                { .name = "c", .workstations = "10.0.2.0/28" },
                { .name = "d", .workstations = "10.0.3.0/29", .public = "10.0.3.0/29>10.0.0.0/29" },
                { NULL },
        };
        CLEANUP(build_freep) struct policy *p = build_policy(no_keys, groups);
        CLEANUP(egress_census_freep) struct egress_census *c = census_of(p);

        assert_int_equal(c->n_cohorts, 3); /* a with b, a with b and d, c */
        for (size_t i = 0; i < c->n_egresses; i++) {
                const struct egress *e = &c->egresses[i], *example = c->cohorts[e->cohort];

                assert_int_equal(e->n_shares, example->n_shares);
                for (unsigned j = 0; j < e->n_shares; j++)
                        assert_ptr_equal(e->shares[j].group, example->shares[j].group);
        }
}

static const struct {
        const char *sentence;
        struct build_group groups[3];
        unsigned line;
        const char *message;
} refusals[] = {
        { "an IPv6 /64 is more desks than there are",
          { { .name = "small", .workstations = "10.0.0.1" },
            { .name = "lab", .workstations = "2001:db8::/64", .egress = "router" } },
          11,
          "group \"lab\" alone has more than 4000000 workstations, which is the most that can be "
          "planned" },
        { "all of IPv6",
          { { .name = "all", .workstations = "::/0" } },
          10,
          "group \"all\" alone has more than 4000000 workstations, which is the most that can be "
          "planned" },
        { "one desk too many, over all groups",
          { { .name = "a", .workstations = "10.0.0.0-10.30.132.127" },   /* 2,000,000 */
            { .name = "b", .workstations = "11.0.0.0-11.30.132.128" } }, /* 2,000,001 */
          11,
          "the groups have 4000001 workstations together, most of them group \"b\"; at most "
          "4000000 "
          "can be planned" },
};

static void work_without_bound_is_refused(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(refusals); i++) {
                CLEANUP(build_freep)
                struct policy *p = build_policy(no_keys, refusals[i].groups);
                struct egress_census *c = NULL;
                struct diag d;

                diag_init(&d);
                if (egress_census_new(p, &not_told, &d, &c) != -EINVAL)
                        fail_msg("%s: not refused", refusals[i].sentence);
                assert_null(c);
                assert_int_equal(d.n_errors, 1);
                assert_int_equal(d.findings[0].line, refusals[i].line);
                assert_string_equal(d.findings[0].message, refusals[i].message);
                diag_done(&d);
        }
}

static void refused(struct policy *p, const char *message)
{
        struct egress_census *c = NULL;
        struct diag d;

        diag_init(&d);
        assert_int_equal(egress_census_new(p, &not_told, &d, &c), -EINVAL);
        assert_null(c);
        assert_int_equal(d.n_errors, 1);
        assert_string_equal(d.findings[0].message, message);
        diag_done(&d);
}

static void too_many_translations_for_so_many_desks_are_refused(void **state)
{
        char public[63 * sizeof("10.0.0.62/32>203.0.113.7,")];
        struct build_group groups[] = {
                { .name = "a", .workstations = "10.0.0.0/12", .public = public }, { NULL }
        };
        size_t length = 0;

        for (unsigned i = 0; i < 63; i++)
                length += (size_t)sprintf(public + length, "%s10.0.0.%u/32>203.0.113.7",
                                          i ? "," : "", i);
        CLEANUP(build_freep) struct policy *p = build_policy(no_keys, groups);

        refused(p, "group \"a\" has 1048576 workstations and 63 egress addresses and translations, "
                   "too many to plan");
}

#define N_SETS_BITS 14U

/* Address i is shared by the groups whose bits are set in i: each address by another set. */
static void too_many_sets_of_groups_are_refused(void **state)
{
        char names[N_SETS_BITS][4], translations[N_SETS_BITS][32];
        struct build_group groups[N_SETS_BITS + 1] = { { NULL } };

        for (unsigned g = 0; g < N_SETS_BITS; g++) {
                snprintf(names[g], sizeof(names[g]), "g%u", g);
                snprintf(translations[g], sizeof(translations[g]), "10.%u.0.0/16>198.18.0.0/16", g);
                groups[g] = (struct build_group){ .name = names[g], .public = translations[g] };
        }
        CLEANUP(build_freep) struct policy *p = build_policy(no_keys, groups);

        for (unsigned g = 0; g < N_SETS_BITS; g++) {
                struct group *group = &p->groups[g];

                free(group->workstations);
                group->workstations = calloc(1U << (N_SETS_BITS - 1), sizeof(struct range));
                for (unsigned i = 0; i < 1U << N_SETS_BITS; i++) {
                        struct addr a = build_addr("10.0.0.0");

                        a.bytes[13] = (uint8_t)g;
                        a.bytes[14] = (uint8_t)(i >> 8);
                        a.bytes[15] = (uint8_t)i;
                        if (i & 1U << g)
                                group->workstations[group->n_workstations++] =
                                        (struct range){ a, a };
                }
        }
        address_map_free(TAKE(p->map));
        assert_int_equal(address_map_new(p, &p->map), 0);
        refused(p, "more than 10000 different sets of groups share egress addresses");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(egress_of_a_workstation),
                cmocka_unit_test(one_more_listed_address_moves_only_those_it_wins),
                cmocka_unit_test(listed_addresses_get_equal_parts),
                cmocka_unit_test(census_counts_each_desk_once_and_each_address_once),
                cmocka_unit_test(census_counts_a_desk_in_the_group_it_belongs_to),
                cmocka_unit_test(same_groups_are_one_cohort),
                cmocka_unit_test(work_without_bound_is_refused),
                cmocka_unit_test(too_many_translations_for_so_many_desks_are_refused),
                cmocka_unit_test(too_many_sets_of_groups_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
