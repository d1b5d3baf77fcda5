/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * crossing - a ledger before a change and behind it, and which of the two is found
 *
 * Whatever happens in between, there is no third.
 */
#include "tests/unit/ledger/rig.h"

/* What takes an open ledger across. Returns as the ledger's function does. */
typedef int crossing_act(struct ledger *l);

struct crossing {
        crossing_act *act;
        void *bytes; /* of the file before */
        size_t length;
        char *before, *behind; /* ledger_dump() */
};

/* The ledger of the rig is what it starts from; it is closed. */
void crossing_init(struct crossing *c, struct rig *g, crossing_act *act);
void crossing_done(struct crossing *c);

/* Back to the file of before. */
void crossing_reset(const struct crossing *c, struct rig *g);

/* False: it is the one of before. A third one, or a flaw, stops the test. */
bool crossing_is_behind(const struct crossing *c, struct ledger *l);

/* The same for the files as they are now, opened by someone else. */
bool crossing_is_behind_on_disk(const struct crossing *c, const struct rig *g);

/* A change of every kind, over several pages, to what ledger_fill() has made. */
int change_make(struct ledger *l);
/* The backup of a filled ledger in place of it. */
int restore_make(struct ledger *l);
/* Nothing. */
int nothing_make(struct ledger *l);
