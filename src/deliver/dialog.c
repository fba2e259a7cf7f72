/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine's events mean for a connection and its job. Functions here that return
 * bool say whether the connection is still there and on the same socket. */
#include <errno.h>
#include <string.h>

#include "deliver/tls_result.h"
#include "lib/ipc/scoreboard.h"

/* --- what the machine says ---------------------------------------------------------- */

/* The job's first transaction on this socket, or another one. */
static void connection_send(struct connection *c)
{
	c->sending = true;
	c->wants_text = false;
	c->messages++;
	c->messages_max = c->job->messages;
	c->last = c->job->last;
	job_send(c->job);
}

/* The target that the socket leads to comes first, then the rest of its host. */
static void targets_turn(struct connection *c)
{
	struct target targets[SMTP_ATTEMPT_TARGETS_MAX];
	uint32_t hosts[SMTP_ATTEMPT_TARGETS_MAX], own = c->hosts[c->target], n = 0;
	if (c->target == 0) return;
	for (int pass = 0; pass < 3; pass++) {
		for (uint32_t i = 0; i < c->target_count; i++) {
			int rank = i == c->target ? 0 : c->hosts[i] == own ? 1 : 2;
			if (rank != pass) continue;
			hosts[n] = c->hosts[i];
			targets[n++] = c->targets[i];
		}
	}
	memcpy(c->targets, targets, n * sizeof *targets);
	memcpy(c->hosts, hosts, n * sizeof *hosts);
	c->target = 0;
}

/* The job gets a socket that has served others. */
static void connection_begin_job(struct connection *c)
{
	c->job->on = c;
	targets_turn(c);
	job_attempt(c->job);
	c->told = false;
	tell_attempt(c, NULL);
	connection_send(c);
}

/* The next job for an open socket, or rest. */
static bool connection_rest(struct connection *c)
{
	struct deliver *d = c->d;
	int64_t now = loop_now_ms(d->frame->loop);
	bool full = c->messages_max && c->messages >= c->messages_max;
	bool aged = !c->turned && (now - c->opened_ms > DELIVER_AGE_MS || pool_is_over(c->dest));
	bool old = d->draining || full || aged || pool_is_outdated(c);
	c->job = old ? NULL : pool_next(c);
	if (c->job) {
		scoreboard_message(c->job->id);
		connection_begin_job(c);
		return true;
	}
	/* Somebody else waits for a place. What was turned cannot be had again. */
	if (old || c->last || (!c->turned && !list_empty(&d->starved))) {
		connection_quit(c);
		return false;
	}
	c->state = CONNECTION_IDLE;
	list_add_tail(&c->dest->idle, &c->idle);
	if (!c->turned) list_add_tail(&d->idle, &c->idle_all);
	loop_timer_set(c->timer, c->turned ? DELIVER_LINE_IDLE_MS : d->frame->conf->timeout.idle_ms);
	return true;
}

/* Between two transactions of one job. */
static bool connection_go_on(struct connection *c)
{
	struct job *job = c->job;
	struct smtp_attempt_end end = { .how = SMTP_ATTEMPT_DONE };
	enum smtp_attempt_action action = attempt_next(c, &end);
	if (action == SMTP_ATTEMPT_SEND) {
		connection_send(c);
		return true;
	}
	if (action == SMTP_ATTEMPT_STOP) {
		job_stop(c, SMTP_ATTEMPT_DONE);
		return connection_rest(c);
	}
	wire_quit(c);
	connection_close(c);
	if (c->d->draining) {
		job_rest(job, JOB_UNTRIED, STR("4.3.2"), STR("the service stops"));
		job_end(job);
		connection_free(c);
	} else {
		connection_open(c);
	}
	return false;
}

static bool connection_ready(struct connection *c)
{
	if (!c->job) return connection_rest(c);
	if (c->sending) return connection_go_on(c);
	login_forget(c);
	if (!c->tls && c->cfg.tls == SMTP_CL_TLS_MAY)
		tls_result_of(c, TRANSPORT_STARTTLS_NOT_SUPPORTED);
	tell_attempt(c, NULL);
	connection_send(c);
	return true;
}

/* RFC 8689 4.2.1: X.7.10, encryption needed: for good, as far as this host goes. A handshake
 * that only broke off may do better another time. */
static bool lacks(const struct connection *c, const struct smtp_client *smtp,
		  struct smtp_outcome *cause)
{
	bool refused = str_eq(str_of(smtp->cause.enhanced), STR("4.7.4"));
	*cause = smtp->cause;
	if (smtp->end != SMTP_END_TLS_FAILED || !encrypt_is_demanded(c->job)) return false;
	if (!c->lacking && !refused) return false;
	(void)str_to_cstr(STR("5.7.10"), cause->enhanced, sizeof cause->enhanced);
	return true;
}

/* A transaction is over. When nothing is left to do for its job that does not wait for
 * an answer to RSET. */
static void connection_done(struct connection *c)
{
	struct smtp_attempt_end end = { .how = SMTP_ATTEMPT_DONE };
	if (!job_heard(c->job)) return;
	(void)attempt_next(c, &end); /* all are final: it stops */
	job_stop(c, SMTP_ATTEMPT_DONE);
	scoreboard_message(0);
}

static void connection_closed(struct connection *c)
{
	const struct smtp_client *smtp = &c->smtp;
	struct smtp_outcome cause = smtp->cause;
	struct smtp_attempt_end end = { .how = SMTP_ATTEMPT_CLOSED,
					.end = smtp->end,
					.stale = smtp_client_was_stale(smtp),
					.may_clear = c->may_clear,
					.cause = &cause };
	if (c->out.len && !c->broken) (void)wire_send(c, buf_view(&c->out));
	if (!c->job) {
		connection_free(c);
		return;
	}
	/* Once more where it was ready: what happened then is not told by any result when
	 * the next host does better. */
	if (!end.stale && end.end != SMTP_END_QUIT) c->told = false;
	tell_attempt(c, &smtp->cause);
	end.lacking = lacks(c, smtp, &cause);
	if (end.end == SMTP_END_LOOP) {
		end.lacking = true;
		loop_met(c, &smtp->cause);
	}
	if (end.end == SMTP_END_AUTH_FAILED) {
		login_failed(c);
		token_refused(c);
	}
	if (end.end == SMTP_END_TLS_FAILED) {
		bool offered = smtp->cause.step != SMTP_STEP_STARTTLS;
		tls_result_of(c, offered ? TRANSPORT_VALIDATION_FAILURE
					 : TRANSPORT_STARTTLS_NOT_SUPPORTED);
		if (c->may_clear) encrypt_note_failure(c);
	}
	if (!connection_next(c, &end)) return;
	connection_close(c);
	connection_open(c);
}

/* --- text --------------------------------------------------------------------------- */

enum fill { FILL_GOES_ON, FILL_WAITS, FILL_GONE };

/* Straight out of the window, without a copy. */
static enum fill fill_raw(struct connection *c, struct str piece)
{
	ssize_t sent = wire_send(c, piece);
	if (sent == -EAGAIN) {
		c->more_text = true;
		return FILL_WAITS;
	}
	if (sent < 0) {
		smtp_client_lost(&c->smtp, SMTP_LOST_CLOSED, wire_reason(c, (int)-sent));
		return FILL_GOES_ON;
	}
	smtp_client_body_sent(&c->smtp, (size_t)sent);
	body_used(&c->job->text, (size_t)sent);
	c->turn_sent += (size_t)sent;
	c->moved = true;
	return FILL_GOES_ON;
}

static enum fill connection_fill(struct connection *c)
{
	enum { RAW_MIN = 32 * 1024 }; /* less is cheaper to copy than to send alone */
	struct text *t = &c->job->text;
	c->wants_text = t->state == TEXT_ASKED;
	c->more_text = c->out.len >= DELIVER_OUT_FILL || c->turn_sent >= DELIVER_TURN_MAX;
	if (c->wants_text || c->more_text) return FILL_WAITS;
	struct str piece = t->state == TEXT_HERE ? body_piece(c->job) : STR("");
	if (piece.len == 0) {
		job_rest(c->job, JOB_DEFERRED, STR("4.3.0"),
			 STR("the message could not be read"));
		connection_abort(c, STR("the message could not be read"));
		return FILL_GONE;
	}
	/* TLS copies anyway, and wants what it could not send yet once more as it was. */
	if (piece.len >= RAW_MIN && !c->tls && smtp_client_body_is_raw(&c->smtp))
		return fill_raw(c, piece);
	body_used(t, smtp_client_body(&c->smtp, piece));
	return FILL_GOES_ON;
}

/* --- the loop ----------------------------------------------------------------------- */

static bool connection_dialog(struct connection *c, struct str *in)
{
	for (;;) {
		enum fill fill = FILL_GOES_ON;
		switch (smtp_client_next(&c->smtp, in)) {
		case SMTP_CL_NONE: return true;
		case SMTP_CL_SECURE:
			if (encrypt_begin(c)) return false;
			break;
		case SMTP_CL_PROVE: login_prove(c); break;
		case SMTP_CL_READY:
			if (!connection_ready(c)) return false;
			break;
		case SMTP_CL_BODY: fill = connection_fill(c); break;
		case SMTP_CL_DONE: connection_done(c); break;
		case SMTP_CL_TURNED: visit_begin(c, *in); return false;
		case SMTP_CL_CLOSED: connection_closed(c); return false;
		}
		if (fill != FILL_GOES_ON) return fill == FILL_WAITS;
	}
}

/* Sends what is in `out`. True if the dialogue has to go on: something broke (then with
 * what the peer had still said), or there is room for more text. */
static bool connection_flush(struct connection *c, struct str *in)
{
	if (c->broken) {
		smtp_client_lost(&c->smtp, SMTP_LOST_CLOSED, wire_reason(c, c->broken));
		return true;
	}
	while (c->out.len > 0) {
		ssize_t sent = wire_send(c, buf_view(&c->out));
		if (sent == -EAGAIN) return false;
		if (sent < 0) {
			ssize_t got = wire_recv(c);
			c->broken = (int)-sent;
			if (got > 0) *in = (struct str){ c->d->read_buffer, (size_t)got };
			return true;
		}
		buf_consume(&c->out, (size_t)sent);
		c->turn_sent += (size_t)sent;
		c->moved = true;
	}
	return c->more_text && c->turn_sent < DELIVER_TURN_MAX;
}

/* What is waited for, and how long. A reply that drips in is no sign of life until it is
 * whole: its time is for all of it. */
void connection_watch(struct connection *c)
{
	bool write = c->out.len > 0 || c->more_text || wire_recv_writes(c);
	loop_io_want(c->io, LOOP_READ | (write ? LOOP_WRITE : 0u));
	if (c->state == CONNECTION_IDLE) return;
	enum smtp_step step = smtp_client_step(&c->smtp);
	if (!c->moved && step == c->step_seen && c->smtp.replies == c->replies_seen)
		return;
	c->step_seen = step;
	c->replies_seen = c->smtp.replies;
	c->moved = false;
	int64_t ms = smtp_client_timeout_s(&c->smtp, &c->d->timeouts) * 1000;
	loop_timer_set(c->timer, c->wants_text ? DELIVER_TEXT_MS : ms);
}

void connection_run(struct connection *c, struct str in)
{
	c->turn_sent = 0;
	scoreboard_message(c->job ? c->job->id : 0);
	while (connection_dialog(c, &in)) {
		if (connection_flush(c, &in)) continue;
		/* Nobody waits for the answer to this one. */
		bool over = !c->job && c->out.len == 0 &&
			    smtp_client_step(&c->smtp) == SMTP_STEP_QUIT;
		if (over) connection_free(c);
		else connection_watch(c);
		break;
	}
	scoreboard_message(0);
}

/* --- from outside ------------------------------------------------------------------- */

void connection_reuse(struct connection *c, struct job *job)
{
	link_remove(&c->idle);
	link_remove(&c->idle_all);
	c->state = CONNECTION_OPEN;
	c->job = job;
	connection_begin_job(c);
	connection_run(c, STR(""));
}

void connection_text(struct connection *c)
{
	if (!c->wants_text) return;
	c->wants_text = false;
	c->moved = true; /* from now on it is the peer's time */
	connection_run(c, STR(""));
}
