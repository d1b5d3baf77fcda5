/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/ledger/chain.h"

int entry_digest(struct digest *d, const struct entry *e, uint8_t ret[static DIGEST_BYTES])
{
        digest_begin(d, "entry");
        digest_put_text(d, e->provider);
        digest_put_text(d, e->key);
        digest_put_text(d, e->host);
        digest_put_text(d, entry_state_name(e->state));
        digest_put_number(d, e->since_us);
        digest_put_number(d, e->added_us);
        digest_put_number(d, e->live_us);
        return digest_end(d, ret);
}

int pin_digest(struct digest *d, const char *name, const char *addresses, int64_t at_us,
               uint8_t ret[static DIGEST_BYTES])
{
        digest_begin(d, "pin");
        digest_put_text(d, name);
        digest_put_text(d, addresses);
        digest_put_number(d, at_us);
        return digest_end(d, ret);
}

int switch_digest(struct digest *d, const struct ledger_switch *s, uint8_t ret[static DIGEST_BYTES])
{
        digest_begin(d, "switch");
        digest_put_text(d, s->name);
        digest_put_text(d, s->who);
        digest_put_text(d, s->why);
        digest_put_number(d, s->at_us);
        return digest_end(d, ret);
}

int pending_digest(struct digest *d, const struct pending *p, uint8_t ret[static DIGEST_BYTES])
{
        digest_begin(d, "pending");
        digest_put_number(d, (int64_t)p->revision);
        digest_put_number(d, (int64_t)p->previous);
        digest_put_number(d, p->deadline_us);
        return digest_end(d, ret);
}

int content_digest(struct digest *d, const struct ledger_file *files, size_t n_files,
                   const char *assignment, uint8_t ret[static DIGEST_BYTES])
{
        digest_begin(d, "content");
        digest_put_number(d, (int64_t)n_files);
        for (size_t i = 0; i < n_files; i++) {
                digest_put_text(d, files[i].role);
                digest_put_text(d, files[i].path);
                digest_put(d, files[i].text, files[i].length);
        }
        digest_put_text(d, assignment);
        return digest_end(d, ret);
}

int files_digest(struct digest *d, const struct ledger_file *files, size_t n_files,
                 char ret[static DIGEST_TEXT_MAX])
{
        uint8_t bytes[DIGEST_BYTES];
        int r;

        digest_begin(d, "policy");
        for (size_t i = 0; i < n_files; i++) {
                digest_put_text(d, files[i].role);
                digest_put(d, files[i].text, files[i].length);
        }
        r = digest_end(d, bytes);
        if (r == 0)
                digest_format(bytes, ret);
        return r;
}

int revision_digest(const struct ledger_file *files, size_t n_files, char ret[static 65])
{
        CLEANUP(digest_freep) struct digest *d = NULL;
        int r = digest_new(&d);

        return r ? r : files_digest(d, files, n_files, ret);
}

void chain_begin(struct digest *d, const uint8_t hash[static DIGEST_BYTES],
                 const struct chain_row *row, const struct seal *seal,
                 const uint8_t state[static DIGEST_BYTES])
{
        digest_begin(d, "history");
        digest_put(d, hash, DIGEST_BYTES);
        digest_put_number(d, (int64_t)row->id);
        digest_put_number(d, row->at_us);
        digest_put_text(d, row->who);
        digest_put_text(d, row->what);
        digest_put_text(d, row->why);
        digest_put_text(d, row->summary);
        digest_put_number(d, (int64_t)seal->revision);
        if (seal->revision > 0) {
                digest_put_number(d, seal->at_us);
                digest_put_text(d, seal->digest);
                digest_put_text(d, seal->router);
                digest_put(d, seal->content, DIGEST_BYTES);
        }
        digest_put(d, state, DIGEST_BYTES);
}

static const char *state_text(int state)
{
        return state < 0 ? "" : entry_state_name((enum entry_state)state);
}

void chain_move(struct digest *d, const struct entry_move *m)
{
        digest_put_text(d, m->provider);
        digest_put_text(d, m->key);
        digest_put_text(d, m->host);
        digest_put_text(d, state_text(m->from));
        digest_put_text(d, state_text(m->to));
        digest_put_number(d, m->added_us);
        digest_put_number(d, m->live_us);
}
