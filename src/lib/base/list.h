/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked ring. The head is a link itself; an element that is in no
 * list has next == NULL. */
#ifndef IMS_BASE_LIST_H
#define IMS_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
	struct link *next, *prev;
};

#define CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))
#define LIST_EACH(it, head) \
	for (struct link *it = (head)->next, *it##_next = it->next; it != (head); \
	     it = it##_next, it##_next = it->next)

static inline void list_init(struct link *head) { head->next = head->prev = head; }
static inline bool list_empty(const struct link *head) { return head->next == head; }
static inline bool link_is_in(const struct link *l) { return l->next != NULL; }
static inline void list_add_tail(struct link *head, struct link *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}
static inline void link_remove(struct link *l)
{
	if (!l->next) return;
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->next = l->prev = NULL;
}
/* First element taken out, or NULL. */
static inline struct link *list_take(struct link *head)
{
	struct link *l = head->next;
	if (l == head) return NULL;
	link_remove(l);
	return l;
}

#endif
