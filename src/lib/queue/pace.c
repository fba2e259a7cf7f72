/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/queue/pace.h"

#include <string.h>

static void rate_set(struct pace_rate *r, const struct conf_rate_value *value)
{
	pace_rate_set(r, value ? value->count : 0, value ? value->every_ms : 0);
}

void pace_set(struct pace *p, const struct conf_pacing *block, uint32_t connections,
	      int64_t retry_ms)
{
	if (block && block->connections) connections = (uint32_t)block->connections;
	if (connections == 0) connections = 1;
	bool all = p->connections >= p->connections_max;
	p->connections_max = connections;
	if (all || p->connections > connections) p->connections = connections;
	if (!p->share) p->share = PACE_SHARE;
	p->stop_max_ms = retry_ms < PACE_STOP_MAX_MS ? retry_ms : PACE_STOP_MAX_MS;
	rate_set(&p->messages, block ? &block->rate : NULL);
	rate_set(&p->connects, block ? &block->connection_rate : NULL);
}

/* A stop is never longer than mail that failed would wait anyway. */
static int64_t first_retry_ms(const struct conf *conf)
{
	return conf->retry.after.count ? conf->retry.after.at[0] : PACE_STOP_MAX_MS;
}

void pace_configure(struct pace *p, const struct conf *conf, const struct conf_pacing *block,
		    bool site)
{
	int64_t connections = site ? conf->limit.connections.out : conf->limit.connections.per_destination;
	pace_set(p, block, (uint32_t)connections, first_retry_ms(conf));
}

uint32_t pace_recipients_max(const struct conf *conf, const struct conf_pacing *block)
{
	int64_t max = conf->limit.recipients_per_transaction;
	return (uint32_t)(block && block->recipients && block->recipients < max ? block->recipients : max);
}

bool pace_may_send(struct pace *p, int64_t now_ms)
{
	/* A clock that was set back does not make it longer. */
	if (p->stop_until_ms > now_ms + p->stop_max_ms) p->stop_until_ms = 0;
	return !pace_stops(p, now_ms) && pace_rate_has(&p->messages, p->share, now_ms);
}

bool pace_may_connect(struct pace *p, int64_t now_ms)
{
	return pace_rate_has(&p->connects, p->share, now_ms);
}

/* --- slower --------------------------------------------------------------------------- */

static uint32_t half(uint32_t n) { return n > 1 ? n / 2 : 1; }

static int64_t stop_ms(const struct pace *p, enum hint hint)
{
	int64_t ms = hint == HINT_ADDRESS ? PACE_ADDRESS_MS
		     : hint == HINT_RATE  ? PACE_RATE_MS
					  : PACE_CROWD_MS;
	ms <<= p->strikes < 8 ? p->strikes : 8;
	return ms < p->stop_max_ms ? ms : p->stop_max_ms;
}

static void change_begin(const struct pace *p, struct pace_change *change)
{
	*change = (struct pace_change){ .before = p->connections, .share_before = p->share };
}

static void change_end(const struct pace *p, struct pace_change *change)
{
	change->now = p->connections;
	change->share_now = p->share;
}

static void slower(struct pace *p, enum hint hint, struct str why, uint32_t in_use)
{
	/* Half of what was used: the limit may never have been reached. */
	uint32_t base = in_use && in_use < p->connections ? in_use : p->connections;
	p->connections = hint == HINT_ADDRESS ? 1 : half(base);
	if (hint == HINT_RATE) p->share /= 2;
	if (hint == HINT_ADDRESS) p->share = PACE_SHARE_MIN;
	if (p->share < PACE_SHARE_MIN) p->share = PACE_SHARE_MIN;
	p->reason = hint;
	p->why_len = why.len < sizeof p->why ? why.len : sizeof p->why;
	if (p->why_len) memcpy(p->why, why.at, p->why_len);
}

static bool is_deaf(struct pace *p, int64_t now_ms)
{
	if (p->deaf_until_ms > now_ms + PACE_STOP_MAX_MS) p->deaf_until_ms = 0;
	return p->deaf_until_ms > now_ms;
}

bool pace_hinted(struct pace *p, enum hint hint, struct str why, uint32_t in_use,
		 int64_t now_ms, struct pace_change *change)
{
	if (hint == HINT_NONE || is_deaf(p, now_ms)) return false;
	change_begin(p, change);
	slower(p, hint, why, in_use);
	if (hint != HINT_SLOW) {
		p->stop_until_ms = now_ms + stop_ms(p, hint);
		p->strikes++;
	}
	p->deaf_until_ms = now_ms + PACE_DEAF_MS;
	if (p->deaf_until_ms < p->stop_until_ms) p->deaf_until_ms = p->stop_until_ms;
	p->step_ms = p->deaf_until_ms;
	change_end(p, change);
	return true;
}

/* --- faster --------------------------------------------------------------------------- */

/* True: as fast as it may again. */
static bool faster(struct pace *p, int64_t now_ms)
{
	int64_t step_ms = p->stop_max_ms < PACE_STEP_MS ? p->stop_max_ms : PACE_STEP_MS;
	if (p->step_ms > now_ms + PACE_STOP_MAX_MS) p->step_ms = now_ms;
	if (p->reason == HINT_NONE || now_ms < p->step_ms + step_ms) return false;
	p->step_ms = now_ms;
	if (p->connections < p->connections_max) p->connections++;
	p->share += PACE_STEP_SHARE;
	if (p->share > PACE_SHARE) p->share = PACE_SHARE;
	if (p->connections < p->connections_max || p->share < PACE_SHARE) return false;
	p->reason = HINT_NONE;
	p->why_len = 0;
	return true;
}

/* Means over the last 8 and the last 64 or so. True: it takes much longer than it did. */
static bool drags(struct pace *p, uint32_t took_ms)
{
	int64_t took = (int64_t)took_ms * 16;
	if (!took_ms) return false;
	if (p->samples++ == 0) p->usual_ms = p->recent_ms = took;
	p->recent_ms += (took - p->recent_ms) / 8;
	bool slow = p->samples > PACE_SAMPLES_MIN &&
		    p->recent_ms > 4 * p->usual_ms + 16 * PACE_SLOW_MS;
	p->usual_ms += (took - p->usual_ms) / 64;
	return slow;
}

bool pace_taken(struct pace *p, uint32_t took_ms, uint32_t in_use, int64_t now_ms,
		struct pace_change *change)
{
	if (drags(p, took_ms) && p->connections > 1 &&
	    pace_hinted(p, HINT_SLOW, STR(""), in_use, now_ms, change)) {
		/* Measured anew from here: one slowing down for one growth. */
		p->recent_ms = p->usual_ms;
		return true;
	}
	/* What was begun before it stopped shows nothing. */
	if (pace_stops(p, now_ms)) return false;
	p->strikes = 0;
	change_begin(p, change);
	bool whole = faster(p, now_ms);
	change_end(p, change);
	return whole;
}
