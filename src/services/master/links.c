/* SPDX-License-Identifier: Apache-2.0 */
#include "services/master/master.h"

enum { LINKS_AGAIN_MS = 1000 }; /* longer than it takes to hear of a death */

static struct peer_link *link_of(struct master *m, const struct child *a,
				 const struct child *b)
{
	return a->slot < b->slot ? &m->links[a->slot][b->slot] : &m->links[b->slot][a->slot];
}

uint32_t links_new(struct master *m, const struct child *a, const struct child *b)
{
	struct peer_link *link = link_of(m, a, b);
	*link = (struct peer_link){ .number = ++m->link_last };
	return link->number;
}

/* Both ends say so; and so does the one that is left when the other died. */
void links_lost(struct master *m, uint32_t number)
{
	for (size_t i = 0; i < m->child_count; i++) {
		for (size_t j = i + 1; j < m->child_count; j++) {
			struct peer_link *link = &m->links[i][j];
			if (link->number == 0 || link->number != number || link->lost) continue;
			link->lost = true;
			loop_timer_set(m->link_timer, LINKS_AGAIN_MS);
			return;
		}
	}
}

static void link_remake(struct master *m, struct child *a, struct child *b)
{
	event_begin(&m->log, EVENT_channel_lost, 0, 0);
	event_str(&m->log, FIELD_process, str_of(a->title));
	event_str(&m->log, FIELD_reason, str_of(b->title));
	event_end(&m->log);
	child_connect(a, b);
}

void links_timer(void *arg)
{
	struct master *m = arg;
	for (size_t i = 0; i < m->child_count; i++) {
		for (size_t j = i + 1; j < m->child_count; j++) {
			struct child *a = &m->children[i], *b = &m->children[j];
			if (!m->links[i][j].lost) continue;
			m->links[i][j].lost = false;
			if (a->ch && b->ch && m->phase != MASTER_STOPPING) link_remake(m, a, b);
		}
	}
}
