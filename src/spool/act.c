/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators ask for: a walk over the queue in slices, so that a command about
 * a million messages delays nobody. */
#include "spool/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>

#include "lib/base/units.h"
#include "spool/action.h"
#include "spool/turn.h"

enum {
	ACT_ARENA = 64 * 1024,
	ACT_SLICE_ARENA = 1024 * 1024,
	ACT_ENVELOPE_ARENA = 4 * 1024 * 1024,
	ACT_PENDING_MAX = 2000,
	ACT_LATER_MS = 100, /* until there may be room again */
};

static void act_answer(struct spool *s, uint64_t query, unsigned status, uint64_t count,
                       struct str text)
{
	struct channel *ch = frame_peer(s->frame, ROLE_CONSOLE, 0);
	if (ch && query) /* 0: nobody asked */
		channel_send_answer(ch, &(struct msg_answer){
			.query = query, .count = count, .status = (uint16_t)status, .text = text });
}

static void act_free(struct act *act)
{
	act->spool->act_count--;
	link_remove(&act->link);
	arena_free(&act->arena);
	free(act);
}

static void act_answer_end(struct act *act)
{
	bool missed = act->filter.id && act->count == 0;
	unsigned status = missed ? EX_DATAERR : EX_OK;
	const char *text = missed ? "no such message, or nothing to do for it" : "";
	if (act->failed) {
		status = EX_IOERR;
		text = "the queue could not be read to its end";
	} else if (act->busy_count) {
		status = EX_TEMPFAIL;
		text = "some messages are under way to their hosts: ask again";
	} else if (act->status) {
		status = act->status;
		text = act->text;
	}
	act_answer(act->spool, act->query, status, act->count, str_of(text));
}

void act_finish_if_done(struct act *act)
{
	if (!act->walked || act->pending > 0) return;
	if (act->release) wait_walked(act->spool, act->count, act->failed);
	else act_answer_end(act);
	act_free(act);
}

static struct act *act_new(struct spool *s, enum queue_action action)
{
	struct act *act = calloc(1, sizeof *act);
	if (!act) return NULL;
	act->spool = s;
	arena_init(&act->arena, ACT_ARENA);
	s->act_count++;
	list_add_tail(&s->acts, &act->link);
	act->action = action;
	act->begun_ms = loop_wall_ms(s->frame->loop);
	return act;
}

bool act_begin(struct spool *s, const struct msg_act *m)
{
	char text[256];
	struct buf why;
	buf_init_fixed(&why, text, sizeof text);
	if (m->action >= QUEUE_ACTIONS) {
		act_answer(s, m->query, EX_USAGE, 0, STR("no such action"));
		return true;
	}
	struct act *act = s->act_count < SPOOL_ACTS_MAX ? act_new(s, (enum queue_action)m->action) : NULL;
	if (!act) {
		act_answer(s, m->query, EX_TEMPFAIL, 0, STR("too many requests at once"));
		return false;
	}
	act->query = m->query;
	act->automatic = !m->query;
	act->dry = m->dry != 0;
	act->until_ms = m->until_ms <= INT64_MAX ? (int64_t)m->until_ms : 0;
	act->reason = arena_str(&act->arena, m->reason);
	struct str selector = arena_str(&act->arena, m->selector);
	if (!selector.at || !act->reason.at ||
	    !filter_parse_selector(selector, &act->filter, &why)) {
		act_answer(s, m->query, EX_USAGE, 0, buf_view(&why));
		act_free(act);
		return true;
	}
	/* A dry run counts the messages that are concerned. */
	bool names_one = act->action == QUEUE_SUSPEND || act->action == QUEUE_RESUME;
	if (names_one && !act->dry) {
		suspend_ask(act, selector);
		act_finish_if_done(act);
		return true;
	}
	act->next_id = act->filter.id;
	loop_timer_set(s->act_timer, 1);
	return true;
}

static void begin_retry(struct act *act, struct str reason)
{
	act->automatic = true;
	act->reason = reason;
	loop_timer_set(act->spool->act_timer, 1);
}

bool act_release(struct spool *s)
{
	struct act *act = act_new(s, QUEUE_RETRY);
	if (!act) return false;
	act->release = true;
	begin_retry(act, STR("asked for"));
	return true;
}

bool act_route(struct spool *s)
{
	struct act *act = s->act_count < SPOOL_ACTS_MAX ? act_new(s, QUEUE_RETRY) : NULL;
	if (!act) return false;
	act->unrouted = true;
	begin_retry(act, STR("a route leads there now"));
	return true;
}

/* --- one slice --------------------------------------------------------------------------- */

struct hit {
	uint64_t id;
	struct str from;
	bool at_once; /* also what is in doubt */
};

struct slice {
	struct act *act;
	const struct conf *conf;
	struct arena arena;          /* of the hits */
	struct arena envelope_arena; /* of its own: two hundred long ones do not fit in one */
	struct envelope envelope;
	bool meant; /* a recipient of this message is */
	bool fetched_in_doubt, other_in_doubt; /* it has such */
	struct hit hits[SPOOL_SLICE];
	size_t seen, count;
	uint64_t last_id;
	int64_t now_ms;
};

static int slice_msg(void *ctx, const struct spool_msg *msg)
{
	struct slice *slice = ctx;
	const struct filter *filter = &slice->act->filter;
	slice->seen++;
	slice->last_id = msg->id;
	if (filter->id && msg->id != filter->id) return 1;
	struct cur cur = cur_of(msg->envelope);
	struct envelope *e = &slice->envelope;
	arena_free(&slice->envelope_arena);
	arena_init(&slice->envelope_arena, ACT_ENVELOPE_ARENA);
	*e = (struct envelope){ 0 };
	/* A damaged message can still be dropped. */
	if (msg->rcpts > 0 && envelope_decode(&cur, &slice->envelope_arena, e) != ENVELOPE_OK)
		*e = (struct envelope){ 0 };
	struct filter_facts facts = {
		.id = msg->id, .state = action_state(msg), .from = e->sender,
		.age_ms = slice->now_ms - msg->arrived_ms, .size_b = msg->size,
	};
	/* Nor is it one from the null sender because its own cannot be read. */
	bool unknown = e->rcpt_count == 0 && filter->from.len > 0;
	/* The reports that it makes are not meant. */
	if (slice->act->action == QUEUE_BOUNCE && msg->arrived_ms >= slice->act->begun_ms)
		return SPOOL_PASS;
	slice->fetched_in_doubt = slice->other_in_doubt = false;
	slice->meant = !filter_has_recipient(filter) && !slice->act->release && !slice->act->unrouted;
	return !unknown && action_applies(slice->act->action, facts.state) &&
	       filter_matches(filter, &facts) ? 0 : SPOOL_PASS;
}

/* Whoever says that it is to be tried now does not want to wait for a host that did not
 * answer a while ago. */
static void act_unblock(struct spool *s, const struct route *route)
{
	struct sched_dest *d = route_dest(s, route);
	if (d) sched_unblock(&s->sched, d);
}

/* Whoever fetches his mail himself wants what is in doubt as well: the connection that broke was
 * his own. For others that keeps its time. */
static bool is_released(struct slice *slice, const struct spool_rcpt *rcpt,
                        const struct route *route)
{
	struct spool *s = slice->act->spool;
	bool in_doubt = rcpt->in_doubt && rcpt->next_due_ms > slice->now_ms;
	bool fetched = turn_is_asked_for(s, route, rcpt->address);
	slice->fetched_in_doubt |= in_doubt && fetched;
	slice->other_in_doubt |= in_doubt && !fetched;
	return fetched || (!in_doubt && wait_is_asked_for(s, route));
}

static bool is_meant(struct slice *slice, const struct spool_rcpt *rcpt, const struct route *route)
{
	const struct act *act = slice->act;
	if (act->unrouted) {
		bool waits = action_lacks_route(rcpt), leads = route->kind != ROUTE_NONE;
		act->spool->unrouted |= waits && !leads;
		return waits && leads;
	}
	if (act->release) return is_released(slice, rcpt, route);
	return filter_matches_recipient(&act->filter, rcpt->address, route_name(route));
}

static int slice_rcpt(void *ctx, const struct spool_rcpt *rcpt)
{
	struct slice *slice = ctx;
	const struct act *act = slice->act;
	bool retry = act->action == QUEUE_RETRY || act->action == QUEUE_REROUTE;
	if (!spool_rcpt_is_open(rcpt->state)) return 0;
	struct route route = action_route(slice->conf, &slice->envelope, rcpt);
	if (!is_meant(slice, rcpt, &route)) return 0;
	slice->meant = true;
	if (!retry || act->dry) return SPOOL_PASS;
	do act_unblock(act->spool, &route);
	while (action_dearer(slice->conf, &slice->envelope, rcpt, &route));
	return 0;
}

static int slice_end(void *ctx, const struct spool_msg *msg)
{
	struct slice *slice = ctx;
	if (!slice->meant) return 0;
	struct str from = arena_str(&slice->arena, slice->envelope.sender);
	if (from.len < slice->envelope.sender.len) return -ENOMEM;
	/* The message has one time to be given: nobody else's doubt is cut short. */
	bool at_once = slice->fetched_in_doubt && !slice->other_in_doubt;
	slice->hits[slice->count++] = (struct hit){ msg->id, from, at_once };
	return 0;
}

static void act_commit(struct act *act, const struct hit *hit)
{
	struct spool *s = act->spool;
	struct note *note;
	struct arena *arena;
	struct spool_op *op = commit_op(s, &note, &arena);
	if (!op) return;
	struct str reason = arena_str(arena, act->reason);
	act->count++;
	act->pending++;
	note->kind = NOTE_ACT;
	note->act = act;
	note->from = arena_str(arena, hit->from);
	op->id = hit->id;
	action_op(act->action, loop_wall_ms(s->frame->loop), act->until_ms, reason, op);
	if (act->automatic && !hit->at_once) op->doubt_ms = s->frame->conf->retry.in_doubt_ms;
}

/* False: there is no room now. */
static bool act_send_back(struct act *act, uint64_t id)
{
	int error = send_back(act->spool, act, id);
	if (error == -ENOBUFS) return false;
	if (error == -EBUSY && act->busy_count++ == 0) act->busy_from = id;
	if (error == 0) act->count++;
	return true;
}

static bool act_one(struct act *act, const struct hit *hit)
{
	if (act->dry) act->count++;
	else if (act->action == QUEUE_BOUNCE) return act_send_back(act, hit->id);
	else act_commit(act, hit);
	return true;
}

/* Those that were under way are met again, for a while. */
static void act_again(struct act *act)
{
	int64_t now_ms = loop_now_ms(act->spool->frame->loop);
	if (!act->deadline_ms) act->deadline_ms = now_ms + SPOOL_ACT_PATIENCE_MS;
	if (act->failed || act->busy_count == 0 || now_ms >= act->deadline_ms) return;
	act->next_id = act->busy_from;
	act->busy_count = 0;
	act->walked = false;
	act->wait_until_ms = now_ms + ACT_LATER_MS;
}

static void act_hits(struct act *act, const struct slice *slice)
{
	for (size_t i = 0; i < slice->count; i++) {
		if (act_one(act, &slice->hits[i])) continue;
		act->next_id = slice->hits[i].id;
		act->walked = false;
		act->wait_until_ms = loop_now_ms(act->spool->frame->loop) + ACT_LATER_MS;
		return;
	}
	if (act->walked) act_again(act);
}

static void act_walk(struct act *act, struct slice *slice)
{
	struct spool *s = act->spool;
	struct spool_walk walk = { slice_msg, slice_end, slice_rcpt, slice };
	slice->act = act;
	slice->conf = s->frame->conf;
	slice->seen = slice->count = 0;
	slice->now_ms = loop_wall_ms(s->frame->loop);
	act->pending++; /* it does not end meanwhile */
	arena_init(&slice->arena, ACT_SLICE_ARENA);
	arena_init(&slice->envelope_arena, ACT_ENVELOPE_ARENA);
	int error = store_walk_rcpts(s->store, act->next_id, SPOOL_SLICE, &walk);
	act->failed = error < 0;
	s->unrouted |= act->unrouted && act->failed; /* nobody has seen the rest */
	act->walked = error != 0 || act->filter.id || slice->seen < SPOOL_SLICE;
	act->next_id = slice->last_id + 1;
	act_hits(act, slice);
	arena_free(&slice->envelope_arena);
	arena_free(&slice->arena);
	act->pending--;
}

void act_slice(void *arg)
{
	struct spool *s = arg;
	static struct slice slice;
	int64_t wait_ms = -1, now_ms = loop_now_ms(s->frame->loop);
	if (s->draining) return; /* who asked hears that we have gone */
	LIST_EACH(it, &s->acts) {
		struct act *act = CONTAINER(it, struct act, link);
		bool may = act->pending < ACT_PENDING_MAX && act->wait_until_ms <= now_ms;
		if (!act->walked && may) act_walk(act, &slice);
		if (!act->walked && (wait_ms < 0 || act->wait_until_ms <= now_ms))
			wait_ms = act->wait_until_ms <= now_ms ? 1 : ACT_LATER_MS;
		act_finish_if_done(act);
	}
	if (wait_ms > 0) loop_timer_set(s->act_timer, wait_ms);
}

static void act_tell(struct spool *s, const struct spool_op *op, const struct note *note)
{
	static const enum event_name names[QUEUE_ACTIONS] = {
		[QUEUE_RETRY] = EVENT_retry, [QUEUE_HOLD] = EVENT_hold,
		[QUEUE_RELEASE] = EVENT_release, [QUEUE_DROP] = EVENT_drop,
		[QUEUE_REROUTE] = EVENT_reroute,
	};
	struct event_log *log = s->frame->log;
	event_begin(log, names[note->act->action], 0, op->id);
	event_str(log, FIELD_from, note->from);
	event_str(log, FIELD_reason, note->act->reason);
	if (note->act->action == QUEUE_HOLD) {
		char text[40];
		struct buf until;
		buf_init_fixed(&until, text, sizeof text);
		if (note->act->until_ms) units_time_write(&until, note->act->until_ms);
		event_str(log, FIELD_until, buf_view(&until));
	}
	event_end(log);
}

/* What waits in lines follows at once; what is under way is not called back. */
static void act_lines(struct spool *s, enum queue_action action, uint64_t id)
{
	switch (action) {
	case QUEUE_RETRY:
	case QUEUE_RELEASE: pump_fresh(s, id); break;
	case QUEUE_REROUTE:
		job_place_anew(s, id);
		pump_fresh(s, id);
		break;
	case QUEUE_HOLD:
	case QUEUE_DROP: job_place_anew(s, id); break;
	case QUEUE_BOUNCE:
	case QUEUE_SUSPEND:
	case QUEUE_RESUME:
	case QUEUE_ACTIONS: break;
	}
}

void act_committed(struct spool *s, const struct spool_op *op, const struct note *note)
{
	struct act *act = note->act;
	act->pending--;
	if (op->result == 0) {
		act_tell(s, op, note);
		act_lines(s, act->action, op->id);
	} else {
		act->count--; /* gone meanwhile */
	}
	act_finish_if_done(act);
}

void act_job_over(struct act *act, bool put_off)
{
	act->pending--;
	if (put_off) act->count--;
	act_finish_if_done(act);
}
