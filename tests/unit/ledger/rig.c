/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ledger/rig.h"

#include <dirent.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

void rig_init(struct rig *g)
{
        /* In memory where the system has such: a sync costs nothing there. */
        const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

        *g = (struct rig){ .l = NULL };
        snprintf(g->folder, sizeof(g->folder), "%s/keyrouter-test-XXXXXX", base);
        assert_non_null(mkdtemp(g->folder));
        snprintf(g->path, sizeof(g->path), "%s/ledger", g->folder);
}

void rig_done(struct rig *g)
{
        DIR *folder;
        struct dirent *e;

        rig_close(g);
        folder = opendir(g->folder);
        assert_non_null(folder);
        while ((e = readdir(folder)))
                unlinkat(dirfd(folder), e->d_name, 0);
        closedir(folder);
        assert_int_equal(rmdir(g->folder), 0);
}

void rig_open(struct rig *g)
{
        int r = ledger_open(g->path, LEDGER_CREATE, g->why, &g->l);

        if (r)
                fail_msg("%s: %d, %s (%s)", g->path, r, ledger_explain(r), g->why);
}

void rig_close(struct rig *g)
{
        if (g->l)
                ledger_close(TAKE(g->l));
}

int rig_try(struct rig *g, const char *path, unsigned flags)
{
        struct ledger *l = NULL;
        int r = ledger_open(path, flags, g->why, &l);

        assert_true((r == 0) == (l != NULL));
        assert_true((r == 0) == (g->why[0] == 0));
        if (l)
                ledger_close(l);
        return r;
}

static int state_of(const char *name)
{
        enum entry_state state;

        if (!name[0])
                return -1;
        assert_true(entry_state_parse(name, &state));
        return (int)state;
}

/* The texts of a few hundred moves at a time. */
struct entry_move move_of(const char *name, const char *from, const char *to)
{
        static char texts[512][96];
        static unsigned next;
        char *text = texts[next++ % N_ELEMENTS(texts)];
        char *rest, *provider, *key, *host;

        assert_true(strlen(name) < sizeof(texts[0]));
        strcpy(text, name);
        provider = strtok_r(text, " ", &rest);
        key = strtok_r(NULL, " ", &rest);
        host = strtok_r(NULL, " ", &rest);
        assert_non_null(host);
        return (struct entry_move){ provider, key, host, state_of(from), state_of(to), 0, 0 };
}

static uint64_t change_commit(struct ledger *l, const struct change *c)
{
        uint64_t id = 0;
        int r = ledger_commit(l, c, &id);

        if (r)
                fail_msg("commit: %d, %s", r, ledger_explain(r));
        return id;
}

uint64_t moves_commit(struct ledger *l, const struct entry_move *moves, size_t n, int64_t at_us)
{
        struct change c = { .expected_head = UINT64_MAX,
                            .who = "tester",
                            .what = "test",
                            .summary = "moves",
                            .at_us = at_us,
                            .moves = moves,
                            .n_moves = n };

        return change_commit(l, &c);
}

uint64_t policy_commit(struct ledger *l, const char *text, const char *assignment,
                       const struct entry_move *moves, size_t n_moves, int64_t at_us)
{
        struct ledger_file file = { (char *)"policy", (char *)"/etc/p.cfg", (char *)text,
                                    strlen(text) };
        struct pending none = { 0, 0, 0 };
        struct change c = { .expected_head = UINT64_MAX,
                            .who = "tester",
                            .what = "apply",
                            .summary = "a policy",
                            .at_us = at_us,
                            .moves = moves,
                            .n_moves = n_moves,
                            .files = &file,
                            .n_files = 1,
                            .assignment = assignment,
                            .pending = &none };

        return change_commit(l, &c);
}

static void rest_fill(struct ledger *l)
{
        static const struct ledger_switch off[] = { { "key:k1", "alice", "leaked", 41 },
                                                    { "all", "bob", "", 42 } };
        struct pin pins[] = { { "desk.example", { { { 0 } } }, 2, 31 },
                              { "a.example", { { { 0 } } }, 1, 32 } };
        struct pending pending = { UINT64_MAX, 0, 9000 };
        struct ledger_file files[] = {
                { (char *)"policy", (char *)"/etc/p.cfg", (char *)"site = 1", 8 },
                { (char *)"policy include", (char *)"/etc/p.d/1", (char *)"\0x\xff", 3 },
        };
        struct change c = { .expected_head = 1,
                            .who = "alice",
                            .what = "apply",
                            .why = "more desks",
                            .summary = "the second policy",
                            .at_us = 200,
                            .files = files,
                            .n_files = 2,
                            .router = "192.0.2.1",
                            .assignment = "smarty k1 10.0.0.1\nsmarty k1 10.0.0.2\n"
                                          "smarty k2 10.0.0.4\nsmarty k2 router\n",
                            .pins = pins,
                            .n_pins = N_ELEMENTS(pins),
                            .switched_off = off,
                            .n_switched_off = N_ELEMENTS(off),
                            .pending = &pending };

        assert_int_equal(addr_parse(slice_of("10.0.0.9"), &pins[0].addrs[0]), 0);
        assert_int_equal(addr_parse(slice_of("2001:db8::1"), &pins[0].addrs[1]), 0);
        assert_int_equal(addr_parse(slice_of("10.0.0.8"), &pins[1].addrs[0]), 0);
        change_commit(l, &c);
}

void ledger_fill(struct ledger *l)
{
        const struct entry_move moves[] = {
                move_of("smarty k1 10.0.0.1", "", "wanted"),
                move_of("smarty k1 10.0.0.2", "", "propagating"),
                move_of("smarty k2 router", "", "live"),
                move_of("smarty k2 10.0.0.4", "", "suspended"),
                move_of("smarty k2 10.0.0.1", "", "leaving"),
                move_of("smarty k2 www.example.com", "", "foreign"),
        };

        assert_int_equal(policy_commit(l, "site = 0", "", NULL, 0, 100), 1);
        rest_fill(l);
        assert_int_equal(moves_commit(l, moves, N_ELEMENTS(moves), 300), 3);
}

void ledger_fill_first(struct ledger *l)
{
        const struct entry_move moves[] = {
                move_of("smarty k1 10.0.0.1", "", "wanted"),
                move_of("smarty k2 10.0.0.2", "", "live"),
                move_of("smarty k2 10.0.0.1", "", "leaving"),
        };

        assert_int_equal(policy_commit(l, "site = 0", "smarty k1 10.0.0.1\nsmarty k2 10.0.0.2\n",
                                       moves, N_ELEMENTS(moves), 100),
                         1);
        assert_int_equal(COMMIT(l, 200, move_of("smarty k2 10.0.0.1", "leaving", "")), 2);
}

/* ---- by hand ---- */

static sqlite3 *sqlite_open(const char *path)
{
        sqlite3 *db;

        assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
        return db;
}

void ledger_alter(const char *path, const char *sql)
{
        sqlite3 *db = sqlite_open(path);
        char *message = NULL;

        sqlite3_exec(db, sql, NULL, NULL, &message);
        if (message)
                fail_msg("%s: %s", sql, message);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void *sqlite_hold(const char *path)
{
        sqlite3 *db = sqlite_open(path);

        assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        return db;
}

void sqlite_let_go(void *holder)
{
        assert_int_equal(sqlite3_close(holder), SQLITE_OK);
}

void log_of_version(const char *path, const char *log)
{
        CLEANUP(freep) void *bytes = NULL;
        sqlite3 *db = sqlite_open(path);
        char name[160];
        size_t length;

        assert_int_equal(sqlite3_exec(db,
                                      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA user_version = 4;"
                                      "CREATE TABLE later (a)",
                                      NULL, NULL, NULL),
                         SQLITE_OK);
        snprintf(name, sizeof(name), "%s-wal", path);
        bytes = file_bytes_read(name, &length);
        file_bytes_write(log, bytes, length);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void ledger_age(const char *path, unsigned version)
{
        if (version < 3)
                ledger_alter(path, "DROP TABLE switched_off; DROP TABLE pending");
        if (version < 2)
                ledger_alter(path, "DROP TABLE pin");
        ledger_alter(path, version == 1 ? "PRAGMA user_version = 1" : "PRAGMA user_version = 2");
}

/* ---- all that it holds ---- */

static void entries_dump(struct ledger *l, FILE *out)
{
        CLEANUP(entry_set_freep) struct entry_set *s = NULL;

        assert_int_equal(ledger_entries(l, &s), 0);
        for (size_t i = 0; i < s->n; i++) {
                const struct entry *e = &s->entries[i];
                char addr[ADDR_TEXT_MAX];

                fprintf(out, "entry %s %s %s %s %s %lld %lld %lld\n", e->provider, e->key, e->host,
                        addr_format(&e->addr, addr), entry_state_name(e->state),
                        (long long)e->since_us, (long long)e->added_us, (long long)e->live_us);
        }
}

static void pins_dump(struct ledger *l, FILE *out)
{
        CLEANUP(pin_set_freep) struct pin_set *s = NULL;

        assert_int_equal(ledger_pins(l, &s), 0);
        for (size_t i = 0; i < s->n; i++) {
                fprintf(out, "pin %s %lld", s->pins[i].name, (long long)s->pins[i].at_us);
                for (unsigned j = 0; j < s->pins[i].n_addrs; j++) {
                        char addr[ADDR_TEXT_MAX];

                        fprintf(out, " %s", addr_format(&s->pins[i].addrs[j], addr));
                }
                fputc('\n', out);
        }
}

static void rest_dump(struct ledger *l, FILE *out)
{
        CLEANUP(freep) struct ledger_switch *s = NULL;
        struct pending p;
        size_t n = 0;

        assert_int_equal(ledger_switches(l, &s, &n), 0);
        for (size_t i = 0; i < n; i++)
                fprintf(out, "off %s %s %s %lld\n", s[i].name, s[i].who, s[i].why,
                        (long long)s[i].at_us);
        assert_int_equal(ledger_pending(l, &p), 0);
        fprintf(out, "pending %llu %llu %lld\n", (unsigned long long)p.revision,
                (unsigned long long)p.previous, (long long)p.deadline_us);
}

static void revision_dump(struct ledger *l, uint64_t id, FILE *out)
{
        CLEANUP(revision_freep) struct revision *v = NULL;
        int r = ledger_revision(l, id, &v);

        if (r == -ENOENT) {
                fprintf(out, " no policy\n");
                return;
        }
        assert_int_equal(r, 0);
        fprintf(out, " policy %llu %lld %s [%s] [%s]\n", (unsigned long long)v->id,
                (long long)v->at_us, v->digest, v->router, v->assignment);
        for (size_t i = 0; i < v->n_files; i++) {
                fprintf(out, "  %s %s ", v->files[i].role, v->files[i].path);
                for (size_t j = 0; j < v->files[i].length; j++)
                        fprintf(out, "%02x", (unsigned char)v->files[i].text[j]);
                fputc('\n', out);
        }
}

static void moves_dump(struct ledger *l, uint64_t row, FILE *out)
{
        CLEANUP(move_list_freep) struct move_list *m = NULL;

        assert_int_equal(ledger_moves(l, row - 1, row, &m), 0);
        for (size_t i = 0; i < m->n; i++)
                fprintf(out, "  move %s %s %s %d %d %lld %lld\n", m->moves[i].provider,
                        m->moves[i].key, m->moves[i].host, m->moves[i].from, m->moves[i].to,
                        (long long)m->moves[i].added_us, (long long)m->moves[i].live_us);
}

static void history_dump(struct ledger *l, FILE *out)
{
        CLEANUP(history_freep) struct history *h = NULL;

        assert_int_equal(ledger_history(l, 0, SIZE_MAX, &h), 0);
        for (size_t i = 0; i < h->n; i++) {
                const struct history_row *row = &h->rows[i];

                fprintf(out, "row %llu %lld [%s] [%s] [%s] [%s] %llu %d %s",
                        (unsigned long long)row->id, (long long)row->at_us, row->who, row->what,
                        row->why, row->summary, (unsigned long long)row->revision, row->has_policy,
                        row->hash);
                revision_dump(l, row->id, out);
                moves_dump(l, row->id, out);
        }
}

char *ledger_dump(struct ledger *l)
{
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        assert_non_null(out);
        entries_dump(l, out);
        pins_dump(l, out);
        rest_dump(l, out);
        history_dump(l, out);
        assert_int_equal(fclose(out), 0);
        return text;
}

static void flaw_note(void *context, const char *flaw)
{
        assert_null(strchr(flaw, '\n'));
        fprintf(context, "%s\n", flaw);
}

char *ledger_flaws(struct ledger *l)
{
        char *text = NULL;
        size_t size, n_flaws = 0, n_lines = 0;
        FILE *out = open_memstream(&text, &size);

        assert_non_null(out);
        assert_int_equal(ledger_verify(l, flaw_note, out, &n_flaws), 0);
        assert_int_equal(fclose(out), 0);
        for (const char *c = text; *c; c++)
                n_lines += *c == '\n';
        assert_int_equal(n_lines, MIN(n_flaws, (size_t)LEDGER_MAX_FLAWS));
        return text;
}

/* ---- files ---- */

void *file_bytes_read(const char *path, size_t *ret_length)
{
        FILE *in = fopen(path, "r");
        struct stat st;
        char *bytes;

        assert_non_null(in);
        assert_int_equal(fstat(fileno(in), &st), 0);
        bytes = malloc((size_t)st.st_size + 1);
        assert_non_null(bytes);
        *ret_length = fread(bytes, 1, (size_t)st.st_size, in);
        assert_int_equal(*ret_length, st.st_size);
        fclose(in);
        return bytes;
}

void file_bytes_write(const char *path, const void *bytes, size_t length)
{
        FILE *out = fopen(path, "w");

        assert_non_null(out);
        assert_int_equal(fwrite(bytes, 1, length, out), length);
        assert_int_equal(fclose(out), 0);
}

uint64_t rig_random(uint64_t *state, uint64_t below)
{
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        return (*state * 0x2545f4914f6cdd1dU >> 32) % below;
}
