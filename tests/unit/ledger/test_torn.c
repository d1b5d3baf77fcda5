/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that end too early, or have one byte that is wrong. None is taken for sound with another
 * content than was written; a log that ends early is a ledger as it was a while ago.
 */
#include "tests/unit/ledger/rig.h"

#include <stdio.h>

struct torn {
        struct rig g;
        uint8_t *bytes, *log; /* of the ledger closed, and of its log before that */
        size_t length, n_log;
        uint8_t *first; /* the ledger that the log is of */
        size_t n_first;
        char *dumps[4]; /* behind each row */
};

static const char *log_path(const struct rig *g)
{
        static char path[160];

        snprintf(path, sizeof(path), "%s-wal", g->path);
        return path;
}

static void torn_init(struct torn *t)
{
        *t = (struct torn){ .bytes = NULL };
        rig_init(&t->g);
        rig_open(&t->g);
        t->dumps[0] = ledger_dump(t->g.l);
        rig_close(&t->g);
        rig_open(&t->g);
        t->first = file_bytes_read(t->g.path, &t->n_first);
        policy_commit(t->g.l, "site = 1", "", NULL, 0, 1);
        t->dumps[1] = ledger_dump(t->g.l);
        COMMIT(t->g.l, 2, move_of("p k 10.0.0.1", "", "foreign"),
               move_of("p k www.example.com", "", "foreign"));
        t->dumps[2] = ledger_dump(t->g.l);
        COMMIT(t->g.l, 3, move_of("p k 10.0.0.1", "foreign", "leaving"));
        t->dumps[3] = ledger_dump(t->g.l);
        t->log = file_bytes_read(log_path(&t->g), &t->n_log);
        rig_close(&t->g);
        t->bytes = file_bytes_read(t->g.path, &t->length);
}

static void torn_done(struct torn *t)
{
        rig_done(&t->g);
        free(t->bytes);
        free(t->log);
        free(t->first);
        for (size_t i = 0; i < N_ELEMENTS(t->dumps); i++)
                free(t->dumps[i]);
}

/* Reads all of it, whatever comes of that. */
static void everything_touch(struct ledger *l)
{
        CLEANUP(entry_set_freep) struct entry_set *entries = NULL;
        CLEANUP(pin_set_freep) struct pin_set *pins = NULL;
        CLEANUP(revision_freep) struct revision *v = NULL;
        CLEANUP(history_freep) struct history *h = NULL;
        CLEANUP(move_list_freep) struct move_list *m = NULL;
        CLEANUP(freep) struct ledger_switch *s = NULL;
        CLEANUP(freep) void *bytes = NULL;
        struct pending p;
        size_t n;

        (void)!ledger_entries(l, &entries);
        (void)!ledger_pins(l, &pins);
        (void)!ledger_revision(l, 0, &v);
        (void)!ledger_history(l, 0, SIZE_MAX, &h);
        (void)!ledger_moves(l, 0, UINT64_MAX, &m);
        (void)!ledger_switches(l, &s, &n);
        (void)!ledger_pending(l, &p);
        (void)!ledger_backup(l, &bytes, &n);
}

/* Sound: it opens and has no flaw. Only with what was written may it be. */
static bool is_sound(struct torn *t, size_t n_dumps)
{
        CLEANUP(freep) char *flaws = NULL, *dump = NULL;
        size_t i = 0;

        if (ledger_open(t->g.path, 0, t->g.why, &t->g.l) != 0)
                return false;
        flaws = ledger_flaws(t->g.l);
        everything_touch(t->g.l);
        if (!flaws[0]) {
                dump = ledger_dump(t->g.l);
                while (i < n_dumps && strcmp(dump, t->dumps[3 - i]) != 0)
                        i++;
                assert_true(i < n_dumps);
        }
        rig_close(&t->g);
        return !flaws[0];
}

/* What is looked at as bytes is judged as what is opened as a file. */
static void bytes_check(struct torn *t, const uint8_t *bytes, size_t length)
{
        char why[LEDGER_WHY_MAX];
        bool sound;

        file_bytes_write(t->g.path, bytes, length);
        sound = is_sound(t, 1);
        assert_true(ledger_inspect(bytes, length, why) == 0 ? sound : why[0] != 0);
}

static size_t next_cut(size_t n)
{
        return n % 512 == 0 ? n + 1 : n % 512 == 1 ? n + 210 : (n | 511) + 1;
}

static void a_ledger_that_ends_early_does_not_open(void **state)
{
        struct torn t;

        torn_init(&t);
        for (size_t n = 0; n < t.length; n = next_cut(n)) {
                CLEANUP(freep) void *after = NULL;
                char why[LEDGER_WHY_MAX];
                size_t n_after;
                int r;

                file_bytes_write(t.g.path, t.bytes, n);
                r = rig_try(&t.g, t.g.path, 0);
                if (r == 0) { /* only zeros are lost */
                        bytes_check(&t, t.bytes, n);
                        assert_true(n > t.length - 4096); /* of the last page */
                        continue;
                }
                assert_int_equal(r, n == 0 ? LEDGER_E_MISSING : LEDGER_E_DAMAGED);
                assert_int_not_equal(ledger_inspect(t.bytes, n, why), 0);
                after = file_bytes_read(t.g.path, &n_after);
                assert_int_equal(n_after, n);
                assert_memory_equal(after, t.bytes, n);
        }
        torn_done(&t);
}

static void one_wrong_byte_is_seen_or_does_not_matter(void **state)
{
        uint64_t seed = 20260301;
        unsigned n_sound = 0;
        struct torn t;

        torn_init(&t);
        for (unsigned i = 0; i < 500; i++) {
                size_t at = i < 100 ? i : rig_random(&seed, t.length); /* the header first */
                uint8_t was = t.bytes[at];

                t.bytes[at] ^= (uint8_t)(1 + rig_random(&seed, 255));
                bytes_check(&t, t.bytes, t.length);
                n_sound += ledger_inspect(t.bytes, t.length, t.g.why) == 0;
                t.bytes[at] = was;
        }
        assert_true(n_sound > 50); /* in space that is not used */
        torn_done(&t);
}

/* Bytes that hold something: of the texts each, and the numbers beside them. */
static void one_wrong_byte_of_a_row_is_seen(void **state)
{
        static const char *const rows[] = { "www.example.com", "tester",  "site = 1",
                                            "10.0.0.1",        "leaving", "/etc/p.cfg" };
        struct torn t;

        torn_init(&t);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                size_t n = strlen(rows[i]), n_found = 0;

                for (size_t at = 0; at + n < t.length; at++) {
                        if (memcmp(t.bytes + at, rows[i], n) != 0)
                                continue;
                        n_found++;
                        t.bytes[at + n / 2] ^= 1;
                        bytes_check(&t, t.bytes, t.length);
                        t.bytes[at + n / 2] ^= 1;
                }
                assert_true(n_found > 0);
        }
        torn_done(&t);
}

static void log_check(struct torn *t, size_t n_log)
{
        file_bytes_write(t->g.path, t->first, t->n_first);
        file_bytes_write(log_path(&t->g), t->log, n_log);
        assert_true(is_sound(t, 4));
}

static void a_log_that_ends_early_is_a_ledger_of_a_while_ago(void **state)
{
        struct torn t;

        torn_init(&t);
        for (size_t n = 0; n <= t.n_log; n = next_cut(n))
                log_check(&t, n);
        torn_done(&t);
}

static void a_log_with_a_wrong_byte_is_a_ledger_of_a_while_ago(void **state)
{
        uint64_t seed = 20260302;
        struct torn t;

        torn_init(&t);
        for (unsigned i = 0; i < 200; i++) {
                size_t at = i < 64 ? i : rig_random(&seed, t.n_log);
                uint8_t was = t.log[at];

                t.log[at] ^= (uint8_t)(1 + rig_random(&seed, 255));
                log_check(&t, t.n_log);
                t.log[at] = was;
        }
        torn_done(&t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_ledger_that_ends_early_does_not_open),
                cmocka_unit_test(one_wrong_byte_is_seen_or_does_not_matter),
                cmocka_unit_test(one_wrong_byte_of_a_row_is_seen),
                cmocka_unit_test(a_log_that_ends_early_is_a_ledger_of_a_while_ago),
                cmocka_unit_test(a_log_with_a_wrong_byte_is_a_ledger_of_a_while_ago),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
