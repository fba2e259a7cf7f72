/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a message, written down before it is told. */
#include "spool/spool.h"

#include <errno.h>

#include "lib/base/units.h"
#include "lib/queue/retry.h"
#include "lib/mail/job.h"

/* An outcome operation for rcpts[at] of the job; NULL: no memory (then the recipient is
 * simply tried again). */
static struct spool_op *outcome_op(struct spool *s, struct job *job, uint32_t at,
                                   struct str dsn, struct str text, struct str host)
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
	op->kind = SPOOL_OP_OUTCOME;
	op->id = job->id;
	op->outcome = (struct spool_outcome){
		.index = rcpt->index,
		.attempts = rcpt->attempts + 1,
		.last_ms = loop_wall_ms(s->frame->loop),
		.host = arena_str(arena, host),
		.reply = arena_str(arena, text),
		.dsn = arena_str(arena, dsn),
	};
	return op;
}

void outcome_defer(struct spool *s, struct job *job, uint32_t at, struct str dsn,
                   struct str text, struct str host)
{
	struct spool_op *op = outcome_op(s, job, at, dsn, text, host);
	if (!op) return;
	op->outcome.state = SPOOL_DEFERRED;
	op->outcome.next_due_ms = op->outcome.last_ms +
		retry_delay_ms(&s->frame->conf->retry.after, op->outcome.attempts, &s->rng);
}

static void outcome_result(struct spool *s, struct job *job, const struct job_result *r)
{
	for (uint32_t i = 0; i < job->rcpt_count; i++) {
		if (job->rcpts[i].index != r->index || job->rcpts[i].told) continue;
		if (r->outcome == JOB_DEFERRED) {
			outcome_defer(s, job, i, r->dsn, r->text, r->host);
			return;
		}
		struct spool_op *op = outcome_op(s, job, i, r->dsn, r->text, r->host);
		if (op) op->outcome.state = SPOOL_DELIVERED;
		return;
	}
}

void outcome_done(struct spool *s, const struct msg_done *m)
{
	struct job *job = map_get(&s->jobs, m->job);
	struct job_result result;
	if (!job || !job->away) return;
	struct cur cur = cur_of(m->results);
	while (job_result_next(&cur, &result)) outcome_result(s, job, &result);
	/* No recipient is left without an outcome, whatever the worker said. */
	for (uint32_t i = 0; i < job->rcpt_count; i++)
		if (!job->rcpts[i].told)
			outcome_defer(s, job, i, STR("4.3.0"), STR("The mailbox worker gave no answer"),
				STR(""));
	job_back(s, job);
	jobs_pump(s);
}

static void outcome_tell(struct spool *s, const struct spool_op *op, const struct job *job,
                         struct str address)
{
	const struct spool_outcome *o = &op->outcome;
	struct event_log *log = s->frame->log;
	bool deferred = o->state == SPOOL_DEFERRED;
	event_begin(log, deferred ? EVENT_defer : EVENT_deliver, 0, op->id);
	event_str(log, FIELD_from, job->from);
	event_str(log, FIELD_to, address);
	event_str(log, FIELD_route, STR("mailbox"));
	event_str(log, FIELD_host, o->host);
	event_str(log, FIELD_dsn, o->dsn);
	if (deferred) event_str(log, FIELD_reply, o->reply);
	event_i64(log, FIELD_delay, o->last_ms - job->arrived_ms);
	event_i64(log, FIELD_attempt, o->attempts);
	if (deferred) {
		char text[40];
		struct buf next;
		buf_init_fixed(&next, text, sizeof text);
		units_time_write(&next, o->next_due_ms);
		event_str(log, FIELD_next, buf_view(&next));
	} else {
		event_i64(log, FIELD_size, (int64_t)job->size);
	}
	event_end(log);
}

void outcome_committed(struct spool *s, const struct spool_op *op, const struct note *note)
{
	struct job *job = note->job;
	if (op->result == 0) outcome_tell(s, op, job, job->rcpts[note->rcpt].address);
	/* An administrator may have dropped it meanwhile. */
	else if (op->result != -ENOENT && op->result != -EALREADY) {
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
	/* -EEXIST: the message is in order again. */
	if (op->result != 0 && op->result != -ENOENT && op->result != -EEXIST) {
		watch_error(s, op->result, "an entry of the due-list could not be removed");
		job_stick(s, note->job);
	}
	note->job->pending--;
	job_release(s, note->job);
}
