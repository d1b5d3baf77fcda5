/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * list - doubly linked, intrusive; a head is a node that points to itself when empty
 */
#include <stdbool.h>

struct list {
        struct list *next, *previous;
};

static inline void list_init(struct list *l)
{
        l->next = l->previous = l;
}

static inline bool list_is_empty(const struct list *l)
{
        return l->next == l;
}

static inline void list_insert_between(struct list *node, struct list *previous, struct list *next)
{
        node->previous = previous;
        node->next = next;
        previous->next = node;
        next->previous = node;
}

static inline void list_push_front(struct list *head, struct list *node)
{
        list_insert_between(node, head, head->next);
}

static inline void list_push_back(struct list *head, struct list *node)
{
        list_insert_between(node, head->previous, head);
}

/* Leaves the node empty: removing twice is harmless. */
static inline void list_remove(struct list *node)
{
        node->previous->next = node->next;
        node->next->previous = node->previous;
        list_init(node);
}

#define LIST_ENTRY(node, type, member) CONTAINER_OF(node, type, member)

/* `next` allows removal of `node` inside the loop. */
#define LIST_EACH(node, following, head)                                            \
        for (struct list *node = (head)->next, *following = node->next; node != (head); \
             node = following, following = node->next)
