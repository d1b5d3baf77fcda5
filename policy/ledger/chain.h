/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * chain - what the hash of a row of the history covers
 *
 * Internal to policy/ledger. The hash of a row is SHA-256 over the hash of the row before it, its
 * own fields, its moves, the seal of the policy in force, and a state: the sum of the digests of
 * everything that stands in the ledger behind it. So the newest row vouches for the whole, whatever
 * has been dropped of the history, and a commit adds and takes away only what it changes.
 */
#include "policy/ledger/ledger_internal.h"

/* Digests of what stands in the ledger. */
MUST_CHECK int entry_digest(struct digest *d, const struct entry *e,
                            uint8_t ret[static DIGEST_BYTES]);
MUST_CHECK int pin_digest(struct digest *d, const char *name, const char *addresses, int64_t at_us,
                          uint8_t ret[static DIGEST_BYTES]);
MUST_CHECK int switch_digest(struct digest *d, const struct ledger_switch *s,
                             uint8_t ret[static DIGEST_BYTES]);
MUST_CHECK int pending_digest(struct digest *d, const struct pending *p,
                              uint8_t ret[static DIGEST_BYTES]);

/* Of an applied policy: digest_end() of these fields. */
struct seal {
        uint64_t revision; /* 0: no policy is in force; the rest is empty then */
        int64_t at_us;
        const char *digest, *router;
        uint8_t content[DIGEST_BYTES];
};
/* All of its files with their paths, and the assignment. */
MUST_CHECK int content_digest(struct digest *d, const struct ledger_file *files, size_t n_files,
                              const char *assignment, uint8_t ret[static DIGEST_BYTES]);
/* Roles and texts alone: what a policy is told by. */
MUST_CHECK int files_digest(struct digest *d, const struct ledger_file *files, size_t n_files,
                            char ret[static DIGEST_TEXT_MAX]);

/* A row: begin, each move in its order, then digest_end(). `hash` is that of the row before. */
struct chain_row {
        uint64_t id;
        int64_t at_us;
        const char *who, *what, *why, *summary;
};
void chain_begin(struct digest *d, const uint8_t hash[static DIGEST_BYTES],
                 const struct chain_row *row, const struct seal *seal,
                 const uint8_t state[static DIGEST_BYTES]);
void chain_move(struct digest *d, const struct entry_move *m);
