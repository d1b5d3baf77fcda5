/* SPDX-License-Identifier: Apache-2.0 */
/* Moves carried out in memory: what the ledger does in its file. */
#include "lib/base/fault.h"
#include "policy/settle.h"

#include <errno.h>

static int move_compare(const struct entry *e, const struct entry_move *m, const struct addr *addr)
{
        int r = strcmp(e->provider, m->provider);

        if (r == 0)
                r = addr_compare(&e->addr, addr);
        if (r == 0)
                r = strcmp(e->key, m->key);
        return r ? r : strcmp(e->host, m->host);
}

/* The entry that a move is of, or NULL. */
static struct entry *entry_of_move(struct entry *entries, size_t n, const struct entry_move *m,
                                   const struct addr *addr)
{
        size_t low = 0, high = n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int r = move_compare(&entries[middle], m, addr);

                if (r == 0)
                        return &entries[middle];
                if (r < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

int entries_after(const struct entry_set *before, const struct entry_move *moves, size_t n,
                  int64_t now_us, struct entry_set **ret)
{
        size_t n_before = before ? before->n : 0, n_all = n_before, n_kept = 0;
        CLEANUP(freep) struct entry *entries = calloc(n_before + n + 1, sizeof(*entries));
        CLEANUP(freep) bool *gone = calloc(n_before + n + 1, sizeof(*gone));

        if (!entries || !gone)
                return fault(-ENOMEM);
        if (n_before > 0)
                memcpy(entries, before->entries, n_before * sizeof(*entries));
        for (size_t i = 0; i < n; i++) {
                const struct entry_move *m = &moves[i];
                struct addr addr = { { 0 } };
                struct entry *e;

                if (addr_parse(slice_of(m->host), &addr) != 0)
                        addr = (struct addr){ { 0 } };
                e = entry_of_move(entries, n_before, m, &addr);
                if ((e ? (int)e->state : -1) != m->from)
                        return -ESTALE;
                if (!e)
                        e = &entries[n_all++];
                if (m->to < 0)
                        gone[e - entries] = true;
                else
                        *e = (struct entry){
                                m->provider, m->key,      m->host,   addr, (enum entry_state)m->to,
                                now_us,      m->added_us, m->live_us
                        };
        }
        for (size_t i = 0; i < n_all; i++)
                if (!gone[i])
                        entries[n_kept++] = entries[i];
        return entry_set_new(entries, n_kept, ret);
}
