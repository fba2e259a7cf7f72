/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/queue/sched_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void sched_init(struct sched *s, uint32_t limit, uint64_t seed)
{
	*s = (struct sched){ .limit = limit, .seed = seed };
	map_init(&s->dests, SCHED_DESTS_MAX, seed);
	map_init(&s->places, SCHED_PLACES_MAX, seed);
	for (size_t i = 0; i < SCHED_RINGS; i++) list_init(&s->rings[i]);
	list_init(&s->skips);
	map_init(&s->sites, SCHED_SITES_MAX, seed);
}

static void dest_free(struct sched *s, struct sched_dest *d)
{
	(void)map_take(&s->dests, hash_str(d->key, s->seed));
	if (d->site) d->site->dests--;
	places_free(s, d);
	link_remove(&d->ring);
	link_remove(&d->skips);
	free(d);
}

void sched_free(struct sched *s)
{
	for (;;) {
		size_t at = 0;
		struct sched_dest *d = map_next(&s->dests, &at, NULL);
		if (!d) break;
		dest_free(s, d);
	}
	map_free(&s->dests);
	map_free(&s->places);
	sites_free(s);
}

/* --- destinations ------------------------------------------------------------------- */

struct sched_dest *sched_find(const struct sched *s, struct str key)
{
	struct sched_dest *d = map_get(&s->dests, hash_str(key, s->seed));
	return d && str_eq(d->key, key) ? d : NULL;
}

static bool has_nothing(const struct sched_dest *d)
{
	return d->in_flight == 0 && d->waiting == 0 && !sched_has_skipped(d) && !d->suspended &&
	       d->pooled == 0;
}

/* The key stands behind the struct. */
static struct sched_dest *dest_new(struct str key)
{
	struct sched_dest *d = calloc(1, sizeof *d + key.len + 1);
	if (!d) return NULL;
	char *text = (char *)(d + 1);
	memcpy(text, key.at, key.len);
	d->key = (struct str){ text, key.len };
	line_init(&d->line);
	list_init(&d->places);
	list_init(&d->urgent_places);
	return d;
}

void sched_rename(struct sched_dest *d, struct str route)
{
	route = str_sub(route, 0, SCHED_ROUTE_MAX);
	if (route.len) memmove(d->route_name, route.at, route.len);
	d->route = (struct str){ d->route_name, route.len };
}

struct sched_dest *sched_dest(struct sched *s, struct str key, struct str route,
			      uint32_t limit, bool local)
{
	struct sched_dest *d = sched_find(s, key);
	if (!d) {
		/* Two keys of one hash: the later one has to wait until the first has gone. */
		if (key.len > SCHED_KEY_MAX || map_get(&s->dests, hash_str(key, s->seed)))
			return NULL;
		if (!local && s->dests.count >= SCHED_DESTS_MAX - SCHED_DESTS_LOCAL) return NULL;
		d = dest_new(key);
		if (!d || !map_put(&s->dests, hash_str(key, s->seed), d)) {
			free(d);
			return NULL;
		}
		d->window = local || limit < SCHED_WINDOW_FIRST ? limit : SCHED_WINDOW_FIRST;
		pace_set(&d->pace, NULL, limit, INT64_MAX);
		d->proved = local;
	}
	/* Name and limit follow the configuration. */
	sched_rename(d, route);
	d->limit = limit ? limit : 1;
	if (d->window > d->limit || local) d->window = d->limit;
	d->local = local;
	return d;
}

/* As many wait as are under way, and some, so that nobody runs dry. */
static uint32_t line_max(const struct sched_dest *d) { return 2 * d->window + 16; }

uint32_t site_line_max(const struct sched_site *site)
{
	return 2 * site->pace.connections + 64;
}

/* Half of it: is to be filled. */
bool line_is_thin(const struct sched_dest *d)
{
	return d->waiting <= line_max(d) / 2 &&
	       (!d->site || d->site->waiting <= site_line_max(d->site) / 2);
}

/* Many are being tried, and do not answer at once. One always has all the time that it needs,
 * or a slow host could never be reached. */
static bool is_crowded(const struct sched *s)
{
	return s->trying > 1 && s->trying > s->limit / 16;
}

enum sched_haste sched_haste(const struct sched *s, const struct sched_dest *d)
{
	if (d->proved || !is_crowded(s)) return SCHED_CALM;
	return sched_is_new(d) ? SCHED_LOOK : SCHED_HURRY;
}

uint32_t window_now(const struct sched *s, const struct sched_dest *d)
{
	if (sched_haste(s, d) != SCHED_CALM) return 1;
	if (d->failures >= SCHED_FAILURES_MAX) return 1;
	/* One goes over each connection, and one waits behind it. */
	uint32_t most = d->local || d->site ? d->window : 2 * d->pace.connections;
	return d->window < most ? d->window : most;
}

/* Of those that are tried only what may start soon waits in line, and those of which nothing
 * is known always have room. */
static bool has_room_to_try(const struct sched *s, const struct sched_dest *d)
{
	uint32_t most = sched_is_new(d) ? SCHED_UNPROVED_MAX : SCHED_UNPROVED_MAX / 2;
	if (s->trying + s->trying_waiting >= most) return false;
	return !is_crowded(s) || d->waiting + d->in_flight == 0;
}

/* Whether one more may wait; `more`: than others. */
static bool has_room(const struct sched *s, const struct sched_dest *d, uint32_t more)
{
	if (!d->proved && !has_room_to_try(s, d)) return false;
	if (d->site && d->site->waiting >= site_line_max(d->site) + more) return false;
	return d->waiting < line_max(d) + more;
}

static enum sched_verdict ask(const struct sched *s, const struct sched_dest *d, uint32_t more,
			      int64_t now_ms)
{
	if (d->suspended) return SCHED_SKIP;
	if (d->blocked_until_ms > now_ms) return d->failures ? SCHED_BLOCKED : SCHED_SKIP;
	/* After a block one attempt has to show how things are; others wait for it. */
	if (d->failures >= SCHED_FAILURES_MAX && d->in_flight + d->waiting > 0)
		return SCHED_SKIP;
	if (pace_stops(d->site ? &d->site->pace : &d->pace, now_ms)) return SCHED_SKIP;
	return has_room(s, d, more) ? SCHED_LINE : SCHED_SKIP;
}

enum sched_verdict sched_ask(const struct sched *s, const struct sched_dest *d, int64_t now_ms)
{
	return ask(s, d, 0, now_ms);
}

bool sched_is_down(const struct sched_dest *d, int64_t now_ms)
{
	if (d->failures < SCHED_FAILURES_MAX) return false;
	return d->blocked_until_ms > now_ms || d->in_flight + d->waiting > 0;
}

enum sched_verdict sched_ask_for(const struct sched *s, const struct sched_dest *d, uint64_t owner,
				 int64_t now_ms)
{
	enum sched_verdict verdict = ask(s, d, 0, now_ms);
	if (verdict != SCHED_SKIP || line_knows(&d->line, owner)) return verdict;
	return ask(s, d, SCHED_GUESTS_MAX, now_ms);
}

/* --- lines -------------------------------------------------------------------------- */

void sched_wait(struct sched *s, struct sched_dest *d, struct line_item *item)
{
	line_add(&d->line, item);
	waiting_add(s, d);
	ring_add(s, d);
}

void sched_leave(struct sched *s, struct sched_dest *d, struct line_item *item)
{
	assert(line_has(item) && d->waiting > 0);
	line_leave(&d->line, item);
	waiting_sub(s, d);
}

struct line_item *sched_drop(struct sched *s, struct sched_dest *d)
{
	struct line_item *item = line_take(&d->line);
	if (item) waiting_sub(s, d);
	return item;
}

/* --- ends --------------------------------------------------------------------------- */

static void prove(struct sched *s, struct sched_dest *d, bool proved)
{
	if (d->proved == proved || d->local) return;
	d->proved = proved;
	s->trying += proved ? -d->in_flight : d->in_flight;
	s->trying_waiting += proved ? -d->waiting : d->waiting;
}

/* One attempt is enough where so many do not answer. */
bool sched_will_block(const struct sched *s, const struct sched_dest *d)
{
	return d->failures >= SCHED_FAILURES_MAX - 1 || (!d->proved && is_crowded(s));
}

static void failed(struct sched *s, struct sched_dest *d, bool blocks, struct str why,
		   int64_t now_ms)
{
	d->why_len = why.len < sizeof d->why ? why.len : sizeof d->why;
	if (d->why_len) memcpy(d->why, why.at, d->why_len);
	d->window = 1;
	if (d->failures < UINT32_MAX) d->failures++;
	d->failed_ms = now_ms;
	if (blocks && d->failures < SCHED_FAILURES_MAX) d->failures = SCHED_FAILURES_MAX;
	prove(s, d, false);
	if (!blocks) return;
	/* Those that were under way together are one failure of the host. */
	if (d->blocked_until_ms > now_ms) {
		d->failures--;
		return;
	}
	unsigned times = d->failures - SCHED_FAILURES_MAX;
	int64_t wait_ms = SCHED_BLOCK_FIRST_MS << (times < 5 ? times : 5);
	d->blocked_until_ms =
		now_ms + (wait_ms < SCHED_BLOCK_MAX_MS ? wait_ms : SCHED_BLOCK_MAX_MS);
}

/* One that answers later than it had time for is found next time. */
static void looked(struct sched_dest *d, int64_t now_ms)
{
	if (d->proved || !sched_is_new(d)) return;
	d->looked = true;
	d->window = 1;
	d->blocked_until_ms = now_ms + SCHED_LOOK_AGAIN_MS;
}

void sched_done(struct sched *s, struct sched_dest *d, enum sched_end end, struct str why,
		int64_t now_ms)
{
	bool blocks = sched_will_block(s, d);
	assert(d->in_flight > 0);
	pace_end(s, d);
	if (!d->local) s->in_flight--;
	if (end == SCHED_SUCCESS) {
		prove(s, d, true);
		d->failures = 0;
		d->blocked_until_ms = 0;
		d->why_len = 0;
		if (d->window < d->limit) d->window++;
	} else if (end == SCHED_FAILURE) {
		failed(s, d, blocks, why, now_ms);
	} else if (end == SCHED_LOOKED) {
		looked(d, now_ms);
	}
	s->refill |= sched_has_skipped(d);
	if (d->waiting) ring_add(s, d);
}

/* --- by hand, and by the clock -------------------------------------------------------- */

void sched_suspend(struct sched *s, struct sched_dest *d, bool suspended)
{
	d->suspended = suspended;
	if (suspended) return;
	s->refill = true;
	if (d->waiting) ring_add(s, d);
}

void sched_unblock(struct sched *s, struct sched_dest *d)
{
	d->failures = 0;
	d->blocked_until_ms = 0;
	d->looked = false;
	s->refill = true;
	if (d->waiting) ring_add(s, d);
}

/* What is known of it is found out anew only after a while, as long as there is room: dead
 * destinations must not leave none for those that live. Local ones are few. */
static bool is_kept(const struct sched *s, const struct sched_dest *d, int64_t now_ms)
{
	if (d->local) return true;
	if (s->dests.count >= SCHED_DESTS_MAX / 2)
		return s->dests.count < SCHED_DESTS_MAX / 8 * 7 && d->blocked_until_ms > now_ms;
	if (d->blocked_until_ms + SCHED_BLOCK_MAX_MS > now_ms) return true;
	if (d->pace.reason && d->pace.step_ms + SCHED_BLOCK_MAX_MS > now_ms) return true;
	if (d->remembers && d->failures && d->failed_ms + SCHED_BLOCK_MAX_MS > now_ms) return true;
	return d->site && d->moved_ms + SCHED_SITE_KEPT_MS > now_ms;
}

void sched_sweep(struct sched *s, int64_t now_ms)
{
	struct sched_dest *gone[SCHED_SWEEP_MAX];
	size_t count = 0, at = 0;
	s->refill = true; /* a block may have ended */
	sites_wake(s);
	for (struct sched_dest *d; (d = map_next(&s->dests, &at, NULL));) {
		if (d->waiting && d->blocked_until_ms <= now_ms) ring_add(s, d);
		/* What failed is remembered for a while after its block. */
		if (count < sizeof gone / sizeof *gone && has_nothing(d) && !is_kept(s, d, now_ms))
			gone[count++] = d;
	}
	for (size_t i = 0; i < count; i++) dest_free(s, gone[i]);
}
