/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/block.h"

struct block_free {
        struct block_free *next;
};

void block_pool_init(struct block_pool *pool, unsigned max_free)
{
        *pool = (struct block_pool){ .max_free = max_free };
}

void block_pool_done(struct block_pool *pool)
{
        assert(pool->n_used == 0);
        while (pool->free) {
                struct block_free *block = pool->free;

                pool->free = block->next;
                free(block);
        }
        pool->n_free = 0;
}

void *block_get(struct block_pool *pool)
{
        struct block_free *block = pool->free;

        if (block) {
                pool->free = block->next;
                pool->n_free--;
        } else {
                block = malloc(BLOCK_BYTES);
                if (!block)
                        return NULL;
        }
        pool->n_used++;
        return block;
}

void block_put(struct block_pool *pool, void *data)
{
        struct block_free *block = data;

        assert(pool->n_used > 0);
        pool->n_used--;
        if (pool->n_free >= pool->max_free) {
                free(block);
                return;
        }
        block->next = pool->free;
        pool->free = block;
        pool->n_free++;
}
