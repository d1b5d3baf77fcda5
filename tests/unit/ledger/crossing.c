/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ledger/crossing.h"

#include <stdio.h>

int change_make(struct ledger *l)
{
        static char text[20000];
        struct ledger_file file = { (char *)"policy", (char *)"/p", text, sizeof(text) };
        struct pin pin = { "new.example", { { { 1 } } }, 1, 5 };
        struct ledger_switch off = { "backend:b", "eve", "", 6 };
        struct pending pending = { UINT64_MAX, 2, 7 };
        struct entry_move moves[] = {
                move_of("smarty k1 10.0.0.1", "wanted", "live"),
                move_of("smarty k2 10.0.0.1", "leaving", ""),
                move_of("smarty k3 10.0.0.7", "", "wanted"),
        };
        struct change c = { .expected_head = 3,
                            .who = "tester",
                            .what = "apply",
                            .summary = "all kinds",
                            .at_us = 400,
                            .moves = moves,
                            .n_moves = N_ELEMENTS(moves),
                            .files = &file,
                            .n_files = 1,
                            .assignment = "smarty k1 10.0.0.1\nsmarty k1 10.0.0.2\n"
                                          "smarty k2 10.0.0.4\nsmarty k2 router\n"
                                          "smarty k3 10.0.0.7\n",
                            .pins = &pin,
                            .n_pins = 1,
                            .switched_off = &off,
                            .n_switched_off = 1,
                            .pending = &pending };
        uint64_t id;

        memset(text, 'x', sizeof(text));
        return ledger_commit(l, &c, &id);
}

static void *backup;
static size_t backup_length;

int restore_make(struct ledger *l)
{
        char why[LEDGER_WHY_MAX];
        uint64_t id;

        if (!backup) {
                CLEANUP(ledger_closep) struct ledger *other = NULL;

                assert_int_equal(ledger_open_memory(&other), 0);
                ledger_fill(other);
                assert_int_equal(change_make(other), 0);
                assert_int_equal(ledger_backup(other, &backup, &backup_length), 0);
        }
        return ledger_restore(l, backup, backup_length, "tester", NULL, 500, why, &id);
}

int nothing_make(struct ledger *l)
{
        return 0;
}

void crossing_init(struct crossing *c, struct rig *g, crossing_act *act)
{
        rig_close(g);
        c->act = act;
        c->bytes = file_bytes_read(g->path, &c->length);
        rig_open(g);
        c->before = ledger_dump(g->l);
        assert_int_equal(act(g->l), 0);
        c->behind = ledger_dump(g->l);
        rig_close(g);
}

void crossing_done(struct crossing *c)
{
        free(TAKE(backup));
        free(c->bytes);
        free(c->before);
        free(c->behind);
}

static void path_with(char path[static 160], const struct rig *g, const char *ending)
{
        snprintf(path, 160, "%s%s", g->path, ending);
}

void crossing_reset(const struct crossing *c, struct rig *g)
{
        char path[160];

        rig_close(g);
        path_with(path, g, "-wal");
        unlink(path);
        path_with(path, g, "-journal");
        unlink(path);
        file_bytes_write(g->path, c->bytes, c->length);
}

bool crossing_is_behind(const struct crossing *c, struct ledger *l)
{
        CLEANUP(freep) char *found = ledger_dump(l), *flaws = ledger_flaws(l);

        assert_string_equal(flaws, "");
        if (strcmp(found, c->behind) == 0)
                return true;
        assert_string_equal(found, c->before);
        return false;
}

bool crossing_is_behind_on_disk(const struct crossing *c, const struct rig *g)
{
        static const char *const endings[] = { "", "-wal", "-journal" };
        struct rig other;
        bool result;

        rig_init(&other);
        for (size_t i = 0; i < N_ELEMENTS(endings); i++) {
                CLEANUP(freep) void *bytes = NULL;
                char from[160], to[160];
                size_t length;

                path_with(from, g, endings[i]);
                path_with(to, &other, endings[i]);
                if (access(from, F_OK) < 0)
                        continue;
                bytes = file_bytes_read(from, &length);
                file_bytes_write(to, bytes, length);
        }
        rig_open(&other);
        result = crossing_is_behind(c, other.l);
        rig_done(&other);
        return result;
}
