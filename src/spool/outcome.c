/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a message, written down before it is told. */
#include "spool/pacing.h"

#include <errno.h>

#include "lib/base/units.h"
#include "lib/mail/job.h"
#include "lib/queue/retry.h"

enum { OVER_MS = 1000 }; /* until the next dearer route is tried */

/* --- one recipient ---------------------------------------------------------------------- */

static uint8_t doubts_of(const struct job_rcpt *rcpt, const struct fate *fate)
{
	return (uint8_t)(rcpt->doubts + (fate->in_doubt && rcpt->doubts < UINT8_MAX));
}

struct spool_op *outcome_op(struct spool *s, struct job *job, uint32_t at, struct fate fate)
{
	struct note *note;
	struct arena *arena;
	struct spool_op *op = commit_op(s, &note, &arena);
	if (!op) return NULL;
	struct job_rcpt *rcpt = &job->rcpts[at];
	rcpt->told = true;
	job->pending++;
	note->kind = NOTE_OUTCOME;
	note->job = job;
	note->rcpt = at;
	note->route = arena_str(arena, fate.route);
	note->tls = arena_str(arena, fate.tls);
	note->step = arena_str(arena, fate.step);
	note->in_doubt = fate.in_doubt;
	note->quiet = fate.quiet && fate.state == SPOOL_DEFERRED;
	op->kind = SPOOL_OP_OUTCOME;
	op->id = job->id;
	op->outcome = (struct spool_outcome){
		.index = rcpt->index,
		.state = fate.state,
		.attempts = rcpt->attempts + fate.tried,
		.next_due_ms = fate.next_due_ms,
		.last_ms = loop_wall_ms(s->frame->loop),
		.warned = fate.late,
		.doubts = doubts_of(rcpt, &fate),
		.in_doubt = fate.in_doubt && fate.state == SPOOL_DEFERRED,
		.host = arena_str(arena, fate.host),
		.reply = arena_str(arena, fate.text),
		.dsn = arena_str(arena, fate.dsn),
	};
	return op;
}

static int64_t min_ms(int64_t a, int64_t b) { return a < b ? a : b; }

/* A deferral: until when, or is its time over? Its sender is told once that it is late. */
static void fate_defer(struct spool *s, const struct job *job, uint32_t at, struct fate *fate)
{
	const struct conf *conf = s->frame->conf;
	const struct job_rcpt *rcpt = &job->rcpts[at];
	int64_t now_ms = loop_wall_ms(s->frame->loop);
	struct deadline d = job_deadline(s, job);
	if (now_ms >= d.end_ms) {
		fate->state = SPOOL_EXPIRED;
		if (d.by_sender) fate->dsn = SPOOL_DSN_BY;
		return;
	}
	uint32_t attempts = rcpt->attempts + fate->tried;
	if (fate->next_due_ms <= now_ms)
		fate->next_due_ms = now_ms +
			retry_delay_ms(&conf->retry.after, attempts ? attempts : 1, &s->rng);
	/* Each time may be a copy more. */
	int64_t doubt_ms = now_ms + retry_doubt_ms(conf, doubts_of(rcpt, fate));
	if (fate->in_doubt && fate->next_due_ms < doubt_ms) fate->next_due_ms = doubt_ms;
	fate->next_due_ms = min_ms(fate->next_due_ms, d.end_ms);
	if (d.warn_ms == 0 || rcpt->warned) return;
	if (now_ms >= d.warn_ms) fate->late = true;
	else if (!fate->in_doubt)
		fate->next_due_ms = min_ms(fate->next_due_ms, d.warn_ms);
}

void outcome_fate(struct spool *s, struct job *job, uint32_t at, struct fate fate)
{
	if (fate.state == SPOOL_DEFERRED) fate_defer(s, job, at, &fate);
	if (!report_add(s, job, at, &fate)) (void)outcome_op(s, job, at, fate);
}

/* --- the answer of a worker --------------------------------------------------------------- */

static struct fate fate_of(const struct job_result *r, struct str route)
{
	static const enum spool_rcpt_state states[JOB_OUTCOME_COUNT] = {
		[JOB_DELIVERED] = SPOOL_DELIVERED, [JOB_RELAYED] = SPOOL_RELAYED,
		[JOB_DEFERRED] = SPOOL_DEFERRED, [JOB_FAILED] = SPOOL_FAILED,
		[JOB_UNTRIED] = SPOOL_PENDING,
	};
	return (struct fate){ .state = states[r->outcome], .tried = true,
		.dsn_passed = r->dsn_passed, .by_passed = r->by_passed, .dsn = r->dsn, .text = r->text, .host = r->host,
		.route = route, .tls = r->tls, .step = r->step,
		.in_doubt = r->in_doubt && r->outcome == JOB_DEFERRED };
}

/* The recipient of the part with that index that has no outcome yet. Answers mostly come in
 * the order of the recipients: *next is where to look first. */
static uint32_t result_rcpt(const struct part *part, uint32_t index, uint32_t *next)
{
	const struct job_rcpt *rcpts = part->job->rcpts;
	if (*next != JOB_NO_RCPT && rcpts[*next].index == index && !rcpts[*next].told) {
		uint32_t at = *next;
		*next = rcpts[at].next;
		return at;
	}
	for (uint32_t i = part->first; i != JOB_NO_RCPT; i = rcpts[i].next)
		if (rcpts[i].index == index && !rcpts[i].told) return i;
	return JOB_NO_RCPT;
}

/* How the host did, for the destination, and what it says of our pace. */
struct heard {
	enum sched_end end;
	enum hint hint;
	struct str why;
};

static void outcome_heard(struct heard *heard, const struct job_result *r)
{
	if (r->outcome != JOB_DEFERRED) {
		heard->end = SCHED_SUCCESS;
		return;
	}
	enum hint hint = hint_read(r->text);
	if (hint <= heard->hint) return;
	heard->hint = hint;
	heard->why = r->text;
}

static struct heard heard_of(const struct msg_done *m)
{
	struct cur cur = cur_of(m->results);
	struct job_result r;
	struct heard heard = { .end = SCHED_NEITHER };
	while (job_result_next(&cur, &r))
		if (r.outcome != JOB_UNTRIED) outcome_heard(&heard, &r);
	if (m->host_failed) heard.end = SCHED_FAILURE;
	else if (m->looked) heard.end = SCHED_LOOKED;
	return heard;
}

/* Whether the hosts count as dead with this: then a dearer route is tried where there is one. Each time
 * that costs more, so it comes to an end. */
static bool is_dead(const struct spool *s, const struct part *part, const struct heard *heard)
{
	return pacing_end(part->dest, heard->hint, heard->end) == SCHED_FAILURE &&
	       sched_will_block(&s->sched, part->dest);
}

static void outcome_results(struct spool *s, struct part *part, struct str results, bool dead)
{
	struct job *job = part->job;
	struct cur cur = cur_of(results);
	struct job_result r;
	uint32_t next = part->first;
	while (job_result_next(&cur, &r)) {
		uint32_t at = result_rcpt(part, r.index, &next);
		if (at == JOB_NO_RCPT) continue;
		if (r.outcome == JOB_UNTRIED) {
			job->again = job->rcpts[at].told = true; /* nothing is known of it */
			continue;
		}
		struct fate fate = fate_of(&r, part->dest->route);
		if (dead && choose_has_dearer(s, job, &job->rcpts[at]))
			fate.next_due_ms = loop_wall_ms(s->frame->loop) + OVER_MS;
		outcome_fate(s, job, at, fate);
	}
}

static const char *no_answer(enum role role)
{
	return role == ROLE_MAILBOX ? "The mailbox worker gave no answer"
	                            : "The delivery worker gave no answer";
}

void outcome_done(struct spool *s, enum role role, unsigned worker, const struct msg_done *m)
{
	struct part *part = map_get(&s->parts, m->job);
	if (!part || part->role != role || part->worker != worker) return;
	struct job *job = part->job;
	struct heard heard = heard_of(m);
	outcome_results(s, part, m->results, is_dead(s, part, &heard));
	/* No recipient is left without an outcome, whatever the worker said. */
	for (uint32_t i = part->first; i != JOB_NO_RCPT; i = job->rcpts[i].next)
		if (!job->rcpts[i].told)
			outcome_fate(s, job, i, (struct fate){ .state = SPOOL_DEFERRED, .tried = true,
				.dsn = STR("4.3.0"), .text = str_of(no_answer(role)),
				.route = part->dest->route });
	report_send(s, job);
	if (m->moved) pacing_moved(s, part->dest, m->site);
	enum sched_end end =
		pacing_heard(s, part->dest, heard.hint, heard.why, m->took_ms, heard.end);
	job->pending++; /* another part of it may be put off now: it must outlive that */
	part_back(s, part, end, m->host);
	job->pending--;
	job_release(s, job);
}

/* --- told --------------------------------------------------------------------------------- */

static enum event_name outcome_event(enum spool_rcpt_state state)
{
	switch (state) {
	case SPOOL_FAILED: return EVENT_fail;
	case SPOOL_EXPIRED: return EVENT_expire;
	case SPOOL_DELIVERED:
	case SPOOL_RELAYED: return EVENT_deliver;
	case SPOOL_PENDING:
	case SPOOL_DEFERRED:
	case SPOOL_RCPT_STATES: break;
	}
	return EVENT_defer;
}

static void outcome_tell(struct spool *s, const struct spool_op *op, const struct note *note)
{
	const struct spool_outcome *o = &op->outcome;
	const struct job *job = note->job;
	struct event_log *log = s->frame->log;
	enum event_name name = outcome_event(o->state);
	event_begin(log, name, 0, op->id);
	event_str(log, FIELD_from, job->from);
	event_str(log, FIELD_to, job->rcpts[note->rcpt].address);
	event_str(log, FIELD_route, note->route);
	if (name != EVENT_expire) event_str(log, FIELD_host, o->host);
	event_str(log, FIELD_dsn, o->dsn);
	/* What a mailbox says is the same every time. */
	if (o->state != SPOOL_DELIVERED || !str_eq(note->route, STR("mailbox")))
		event_str(log, FIELD_reply, o->reply);
	if (note->tls.len && name != EVENT_expire) event_str(log, FIELD_tls, note->tls);
	if (note->step.len && name != EVENT_expire) event_str(log, FIELD_step, note->step);
	event_i64(log, FIELD_delay, o->last_ms - job->arrived_ms);
	event_i64(log, FIELD_attempt, o->attempts);
	if (name == EVENT_defer) {
		char text[40];
		struct buf next;
		buf_init_fixed(&next, text, sizeof text);
		units_time_write(&next, o->next_due_ms);
		event_str(log, FIELD_next, buf_view(&next));
	} else if (name == EVENT_deliver) {
		event_i64(log, FIELD_size, (int64_t)job->size);
	}
	event_end(log);
}

/* Besides what became of it: somebody may have it, and get it again. */
static void doubt_tell(struct spool *s, const struct spool_op *op, const struct note *note)
{
	const struct spool_outcome *o = &op->outcome;
	struct event_log *log = s->frame->log;
	event_begin(log, EVENT_in_doubt, 0, op->id);
	event_str(log, FIELD_from, note->job->from);
	event_str(log, FIELD_to, note->job->rcpts[note->rcpt].address);
	event_str(log, FIELD_route, note->route);
	event_str(log, FIELD_host, o->host);
	event_str(log, FIELD_reply, o->reply);
	event_i64(log, FIELD_count, o->doubts);
	event_end(log);
}

void outcome_committed(struct spool *s, const struct spool_op *op, const struct note *note)
{
	struct job *job = note->job;
	if (op->result == 0) {
		if (!note->quiet) outcome_tell(s, op, note);
		if (note->in_doubt) doubt_tell(s, op, note);
	/* An administrator may have dropped it meanwhile. */
	} else if (op->result != -ENOENT && op->result != -EALREADY) {
		/* Delivered again at once it would be delivered for ever. */
		watch_error(s, op->result, "an outcome could not be written");
		job_stick(s, job);
	}
	job->pending--;
	job_release(s, job);
}

/* --- deaths ---------------------------------------------------------------------------- */

void outcome_death(struct spool *s, uint64_t id)
{
	struct note *note;
	struct arena *arena;
	/* In hand until it is judged, so that nobody starts it meanwhile; outcomes of some of
	 * its recipients may still be on their way to the disk. */
	struct job *job = map_get(&s->in_hand, id);
	if (!job) job = job_new(s, id);
	struct spool_op *op = job ? commit_op(s, &note, &arena) : NULL;
	if (!op) {
		if (job) job_release(s, job);
		return;
	}
	job->pending++;
	note->kind = NOTE_DEATH;
	note->job = job;
	op->kind = SPOOL_OP_DEATH;
	op->id = id;
}

void outcome_death_committed(struct spool *s, const struct spool_op *op,
                             const struct note *note)
{
	struct job *job = note->job;
	job->pending--;
	if (op->result == 0 && op->deaths >= SPOOL_DEATHS_MAX)
		outcome_park(s, job, STR("in hand at repeated deaths of a worker"));
	else
		job_release(s, job);
}

void outcome_park(struct spool *s, struct job *job, struct str reason)
{
	struct note *note;
	struct arena *arena;
	struct spool_op *op = commit_op(s, &note, &arena);
	if (!op) {
		job_release(s, job);
		return;
	}
	report_drop(s, job);
	job->pending++;
	note->kind = NOTE_PARK;
	note->job = job;
	op->kind = SPOOL_OP_STATE;
	op->id = job->id;
	op->state = (struct spool_set_state){ .state = SPOOL_POISON,
		.reason = arena_str(arena, reason) };
}

void outcome_park_committed(struct spool *s, const struct spool_op *op,
                            const struct note *note)
{
	struct event_log *log = s->frame->log;
	if (op->result == 0) {
		event_begin(log, EVENT_poison, 0, op->id);
		event_str(log, FIELD_from, note->job->from);
		event_str(log, FIELD_reason, op->state.reason);
		event_end(log);
	} else if (op->result == -ENOENT || op->result == -EBADMSG) {
		/* There is nothing to park: its record is damaged too. It stays for verify. */
		note->job->pending--;
		outcome_unlist(s, note->job);
		return;
	} else {
		watch_error(s, op->result, "a message could not be parked");
		job_stick(s, note->job);
	}
	note->job->pending--;
	job_release(s, note->job);
}

void outcome_unlist(struct spool *s, struct job *job)
{
	struct note *note;
	struct arena *arena;
	struct spool_op *op = job->due.id ? commit_op(s, &note, &arena) : NULL;
	if (!op) {
		job_release(s, job);
		return;
	}
	job->pending++;
	note->kind = NOTE_UNLIST;
	note->job = job;
	op->kind = SPOOL_OP_UNLIST;
	op->id = job->id;
	op->next_due_ms = job->due.due_ms;
}

void outcome_unlist_committed(struct spool *s, const struct spool_op *op,
                              const struct note *note)
{
	if (op->kind == SPOOL_OP_STATE && op->result == 0) { /* hand.c: job_let_go */
		struct event_log *log = s->frame->log;
		event_begin(log, EVENT_release, 0, op->id);
		event_str(log, FIELD_from, note->job->from);
		event_str(log, FIELD_reason, STR("the hold is over"));
		event_end(log);
	}
	/* -EEXIST: the message is in order again. */
	if (op->result != 0 && op->result != -ENOENT && op->result != -EEXIST) {
		watch_error(s, op->result, "an entry of the due-list could not be removed");
		job_stick(s, note->job);
	}
	note->job->pending--;
	job_release(s, note->job);
}
