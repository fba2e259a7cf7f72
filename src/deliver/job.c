/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "deliver/deliver.h"
#include "lib/base/fault.h"
#include "lib/ipc/scoreboard.h"

/* --- begin -------------------------------------------------------------------------- */

/* The job and all that it needs for its whole life in one piece. */
static struct job *job_alloc(struct deliver *d, size_t record, uint32_t count)
{
	size_t each = sizeof(struct smtp_client_rcpt) + sizeof(struct smtp_attempt_rcpt) +
		      sizeof(struct job_place);
	size_t memory = sizeof(struct job) + count * each + record;
	if (memory > DELIVER_MEMORY_MAX - d->job_memory) return NULL;
	struct job *job = calloc(1, memory);
	if (!job) return NULL;
	char *at = (char *)(job + 1);
	job->mail.rcpts = (struct smtp_client_rcpt *)(void *)at;
	at += count * sizeof *job->mail.rcpts;
	job->states = (struct smtp_attempt_rcpt *)(void *)at;
	at += count * sizeof *job->states;
	job->places = (struct job_place *)(void *)at;
	job->mail.rcpt_count = count;
	job->memory = memory;
	job->text.fd = -1;
	return job;
}

static struct str copy(char **to, struct str s)
{
	if (s.len) memcpy(*to, s.at, s.len);
	s.at = *to;
	*to += s.len;
	return s;
}

/* Of spool, which is believed, and yet a number out of range must not reach a host. */
static int8_t priority_of(uint8_t octet)
{
	int8_t value = (int8_t)octet;
	return value >= -MAIL_MT_PRIORITY_MAX && value <= MAIL_MT_PRIORITY_MAX ? value : 0;
}

static void set_by(struct job *job, const struct msg_relay *m)
{
	static const uint8_t modes[MAIL_BY_MODES] = {
		[MAIL_BY_NOTIFY] = SMTP_BY_NOTIFY, [MAIL_BY_RETURN] = SMTP_BY_RETURN,
	};
	unsigned by = m->by & ~(unsigned)RELAY_BY_TRACE;
	job->mail.by = by < MAIL_BY_MODES ? modes[by] : SMTP_BY_NONE;
	job->mail.by_trace = m->by & RELAY_BY_TRACE;
	job->by_ms = (int64_t)m->by_ms;
}

/* What is left of it now, in whole seconds. */
static int32_t by_left_s(const struct job *job)
{
	int64_t left_s = (job->by_ms - loop_wall_ms(job->d->frame->loop)) / 1000;
	if (left_s > SMTP_BY_MAX_S) return SMTP_BY_MAX_S;
	return left_s < -SMTP_BY_MAX_S ? -SMTP_BY_MAX_S : (int32_t)left_s;
}

/* Strings of the message go behind the arrays. */
static bool job_fill(struct job *job, const struct msg_relay *m)
{
	char *at = (char *)(job->places + job->mail.rcpt_count);
	job->number = m->job;
	job->id = m->id;
	job->arrived_ms = (int64_t)m->arrived_ms;
	job->key = copy(&at, m->key);
	job->route = copy(&at, m->route);
	job->mail.sender = copy(&at, m->sender);
	job->mail.envid = copy(&at, m->envid);
	job->mail.size = m->size;
	job->mail.ret = m->ret;
	job->mail.body8 = m->flags & RELAY_BODY8;
	job->mail.smtputf8 = m->flags & RELAY_SMTPUTF8;
	job->mail.priority = priority_of(m->priority);
	set_by(job, m);
	job->tls_wish = m->tls_wish < MAIL_TLS_WISHES ? m->tls_wish : MAIL_TLS_AS_ROUTED;
	job->settled = m->flags & RELAY_SETTLED;
	job->last = m->flags & RELAY_LAST;
	job->hurry = m->flags & RELAY_HURRY;
	job->looks = m->flags & RELAY_LOOK;
	bool atrn = (m->flags & RELAY_ATRN) == RELAY_ATRN;
	job->turned = m->flags & RELAY_TURNED && !atrn;
	job->mail.atrn = atrn;
	job->site = copy(&at, m->site);
	job->messages = m->messages;
	job->mail.etrn = m->flags & RELAY_ETRN && !atrn;
	struct cur c = cur_of(copy(&at, m->recipients));
	struct job_recipient r;
	for (uint32_t i = 0; job_recipient_next(&c, &r); i++) {
		job->mail.rcpts[i].address = r.address;
		job->mail.rcpts[i].orcpt = r.orcpt;
		job->mail.rcpts[i].notify = r.notify;
		job->places[i].index = r.index;
	}
	bool good = job_target_get(copy(&at, m->target), &job->to);
	job->mail.requiretls = encrypt_is_demanded(job);
	return good;
}

/* Answers a job that there is no memory or no time for. */
static void refuse(struct deliver *d, const struct msg_relay *m, enum job_outcome outcome,
		   struct str dsn, struct str text)
{
	struct cur c = cur_of(m->recipients);
	struct job_recipient r;
	buf_reset(&d->results);
	while (job_recipient_next(&c, &r))
		job_result_put(&d->results, &(struct job_result){ .index = r.index,
								  .outcome = outcome,
								  .dsn = dsn,
								  .text = text });
	struct msg_done done = { .job = m->job, .results = buf_view(&d->results) };
	if (d->spool) channel_send_done(d->spool, &done);
}

void job_take(struct deliver *d, const struct msg_relay *m)
{
	int count = job_recipients_count(m->recipients);
	struct job_target to;
	assert(!map_get(&d->jobs, m->job)); /* spool counts them */
	if (count <= 0 || !job_target_get(m->target, &to)) {
		tell_error(d, STR("a job is damaged"), STR(""));
		refuse(d, m, JOB_DEFERRED, STR("4.3.0"), STR("the job is damaged"));
		return;
	}
	if (d->draining) {
		refuse(d, m, JOB_UNTRIED, STR("4.3.2"), STR("the service stops"));
		return;
	}
	size_t record = m->key.len + m->route.len + m->sender.len + m->envid.len +
			m->recipients.len + m->target.len + m->site.len;
	struct job *job = job_alloc(d, record, (uint32_t)count);
	if (!job || !map_put(&d->jobs, m->job, job)) {
		free(job);
		refuse(d, m, JOB_DEFERRED, STR("4.3.0"), STR("out of memory"));
		return;
	}
	bool good = job_fill(job, m);
	assert(good);
	job->d = d;
	d->job_memory += job->memory;
	scoreboard_message(job->id);
	FAULT("deliver.job", job->mail.sender);
	job_rest(job, JOB_DEFERRED, STR("4.3.0"), STR("not tried"));
	job->dest = destination_get(d, job->key);
	if (job->dest && egress_choose(job, NULL)) {
		job->dest->connections_max = m->connections;
		pool_add(job);
	} else if (job->dest) {
		pool_due(job->dest);
		job_end(job);
	} else {
		job_rest(job, JOB_DEFERRED, STR("4.3.0"), STR("out of memory"));
		job_end(job);
	}
	scoreboard_message(0);
}

/* --- transactions ------------------------------------------------------------------- */

static bool is_same(const struct target *a, const struct target *b)
{
	if (a->port != b->port) return false;
	return a->port ? ip_eq(a->ip, b->ip) : str_eq(str_of(a->name), str_of(b->name));
}

void job_attempt(struct job *job)
{
	struct connection *c = job->on;
	for (uint32_t i = 0; i < c->target_count; i++) {
		c->same[i] = 0;
		while (!is_same(&c->targets[c->same[i]], &c->targets[i])) c->same[i]++;
	}
	smtp_attempt_init(&job->attempt, c->hosts, c->same, c->target_count, job->states,
			  job->mail.rcpt_count);
	job->attempted = true;
}

void job_send(struct job *job)
{
	for (uint32_t i = 0; i < job->mail.rcpt_count; i++)
		job->mail.rcpts[i].outcome = job->states[i].now;
	job->mail.by_s = by_left_s(job);
	body_rewind(&job->text);
	job->begun_ms = loop_now_ms(job->d->frame->loop);
	job->begun = true;
	if (!job->mail.etrn && !job->mail.atrn) body_ask(job);
	smtp_client_send(&job->on->smtp, &job->mail);
}

static bool all_final(const struct job *job)
{
	for (uint32_t i = 0; i < job->mail.rcpt_count; i++)
		if (!job->states[i].final) return false;
	return true;
}

bool job_heard(struct job *job)
{
	const struct smtp_client *smtp = &job->on->smtp;
	for (uint32_t i = 0; i < job->mail.rcpt_count; i++) {
		struct smtp_attempt_rcpt *state = &job->states[i];
		const struct smtp_outcome *o = &job->mail.rcpts[i].outcome;
		bool sent = !state->final && (state->now.state == SMTP_RCPT_OPEN ||
					      state->now.state == SMTP_RCPT_NOT_TRIED);
		if (!sent) continue;
		smtp_attempt_heard(&job->attempt, i, o);
		struct job_place *place = &job->places[i];
		if (o->session && place->answered) continue;
		place->target = (uint8_t)job->attempt.target;
		place->answered = !o->session && o->state != SMTP_RCPT_NOT_TRIED;
		place->dsn_passed = o->state == SMTP_RCPT_SENT && smtp->caps.dsn;
		place->by_passed = o->state == SMTP_RCPT_SENT && smtp->caps.by;
	}
	if (!smtp_client_was_stale(smtp)) job->reached = true;
	return all_final(job);
}

/* --- end ---------------------------------------------------------------------------- */

void job_rest(struct job *job, enum job_outcome outcome, struct str dsn, struct str text)
{
	job->rest = outcome;
	(void)str_to_cstr(dsn, job->rest_dsn, sizeof job->rest_dsn);
	(void)str_to_cstr(text, job->rest_text, sizeof job->rest_text);
}

static enum job_outcome outcome_of(const struct job *job, const struct smtp_outcome *o)
{
	if (o->state == SMTP_RCPT_PERMANENT) return JOB_FAILED;
	if (o->state != SMTP_RCPT_SENT) return JOB_DEFERRED;
	return job->to.kind == JOB_TO_LMTP ? JOB_DELIVERED : JOB_RELAYED;
}

/* "550 5.1.1 No such user", or our own words as they are. */
static struct str words_of(const struct smtp_outcome *o, char memory[JOB_TEXT_MAX])
{
	struct buf b;
	if (!o->code) return o->text;
	buf_init_fixed(&b, memory, JOB_TEXT_MAX);
	buf_u64(&b, o->code);
	if (o->text.len) buf_byte(&b, ' ');
	smtp_text_safe(&b, o->text); /* cut where it must be, at a whole character */
	return buf_view(&b);
}

/* Who spoke for the recipient; the last one tried where nobody did. */
static uint32_t target_of(const struct job *job, uint32_t i)
{
	const struct job_place *place = &job->places[i];
	return place->answered ? place->target : job->attempt.target;
}

/* Only of a host that was talked to: what a host said for good, or the end of a session
 * that was encrypted. */
static struct str tls_of(const struct job *job, uint32_t target)
{
	const struct connection *c = job->on;
	if (!c || !c->target_count) return STR("");
	if (target >= c->target_count) target = c->target_count - 1;
	return c->targets[target].tls[0] ? str_of(c->targets[target].tls) : STR("-");
}

static void result_put(struct job *job, uint32_t i, struct str host)
{
	char memory[JOB_TEXT_MAX];
	const struct smtp_attempt_rcpt *state = &job->states[i];
	const struct smtp_outcome *o = &state->now;
	struct job_result r = { .index = job->places[i].index, .host = host };
	if (job->attempted && state->final && !job->looked) {
		r.outcome = outcome_of(job, o);
		r.dsn = str_of(o->enhanced);
		r.text = words_of(o, memory);
		r.dsn_passed = r.outcome == JOB_RELAYED && job->places[i].dsn_passed;
		r.by_passed = r.outcome == JOB_RELAYED && job->places[i].by_passed;
		if (host.len) r.tls = tls_of(job, target_of(job, i));
		if (host.len) r.step = smtp_step_words(o->step);
		r.in_doubt = o->in_doubt;
	} else {
		r.outcome = job->rest;
		r.dsn = str_of(job->rest_dsn);
		r.text = str_of(job->rest_text);
	}
	job_result_put(&job->d->results, &r);
}

/* The host that a result came from; the last one tried where none answered. */
static struct str host_of(const struct job *job, uint32_t target,
			  char memory[HOST_LABEL_MAX])
{
	const struct connection *c = job->on;
	if (!c || !c->target_count) return STR("");
	if (target >= c->target_count) target = c->target_count - 1;
	return host_label(&c->targets[target], memory);
}

static void job_answer(struct job *job)
{
	struct deliver *d = job->d;
	char memory[HOST_LABEL_MAX];
	struct str host = STR("");
	uint32_t last = UINT32_MAX;
	buf_reset(&d->results);
	for (uint32_t i = 0; i < job->mail.rcpt_count; i++) {
		uint32_t target = target_of(job, i);
		if (target != last) host = host_of(job, target, memory);
		last = target;
		result_put(job, i, host);
	}
	/* Without memory for the results spool sends the job again. */
	if (d->results.overflowed) buf_reset(&d->results);
	struct msg_done done = { .job = job->number, .results = buf_view(&d->results) };
	done.host_failed = job->host_failed && !job->reached;
	done.host = host_of(job, job->attempt.target, memory);
	done.moved = job->moved;
	done.looked = job->looked;
	done.site = job->found;
	int64_t took_ms = loop_now_ms(d->frame->loop) - job->begun_ms;
	if (job->reached) done.took_ms = took_ms < 1 ? 1 : took_ms < UINT32_MAX ? (uint32_t)took_ms : UINT32_MAX;
	if (d->spool) channel_send_done(d->spool, &done);
}

void job_end(struct job *job)
{
	job_answer(job);
	job_free(job);
}

void job_free(struct job *job)
{
	struct deliver *d = job->d;
	if (job->on) job->on->job = NULL;
	if (link_is_in(&job->waiting)) pool_due(job->dest);
	link_remove(&job->waiting);
	(void)map_take(&d->jobs, job->number);
	egress_give_back(job);
	if (job->attempted) smtp_attempt_free(&job->attempt);
	body_free(&job->text);
	d->job_memory -= job->memory;
	free(job);
	deliver_leave_if_idle(d);
}
