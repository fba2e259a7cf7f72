/* SPDX-License-Identifier: Apache-2.0 */
/* What was passed over, and whose line may be filled with it. */
#include <stdlib.h>

#include "lib/queue/sched_parts.h"

struct sched_known {
	struct link link; /* in dest->places */
	struct sched_dest *dest;
	struct sched_place place;
};

static struct sched_known *known_of(struct link *link)
{
	return CONTAINER(link, struct sched_known, link);
}

static bool is_before(struct sched_place a, struct sched_place b)
{
	return a.due_ms < b.due_ms || (a.due_ms == b.due_ms && a.id < b.id);
}

static void known_free(struct sched *s, struct sched_known *known)
{
	(void)map_take(&s->places, known->place.id);
	link_remove(&known->link);
	free(known);
}

/* Its destination may have nothing more that was passed over. */
static void known_leave(struct sched *s, struct sched_known *known)
{
	struct sched_dest *d = known->dest;
	known_free(s, known);
	if (!sched_has_skipped(d)) link_remove(&d->skips);
}

static struct sched_known *known_first(const struct sched_dest *d)
{
	const struct link *places =
		list_empty(&d->urgent_places) ? &d->places : &d->urgent_places;
	return known_of(places->next);
}

void places_free(struct sched *s, struct sched_dest *d)
{
	while (sched_remembers(d)) known_free(s, known_first(d));
}

/* False: there is no room for it. */
static bool remember(struct sched *s, struct sched_dest *d, struct sched_place place)
{
	struct sched_known *known = map_get(&s->places, place.id);
	if (known && known->dest == d) {
		known->place = place;
		return true;
	}
	if (known) known_leave(s, known);
	known = calloc(1, sizeof *known);
	if (!known || !map_put(&s->places, place.id, known)) {
		free(known);
		return false;
	}
	known->dest = d;
	known->place = place;
	list_add_tail(place.urgent ? &d->urgent_places : &d->places, &known->link);
	return true;
}

void sched_skip(struct sched *s, struct sched_dest *d, struct sched_place place, bool only)
{
	s->refill = true;
	if (!link_is_in(&d->skips)) list_add_tail(&s->skips, &d->skips);
	if (only && remember(s, d, place)) return;
	if (d->from.id == 0 || is_before(place, d->from)) d->from = place;
}

bool sched_knows(const struct sched *s, struct sched_place place)
{
	const struct sched_known *known = map_get(&s->places, place.id);
	return known && known->place.due_ms == place.due_ms;
}

bool sched_recall(struct sched *s, struct sched_dest *d, struct sched_place *place)
{
	if (!sched_remembers(d)) return false;
	struct sched_known *known = known_first(d);
	*place = known->place;
	known_leave(s, known);
	return true;
}

void sched_forget(struct sched *s)
{
	LIST_EACH(it, &s->skips) {
		struct sched_dest *d = CONTAINER(it, struct sched_dest, skips);
		places_free(s, d);
		if (!sched_has_skipped(d)) link_remove(it);
	}
}

/* --- whose ------------------------------------------------------------------------------ */

/* Who has places that are remembered keeps his turn's end: more of them may follow. */
static struct sched_dest *refill_one(struct sched *s, struct sched_dest *d,
				     struct sched_place *place)
{
	link_remove(&d->skips);
	if (sched_remembers(d)) {
		list_add_tail(&s->skips, &d->skips);
		*place = (struct sched_place){ 0 };
		return d;
	}
	*place = d->from;
	d->from = (struct sched_place){ 0 };
	return d;
}

struct sched_dest *sched_refill(struct sched *s, int64_t now_ms, bool blocked,
				struct sched_place *place)
{
	if (!s->refill) return NULL;
	const struct link *first = NULL;
	size_t looked = 0;
	LIST_EACH(it, &s->skips) {
		struct sched_dest *d = CONTAINER(it, struct sched_dest, skips);
		if (it == first) break; /* all have been looked at */
		enum sched_verdict verdict = sched_ask(s, d, now_ms);
		/* What was skipped before its host was found dead is to be put off, too. */
		if ((verdict == SCHED_LINE && line_is_thin(d)) ||
		    (verdict == SCHED_BLOCKED && blocked))
			return refill_one(s, d, place);
		/* The rest of a long list comes next time. */
		if (++looked == SCHED_FILL_LOOK_MAX) return NULL;
		link_remove(it);
		list_add_tail(&s->skips, it);
		if (!first) first = it;
	}
	s->refill = false;
	return NULL;
}
