/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is. Destinations with work stand in rings, by what is known of them: so a ring
 * from which nothing may start now costs nothing, however many stand there. The rings take
 * turns, and so do those in each. */
#include "lib/queue/sched_parts.h"

static enum sched_ring known_of(const struct sched_dest *d)
{
	if (d->local) return SCHED_LOCAL;
	if (d->proved) return SCHED_PROVED;
	return sched_is_new(d) ? SCHED_NEW : SCHED_DOUBTED;
}

/* Those of a site follow each other: who has its connection has to see who waits for it. */
static enum sched_ring ring_of(const struct sched_dest *d)
{
	return d->site ? SCHED_SITED : known_of(d);
}

void ring_add(struct sched *s, struct sched_dest *d)
{
	if (!link_is_in(&d->ring)) list_add_tail(&s->rings[ring_of(d)], &d->ring);
}

/* If not, all of whom as much is known would have to wait for the end of others' attempts. */
static bool may_any(const struct sched *s, enum sched_ring known)
{
	if (known == SCHED_LOCAL) return true;
	if (s->in_flight >= s->limit) return false;
	if (known == SCHED_PROVED || known == SCHED_SITED) return true;
	/* While there are some of which nothing is known the others leave them a quarter, but
	 * have their turn behind a few of those. */
	bool doubted = known == SCHED_DOUBTED && !list_empty(&s->rings[SCHED_NEW]) &&
		       s->new_run < SCHED_NEW_RUN;
	return s->trying < (s->limit + 1) / (doubted ? 4 : 2);
}

static bool may_start(const struct sched *s, const struct sched_dest *d, int64_t now_ms)
{
	return !d->suspended && d->waiting > 0 && d->in_flight < window_now(s, d) &&
	       d->blocked_until_ms <= now_ms;
}

/* The first of the ring that may start now. Who waits only for the end of others' attempts
 * stays where he is; who may not leaves it until something has happened to him. */
static struct sched_dest *ring_take(struct sched *s, enum sched_ring ring, int64_t now_ms)
{
	struct link *it = s->rings[ring].next;
	while (it != &s->rings[ring]) {
		struct sched_dest *d = CONTAINER(it, struct sched_dest, ring);
		struct link *before = it->prev;
		if (ring_of(d) == ring && d->waiting && !may_any(s, known_of(d))) {
			it = it->next;
			continue;
		}
		link_remove(&d->ring);
		it = before->next;
		/* More is known of it than when it came here. */
		if (ring_of(d) != ring) {
			ring_add(s, d);
			continue;
		}
		bool may = may_start(s, d, now_ms);
		if (may && pace_has_room(d, now_ms)) return d;
		if (may) pace_wait(d);
		else pace_pass(s, d); /* to the end of the ring */
		it = before->next;
	}
	return NULL;
}

static struct line_item *dest_take(struct sched *s, struct sched_dest *d, int64_t now_ms)
{
	struct line_item *item = line_take(&d->line);
	waiting_sub(s, d);
	pace_begin(s, d, now_ms);
	if (!d->local) s->in_flight++;
	if (!d->proved) s->new_run = sched_is_new(d) ? s->new_run + 1 : 0;
	if (d->waiting) ring_add(s, d);
	s->refill |= sched_has_skipped(d);
	/* Another one of its site may be filled now. */
	if (d->site) s->refill |= d->site->waiting <= site_line_max(d->site) / 2;
	return item;
}

struct line_item *sched_take(struct sched *s, int64_t now_ms, struct sched_dest **dest)
{
	/* Twice around: one that was met in the wrong ring stands in another one by now. */
	for (unsigned i = 0; i < 2 * SCHED_RINGS; i++) {
		enum sched_ring ring = (enum sched_ring)((s->turn + i) % SCHED_RINGS);
		struct sched_dest *d = may_any(s, ring) ? ring_take(s, ring, now_ms) : NULL;
		if (!d) continue;
		s->turn = ring + 1;
		*dest = d;
		return dest_take(s, d, now_ms);
	}
	return NULL;
}

void sched_untake(struct sched *s, struct sched_dest *d, struct line_item *item)
{
	line_add_first(&d->line, item);
	waiting_add(s, d);
	pace_undo(s, d);
	if (!d->local) s->in_flight--;
	ring_add(s, d);
}
