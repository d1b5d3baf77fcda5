/* SPDX-License-Identifier: Apache-2.0 */
/* Entries and pins in memory, and the sums that stand for a set of them. */
#include "policy/ledger/digest.h"
#include "tests/unit/ledger/rig.h"

static struct addr addr_of(const char *text)
{
        struct addr a;

        assert_int_equal(addr_parse(slice_of(text), &a), 0);
        return a;
}

static void entries_are_sorted_and_found(void **state)
{
        CLEANUP(entry_set_freep) struct entry_set *s = NULL;
        char key[] = "k2";
        const struct entry entries[] = {
                { "smarty", "k1", "10.0.0.10", addr_of("10.0.0.10"), ENTRY_LIVE, 1, 2, 3 },
                { "smarty", key, "10.0.0.9", addr_of("10.0.0.9"), ENTRY_LEAVING, 0, 0, 0 },
                { "alloy", "k1", "10.0.0.9", addr_of("10.0.0.9"), ENTRY_WANTED, 0, 0, 0 },
                { "smarty", "k1", "10.0.0.9", addr_of("10.0.0.9"), ENTRY_WANTED, 0, 0, 0 },
        };
        struct addr a = addr_of("10.0.0.9"), none = addr_of("10.0.0.8");
        const struct entry *e;
        size_t n;

        assert_int_equal(entry_set_new(entries, N_ELEMENTS(entries), &s), 0);
        key[1] = 'x'; /* it has copies */
        e = entry_set_find(s, "smarty", &a, &n);
        assert_int_equal(n, 2);
        assert_string_equal(e[0].key, "k1");
        assert_string_equal(e[1].key, "k2");
        (void)entry_set_find(s, "smarty", &none, &n);
        assert_int_equal(n, 0);
        (void)entry_set_find(s, "zeta", &a, &n);
        assert_int_equal(n, 0);
        assert_string_equal(s->entries[0].provider, "alloy");
        assert_string_equal(s->entries[3].host, "10.0.0.10");
        assert_int_equal(s->entries[3].live_us, 3);
}

static void every_state_has_its_name(void **state)
{
        enum entry_state found = N_ENTRY_STATES;

        for (unsigned i = 0; i < N_ENTRY_STATES; i++) {
                assert_true(entry_state_parse(entry_state_name((enum entry_state)i), &found));
                assert_int_equal(found, i);
        }
        assert_false(entry_state_parse("gone", &found));
        assert_false(entry_state_parse("", &found));
}

static void pins_are_found_in_any_case(void **state)
{
        CLEANUP(pin_set_freep) struct pin_set *s = NULL;
        const struct pin pins[] = {
                { "Www.Example", { addr_of("10.0.0.2"), addr_of("10.0.0.1") }, 2, 5 },
                { "a.example", { addr_of("10.0.0.3") }, 1, 6 },
                { "www.example", { addr_of("10.0.0.4") }, 1, 7 }, /* newer */
        };
        const struct pin *p;

        assert_int_equal(pin_set_new(pins, N_ELEMENTS(pins), &s), 0);
        assert_int_equal(s->n, 2);
        p = pin_set_find(s, "WWW.example");
        assert_non_null(p);
        assert_int_equal(p->at_us, 7);
        assert_string_equal(p->name, "www.example");
        assert_non_null(pin_set_find(s, "A.EXAMPLE"));
        assert_null(pin_set_find(s, "a.exampl"));
        assert_null(pin_set_find(s, "a.example."));
        assert_null(pin_set_find(s, "zz"));
        assert_null(pin_set_find(s, ""));
        assert_null(pin_set_find(NULL, "a.example"));
}

static void addresses_of_a_pin_are_in_order_and_once(void **state)
{
        CLEANUP(pin_set_freep) struct pin_set *s = NULL;
        const struct pin pin = {
                "n", { addr_of("::2"), addr_of("10.0.0.1"), addr_of("::2"), addr_of("::1") }, 4, 5
        };
        struct addr first = addr_of("::1");

        assert_int_equal(pin_set_new(&pin, 1, &s), 0);
        assert_int_equal(s->pins[0].n_addrs, 3);
        assert_true(addr_equal(&s->pins[0].addrs[0], &first));
        for (unsigned i = 1; i < s->pins[0].n_addrs; i++)
                assert_true(addr_compare(&s->pins[0].addrs[i - 1], &s->pins[0].addrs[i]) < 0);
}

/* ---- sums ---- */

static void a_sum_forgets_what_is_taken(void **state)
{
        uint8_t terms[50][DIGEST_BYTES], sum[DIGEST_BYTES] = { 0 }, zero[DIGEST_BYTES] = { 0 };
        uint8_t backwards[DIGEST_BYTES] = { 0 };
        uint64_t seed = 20260301;

        for (size_t i = 0; i < N_ELEMENTS(terms); i++) {
                for (size_t j = 0; j < DIGEST_BYTES; j++)
                        terms[i][j] = (uint8_t)(rig_random(&seed, 3) * 127); /* carries enough */
                digest_add(sum, terms[i]);
        }
        for (size_t i = N_ELEMENTS(terms); i-- > 0;)
                digest_add(backwards, terms[i]);
        assert_memory_equal(sum, backwards, DIGEST_BYTES);
        for (size_t i = 0; i < N_ELEMENTS(terms); i++) {
                assert_memory_not_equal(sum, zero, DIGEST_BYTES);
                digest_take(sum, terms[i]);
        }
        assert_memory_equal(sum, zero, DIGEST_BYTES);
}

/* SHA-256 itself, and that fields do not run into each other. */
static void a_digest_knows_its_fields(void **state)
{
        CLEANUP(digest_freep) struct digest *d = NULL;
        char text[DIGEST_TEXT_MAX], long_text[5000];
        uint8_t one[DIGEST_BYTES], other[DIGEST_BYTES];

        assert_int_equal(digest_new(&d), 0);
        digest_begin(d, "");
        assert_int_equal(digest_end(d, one), 0);
        /* of eight zero bytes: the length of an empty kind */
        assert_string_equal(digest_format(one, text),
                            "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc");
        digest_begin(d, "k");
        digest_put_text(d, "ab");
        digest_put_text(d, "c");
        assert_int_equal(digest_end(d, one), 0);
        digest_begin(d, "k");
        digest_put_text(d, "a");
        digest_put_text(d, "bc");
        assert_int_equal(digest_end(d, other), 0);
        assert_memory_not_equal(one, other, DIGEST_BYTES);

        /* the same whether it is collected or goes past the piece */
        memset(long_text, 'x', sizeof(long_text));
        digest_begin(d, "k");
        digest_put(d, long_text, sizeof(long_text));
        digest_put_number(d, -1);
        assert_int_equal(digest_end(d, one), 0);
        digest_begin(d, "k");
        digest_put_number(d, sizeof(long_text));
        for (size_t i = 0; i < sizeof(long_text) / 8; i++)
                digest_put_number(d, 0x7878787878787878);
        digest_put_number(d, -1);
        assert_int_equal(digest_end(d, other), 0);
        assert_memory_equal(one, other, DIGEST_BYTES);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(entries_are_sorted_and_found),
                cmocka_unit_test(every_state_has_its_name),
                cmocka_unit_test(pins_are_found_in_any_case),
                cmocka_unit_test(addresses_of_a_pin_are_in_order_and_once),
                cmocka_unit_test(a_sum_forgets_what_is_taken),
                cmocka_unit_test(a_digest_knows_its_fields),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
