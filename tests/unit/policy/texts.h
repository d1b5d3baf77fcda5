/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * texts - plans and entries as one line, for tables
 *
 * Entries: "live k1 10.0.0.1; leaving k2 10.0.0.1", the state first. Entered at the vendor at 5 and
 * live since 7, as far as the state tells; "unproven" is a leaving one that was never live,
 * "unadded" one that was never entered.
 */
#include "policy/ledger/entries.h"
#include "tests/unit/policy/build.h"

#include <stdio.h>

#define TEXT_MAX 4096

/* The plan of one provider as "k1: 1 2; k2: 3; full: 4; no key: 5", addresses by their last
 * byte. */
static inline void plan_text(const struct plan *plan, unsigned provider, char *text)
{
        const struct provider *wanted = &plan->policy->providers[provider];
        size_t length = 0, n_keys = plan->n_keys;

        text[0] = 0;
        for (size_t k = 0; k < n_keys + 2; k++) {
                const char *title = k < n_keys    ? plan->keys[k].key->name
                                    : k == n_keys ? "full"
                                                  : "no key";
                bool any = false;

                for (size_t i = 0; i < plan->n_slots; i++) {
                        const struct slot *s = &plan->slots[i];
                        size_t column = s->key                          ? s->key->index
                                        : s->reason == plan_reason_full ? n_keys
                                                                        : n_keys + 1;

                        if (s->provider != wanted || column != k)
                                continue;
                        if (!any)
                                length += (size_t)snprintf(text + length, TEXT_MAX - length,
                                                           "%s%s:", length ? "; " : "", title);
                        length += (size_t)snprintf(text + length, TEXT_MAX - length, " %u",
                                                   s->seen.bytes[15]);
                        any = true;
                }
        }
}

static inline void entry_parse_state(struct slice word, struct entry *e)
{
        char name[32];

        snprintf(name, sizeof(name), "%.*s", (int)word.length, word.data);
        if (strcmp(name, "unproven") == 0 || strcmp(name, "unadded") == 0)
                e->state = ENTRY_LEAVING;
        else
                assert_true(entry_state_parse(name, &e->state));
        if (e->state != ENTRY_WANTED && e->state != ENTRY_FOREIGN && strcmp(name, "unadded") != 0)
                e->added_us = 5;
        if (e->added_us && e->state != ENTRY_PROPAGATING && strcmp(name, "unproven") != 0)
                e->live_us = 7;
}

/* Of provider "smarty". Owner: the caller. NULL text: NULL. */
static inline struct entry_set *entries_of_text(const char *text)
{
        struct slice rest = slice_of(text ? text : ""), part, word;
        static char names[64][2][64];
        struct entry entries[64];
        struct entry_set *set = NULL;
        size_t n = 0;

        if (!text)
                return NULL;
        while (slice_split(&rest, ';', &part)) {
                struct entry *e = &entries[n];

                while (part.length > 0 && part.data[0] == ' ')
                        part = slice_from(part, 1);
                if (part.length == 0)
                        continue;
                *e = (struct entry){ "smarty",     names[n][0], names[n][1], { { 0 } },
                                     ENTRY_WANTED, 1,           0,           0 };
                assert_true(n < 64 && slice_split(&part, ' ', &word));
                entry_parse_state(word, e);
                assert_true(slice_split(&part, ' ', &word));
                snprintf(names[n][0], sizeof(names[n][0]), "%.*s", (int)word.length, word.data);
                snprintf(names[n][1], sizeof(names[n][1]), "%.*s", (int)part.length, part.data);
                if (addr_parse(part, &e->addr) != 0)
                        e->addr = (struct addr){ { 0 } };
                n++;
        }
        assert_int_equal(entry_set_new(entries, n, &set), 0);
        return set;
}

/* Back again. */
static inline void entries_text(const struct entry_set *set, char *text)
{
        size_t length = 0;

        text[0] = 0;
        for (size_t i = 0; i < set->n; i++) {
                const struct entry *e = &set->entries[i];
                const char *state = e->state != ENTRY_LEAVING ? entry_state_name(e->state)
                                    : e->live_us              ? "leaving"
                                    : e->added_us             ? "unproven"
                                                              : "unadded";

                length += (size_t)snprintf(text + length, TEXT_MAX - length, "%s%s %s %s",
                                           length ? "; " : "", state, e->key, e->host);
        }
}
