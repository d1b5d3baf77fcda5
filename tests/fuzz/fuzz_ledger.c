/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_ledger - arbitrary bytes are no ledger, and a sound one that was changed is none any more
 *
 * The first byte says what the rest is. Even: the bytes of a file. Odd: changes to a sound ledger
 * that the harness makes, four bytes each: where (24 bits), and what is put there; with the second
 * bit set the first three bytes say where the file ends. Whatever is found sound can be restored,
 * read, and has no flaw then; and if it came from the sound one, it holds what that held.
 */
#include "policy/ledger/ledger.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                       \
        do {                                                                  \
                if (!(condition)) {                                           \
                        fprintf(stderr, "property broken: %s\n", #condition); \
                        abort();                                              \
                }                                                             \
        } while (0)

static struct {
        uint8_t *bytes;
        size_t length;
        struct entry_set *entries;
        struct history *history;
} sound;

static void sound_done(void)
{
        free(sound.bytes);
        entry_set_free(sound.entries);
        history_free(sound.history);
}

static void sound_fill(struct ledger *l)
{
        struct ledger_file file = { (char *)"policy", (char *)"/p", (char *)"site = 1;", 9 };
        struct entry_move moves[] = {
                { "smarty", "k1", "10.0.0.1", -1, ENTRY_LIVE, 1, 2 },
                { "smarty", "k2", "10.0.0.1", -1, ENTRY_LEAVING, 1, 2 },
                { "smarty", "k2", "router", -1, ENTRY_WANTED, 0, 0 },
        };
        struct entry_move gone = { "smarty", "k2", "10.0.0.1", ENTRY_LEAVING, -1, 0, 0 };
        struct pin pin = { "desk.example", { { { 1 } } }, 1, 5 };
        struct ledger_switch off = { "key:k1", "alice", "leaked", 6 };
        struct pending pending = { UINT64_MAX, 0, 7 };
        struct change first = { .who = "alice",
                                .what = "apply",
                                .why = "first",
                                .summary = "s",
                                .at_us = 10,
                                .moves = moves,
                                .n_moves = N_ELEMENTS(moves),
                                .files = &file,
                                .n_files = 1,
                                .assignment = "smarty k1 10.0.0.1\nsmarty k2 router\n",
                                .pins = &pin,
                                .n_pins = 1,
                                .switched_off = &off,
                                .n_switched_off = 1,
                                .pending = &pending };
        struct change second = { .expected_head = 1,
                                 .who = "bob",
                                 .what = "confirm",
                                 .summary = "gone",
                                 .at_us = 20,
                                 .moves = &gone,
                                 .n_moves = 1 };
        uint64_t id;

        MUST(ledger_commit(l, &first, &id) == 0 && ledger_commit(l, &second, &id) == 0);
}

static void sound_make(void)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        void *bytes;

        if (sound.bytes)
                return;
        MUST(ledger_open_memory(&l) == 0);
        sound_fill(l);
        MUST(ledger_backup(l, &bytes, &sound.length) == 0);
        sound.bytes = bytes;
        MUST(ledger_entries(l, &sound.entries) == 0);
        MUST(ledger_history(l, 0, SIZE_MAX, &sound.history) == 0);
        atexit(sound_done);
}

/* A copy with the changes; of its exact length, so that a sanitizer sees a read behind its end. */
static uint8_t *sound_change(const uint8_t *data, size_t size, bool is_cut, size_t *ret_length)
{
        size_t length = sound.length;
        uint8_t *bytes;

        if (is_cut && size >= 3) {
                length = ((size_t)data[0] << 16 | (size_t)data[1] << 8 | data[2]) % (length + 1);
                data += 3;
                size -= 3;
        }
        bytes = malloc(length ? length : 1);
        MUST(bytes);
        memcpy(bytes, sound.bytes, length);
        for (; size >= 4 && length > 0; data += 4, size -= 4)
                bytes[((size_t)data[0] << 16 | (size_t)data[1] << 8 | data[2]) % length] = data[3];
        *ret_length = length;
        return bytes;
}

static void flaw_break(void *context, const char *flaw)
{
        fprintf(stderr, "%s\n", flaw);
        MUST(!"a flaw of what was found sound");
}

/* It holds what the sound one held; its history has one row more, on top. */
static void sound_compare(struct ledger *l)
{
        CLEANUP(entry_set_freep) struct entry_set *entries = NULL;
        CLEANUP(history_freep) struct history *h = NULL;

        MUST(ledger_entries(l, &entries) == 0 && entries->n == sound.entries->n);
        for (size_t i = 0; i < entries->n; i++) {
                const struct entry *a = &entries->entries[i], *b = &sound.entries->entries[i];

                MUST(strcmp(a->provider, b->provider) == 0 && strcmp(a->key, b->key) == 0 &&
                     strcmp(a->host, b->host) == 0 && a->state == b->state &&
                     a->since_us == b->since_us && a->added_us == b->added_us &&
                     a->live_us == b->live_us);
        }
        MUST(ledger_history(l, 0, SIZE_MAX, &h) == 0 && h->n == sound.history->n + 1);
        for (size_t i = 0; i < sound.history->n; i++)
                MUST(strcmp(h->rows[i + 1].hash, sound.history->rows[i].hash) == 0);
}

static void ledger_judge(const uint8_t *bytes, size_t length, bool is_from_sound)
{
        CLEANUP(ledger_closep) struct ledger *l = NULL;
        char why[LEDGER_WHY_MAX];
        size_t n_flaws = 0;
        uint64_t id = 0;
        int r = ledger_inspect(bytes, length, why);

        MUST(r == 0 || r == LEDGER_E_FOREIGN || r == LEDGER_E_DAMAGED || r == LEDGER_E_NEWER);
        MUST((r == 0) == (why[0] == 0) && memchr(why, 0, sizeof(why)));
        if (r != 0)
                return;
        MUST(ledger_open_memory(&l) == 0);
        MUST(ledger_restore(l, bytes, length, "fuzz", NULL, 1, why, &id) == 0);
        MUST(ledger_head(l) == id);
        MUST(ledger_verify(l, flaw_break, NULL, &n_flaws) == 0 && n_flaws == 0);
        if (is_from_sound)
                sound_compare(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t *bytes;
        size_t length;

        if (size < 1)
                return 0;
        sound_make();
        if (data[0] % 2 == 0) {
                ledger_judge(data + 1, size - 1, false);
                return 0;
        }
        bytes = sound_change(data + 1, size - 1, data[0] & 2, &length);
        ledger_judge(bytes, length, true);
        free(bytes);
        return 0;
}
