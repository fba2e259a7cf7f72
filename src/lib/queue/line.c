/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/queue/line.h"

enum { URGENT, OTHERS };

static struct line_item *item_of(struct link *link)
{
	return CONTAINER(link, struct line_item, link);
}

void line_init(struct line *l)
{
	list_init(&l->turns[URGENT]);
	list_init(&l->turns[OTHERS]);
}

static struct link *turns_of(struct line *l, const struct line_item *item)
{
	return &l->turns[item->urgent ? URGENT : OTHERS];
}

static struct line_item *first_of(const struct link *turns, uint64_t owner)
{
	LIST_EACH(it, (struct link *)(uintptr_t)turns)
		if (item_of(it)->owner == owner) return item_of(it);
	return NULL;
}

bool line_knows(const struct line *l, uint64_t owner)
{
	return first_of(&l->turns[URGENT], owner) || first_of(&l->turns[OTHERS], owner);
}

static void put_before(struct link *place, struct link *link)
{
	list_add_tail(place, link); /* a list's element is as good as its head */
}

/* What stood behind `from` stands behind `to`. */
static void hand_over(struct line_item *from, struct line_item *to)
{
	list_init(&to->behind);
	for (struct link *it; (it = list_take(&from->behind));) list_add_tail(&to->behind, it);
}

/* Not a long look: everybody who comes has to take it. */
static struct line_item *lately_of(const struct link *turns, uint64_t owner)
{
	const struct link *it = turns->prev;
	for (int i = 0; i < LINE_LOOK_MAX && it != turns; i++, it = it->prev) {
		struct line_item *item = item_of((struct link *)(uintptr_t)it);
		if (item->owner == owner) return item;
	}
	return NULL;
}

void line_add(struct line *l, struct line_item *item)
{
	struct link *turns = turns_of(l, item);
	struct line_item *first = lately_of(turns, item->owner);
	item->first = !first;
	list_init(&item->behind);
	list_add_tail(first ? &first->behind : turns, &item->link);
}

void line_add_first(struct line *l, struct line_item *item)
{
	struct link *turns = turns_of(l, item);
	struct line_item *first = first_of(turns, item->owner);
	item->first = true;
	list_init(&item->behind);
	if (first) {
		hand_over(first, item);
		link_remove(&first->link);
		first->first = false;
		put_before(item->behind.next, &first->link);
	}
	put_before(turns->next, &item->link);
}

void line_leave(struct line *l, struct line_item *item)
{
	struct link *after = item->link.next;
	(void)l;
	link_remove(&item->link);
	if (!item->first) return;
	struct link *next = list_take(&item->behind);
	if (!next) return;
	hand_over(item, item_of(next));
	item_of(next)->first = true;
	put_before(after, next); /* at the same place among the turns */
}

struct line_item *line_take(struct line *l)
{
	for (int class = URGENT; class <= OTHERS; class++) {
		struct link *first = list_take(&l->turns[class]);
		if (!first) continue;
		struct line_item *item = item_of(first);
		struct link *next = list_take(&item->behind);
		if (!next) return item;
		/* The owner's next one waits for his next turn. */
		hand_over(item, item_of(next));
		item_of(next)->first = true;
		list_add_tail(&l->turns[class], next);
		return item;
	}
	return NULL;
}
