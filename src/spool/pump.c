/* SPDX-License-Identifier: Apache-2.0 */
/* Looks for work: new messages are known from their arrival; what was put off, or was
 * there at the start, is found by a cursor over the due-list; the line of a destination that
 * had been full is filled with what was skipped for it, as far as that is remembered, and by a
 * second cursor from the first place that is not.
 * The three take turns, so that a hundred thousand old messages do not hold up a new one. */
#include "spool/spool.h"

#include <string.h>

enum {
	PUMP_BATCH = 64,        /* entries of the due-list at a time */
	PUMP_SEEN = 1024,       /* the same, with those that are known */
	PUMP_STEPS = 8,         /* batches in one turn of the loop */
	DUE_IDLE_MS = 1000,     /* how often the due-list is looked at when nothing happens */
	RESCAN_MS = 60 * 1000,  /* and all of it from its start */
};

static bool jobs_may_start(const struct spool *s)
{
	return !s->draining && !s->lost && s->window && s->store &&
	       s->frame->conf->transfer != CONF_TRANSFER_IN &&
	       s->in_hand.count < SPOOL_JOBS_MAX && s->part_count < SPOOL_PARTS_MAX / 2;
}

/* --- the due-list --------------------------------------------------------------------- */

struct due_ids {
	const struct sched *sched;
	struct spool_due at[PUMP_BATCH];
	size_t count, seen;
};

/* What was passed over before, and is remembered, is not looked at again. */
static int due_collect(void *ctx, struct spool_due due)
{
	struct due_ids *ids = ctx;
	ids->seen++;
	if (sched_knows(ids->sched, (struct sched_place){ due.due_ms, due.id, false })) return 0;
	ids->at[ids->count++] = due;
	return ids->count == PUMP_BATCH;
}

/* One batch from *cursor on, which moves behind what was taken. False: nothing more. */
static bool scan_batch(struct spool *s, struct spool_due *cursor)
{
	struct due_ids ids = { .sched = &s->sched };
	struct spool_due next = *cursor;
	int error = store_due_list(s->store, loop_wall_ms(s->frame->loop), &next, PUMP_SEEN,
		due_collect, &ids);
	if (error < 0) {
		watch_error(s, error, "the due-list could not be read");
		return false;
	}
	for (size_t i = 0; i < ids.count; i++) {
		if (!jobs_may_start(s) || job_start(s, ids.at[i].id, ids.at[i]) != 0) return true;
		*cursor = ids.at[i];
	}
	*cursor = next;
	return ids.count == PUMP_BATCH || ids.seen == PUMP_SEEN;
}

/* Something more of it may be taken in hand, or put off. */
static bool wants_more(const struct spool *s, const struct sched_dest *d)
{
	enum sched_verdict verdict = sched_ask(&s->sched, d, loop_wall_ms(s->frame->loop));
	return verdict == SCHED_LINE || (verdict == SCHED_BLOCKED && s->pump.put_off_left > 0);
}

/* Whether the destination whose line is being filled takes more; if not, what stands behind
 * the cursor is left for the next time. */
static bool fill_goes_on(struct spool *s)
{
	struct pump *p = &s->pump;
	struct sched_dest *d = sched_find(&s->sched, (struct str){ p->fill_key, p->fill_key_len });
	if (!d || d->from.id != 0) return false;
	if (wants_more(s, d)) return true;
	sched_skip(&s->sched, d, (struct sched_place){ p->fill.due_ms, p->fill.id + 1, false },
		false);
	return false;
}

static void fill_known(struct spool *s, struct sched_dest *d)
{
	struct sched_place place;
	for (size_t i = 0; i < PUMP_BATCH && jobs_may_start(s) && wants_more(s, d); i++) {
		if (!sched_recall(&s->sched, d, &place)) return;
		struct spool_due due = { place.due_ms, place.id };
		if (job_start(s, due.id, due) == 0) continue;
		sched_skip(&s->sched, d, place, true);
		return;
	}
}

static bool fill_batch(struct spool *s)
{
	struct pump *p = &s->pump;
	struct sched_place place;
	if (!p->filling) {
		struct sched_dest *d = sched_refill(&s->sched, loop_wall_ms(s->frame->loop),
			p->put_off_left > 0, &place);
		if (!d) return false;
		if (place.id == 0) {
			fill_known(s, d);
			return true;
		}
		p->filling = true;
		memcpy(p->fill_key, d->key.at, d->key.len);
		p->fill_key_len = d->key.len;
		/* The place itself is to be seen, too. */
		p->fill = (struct spool_due){ place.due_ms, place.id - 1 };
	}
	p->filling = fill_goes_on(s) && scan_batch(s, &p->fill) && fill_goes_on(s);
	return true;
}

/* --- new messages ------------------------------------------------------------------------ */

void pump_fresh(struct spool *s, uint64_t id)
{
	struct pump *p = &s->pump;
	if (p->fresh_count == SPOOL_FRESH_MAX) p->scan = true; /* the cursor will find it */
	else p->fresh[(p->fresh_at + p->fresh_count++) % SPOOL_FRESH_MAX] = id;
	pump_soon(s);
}

static bool fresh_batch(struct spool *s)
{
	struct pump *p = &s->pump;
	for (size_t i = 0; i < PUMP_BATCH && p->fresh_count > 0 && jobs_may_start(s); i++) {
		if (job_start(s, p->fresh[p->fresh_at], (struct spool_due){ 0, 0 }) != 0) break;
		p->fresh_at = (p->fresh_at + 1) % SPOOL_FRESH_MAX;
		p->fresh_count--;
	}
	return p->fresh_count > 0;
}

/* --- turns -------------------------------------------------------------------------------- */

/* One step; false: there is nothing to do. */
static bool pump_step(struct spool *s)
{
	struct pump *p = &s->pump;
	bool fresh = p->fresh_count > 0;
	/* Every fourth step looks for old mail even when there is new. */
	if (fresh && p->count++ % 4 != 3) {
		(void)fresh_batch(s);
		return true;
	}
	if (p->scan && !(p->count % 2 && fill_batch(s))) {
		p->scan = scan_batch(s, &p->at);
		p->count++;
		return true;
	}
	return fill_batch(s) || fresh;
}

static void pump_run(void *arg)
{
	struct spool *s = arg;
	bool more = true;
	text_serve_wants(s);
	report_ask_waiting(s);
	parts_dispatch(s);
	for (int i = 0; more && i < PUMP_STEPS && jobs_may_start(s); i++) {
		more = pump_step(s);
		parts_dispatch(s);
	}
	if (more && jobs_may_start(s)) loop_timer_set(s->due_timer, 1);
}

void pump_soon(struct spool *s)
{
	loop_at_turn_end(s->frame->loop, &s->pump.turn);
}

void pump_rescan(struct spool *s)
{
	s->pump.at = (struct spool_due){ 0, 0 };
	s->pump.scan = true;
	pump_soon(s);
}

void pump_tick(void *arg)
{
	struct spool *s = arg;
	int64_t now_ms = loop_now_ms(s->frame->loop);
	if (now_ms >= s->pump.tick_ms) {
		s->pump.tick_ms = now_ms + DUE_IDLE_MS;
		s->pump.put_off_left = SPOOL_PUT_OFF_MAX;
		clock_watch(s);
		jobs_unstick(s);
		suspend_tick(s);
		wait_tick(s);
		dial_tick(s);
		owed_tick(s);
		sched_sweep(&s->sched, loop_wall_ms(s->frame->loop));
		s->pump.scan = true; /* time has brought something new behind the cursor */
	}
	if (now_ms >= s->pump.rescan_ms) {
		s->pump.at = (struct spool_due){ 0, 0 };
		s->pump.rescan_ms = now_ms + RESCAN_MS;
	}
	loop_timer_set(s->due_timer, DUE_IDLE_MS);
	pump_run(s);
}

void pump_start(struct spool *s)
{
	s->pump.turn = (struct loop_turn){ .fn = pump_run, .arg = s };
	s->pump.scan = true;
	loop_timer_set(s->due_timer, 1);
}
