/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/ledger/ledger.h"

void move_list_free(struct move_list *m)
{
        free(m->moves);
        free(m->texts);
        free(m);
}
