/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ledger/rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Everything that ledger_fill() has put comes back as it was, from the file too. */
static const char filled[] =
        "entry smarty k2 router :: live 300 0 0\n"
        "entry smarty k2 www.example.com :: foreign 300 0 0\n"
        "entry smarty k1 10.0.0.1 10.0.0.1 wanted 300 0 0\n"
        "entry smarty k2 10.0.0.1 10.0.0.1 leaving 300 0 0\n"
        "entry smarty k1 10.0.0.2 10.0.0.2 propagating 300 0 0\n"
        "entry smarty k2 10.0.0.4 10.0.0.4 suspended 300 0 0\n"
        "pin a.example 32 10.0.0.8\n"
        "pin desk.example 31 10.0.0.9 2001:db8::1\n"
        "off all bob  42\n"
        "off key:k1 alice leaked 41\n"
        "pending 2 0 9000\n"
        "row 3 300 [tester] [test] [] [moves] 2 0 "
        "649b0f582754a56d37b3a39ebdef5654ee441f9720bf61e3e6dd9bc1bc948948"
        " policy 2 200 1d25273b046ad12dd49259fce2036c7f849de5adb09e24fc94d44e68d0caeab3"
        " [192.0.2.1] [smarty k1 10.0.0.1\nsmarty k1 10.0.0.2\nsmarty k2 10.0.0.4\n"
        "smarty k2 router\n]\n"
        "  policy /etc/p.cfg 73697465203d2031\n"
        "  policy include /etc/p.d/1 0078ff\n"
        "  move smarty k1 10.0.0.1 -1 0 0 0\n"
        "  move smarty k1 10.0.0.2 -1 1 0 0\n"
        "  move smarty k2 router -1 2 0 0\n"
        "  move smarty k2 10.0.0.4 -1 3 0 0\n"
        "  move smarty k2 10.0.0.1 -1 4 0 0\n"
        "  move smarty k2 www.example.com -1 5 0 0\n"
        "row 2 200 [alice] [apply] [more desks] [the second policy] 2 1 ";

/* The hashes too: a ledger that is written today is verified by the programs of tomorrow. */
static void every_field_comes_back(void **state)
{
        CLEANUP(freep) char *before = NULL, *after = NULL;
        struct rig g;

        rig_init(&g);
        rig_open(&g);
        ledger_fill(g.l);
        before = ledger_dump(g.l);
        rig_close(&g);
        rig_open(&g);
        assert_int_equal(ledger_head(g.l), 3);
        after = ledger_dump(g.l);
        assert_string_equal(before, after);
        assert_true(strlen(after) > strlen(filled));
        after[strlen(filled)] = 0;
        assert_string_equal(after, filled);
        rig_done(&g);
}

static void the_digest_of_a_policy_is_known_beforehand(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        CLEANUP(revision_freep) struct revision *v = NULL;
        struct ledger_file files[] = { { (char *)"policy", (char *)"/a", (char *)"xy", 2 },
                                       { (char *)"more", (char *)"/b", (char *)"z", 1 } };
        char digest[65], other[65];

        assert_int_equal(ledger_open_memory(&l), 0);
        policy_commit(l, "xy", "", NULL, 0, 1);
        assert_int_equal(ledger_revision(l, 0, &v), 0);
        assert_int_equal(revision_digest(files, 1, digest), 0);
        assert_string_equal(digest, v->digest);
        files[0].path = (char *)"/elsewhere";
        assert_int_equal(revision_digest(files, 1, other), 0);
        assert_string_equal(digest, other);
        assert_int_equal(revision_digest(files, 2, other), 0);
        assert_string_not_equal(digest, other);
        files[0].role = (char *)"policyx"; /* the same bytes in a row */
        files[0].text = (char *)"y";
        files[0].length = 1;
        assert_int_equal(revision_digest(files, 1, other), 0);
        assert_string_not_equal(digest, other);
}

/* ---- what is refused ---- */

static int try_move(struct ledger *l, struct entry_move move)
{
        struct change c = { .expected_head = UINT64_MAX, .moves = &move, .n_moves = 1 };
        uint64_t id = 77;
        int r = ledger_commit(l, &c, &id);

        assert_true((r == 0) == (id != 77));
        return r;
}

static const struct {
        const char *sentence, *name, *from, *to;
        int answer;
} moves[] = {
        { "a new one", "smarty k3 10.0.0.9", "", "wanted", 0 },
        { "one that is there already", "smarty k1 10.0.0.1", "", "wanted", LEDGER_E_STALE },
        { "one that is in another state", "smarty k1 10.0.0.1", "live", "leaving", LEDGER_E_STALE },
        { "one that is not there", "smarty k9 10.0.0.1", "leaving", "", LEDGER_E_STALE },
        { "away from another key", "smarty k1 10.0.0.4", "suspended", "", LEDGER_E_STALE },
        { "a second key for a held address", "smarty k3 10.0.0.1", "", "propagating", -EEXIST },
        { "the same at another provider", "alloy k1 10.0.0.1", "", "propagating", 0 },
        { "a second one that leaves", "smarty k3 10.0.0.1", "", "leaving", 0 },
        { "a second one that is foreign", "smarty k3 10.0.0.1", "", "foreign", 0 },
        { "a second one for the router", "smarty k3 router", "", "live", -EEXIST },
        { "a host name that is foreign", "smarty k3 example.com", "", "foreign", 0 },
        { "a host name that is held", "smarty k3 example.com", "", "live", -EINVAL },
        { "a host name that leaves", "smarty k3 example.com", "", "leaving", 0 },
        { "IPv6 as it is written", "smarty k3 2001:db8::1", "", "live", 0 },
        { "IPv6 in another spelling", "smarty k3 2001:DB8::1", "", "live", -EINVAL },
        { "IPv6 with zeros", "smarty k3 2001:db8:0::1", "", "foreign", -EINVAL },
        { "IPv4 as IPv6", "smarty k3 ::ffff:10.0.0.9", "", "foreign", -EINVAL },
        { "any address", "smarty k3 0.0.0.0", "", "live", -EINVAL },
        { "any address, foreign", "smarty k3 0.0.0.0", "", "foreign", 0 },
        { "a control character in the key", "smarty k\x01 10.0.0.9", "", "live", -EINVAL },
        { "no UTF-8 in the provider", "sm\xff k3 10.0.0.9", "", "live", -EINVAL },
        { "a control character in the host", "smarty k3 a\x7f", "", "foreign", -EINVAL },
};

static void moves_are_checked_against_what_stands_there(void **state)
{
        for (size_t i = 0; i < N_ELEMENTS(moves); i++) {
                CLEANUP(ledger_closep) struct ledger *l = NULL;
                CLEANUP(freep) char *before = NULL, *after = NULL;
                int r;

                assert_int_equal(ledger_open_memory(&l), 0);
                ledger_fill(l);
                before = ledger_dump(l);
                r = try_move(l, move_of(moves[i].name, moves[i].from, moves[i].to));
                if (r != moves[i].answer)
                        fail_msg("%s: %d", moves[i].sentence, r);
                after = ledger_dump(l);
                assert_true((strcmp(before, after) == 0) == (r != 0));
        }
}

static void moves_without_sense_are_refused(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        char name[LEDGER_NAME_MAX + 2];
        struct entry_move move = move_of("smarty k1 10.0.0.1", "", "wanted");

        assert_int_equal(ledger_open_memory(&l), 0);
        move.to = -1;
        assert_int_equal(try_move(l, move), -EINVAL);
        move.to = N_ENTRY_STATES;
        assert_int_equal(try_move(l, move), -EINVAL);
        move.to = ENTRY_LIVE;
        move.from = -2;
        assert_int_equal(try_move(l, move), -EINVAL);
        move.from = -1;
        move.key = "";
        assert_int_equal(try_move(l, move), -EINVAL);
        memset(name, 'n', sizeof(name));
        name[sizeof(name) - 1] = 0;
        move.key = name;
        assert_int_equal(try_move(l, move), -EINVAL);
        move.key = name + 1;
        assert_int_equal(try_move(l, move), 0);
}

static void who_saw_another_row_is_stale(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        static const uint64_t heads[] = { 0, 2, 4, UINT64_MAX - 1 };
        struct change c = { .who = "w" };
        uint64_t id;

        assert_int_equal(ledger_open_memory(&l), 0);
        ledger_fill(l);
        for (size_t i = 0; i < N_ELEMENTS(heads); i++) {
                c.expected_head = heads[i];
                assert_int_equal(ledger_commit(l, &c, &id), LEDGER_E_STALE);
        }
        c.expected_head = 3;
        assert_int_equal(ledger_commit(l, &c, &id), 0);
        assert_int_equal(id, 4);
        assert_int_equal(ledger_commit(l, &c, &id), LEDGER_E_STALE);
        assert_int_equal(ledger_head(l), 4);
}

/* The last of many parts is wrong: the first are not there either. */
static void a_change_that_is_refused_late_leaves_nothing(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        CLEANUP(freep) char *before = NULL, *after = NULL;
        struct entry_move move = move_of("smarty k3 10.0.0.9", "", "wanted");
        struct ledger_file file = { (char *)"policy", (char *)"/p", (char *)"x", 1 };
        struct pin pin = { "p.example", { { { 1 } } }, 1, 5 };
        struct pending pending = { UINT64_MAX, 3, 1 }; /* no such policy to go back to */
        const char *unpinned = "desk.example", *on = "all";
        struct change c = { .expected_head = UINT64_MAX,
                            .moves = &move,
                            .n_moves = 1,
                            .files = &file,
                            .n_files = 1,
                            .pins = &pin,
                            .n_pins = 1,
                            .unpinned = &unpinned,
                            .n_unpinned = 1,
                            .switched_on = &on,
                            .n_switched_on = 1,
                            .pending = &pending };
        uint64_t id;

        assert_int_equal(ledger_open_memory(&l), 0);
        ledger_fill(l);
        before = ledger_dump(l);
        assert_int_equal(ledger_commit(l, &c, &id), -EINVAL);
        after = ledger_dump(l);
        assert_string_equal(before, after);
        pending.previous = 2;
        assert_int_equal(ledger_commit(l, &c, &id), 0);
}

/* ---- what happens to entries ---- */

static const struct entry *entry_at(struct entry_set *s, const char *key, const char *host)
{
        for (size_t i = 0; i < s->n; i++)
                if (strcmp(s->entries[i].key, key) == 0 && strcmp(s->entries[i].host, host) == 0)
                        return &s->entries[i];
        return NULL;
}

static void an_address_changes_keys_in_either_order(void **state)
{
        for (int order = 0; order <= 1; order++) {
                CLEANUP(ledger_closep) struct ledger *l = NULL;
                CLEANUP(freep) char *flaws = NULL;
                struct entry_move away = move_of("smarty k1 10.0.0.1", "wanted", "leaving");
                struct entry_move back = move_of("smarty k2 10.0.0.1", "", "wanted");
                struct entry_move gone = move_of("smarty k2 10.0.0.2", "live", "");
                struct entry_move new = move_of("smarty k1 10.0.0.2", "", "live");

                assert_int_equal(ledger_open_memory(&l), 0);
                COMMIT(l, 1, move_of("smarty k1 10.0.0.1", "", "wanted"),
                       move_of("smarty k2 10.0.0.2", "", "live"));
                if (order == 0)
                        COMMIT(l, 2, away, back, gone, new);
                else
                        COMMIT(l, 2, new, back, gone, away);
                flaws = ledger_flaws(l);
                assert_string_equal(flaws, "");
        }
}

static void a_state_has_its_own_time(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        CLEANUP(entry_set_freep) struct entry_set *s = NULL;
        struct entry_move move = move_of("smarty k1 10.0.0.1", "", "wanted");
        const struct entry *e;

        assert_int_equal(ledger_open_memory(&l), 0);
        COMMIT(l, 100, move);
        move = move_of("smarty k1 10.0.0.1", "wanted", "propagating");
        move.added_us = -5;
        COMMIT(l, 200, move);
        move = move_of("smarty k1 10.0.0.1", "propagating", "propagating");
        move.added_us = 150;
        move.live_us = INT64_MAX;
        COMMIT(l, 300, move);
        assert_int_equal(ledger_entries(l, &s), 0);
        e = entry_at(s, "k1", "10.0.0.1");
        assert_non_null(e);
        assert_int_equal(e->state, ENTRY_PROPAGATING);
        assert_int_equal(e->since_us, 200); /* it has been in this state since then */
        assert_int_equal(e->added_us, 150);
        assert_int_equal(e->live_us, INT64_MAX);
}

/* ---- texts ---- */

static void texts_are_cut_and_cleaned(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        CLEANUP(history_freep) struct history *h = NULL;
        CLEANUP(freep) char *flaws = NULL;
        char who[200], why[3000];
        struct change c = { .expected_head = 0,
                            .who = who,
                            .what = "a\x1b[31mb",
                            .why = why,
                            .summary = "one\ntwo\xc2",
                            .at_us = 1 };
        uint64_t id;

        memset(who, 'w', sizeof(who) - 1);
        who[sizeof(who) - 1] = 0;
        memcpy(who + LEDGER_WHO_MAX - 1, "\xc3\xa9", 2); /* a letter across the end */
        memset(why, 'y', sizeof(why) - 1);
        why[sizeof(why) - 1] = 0;
        assert_int_equal(ledger_open_memory(&l), 0);
        assert_int_equal(ledger_commit(l, &c, &id), 0);
        assert_int_equal(ledger_history(l, 0, 1, &h), 0);
        assert_int_equal(strlen(h->rows[0].who), LEDGER_WHO_MAX - 1);
        assert_string_equal(h->rows[0].what, "a?[31mb");
        assert_int_equal(strlen(h->rows[0].why), LEDGER_TEXT_MAX);
        assert_string_equal(h->rows[0].summary, "one?two?");
        flaws = ledger_flaws(l);
        assert_string_equal(flaws, "");
}

/* ---- pins, switches, what waits ---- */

static int change_try(struct ledger *l, struct change *c)
{
        uint64_t id;

        c->expected_head = UINT64_MAX;
        return ledger_commit(l, c, &id);
}

static void pins_are_set_replaced_and_taken_away(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        CLEANUP(pin_set_freep) struct pin_set *s = NULL;
        CLEANUP(freep) char *flaws = NULL;
        struct pin pins[] = { { "B.Example", { { { 2 } }, { { 1 } }, { { 2 } } }, 3, 10 },
                              { "a.example", { { { 3 } } }, 1, 11 } };
        const char *unpinned[] = { "A.example", "never.example" };
        struct change set = { .pins = pins, .n_pins = 2 };
        struct change replace = {
                .pins = pins, .n_pins = 1, .unpinned = unpinned, .n_unpinned = 2
        };

        assert_int_equal(ledger_open_memory(&l), 0);
        assert_int_equal(change_try(l, &set), 0);
        pins[0].at_us = 20;
        assert_int_equal(change_try(l, &replace), 0);
        assert_int_equal(ledger_pins(l, &s), 0);
        assert_int_equal(s->n, 1);
        assert_string_equal(s->pins[0].name, "b.example");
        assert_int_equal(s->pins[0].at_us, 20);
        assert_int_equal(s->pins[0].n_addrs, 2);
        assert_int_equal(s->pins[0].addrs[0].bytes[0], 1);
        flaws = ledger_flaws(l);
        assert_string_equal(flaws, "");
        pins[0].n_addrs = 0;
        assert_int_equal(change_try(l, &set), -EINVAL);
        pins[0].n_addrs = PIN_MAX_ADDRESSES + 1;
        assert_int_equal(change_try(l, &set), -EINVAL);
        pins[0].n_addrs = 1;
        pins[0].name = "";
        assert_int_equal(change_try(l, &set), -EINVAL);
}

static void switches_go_off_and_on(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        CLEANUP(freep) struct ledger_switch *s = NULL;
        CLEANUP(freep) char *flaws = NULL;
        struct ledger_switch off[] = { { "key:k1", "al\nice", "leaked", 1 },
                                       { "backend:b", "bob", "", 2 },
                                       { "all", "bob", "", 3 } };
        const char *on[] = { "all", "key:never" };
        struct change first = { .switched_off = off, .n_switched_off = 3 };
        struct change second = {
                .switched_off = off, .n_switched_off = 1, .switched_on = on, .n_switched_on = 2
        };
        size_t n;

        assert_int_equal(ledger_open_memory(&l), 0);
        assert_int_equal(change_try(l, &first), 0);
        off[0].at_us = 9;
        assert_int_equal(change_try(l, &second), 0);
        assert_int_equal(ledger_switches(l, &s, &n), 0);
        assert_int_equal(n, 2);
        assert_string_equal(s[0].name, "backend:b");
        assert_string_equal(s[1].name, "key:k1");
        assert_string_equal(s[1].who, "al?ice");
        assert_int_equal(s[1].at_us, 9);
        flaws = ledger_flaws(l);
        assert_string_equal(flaws, "");
}

static void switches_have_names_of_their_kind(void **state)
{
        static const char *const names[] = { "",    "key",    "key:",    "backend:",
                                             "All", "keys:a", "key:\x01" };
        CLEANUP(ledger_closep) struct ledger *l = NULL;

        assert_int_equal(ledger_open_memory(&l), 0);
        for (size_t i = 0; i < N_ELEMENTS(names); i++) {
                struct ledger_switch off = { .who = "w" };
                struct change c = { .switched_off = &off, .n_switched_off = 1 };

                strcpy(off.name, names[i]);
                assert_int_equal(change_try(l, &c), -EINVAL);
        }
}

static void there_are_so_many_switches_and_no_more(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        CLEANUP(freep)
        struct ledger_switch *off = calloc(LEDGER_MAX_SWITCHES + 1, sizeof(*off));
        CLEANUP(freep) struct ledger_switch *s = NULL;
        struct change c = { .switched_off = off, .n_switched_off = LEDGER_MAX_SWITCHES + 1 };
        size_t n;

        assert_non_null(off);
        for (size_t i = 0; i <= LEDGER_MAX_SWITCHES; i++)
                snprintf(off[i].name, sizeof(off[i].name), "key:%zu", i);
        assert_int_equal(ledger_open_memory(&l), 0);
        assert_int_equal(change_try(l, &c), -E2BIG);
        c.n_switched_off--;
        assert_int_equal(change_try(l, &c), 0);
        assert_int_equal(ledger_switches(l, &s, &n), 0);
        assert_int_equal(n, LEDGER_MAX_SWITCHES);
}

static void what_waits_is_confirmed_or_withdrawn(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        CLEANUP(freep) char *flaws = NULL;
        struct pending none = { 0, 0, 0 }, told;
        struct change confirm = { .pending = &none },
                      withdraw = { .pending = &none, .withdraw = true };
        CLEANUP(revision_freep) struct revision *v = NULL;

        assert_int_equal(ledger_open_memory(&l), 0);
        ledger_fill(l);
        assert_int_equal(ledger_pending(l, &told), 0);
        assert_int_equal(told.revision, 2);
        assert_int_equal(change_try(l, &confirm), 0);
        assert_int_equal(ledger_pending(l, &told), 0);
        assert_int_equal(told.revision, 0);
        assert_int_equal(ledger_revision(l, 0, &v), 0);
        assert_int_equal(change_try(l, &withdraw), 0);
        assert_int_equal(ledger_revision(l, 0, &v), -ENOENT);
        flaws = ledger_flaws(l);
        assert_string_equal(flaws, "");
        assert_int_equal(change_try(l, &confirm), 0);
        assert_int_equal(ledger_revision(l, 0, &v), -ENOENT); /* and stays so */
}

static void what_waits_is_in_force_and_can_be_taken_back(void **state)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        struct ledger_file file = { (char *)"policy", (char *)"/p", (char *)"x", 1 };
        struct pending told = { 0, 0, 0 };
        struct change forgets = { .files = &file, .n_files = 1 }, withdraws = { .withdraw = true };
        struct change tells = { .pending = &told };

        assert_int_equal(ledger_open_memory(&l), 0);
        ledger_fill(l); /* policy 2 waits, in place of none */
        assert_int_equal(change_try(l, &forgets), -EINVAL);
        assert_int_equal(change_try(l, &withdraws), -EINVAL);
        for (told.revision = 1; told.revision < 5; told.revision += 2)
                assert_int_equal(change_try(l, &tells), -EINVAL); /* not in force, or no policy */
        told.revision = 2;
        for (told.previous = 2; told.previous < 4; told.previous++)
                assert_int_equal(change_try(l, &tells), -EINVAL);
        told.previous = 1;
        assert_int_equal(change_try(l, &tells), 0);
        forgets.pending = &told;
        told.revision = UINT64_MAX;
        assert_int_equal(change_try(l, &forgets), 0);
}

/* 100,000 addresses: what the house promises for them is counted in seconds of a slow machine. */
static void many_entries_are_one_change(void **state)
{
        enum { N = 100000 };
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        CLEANUP(freep) struct entry_move *many = calloc(N, sizeof(*many));
        CLEANUP(freep) char(*hosts)[16] = calloc(N, sizeof(*hosts));
        CLEANUP(entry_set_freep) struct entry_set *s = NULL;
        CLEANUP(move_list_freep) struct move_list *m = NULL;

        assert_true(many && hosts);
        for (unsigned i = 0; i < N; i++) {
                snprintf(hosts[i], sizeof(hosts[i]), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
                many[i] = (struct entry_move){ "smarty", i % 3 ? "k1" : "k2", hosts[i],
                                               -1,       ENTRY_WANTED,        0,
                                               0 };
        }
        assert_int_equal(ledger_open_memory(&l), 0);
        assert_int_equal(moves_commit(l, many, N, 1), 1);
        assert_int_equal(ledger_entries(l, &s), 0);
        assert_int_equal(s->n, N);
        for (size_t i = 1; i < N; i++)
                assert_true(addr_compare(&s->entries[i - 1].addr, &s->entries[i].addr) < 0);
        assert_int_equal(ledger_moves(l, 0, 1, &m), 0);
        assert_int_equal(m->n, N);
        assert_string_equal(m->moves[N - 1].host, hosts[N - 1]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_field_comes_back),
                cmocka_unit_test(the_digest_of_a_policy_is_known_beforehand),
                cmocka_unit_test(moves_are_checked_against_what_stands_there),
                cmocka_unit_test(moves_without_sense_are_refused),
                cmocka_unit_test(who_saw_another_row_is_stale),
                cmocka_unit_test(a_change_that_is_refused_late_leaves_nothing),
                cmocka_unit_test(an_address_changes_keys_in_either_order),
                cmocka_unit_test(a_state_has_its_own_time),
                cmocka_unit_test(texts_are_cut_and_cleaned),
                cmocka_unit_test(pins_are_set_replaced_and_taken_away),
                cmocka_unit_test(switches_go_off_and_on),
                cmocka_unit_test(switches_have_names_of_their_kind),
                cmocka_unit_test(there_are_so_many_switches_and_no_more),
                cmocka_unit_test(what_waits_is_confirmed_or_withdrawn),
                cmocka_unit_test(what_waits_is_in_force_and_can_be_taken_back),
                cmocka_unit_test(many_entries_are_one_change),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
