/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators ask for: a walk over the queue in slices, so that a command about
 * a million messages delays nobody. */
#include "spool/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>

#include "spool/action.h"

enum {
	ACT_ARENA = 64 * 1024,
	ACT_SLICE_ARENA = 1024 * 1024,
	ACT_ENVELOPE_ARENA = 4 * 1024 * 1024,
	ACT_PENDING_MAX = 2000,
};

static void act_answer(struct spool *s, uint64_t query, unsigned status, uint64_t count,
                       struct str text)
{
	struct channel *ch = frame_peer(s->frame, ROLE_CONSOLE, 0);
	if (ch)
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

static void act_finish_if_done(struct act *act)
{
	if (!act->walked || act->pending > 0) return;
	bool missed = act->filter.id && act->count == 0;
	if (act->failed)
		act_answer(act->spool, act->query, EX_IOERR, act->count,
			STR("the queue could not be read to its end"));
	else
		act_answer(act->spool, act->query, missed ? EX_DATAERR : EX_OK, act->count,
			missed ? STR("no such message, or nothing to do for it") : STR(""));
	act_free(act);
}

void act_begin(struct spool *s, const struct msg_act *m)
{
	char text[256];
	struct buf why;
	buf_init_fixed(&why, text, sizeof text);
	struct act *act = s->act_count < SPOOL_ACTS_MAX ? calloc(1, sizeof *act) : NULL;
	if (!act || m->action >= QUEUE_ACTIONS) {
		if (act) act_answer(s, m->query, EX_USAGE, 0, STR("no such action"));
		else act_answer(s, m->query, EX_TEMPFAIL, 0, STR("too many requests at once"));
		free(act);
		return;
	}
	act->spool = s;
	arena_init(&act->arena, ACT_ARENA);
	s->act_count++;
	list_add_tail(&s->acts, &act->link);
	act->query = m->query;
	act->action = (enum queue_action)m->action;
	act->dry = m->dry != 0;
	act->reason = arena_str(&act->arena, m->reason);
	struct str selector = arena_str(&act->arena, m->selector);
	if (!selector.at || !act->reason.at ||
	    !filter_parse_selector(selector, &act->filter, &why)) {
		act_answer(s, m->query, EX_USAGE, 0, buf_view(&why));
		act_free(act);
		return;
	}
	act->next_id = act->filter.id;
	loop_timer_set(s->act_timer, 1);
}

/* --- one slice --------------------------------------------------------------------------- */

struct slice {
	struct act *act;
	struct arena arena;
	struct { uint64_t id; struct str from; } hits[SPOOL_SLICE];
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
	struct envelope e = { 0 };
	struct arena arena; /* of its own: two hundred long envelopes do not fit in one */
	int result = 0;
	arena_init(&arena, ACT_ENVELOPE_ARENA);
	/* A damaged message can still be dropped. */
	if (msg->rcpts > 0 && envelope_decode(&cur, &arena, &e) != ENVELOPE_OK)
		e = (struct envelope){ 0 };
	struct filter_facts facts = {
		.id = msg->id, .state = action_state(msg), .from = e.sender,
		.age_ms = slice->now_ms - msg->arrived_ms, .size_b = msg->size,
	};
	/* Nor is it one from the null sender because its own cannot be read. */
	bool unknown = e.rcpt_count == 0 && filter->from.len > 0;
	if (!unknown && action_applies(slice->act->action, facts.state) &&
	    filter_matches(filter, &facts)) {
		struct str from = arena_str(&slice->arena, e.sender);
		if (from.len < e.sender.len) result = -ENOMEM;
		slice->hits[slice->count].id = msg->id;
		slice->hits[slice->count++].from = from;
	}
	arena_free(&arena);
	return result;
}

static int slice_rcpt(void *ctx, const struct spool_rcpt *rcpt)
{
	const struct filter *filter = ctx;
	return spool_rcpt_is_open(rcpt->state) && filter_matches_recipient(filter, rcpt->address);
}

static bool slice_has_rcpt(struct spool *s, const struct filter *filter, uint64_t id)
{
	struct filter copy = *filter;
	if (filter->to.len == 0) return true;
	return store_read_rcpts(s->store, id, 0, SPOOL_RCPTS_MAX, slice_rcpt, &copy) == 1;
}

static void act_one(struct act *act, uint64_t id, struct str from)
{
	struct spool *s = act->spool;
	struct note *note;
	struct arena *arena;
	act->count++;
	if (act->dry) return;
	struct spool_op *op = commit_op(s, &note, &arena);
	if (!op) {
		act->count--;
		return;
	}
	struct str reason = arena_str(arena, act->reason);
	act->pending++;
	note->kind = NOTE_ACT;
	note->act = act;
	note->from = arena_str(arena, from);
	op->id = id;
	action_op(act->action, loop_wall_ms(s->frame->loop), reason, op);
}

static void act_walk(struct act *act, struct slice *slice)
{
	struct spool *s = act->spool;
	slice->act = act;
	slice->seen = slice->count = 0;
	slice->now_ms = loop_wall_ms(s->frame->loop);
	arena_init(&slice->arena, ACT_SLICE_ARENA);
	int error = store_walk(s->store, act->next_id, SPOOL_SLICE, slice_msg, slice);
	for (size_t i = 0; i < slice->count; i++)
		if (slice_has_rcpt(s, &act->filter, slice->hits[i].id))
			act_one(act, slice->hits[i].id, slice->hits[i].from);
	arena_free(&slice->arena);
	act->failed = error < 0;
	act->walked = error != 0 || act->filter.id || slice->seen < SPOOL_SLICE;
	act->next_id = slice->last_id + 1;
}

void act_slice(void *arg)
{
	struct spool *s = arg;
	static struct slice slice;
	bool more = false;
	LIST_EACH(it, &s->acts) {
		struct act *act = CONTAINER(it, struct act, link);
		if (!act->walked && act->pending < ACT_PENDING_MAX) act_walk(act, &slice);
		more = more || !act->walked;
		act_finish_if_done(act);
	}
	if (more) loop_timer_set(s->act_timer, 1);
}

static void act_tell(struct spool *s, const struct spool_op *op, const struct note *note)
{
	static const enum event_name names[QUEUE_ACTIONS] = {
		[QUEUE_RETRY] = EVENT_retry, [QUEUE_HOLD] = EVENT_hold,
		[QUEUE_RELEASE] = EVENT_release, [QUEUE_DROP] = EVENT_drop,
	};
	struct event_log *log = s->frame->log;
	event_begin(log, names[note->act->action], 0, op->id);
	event_str(log, FIELD_from, note->from);
	event_str(log, FIELD_reason, note->act->reason);
	event_end(log);
}

void act_committed(struct spool *s, const struct spool_op *op, const struct note *note)
{
	struct act *act = note->act;
	act->pending--;
	if (op->result == 0) act_tell(s, op, note);
	else act->count--; /* gone meanwhile */
	if (op->result == 0 && (act->action == QUEUE_RETRY || act->action == QUEUE_RELEASE))
		pump_fresh(s, op->id);
	act_finish_if_done(act);
}
