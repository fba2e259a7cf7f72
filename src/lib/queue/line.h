/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for one thing, and whose turn it is: the owners (senders) of what waits take
 * turns, each with his own in the order in which they came. So one who has very much does
 * not make the others wait for all of it. Urgent ones are served first. Intrusive and pure.
 * Who comes is looked for among the last LINE_LOOK_MAX owners: where more than those wait, one
 * may have several turns, as many as keep his share small. */
#ifndef IMS_QUEUE_LINE_H
#define IMS_QUEUE_LINE_H

#include <stdint.h>

#include "lib/base/list.h"

enum { LINE_LOOK_MAX = 64 };

struct line_item {
	/* Its own. */
	struct link link;   /* of the first of an owner: in the turns; else in `behind` */
	struct link behind; /* of the first of an owner: his others */
	bool first;
	/* The caller's. */
	bool urgent;
	uint64_t owner; /* hash of who he is */
};

struct line {
	struct link turns[2]; /* urgent, others */
};

void line_init(struct line *l);
void line_add(struct line *l, struct line_item *item);
/* To the front: it is the next one. */
void line_add_first(struct line *l, struct line_item *item);
/* The next one, taken out; NULL: nobody waits. */
struct line_item *line_take(struct line *l);
void line_leave(struct line *l, struct line_item *item);
static inline bool line_has(const struct line_item *item) { return link_is_in(&item->link); }
/* Whether something of that owner waits. */
bool line_knows(const struct line *l, uint64_t owner);

#endif
