/* SPDX-License-Identifier: Apache-2.0 */
/* Which limits the destinations have: by the configuration, and by what deliver finds out
 * of their hosts. How they are kept is lib/queue/sched's. */
#include "spool/pacing.h"

#include <sysexits.h>

#include "lib/base/units.h"
#include "lib/route/site.h"

/* Connections for one destination, where no block says more. */
static uint32_t per_destination(const struct spool *s)
{
	return (uint32_t)s->frame->conf->limit.connections.per_destination;
}

const struct conf_pacing *pacing_block(const struct spool *s, const struct sched_dest *d)
{
	const struct conf *conf = s->frame->conf;
	return d->site ? site_find(conf, d->site->name) : site_default(conf);
}

static struct sched_site *site_of(struct spool *s, const struct conf_pacing *block)
{
	const struct conf *conf = s->frame->conf;
	struct sched_site *site = block ? sched_site(&s->sched, block->name) : NULL;
	if (site) pace_configure(&site->pace, conf, block, true);
	return site;
}

static void dest_set(struct spool *s, struct sched_dest *d, const struct conf_pacing *block)
{
	sched_move(&s->sched, d, site_of(s, block), loop_wall_ms(s->frame->loop));
	pace_configure(&d->pace, s->frame->conf, pacing_block(s, d), false);
}

void pacing_place(struct spool *s, struct sched_dest *d, const struct route *route)
{
	const struct conf *conf = s->frame->conf;
	bool by_hosts;
	uint64_t tag = conf->generation + 1; /* not 0: a new one */
	if (d->tag == tag) return;
	d->tag = tag;
	const struct conf_pacing *block = site_of_route(conf, route, &by_hosts);
	/* What was found out of its hosts holds as long as the block is there. */
	d->settled = !by_hosts;
	if (!d->settled && d->site) block = site_find(conf, d->site->name);
	if (!d->settled && block && !block->mx.count) block = NULL;
	dest_set(s, d, block);
}

void pacing_one(struct sched_dest *d)
{
	if (d->tag) return;
	d->tag = 1;
	d->settled = true;
	pace_set(&d->pace, NULL, 1, PACE_STOP_MAX_MS);
}

uint32_t pacing_places(const struct spool *s, struct str key)
{
	const struct sched_dest *d = sched_find(&s->sched, key);
	return 2 * (d && d->tag ? d->pace.connections_max : per_destination(s));
}

void pacing_moved(struct spool *s, struct sched_dest *d, struct str name)
{
	const struct conf_pacing *block = site_find(s->frame->conf, name);
	int64_t now_ms = loop_wall_ms(s->frame->loop);
	/* One whose answers differ from time to time, or a block of which deliver alone knows
	 * at present: it stays as it is for a while, or it would come back for ever. */
	if (d->moved_ms + PACING_SETTLE_MS <= now_ms) d->moves = 0;
	d->moves = name.len && !block ? PACING_MOVES_MAX + 1 : d->moves + 1;
	d->settled = d->moves > PACING_MOVES_MAX;
	dest_set(s, d, block);
}

bool pacing_is_settled(const struct spool *s, struct sched_dest *d)
{
	bool over = d->moves > PACING_MOVES_MAX &&
		    d->moved_ms + PACING_SETTLE_MS <= loop_wall_ms(s->frame->loop);
	if (over) {
		d->moves = 0;
		d->settled = false;
	}
	return d->settled;
}

void pacing_pooled(struct spool *s, unsigned worker, const struct msg_pooled *m)
{
	struct sched_dest *d = sched_find(&s->sched, m->key);
	if (!d) return;
	d->worker = worker;
	sched_pooled(&s->sched, d, m->connections, loop_wall_ms(s->frame->loop));
	pump_soon(s);
}

void pacing_worker_down(struct spool *s, unsigned worker)
{
	size_t at = 0;
	for (struct sched_dest *d; (d = map_next(&s->sched.dests, &at, NULL));)
		if (d->pooled && d->worker == worker)
			sched_pooled(&s->sched, d, 0, loop_wall_ms(s->frame->loop));
}

void pacing_reload(struct spool *s)
{
	const struct conf *conf = s->frame->conf;
	struct sched_site *gone[SCHED_SITES_MAX];
	size_t at = 0, count = 0;
	for (struct sched_site *site; (site = sched_site_next(&s->sched, &at));) {
		const struct conf_pacing *block = site_find(conf, site->name);
		if (block) (void)site_of(s, block);
		else gone[count++] = site;
	}
	for (size_t i = 0; i < count; i++) sched_site_end(&s->sched, gone[i]);
}

/* --- what they say -------------------------------------------------------------------- */

static struct str speed(char *memory, size_t size, uint32_t connections, unsigned share)
{
	struct buf b;
	buf_init_fixed(&b, memory, size);
	buf_fmt(&b, "%u connections, %u%%", connections, share * 100 / PACE_SHARE);
	return buf_view(&b);
}

static void tell(struct spool *s, const struct sched_dest *d, struct pace *pace,
		 const struct pace_change *change)
{
	struct event_log *log = s->frame->log;
	char before[64], now[64], text[40];
	struct buf until;
	int64_t now_ms = loop_wall_ms(s->frame->loop);
	if (pace->told_ms && pace->told_ms <= now_ms && now_ms < pace->told_ms + PACING_TOLD_MS)
		return;
	pace->told_ms = now_ms;
	buf_init_fixed(&until, text, sizeof text);
	if (pace_stops(pace, now_ms)) units_time_write(&until, pace->stop_until_ms);
	event_begin(log, EVENT_pace, 0, 0);
	event_str(log, FIELD_route, d->route);
	event_str(log, FIELD_host, d->key);
	event_str(log, FIELD_site, d->site ? d->site->name : STR("-"));
	event_str(log, FIELD_before,
		  speed(before, sizeof before, change->before, change->share_before));
	event_str(log, FIELD_pace, speed(now, sizeof now, change->now, change->share_now));
	event_str(log, FIELD_reason,
		  pace->reason ? hint_words(pace->reason) : STR("it goes as before"));
	event_str(log, FIELD_reply, (struct str){ pace->why, pace->why_len });
	event_str(log, FIELD_until, buf_view(&until));
	event_end(log);
}

static uint32_t in_use(const struct sched_dest *d)
{
	return d->site ? d->site->used : d->pooled;
}

enum sched_end pacing_end(const struct sched_dest *d, enum hint hint, enum sched_end end)
{
	return hint && !d->local && end == SCHED_FAILURE ? SCHED_NEITHER : end;
}

enum sched_end pacing_heard(struct spool *s, struct sched_dest *d, enum hint hint, struct str why,
			    uint32_t took_ms, enum sched_end end)
{
	struct pace *pace = sched_pace(d);
	struct pace_change change;
	int64_t now_ms = loop_wall_ms(s->frame->loop);
	if (d->local) return end;
	if (hint) {
		if (pace_hinted(pace, hint, why, in_use(d), now_ms, &change))
			tell(s, d, pace, &change);
		return pacing_end(d, hint, end);
	}
	if (end == SCHED_SUCCESS && pace_taken(pace, took_ms, in_use(d), now_ms, &change))
		tell(s, d, pace, &change);
	return end;
}

/* --- what is shown -------------------------------------------------------------------- */

static uint8_t percent(const struct pace *pace)
{
	return (uint8_t)(pace->share * 100 / PACE_SHARE);
}

static void row_send(struct spool *s, struct channel *ch, uint64_t query, struct sched_dest *d)
{
	const struct pace *pace = sched_pace(d);
	bool stops = pace_stops(pace, loop_wall_ms(s->frame->loop));
	channel_send_pace_row(ch, &(struct msg_pace_row){
		.query = query,
		.key = d->key,
		.site = d->site ? d->site->name : STR(""),
		.connections = pace->connections,
		.connections_max = pace->connections_max,
		.used = in_use(d),
		.percent = percent(pace),
		.reason = hint_words(pace->reason),
		.why = { pace->why, pace->why_len },
		.until_ms = stops ? (uint64_t)pace->stop_until_ms : 0,
	});
}

void pacing_rows(struct spool *s, uint64_t query)
{
	struct channel *ch = frame_peer(s->frame, ROLE_CONSOLE, 0);
	size_t at = 0;
	uint64_t count = 0;
	if (!ch) return;
	for (struct sched_dest *d; (d = map_next(&s->sched.dests, &at, NULL));) {
		bool slow = sched_pace(d)->reason || d->site;
		if (d->local || !slow || count == PACING_ROWS_MAX) continue;
		row_send(s, ch, query, d);
		count++;
	}
	channel_send_answer(ch, &(struct msg_answer){ query, count, EX_OK, STR("") });
}

void pacing_destination(struct spool *s, const struct msg_ask_destination *m)
{
	struct channel *ch = frame_peer(s->frame, ROLE_CONSOLE, 0);
	struct sched_dest *d = sched_find(&s->sched, m->key);
	struct msg_destination row = { .query = m->query };
	if (!ch) return;
	if (d) {
		const struct pace *pace = sched_pace(d);
		int64_t now_ms = loop_wall_ms(s->frame->loop);
		row = (struct msg_destination){ .query = m->query, .known = 1,
			.site = d->site ? d->site->name : STR(""),
			.connections = pace->connections, .connections_max = pace->connections_max,
			.used = in_use(d), .percent = percent(pace),
			.reason = hint_words(pace->reason), .why = { pace->why, pace->why_len },
			.until_ms = pace_stops(pace, now_ms) ? (uint64_t)pace->stop_until_ms : 0,
			.waiting = d->waiting, .under_way = d->in_flight, .failures = d->failures,
			.blocked_until_ms = d->blocked_until_ms > now_ms ? (uint64_t)d->blocked_until_ms : 0,
			.failure = { d->why, d->failures ? d->why_len : 0 } };
	}
	channel_send_destination(ch, &row);
}
