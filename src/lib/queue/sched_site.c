/* SPDX-License-Identifier: Apache-2.0 */
/* What is under way to destinations that share their limits. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/queue/sched_parts.h"

/* --- how many ------------------------------------------------------------------------- */

void waiting_add(struct sched *s, struct sched_dest *d)
{
	d->waiting++;
	if (!d->proved) s->trying_waiting++;
	if (d->site) d->site->waiting++;
}

void waiting_sub(struct sched *s, struct sched_dest *d)
{
	d->waiting--;
	if (!d->proved) s->trying_waiting--;
	if (d->site) d->site->waiting--;
}

/* Connections: one that is open counts whether it has something to do or not. */
static uint32_t used(const struct sched_dest *d)
{
	return d->in_flight > d->pooled ? d->in_flight : d->pooled;
}

static bool is_awaited(const struct sched_site *site)
{
	return site && !list_empty(&site->waiters);
}

bool sched_is_last(const struct sched_dest *d)
{
	return is_awaited(d->site) && (d->turn >= SCHED_TURN_MAX || d->waiting == 0);
}

/* One of those that wait may see whether there is room. */
static void site_wake(struct sched *s, struct sched_site *site)
{
	struct link *first = site ? list_take(&site->waiters) : NULL;
	if (first) ring_add(s, CONTAINER(first, struct sched_dest, ring));
}

/* A connection will be made for the next one: none is open that has nothing to do, and one
 * more may be. */
static bool will_connect(struct sched_dest *d)
{
	return d->in_flight >= d->pooled && d->in_flight < sched_pace(d)->connections;
}

bool pace_has_room(struct sched_dest *d, int64_t now_ms)
{
	if (d->local) return true;
	struct pace *pace = sched_pace(d);
	if (!pace_may_send(pace, now_ms)) return false;
	if (!will_connect(d)) return !d->site || (d->in_flight < d->pooled && !sched_is_last(d));
	if (d->site && d->site->used >= pace->connections) return false;
	return pace_may_connect(pace, now_ms);
}

void pace_pass(struct sched *s, const struct sched_dest *d)
{
	site_wake(s, d->site);
}

void pace_wait(struct sched_dest *d)
{
	if (d->site) list_add_tail(&d->site->waiters, &d->ring);
}

void pace_begin(struct sched *s, struct sched_dest *d, int64_t now_ms)
{
	struct pace *pace = sched_pace(d);
	uint32_t before = used(d);
	pace_rate_use(&pace->messages, now_ms);
	if (will_connect(d)) {
		pace_rate_use(&pace->connects, now_ms);
		d->expected++;
	}
	d->connects = will_connect(d);
	d->turn = is_awaited(d->site) ? d->turn + 1 : 0;
	d->in_flight++;
	if (!d->proved) s->trying++;
	if (d->site) d->site->used += used(d) - before;
}

void pace_end(struct sched *s, struct sched_dest *d)
{
	uint32_t before = used(d);
	d->in_flight--;
	if (!d->proved) s->trying--;
	if (d->in_flight == 0) d->expected = 0;
	if (d->site) d->site->used -= before - used(d);
	site_wake(s, d->site);
	/* It may have to use its own connection again, wherever it stands among those that
	 * wait. */
	if (d->site) link_remove(&d->ring);
}

void pace_undo(struct sched *s, struct sched_dest *d)
{
	struct pace *pace = sched_pace(d);
	pace_rate_give_back(&pace->messages);
	if (d->connects) {
		pace_rate_give_back(&pace->connects);
		if (d->expected > 0) d->expected--;
	}
	pace_end(s, d);
}

void sched_pooled(struct sched *s, struct sched_dest *d, uint32_t connections, int64_t now_ms)
{
	uint32_t before = used(d);
	for (uint32_t more = d->pooled; more < connections; more++) {
		/* Some that it was not given room for, as an open one was closed meanwhile. */
		if (d->expected > 0) d->expected--;
		else pace_rate_use(&sched_pace(d)->connects, now_ms);
	}
	if (connections < d->pooled) d->turn = 0;
	d->pooled = connections;
	if (d->site) d->site->used += used(d) - before;
	site_wake(s, d->site);
	if (d->site) link_remove(&d->ring);
	if (d->waiting) ring_add(s, d);
}

/* --- sites ---------------------------------------------------------------------------- */

static struct sched_site *site_new(struct str name)
{
	struct sched_site *site = calloc(1, sizeof *site + name.len + 1);
	if (!site) return NULL;
	if (name.len) memcpy(site + 1, name.at, name.len);
	site->name = (struct str){ (char *)(site + 1), name.len };
	list_init(&site->waiters);
	pace_set(&site->pace, NULL, UINT32_MAX, INT64_MAX);
	return site;
}

struct sched_site *sched_site(struct sched *s, struct str name)
{
	uint64_t hash = hash_str(name, s->seed);
	struct sched_site *site = map_get(&s->sites, hash);
	if (site) return str_eq(site->name, name) ? site : NULL;
	site = site_new(name);
	if (site && map_put(&s->sites, hash, site)) return site;
	free(site);
	return NULL;
}

struct sched_site *sched_site_next(const struct sched *s, size_t *at)
{
	return map_next(&s->sites, at, NULL);
}

void sched_move(struct sched *s, struct sched_dest *d, struct sched_site *site, int64_t now_ms)
{
	d->moved_ms = now_ms;
	if (d->site == site) return;
	if (d->site) {
		d->site->dests--;
		d->site->used -= used(d);
		d->site->waiting -= d->waiting;
	}
	link_remove(&d->ring);
	site_wake(s, d->site);
	d->site = site;
	d->turn = d->expected = 0;
	if (site) {
		site->dests++;
		site->used += used(d);
		site->waiting += d->waiting;
	}
	if (d->waiting) ring_add(s, d);
	s->refill = true;
}

void sched_site_end(struct sched *s, struct sched_site *site)
{
	size_t at = 0;
	for (struct sched_dest *d; site->dests > 0 && (d = map_next(&s->dests, &at, NULL));)
		if (d->site == site) sched_move(s, d, NULL, d->moved_ms);
	(void)map_take(&s->sites, hash_str(site->name, s->seed));
	free(site);
}

void sites_wake(struct sched *s)
{
	size_t at = 0;
	for (struct sched_site *site; (site = map_next(&s->sites, &at, NULL));)
		while (!list_empty(&site->waiters)) site_wake(s, site);
}

void sites_free(struct sched *s)
{
	for (;;) {
		size_t at = 0;
		struct sched_site *site = map_next(&s->sites, &at, NULL);
		if (!site) break;
		(void)map_take(&s->sites, hash_str(site->name, s->seed));
		free(site);
	}
	map_free(&s->sites);
}
