/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/addr.h"
#include "tests/unit/base/row.h"

#include <netinet/in.h>
#include <sys/socket.h>

static struct addr addr_of(const char *text)
{
        struct addr a = { { 0 } };

        if (addr_parse(slice_of(text), &a) != 0)
                fail_msg("\"%s\" is not an address", text);
        return a;
}

static struct range range_of(const char *text)
{
        struct range r = { { { 0 } }, { { 0 } } };

        if (range_parse(slice_of(text), &r) != 0)
                fail_msg("\"%s\" is not a range", text);
        return r;
}

static void an_address_has_one_canonical_text(void **state)
{
        static const struct {
                const char *text, *canonical; /* NULL: not an address */
                const char *sentence;
        } rows[] = {
                { "10.1.2.3", "10.1.2.3", "IPv4" },
                { "255.255.255.255", "255.255.255.255", "its highest" },
                { "::ffff:10.1.2.3", "10.1.2.3", "an IPv4-mapped address is that workstation" },
                { "::FFFF:0a01:0203", "10.1.2.3", "however it is spelled" },
                { "2001:DB8:0:0:0:0:0:1", "2001:db8::1", "IPv6, shortened" },
                { "::", "::", "nothing but zeros" },
                { "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8", "nothing to shorten" },
                { "10.1.2", NULL, "a part is missing" },
                { "10.1.2.3.4", NULL, "one too many" },
                { "10.1.2.256", NULL, "a part too large" },
                { "10.1.2.03", NULL, "a leading zero, which some read as octal" },
                { "0x0a.1.2.3", NULL, "hexadecimal" },
                { "10.1.2.3 ", NULL, "a blank behind it" },
                { "2001:db8::1::2", NULL, "two gaps" },
                { "[::1]", NULL, "brackets belong to a port" },
                { "fe80::1%eth0", NULL, "a zone" },
                { "localhost", NULL, "a name" },
                { "", NULL, "nothing" },
                { "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb", NULL,
                  "longer than any address" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct addr a = { { 1, 2, 3 } }, before = a;
                char text[ADDR_TEXT_MAX];
                int r = addr_parse(slice_of(rows[i].text), &a);

                ROW_CHECK(r == (rows[i].canonical ? 0 : ADDR_E_SYNTAX), i, rows[i].sentence);
                if (rows[i].canonical)
                        ROW_CHECK(strcmp(addr_format(&a, text), rows[i].canonical) == 0, i,
                                  rows[i].sentence);
                else
                        ROW_CHECK(addr_equal(&a, &before), i, "untouched by a mistake");
        }
}

static void a_nul_does_not_end_an_address(void **state)
{
        struct addr a;

        assert_int_equal(addr_parse(SLICE_LITERAL("10.1.2.3\0"), &a), ADDR_E_SYNTAX);
        assert_int_equal(addr_parse(SLICE_LITERAL("10.1.2.3\0x"), &a), ADDR_E_SYNTAX);
}

static void a_range_is_an_address_a_prefix_or_two_addresses(void **state)
{
        static const struct {
                const char *text;
                int answer;
                const char *first, *last;
                uint64_t count;
                const char *sentence;
        } rows[] = {
                { "10.1.2.3", 0, "10.1.2.3", "10.1.2.3", 1, "one address" },
                { "10.1.2.0/24", 0, "10.1.2.0", "10.1.2.255", 256, "a prefix" },
                { "10.1.2.3/32", 0, "10.1.2.3", "10.1.2.3", 1, "the longest" },
                { "0.0.0.0/0", 0, "0.0.0.0", "255.255.255.255", 4294967296,
                  "the shortest stays within IPv4" },
                { "10.1.2.4/30", 0, "10.1.2.4", "10.1.2.7", 4, "one that ends within a byte" },
                { "2001:db8::/32", 0, "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                  UINT64_MAX, "more addresses than can be counted" },
                { "2001:db8::/65", 0, "2001:db8::", "2001:db8::7fff:ffff:ffff:ffff",
                  (uint64_t)1 << 63, "just about countable" },
                { "2001:db8::/64", 0, "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", UINT64_MAX,
                  "one too many to count" },
                { "::-1::", 0, "::", "1::", UINT64_MAX, "far too many, with zeros at the end" },
                { "10.1.2.10-10.1.2.59", 0, "10.1.2.10", "10.1.2.59", 50, "first and last" },
                { "10.1.2.250 - 10.1.3.5", 0, "10.1.2.250", "10.1.3.5", 12,
                  "over a byte, with blanks" },
                { "10.1.2.3-10.1.2.3", 0, "10.1.2.3", "10.1.2.3", 1, "the same twice" },
                { "::1-::2", 0, "::1", "::2", 2, "IPv6" },
                { "10.0.0.1/8", ADDR_E_HOST_BITS, NULL, NULL, 0, "bits behind the prefix" },
                { "2001:db8::1/64", ADDR_E_HOST_BITS, NULL, NULL, 0, "in IPv6 too" },
                { "10.1.2.9-10.1.2.8", ADDR_E_BACKWARDS, NULL, NULL, 0, "last before first" },
                { "10.1.2.9-::1", ADDR_E_FAMILIES, NULL, NULL, 0, "from one family to the other" },
                { "10.1.2.0/33", ADDR_E_SYNTAX, NULL, NULL, 0, "a length over 32" },
                { "::/129", ADDR_E_SYNTAX, NULL, NULL, 0, "a length over 128" },
                { "10.1.2.0/", ADDR_E_SYNTAX, NULL, NULL, 0, "no length" },
                { "10.1.2.0/024", ADDR_E_SYNTAX, NULL, NULL, 0, "a leading zero" },
                { "10.1.2.0/+8", ADDR_E_SYNTAX, NULL, NULL, 0, "a sign" },
                { "10.1.2.0/24/8", ADDR_E_SYNTAX, NULL, NULL, 0, "two lengths" },
                { "10.1.2.10-59", 0, "10.1.2.10", "10.1.2.59", 50, "the last part alone" },
                { "10.1.2.0 - 255", 0, "10.1.2.0", "10.1.2.255", 256, "with blanks" },
                { "10.1.2.10-9", ADDR_E_BACKWARDS, NULL, NULL, 0, "a last part below the first" },
                { "10.1.2.10-256", ADDR_E_SYNTAX, NULL, NULL, 0, "a last part over 255" },
                { "10.1.2.10-059", ADDR_E_SYNTAX, NULL, NULL, 0, "a last part with a zero" },
                { "10.1.2.10-3.5", ADDR_E_SYNTAX, NULL, NULL, 0, "two parts" },
                { "2001:db8::10-59", ADDR_E_SYNTAX, NULL, NULL, 0, "IPv6 has no last part" },
                { "::ffff:10.1.2.10-59", ADDR_E_SYNTAX, NULL, NULL, 0, "however it is written" },
                { "10.1.2.0-", ADDR_E_SYNTAX, NULL, NULL, 0, "no last" },
                { "10.1.2.0/24-10.1.3.0", ADDR_E_SYNTAX, NULL, NULL, 0, "a prefix as the first" },
                { "", ADDR_E_SYNTAX, NULL, NULL, 0, "nothing" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct range r;
                char text[ADDR_TEXT_MAX];

                ROW_CHECK(range_parse(slice_of(rows[i].text), &r) == rows[i].answer, i,
                          rows[i].sentence);
                if (rows[i].answer)
                        continue;
                ROW_CHECK(strcmp(addr_format(&r.first, text), rows[i].first) == 0, i,
                          rows[i].sentence);
                ROW_CHECK(strcmp(addr_format(&r.last, text), rows[i].last) == 0, i,
                          rows[i].sentence);
                ROW_CHECK(range_count(&r) == rows[i].count, i, rows[i].sentence);
        }
}

static void each_answer_has_its_sentence(void **state)
{
        const int answers[] = { ADDR_E_SYNTAX, ADDR_E_HOST_BITS, ADDR_E_BACKWARDS,
                                ADDR_E_FAMILIES };

        for (size_t i = 0; i < N_ELEMENTS(answers); i++)
                for (size_t k = 0; k < i; k++)
                        assert_string_not_equal(addr_explain(answers[i]), addr_explain(answers[k]));
}

static void a_port_stands_behind_the_last_colon(void **state)
{
        static const struct {
                const char *text, *address; /* NULL: not one */
                unsigned port;
                const char *sentence;
        } rows[] = {
                { "127.0.0.1:8402", "127.0.0.1", 8402, "IPv4" },
                { "127.0.0.1:0", "127.0.0.1", 0, "port 0: any" },
                { "[::1]:65535", "::1", 65535, "IPv6 in brackets, the highest port" },
                { "127.0.0.1:65536", NULL, 0, "a port too high" },
                { "127.0.0.1:", NULL, 0, "no port" },
                { "127.0.0.1", NULL, 0, "no colon" },
                { "127.0.0.1:08", NULL, 0, "a leading zero" },
                { "127.0.0.1:-1", NULL, 0, "a sign" },
                { ":80", NULL, 0, "no address" },
                { "::1:80", NULL, 0, "IPv6 without brackets says two things" },
                { "[127.0.0.1]:80", NULL, 0, "IPv4 in brackets" },
                { "[::1:80", NULL, 0, "half a pair" },
                { "localhost:80", NULL, 0, "a name" },
                { "", NULL, 0, "nothing" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct addr a;
                uint16_t port = 1;
                char text[ADDR_TEXT_MAX];
                int r = addr_port_parse(slice_of(rows[i].text), &a, &port);

                ROW_CHECK(r == (rows[i].address ? 0 : ADDR_E_SYNTAX), i, rows[i].sentence);
                if (!rows[i].address)
                        continue;
                ROW_CHECK(strcmp(addr_format(&a, text), rows[i].address) == 0, i, rows[i].sentence);
                ROW_CHECK(port == rows[i].port, i, rows[i].sentence);
        }
}

static void a_socket_address_and_back_is_the_same(void **state)
{
        static const char *const rows[] = { "10.1.2.3", "2001:db8::7", "0.0.0.0", "::1" };
        struct sockaddr other = { .sa_family = AF_UNIX };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct addr a = addr_of(rows[i]), back;
                struct sockaddr_storage ss;
                uint16_t port = 0;
                unsigned length = addr_to_sockaddr(&a, 8402, &ss);

                ROW_CHECK(length == (addr_is_v4(&a) ? sizeof(struct sockaddr_in)
                                                    : sizeof(struct sockaddr_in6)),
                          i, rows[i]);
                ROW_CHECK(addr_from_sockaddr((struct sockaddr *)&ss, &back, &port), i, rows[i]);
                ROW_CHECK(addr_equal(&a, &back) && port == 8402, i, rows[i]);
        }
        assert_false(addr_from_sockaddr(&other, &(struct addr){ { 0 } }, &(uint16_t){ 0 }));
}

static void what_kind_of_address_it_is(void **state)
{
        static const struct {
                const char *text;
                bool v4, loopback, private, unspecified;
        } rows[] = {
                { "127.0.0.1", true, true, false, false },
                { "127.255.255.254", true, true, false, false },
                { "128.0.0.1", true, false, false, false },
                { "::1", false, true, false, false },
                { "::2", false, false, false, false },
                { "10.0.0.0", true, false, true, false },
                { "11.0.0.0", true, false, false, false },
                { "172.15.255.255", true, false, false, false },
                { "172.16.0.0", true, false, true, false },
                { "172.31.255.255", true, false, true, false },
                { "172.32.0.0", true, false, false, false },
                { "192.168.1.1", true, false, true, false },
                { "192.169.0.0", true, false, false, false },
                { "100.64.0.0", true, false, true, false },
                { "100.127.255.255", true, false, true, false },
                { "100.128.0.0", true, false, false, false },
                { "169.254.1.1", true, false, true, false },
                { "fc00::1", false, false, true, false },
                { "fdff::1", false, false, true, false },
                { "fe80::1", false, false, true, false },
                { "febf::1", false, false, true, false },
                { "fec0::1", false, false, false, false },
                { "2001:db8::1", false, false, false, false },
                { "0.0.0.0", true, false, false, true },
                { "::", false, false, false, true },
                { "203.0.113.7", true, false, false, false },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct addr a = addr_of(rows[i].text);

                ROW_CHECK(addr_is_v4(&a) == rows[i].v4, i, rows[i].text);
                ROW_CHECK(addr_is_loopback(&a) == rows[i].loopback, i, rows[i].text);
                ROW_CHECK(addr_is_private(&a) == rows[i].private, i, rows[i].text);
                ROW_CHECK(addr_is_unspecified(&a) == rows[i].unspecified, i, rows[i].text);
        }
}

static void next_and_previous_carry_over_bytes(void **state)
{
        static const struct {
                const char *text, *next, *sentence;
        } rows[] = {
                { "10.1.2.3", "10.1.2.4", "the next" },
                { "10.1.2.255", "10.1.3.0", "over a byte" },
                { "10.255.255.255", "11.0.0.0", "over three" },
                { "2001:db8::ffff:ffff", "2001:db8::1:0:0", "IPv6" },
                { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::", "the highest wraps" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct addr a = addr_of(rows[i].text), b = addr_of(rows[i].next), moved;

                moved = addr_next(&a);
                ROW_CHECK(addr_equal(&moved, &b), i, rows[i].sentence);
                moved = addr_previous(&b);
                ROW_CHECK(addr_equal(&moved, &a), i, rows[i].sentence);
        }
}

static void a_prefix_holds_what_its_range_holds(void **state)
{
        static const struct {
                const char *prefix, *address;
                bool held;
                const char *sentence;
        } rows[] = {
                { "10.1.0.0/16", "10.1.255.255", true, "its last" },
                { "10.1.0.0/16", "10.1.0.0", true, "its first" },
                { "10.1.0.0/16", "10.2.0.0", false, "the one behind it" },
                { "10.1.0.0/16", "10.0.255.255", false, "the one before it" },
                { "10.1.2.128/25", "10.1.2.127", false, "within a byte" },
                { "0.0.0.0/0", "255.255.255.255", true, "all of IPv4" },
                { "0.0.0.0/0", "::1", false, "nothing of IPv6" },
                { "::/0", "10.1.2.3", true, "all there is" },
                { "2001:db8::/33", "2001:db8:8000::", false, "the bit behind it" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct addr a = addr_of(rows[i].address);
                struct prefix p;
                struct range r;

                assert_int_equal(prefix_parse(slice_of(rows[i].prefix), &p), 0);
                r = prefix_range(&p);
                ROW_CHECK(prefix_contains(&p, &a) == rows[i].held, i, rows[i].sentence);
                ROW_CHECK(range_contains(&r, &a) == rows[i].held, i, rows[i].sentence);
        }
}

static void ranges_overlap_where_they_share_an_address(void **state)
{
        static const struct {
                const char *a, *b;
                bool overlap;
                const char *sentence;
        } rows[] = {
                { "10.0.0.1-10.0.0.5", "10.0.0.5-10.0.0.9", true, "one shared end" },
                { "10.0.0.1-10.0.0.4", "10.0.0.5-10.0.0.9", false, "neighbours" },
                { "10.0.0.0/8", "10.1.2.3", true, "one within the other" },
                { "10.0.0.0/8", "11.0.0.0/8", false, "apart" },
                { "0.0.0.0/0", "::/96", false, "families do not meet" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct range a = range_of(rows[i].a), b = range_of(rows[i].b);

                ROW_CHECK(range_overlaps(&a, &b) == rows[i].overlap, i, rows[i].sentence);
                ROW_CHECK(range_overlaps(&b, &a) == rows[i].overlap, i, rows[i].sentence);
        }
}

static void all_bytes_count_in_a_hash(void **state)
{
        for (size_t i = 0; i < 16; i++) {
                struct addr a = addr_of("2001:db8::1"), b = a;

                b.bytes[i] ^= 1;
                ROW_CHECK(addr_hash(&a) != addr_hash(&b), i, "a byte changes the hash");
        }
}

/* Neighbours must spread: the workers and the tables go by the low bits. */
static void hashes_of_neighbours_spread(void **state)
{
        unsigned counts[16] = { 0 };
        struct addr a = addr_of("10.20.0.0");

        for (unsigned i = 0; i < 4096; i++, a = addr_next(&a))
                counts[addr_hash(&a) & 15]++;
        for (size_t i = 0; i < 16; i++)
                ROW_CHECK(counts[i] > 180 && counts[i] < 330, i, "about 256 of 4096 in each of 16");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_address_has_one_canonical_text),
                cmocka_unit_test(a_nul_does_not_end_an_address),
                cmocka_unit_test(a_range_is_an_address_a_prefix_or_two_addresses),
                cmocka_unit_test(each_answer_has_its_sentence),
                cmocka_unit_test(a_port_stands_behind_the_last_colon),
                cmocka_unit_test(a_socket_address_and_back_is_the_same),
                cmocka_unit_test(what_kind_of_address_it_is),
                cmocka_unit_test(next_and_previous_carry_over_bytes),
                cmocka_unit_test(a_prefix_holds_what_its_range_holds),
                cmocka_unit_test(ranges_overlap_where_they_share_an_address),
                cmocka_unit_test(all_bytes_count_in_a_hash),
                cmocka_unit_test(hashes_of_neighbours_spread),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
