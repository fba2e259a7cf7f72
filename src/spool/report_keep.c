/* SPDX-License-Identifier: Apache-2.0 */
/* Letters and the outcomes that they tell of arrive together. */
#include "spool/report_parts.h"

#include "lib/mail/envelope.h"

/* The operation by which the letter arrives; NULL: no memory. */
static struct spool_op *letter_op(struct spool *s, struct report *r, int which, uint32_t group)
{
	struct letter *l = &r->letters[which];
	const struct job *job = r->job;
	struct note *note;
	struct envelope_rcpt rcpt = { .address = which == TO_SENDER ? job->from
		: s->frame->conf->postmaster };
	struct envelope e = { .rcpts = &rcpt, .rcpt_count = 1, .copy = which == TO_POSTMASTER,
		.smtputf8 = job->smtputf8, .body8 = job->smtputf8, .esmtp = true,
		.arrived_ms = loop_wall_ms(s->frame->loop),
		/* RFC 8689 5: what a report tells is to be kept as its message was. */
		.tls_wish = job->tls_wish == MAIL_TLS_REQUIRED ? MAIL_TLS_REQUIRED : MAIL_TLS_AS_ROUTED };
	/* RFC 6710 4.6: and as soon. */
	if (which == TO_SENDER) {
		e.priority = (uint8_t)job->priority;
		e.mt_priority = job->mt_priority;
	}
	for (size_t i = 0; i < l->span_count; i++) e.size += l->spans[i].len;
	struct spool_op *op = letter_arrive(s, l->number, &e, l->spans, l->span_count, &note);
	if (!op) return NULL;
	note->kind = NOTE_REPORT;
	note->report = r;
	note->rcpt = (uint32_t)which;
	op->group = group;
	r->pending++;
	return op;
}

/* Both or none: without memory for one the other is refused by the store. */
static bool letter_ops(struct spool *s, struct report *r, uint32_t group)
{
	struct spool_op *ops[LETTERS] = { NULL };
	bool good = true;
	for (int i = 0; good && i < LETTERS; i++)
		if (r->letters[i].state == LETTER_WRITTEN)
			good = (ops[i] = letter_op(s, r, i, group)) != NULL;
	for (int i = 0; !good && i < LETTERS; i++)
		if (ops[i]) ops[i]->arrive.rcpts_count = 0;
	return good;
}

void report_commit(struct spool *s, struct report *r, bool good)
{
	struct job *job = r->job;
	uint32_t group = ++s->next_group ? s->next_group : ++s->next_group;
	link_remove(&r->link);
	good = good && commit_room(s, r->fate_count + LETTERS) && letter_ops(s, r, group);
	for (size_t i = 0; i < r->fate_count; i++) {
		struct report_fate *f = &r->fates[i];
		if (!good) {
			fate_later(s, job, f->at, &f->fate);
			continue;
		}
		struct spool_op *op = outcome_op(s, job, f->at, f->fate);
		if (op) op->group = group;
	}
	job->pending--;
	if (r->pending == 0) {
		report_free(s, r);
		job_release(s, job);
	}
}

void report_committed(struct spool *s, const struct spool_op *op, const struct note *note)
{
	struct report *r = note->report;
	struct event_log *log = s->frame->log;
	if (op->result == 0) {
		bool copy = note->rcpt == TO_POSTMASTER;
		char text[17];
		struct buf id;
		buf_init_fixed(&id, text, sizeof text);
		buf_hex64(&id, op->id);
		event_begin(log, EVENT_dsn_sent, 0, r->job_id);
		event_str(log, FIELD_from, r->from);
		event_str(log, FIELD_to, op->arrive.rcpts[0].address);
		event_str(log, FIELD_report, buf_view(&id));
		event_str(log, FIELD_reason, copy ? STR("copy for the postmaster") : STR("for the sender"));
		event_end(log);
		pump_fresh(s, op->id);
	} else {
		watch_error(s, op->result, "a delivery report could not be written");
	}
	if (--r->pending == 0) report_free(s, r);
}
