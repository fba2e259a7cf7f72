/* SPDX-License-Identifier: Apache-2.0 */
/* The disk, the totals, and what is done when the store fails. */
#include "spool/spool.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

void watch_error(struct spool *s, int error, const char *reason)
{
	struct event_log *log = s->frame->log;
	event_begin(log, EVENT_spool_error, 0, 0);
	event_str(log, FIELD_error, str_of(strerror(-error)));
	event_str(log, FIELD_path, s->frame->conf->spool.path);
	event_str(log, FIELD_reason, str_of(reason));
	event_end(log);
}

void watch_store_lost(struct spool *s, int error)
{
	if (s->lost) return;
	s->lost = true;
	watch_error(s, error, "the store failed; its process starts again");
	/* Waiting operations end with the process: their clients are told 451 when the
	 * channel closes. */
	frame_fail(s->frame, EX_IOERR);
}

static void watch_pressure(struct spool *s, bool low, uint64_t free_b)
{
	struct event_log *log = s->frame->log;
	s->disk_low = low;
	event_begin(log, low ? EVENT_disk_low : EVENT_disk_ok, 0, 0);
	event_i64(log, FIELD_free, (int64_t)free_b);
	event_str(log, FIELD_path, s->frame->conf->spool.path);
	event_end(log);
	for (unsigned i = 0; i < FRAME_INDEX_MAX; i++) {
		struct channel *ch = frame_peer(s->frame, ROLE_RECEIVE, i);
		if (ch) channel_send_pressure(ch, &(struct msg_pressure){ low });
	}
}

/* Mode drain: it is told when nothing is left that could go. Held mail waits for somebody. */
static void watch_drained(struct spool *s)
{
	struct spool_totals t = { 0 };
	bool drains = s->frame->conf->transfer == CONF_TRANSFER_DRAIN;
	if (!drains || store_totals(s->store, &t) != 0 || t.messages > t.held + t.poison) {
		s->drained = false;
		return;
	}
	if (s->drained) return;
	s->drained = true;
	struct event_log *log = s->frame->log;
	event_begin(log, EVENT_drained, 0, 0);
	event_i64(log, FIELD_count, (int64_t)t.messages);
	event_end(log);
}

/* Once a second. Leaving low needs an eighth more than entering it, so that it does not
 * flap with every message. */
void watch_tick(void *arg)
{
	struct spool *s = arg;
	struct spool_health health;
	uint64_t min_b = (uint64_t)s->frame->conf->spool.min_free_b;
	store_health(s->store, &health);
	if (!s->disk_low && health.free_bytes < min_b) watch_pressure(s, true, health.free_bytes);
	else if (s->disk_low && health.free_bytes >= min_b + min_b / 8)
		watch_pressure(s, false, health.free_bytes);
	notice_tick(s);
	watch_drained(s);
	if (s->trim) store_trim(s->store);
	s->trim = false;
	loop_timer_set(s->watch_timer, SPOOL_WATCH_MS);
}

static int watch_oldest(void *ctx, const struct spool_msg *msg)
{
	int64_t *oldest_ms = ctx;
	*oldest_ms = msg->arrived_ms;
	return 1;
}

void watch_totals(struct spool *s, uint64_t query)
{
	struct channel *ch = frame_peer(s->frame, ROLE_CONSOLE, 0);
	struct spool_totals t = { 0 };
	struct spool_health health;
	int64_t oldest_ms = 0;
	if (!ch) return;
	store_health(s->store, &health);
	if (store_totals(s->store, &t) == 0) (void)store_walk(s->store, 0, 1, watch_oldest, &oldest_ms);
	channel_send_totals(ch, &(struct msg_totals){
		.query = query,
		.messages = t.messages,
		.recipients = t.rcpts_open,
		.bytes = t.bytes,
		.oldest_ms = (uint64_t)oldest_ms,
		.active = t.messages - t.held - t.poison - t.deferred,
		.deferred = t.deferred,
		.held = t.held,
		.poison = t.poison,
		.free = health.free_bytes,
		.disk_low = s->disk_low,
	});
}

void watch_leave_if_idle(struct spool *s)
{
	if (!s->draining || !commit_is_idle(s) || s->in_hand.count > s->stuck_count) return;
	frame_leave(s->frame);
}
