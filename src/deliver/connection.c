/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's bytes and what the machine's events mean. Functions here that return
 * bool say whether the connection is still there and on the same socket. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deliver/deliver.h"
#include "lib/ipc/scoreboard.h"
#include "lib/os/socket.h"
#include "lib/os/stream.h"

static void connection_ready_io(void *arg, int fd, unsigned ready);
static void connection_timer(void *arg);
static void connection_open(struct connection *c);

static struct str reason_of(int error) { return str_of(strerror(error)); }

/* --- life --------------------------------------------------------------------------- */

bool connection_new(struct destination *dest, struct job *job)
{
	struct deliver *d = dest->d;
	struct connection *c = calloc(1, sizeof *c);
	if (c) c->timer = loop_timer_new(d->frame->loop, connection_timer, c);
	if (!c || !c->timer) {
		free(c);
		return false;
	}
	c->d = d;
	c->dest = dest;
	c->fd = -1;
	c->job = job;
	job->on = c;
	buf_init(&c->out, DELIVER_OUT_MAX);
	list_add_tail(&d->connections, &c->all);
	dest->connections++;
	d->connection_count++;
	host_find(c);
	return true;
}

static void connection_close(struct connection *c)
{
	loop_timer_cancel(c->timer);
	loop_io_free(c->io);
	c->io = NULL;
	if (c->machine) smtp_client_free(&c->smtp);
	c->machine = false;
	if (c->fd >= 0) (void)close(c->fd);
	c->fd = -1;
}

void connection_free(struct connection *c)
{
	struct deliver *d = c->d;
	connection_close(c);
	host_forget(c);
	link_remove(&c->idle);
	link_remove(&c->idle_all);
	link_remove(&c->all);
	loop_timer_free(c->timer);
	buf_free(&c->out);
	if (c->job) c->job->on = NULL;
	pool_gone(c->dest);
	free(c);
	deliver_leave_if_idle(d);
}

/* The answer to QUIT is not waited for: nothing depends on it, and another message could
 * use the time. */
static void say_quit(struct connection *c)
{
	if (c->fd >= 0 && c->out.len == 0) (void)stream_send(c->fd, STR("QUIT\r\n"));
}

void connection_quit(struct connection *c)
{
	say_quit(c);
	connection_free(c);
}

static void job_stop(struct connection *c, enum smtp_attempt_how how)
{
	c->job->host_failed = how != SMTP_ATTEMPT_NO_SOCKET;
	job_end(c->job);
}

void connection_abort(struct connection *c, struct str why)
{
	struct str none = STR("");
	enum smtp_client_event event = SMTP_CL_NONE;
	if (c->machine && c->sending) {
		smtp_client_lost(&c->smtp, SMTP_LOST_LOCAL, why);
		event = smtp_client_next(&c->smtp, &none);
	}
	if (event == SMTP_CL_DONE) (void)job_heard(c->job);
	job_end(c->job);
	connection_free(c);
}

/* --- a new socket ------------------------------------------------------------------- */

/* What the attempt says now that something ended without a machine, or with it. True:
 * connect to its target. */
static bool connection_next(struct connection *c, const struct smtp_attempt_end *end)
{
	struct job *job = c->job;
	enum smtp_attempt_action action = smtp_attempt_next(&job->attempt, end);
	if (action != SMTP_ATTEMPT_STOP && !c->d->draining) return true;
	if (action == SMTP_ATTEMPT_STOP) {
		job_stop(c, end->how);
	} else {
		job_rest(job, JOB_UNTRIED, STR("4.3.2"), STR("the service stops"));
		job_end(job);
	}
	connection_free(c);
	return false;
}

static bool is_ours(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

/* No connection came about. */
static bool connection_failed(struct connection *c, int error)
{
	char label[HOST_LABEL_MAX], text[SMTP_REPLY_TEXT_MAX];
	struct buf words;
	struct smtp_outcome cause = { .state = SMTP_RCPT_TEMPORARY,
				      .enhanced = "4.4.1",
				      .step = SMTP_STEP_CONNECT };
	connection_close(c);
	buf_init_fixed(&words, text, sizeof text);
	buf_str(&words, STR("connect to "));
	buf_str(&words, host_label(&c->targets[c->target], label));
	buf_str(&words, STR(": "));
	buf_str(&words, reason_of(error));
	cause.text = buf_view(&words);
	tell_attempt(c, &cause);
	struct smtp_attempt_end end = { .how = SMTP_ATTEMPT_NOT_CONNECTED,
					.cause = &cause };
	if (is_ours(error)) end.how = SMTP_ATTEMPT_NO_SOCKET;
	return connection_next(c, &end);
}

/* 0: under way; or errno. */
static int connection_try(struct connection *c)
{
	const struct target *t = &c->targets[c->target];
	c->fd = t->port ? socket_connect(t->ip, t->port) : socket_unix_connect(t->name);
	if (c->fd < 0) {
		int error = -c->fd;
		c->fd = -1;
		return error;
	}
	c->io = loop_io_new(c->d->frame->loop, c->fd, LOOP_WRITE, connection_ready_io, c);
	return c->io ? 0 : ENOMEM;
}

/* Connects to the attempt's target, and to the next one while that fails at once. */
static void connection_open(struct connection *c)
{
	int error;
	do {
		c->state = CONNECTION_OPENING;
		c->target = c->job->attempt.target;
		c->told = c->sending = c->wants_text = c->more_text = false;
		c->broken = 0;
		buf_reset(&c->out);
		error = connection_try(c);
		if (error == 0)
			loop_timer_set(c->timer, c->d->frame->conf->timeout.connect_ms);
	} while (error != 0 && connection_failed(c, error));
}

void connection_found(struct connection *c)
{
	struct job *job = c->job;
	if (c->target_count == 0) {
		job_rest(job, c->never ? JOB_FAILED : JOB_DEFERRED, str_of(c->dsn),
			 str_of(c->why));
		job->host_failed = !c->never;
		job_end(job);
		connection_free(c);
		return;
	}
	job_attempt(job);
	connection_open(c);
}

/* --- what the machine says ---------------------------------------------------------- */

/* The job's first transaction on this socket, or another one. */
static void connection_send(struct connection *c)
{
	c->sending = true;
	c->wants_text = false;
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

/* The next job for an open socket, or rest. */
static bool connection_rest(struct connection *c)
{
	struct deliver *d = c->d;
	int64_t now = loop_now_ms(d->frame->loop);
	bool old = d->draining || now - c->opened_ms > DELIVER_AGE_MS;
	c->job = old ? NULL : pool_next(c);
	if (c->job) {
		c->job->on = c;
		scoreboard_message(c->job->id);
		targets_turn(c);
		job_attempt(c->job);
		connection_send(c);
		return true;
	}
	/* Somebody else waits for a place. */
	if (old || !list_empty(&d->starved)) {
		connection_quit(c);
		return false;
	}
	c->state = CONNECTION_IDLE;
	list_add_tail(&c->dest->idle, &c->idle);
	list_add_tail(&d->idle, &c->idle_all);
	loop_timer_set(c->timer, d->frame->conf->timeout.idle_ms);
	return true;
}

/* Between two transactions of one job. */
static bool connection_go_on(struct connection *c)
{
	struct job *job = c->job;
	struct smtp_attempt_end end = { .how = SMTP_ATTEMPT_DONE };
	enum smtp_attempt_action action = smtp_attempt_next(&job->attempt, &end);
	if (action == SMTP_ATTEMPT_SEND) {
		connection_send(c);
		return true;
	}
	if (action == SMTP_ATTEMPT_STOP) {
		job_stop(c, SMTP_ATTEMPT_DONE);
		return connection_rest(c);
	}
	say_quit(c);
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
	tell_attempt(c, NULL);
	connection_send(c);
	return true;
}

/* A transaction is over. When nothing is left to do for its job that does not wait for
 * an answer to RSET. */
static void connection_done(struct connection *c)
{
	struct smtp_attempt_end end = { .how = SMTP_ATTEMPT_DONE };
	if (!job_heard(c->job)) return;
	(void)smtp_attempt_next(&c->job->attempt, &end); /* all are final: it stops */
	job_stop(c, SMTP_ATTEMPT_DONE);
	scoreboard_message(0);
}

static void connection_closed(struct connection *c)
{
	const struct smtp_client *smtp = &c->smtp;
	struct smtp_attempt_end end = { .how = SMTP_ATTEMPT_CLOSED,
					.end = smtp->end,
					.stale = smtp_client_was_stale(smtp),
					.cause = &smtp->cause };
	if (c->out.len && !c->broken) (void)stream_send(c->fd, buf_view(&c->out));
	if (!c->job) {
		connection_free(c);
		return;
	}
	/* Once more where it was ready: what happened then is not told by any result when
	 * the next host does better. */
	if (!end.stale && end.end != SMTP_END_QUIT) c->told = false;
	tell_attempt(c, &smtp->cause);
	if (!connection_next(c, &end)) return;
	connection_close(c);
	connection_open(c);
}

/* --- text --------------------------------------------------------------------------- */

enum fill { FILL_GOES_ON, FILL_WAITS, FILL_GONE };

/* Straight out of the window, without a copy. */
static enum fill fill_raw(struct connection *c, struct str piece)
{
	ssize_t sent = stream_send(c->fd, piece);
	if (sent == -EAGAIN) {
		c->more_text = true;
		return FILL_WAITS;
	}
	if (sent < 0) {
		smtp_client_lost(&c->smtp, SMTP_LOST_CLOSED, reason_of((int)-sent));
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
	if (piece.len >= RAW_MIN && smtp_client_body_is_raw(&c->smtp))
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
		case SMTP_CL_READY:
			if (!connection_ready(c)) return false;
			break;
		case SMTP_CL_BODY: fill = connection_fill(c); break;
		case SMTP_CL_DONE: connection_done(c); break;
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
		smtp_client_lost(&c->smtp, SMTP_LOST_CLOSED, reason_of(c->broken));
		return true;
	}
	while (c->out.len > 0) {
		ssize_t sent = stream_send(c->fd, buf_view(&c->out));
		if (sent == -EAGAIN) return false;
		if (sent < 0) {
			ssize_t got = stream_recv(c->fd, c->d->read_buffer, DELIVER_READ);
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
static void connection_watch(struct connection *c)
{
	bool write = c->out.len > 0 || c->more_text;
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

static void connection_run(struct connection *c, struct str in)
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

/* The socket is open: the machine begins. */
static void connection_begin(struct connection *c)
{
	const struct conf *conf = c->d->frame->conf;
	(void)str_to_cstr(conf->hostname, c->helo, sizeof c->helo);
	c->cfg = (struct smtp_client_settings){
		.helo = str_of(c->helo),
		.rcpts_max = (uint32_t)conf->limit.recipients_per_transaction,
		.lmtp = c->job->to.kind == JOB_TO_LMTP,
		.pipelining = true,
		.chunking = true,
	};
	smtp_client_init(&c->smtp, &c->cfg, c->job->attempt.helo, &c->out);
	c->machine = true;
	c->state = CONNECTION_OPEN;
	c->opened_ms = loop_now_ms(c->d->frame->loop);
	c->moved = true; /* so that the timer is set */
	connection_watch(c);
}

static void connection_read(struct connection *c)
{
	ssize_t got = stream_recv(c->fd, c->d->read_buffer, DELIVER_READ);
	if (got == -EAGAIN) return;
	if (got > 0) {
		connection_run(c, (struct str){ c->d->read_buffer, (size_t)got });
		return;
	}
	smtp_client_lost(&c->smtp, SMTP_LOST_CLOSED,
			 got < 0 ? reason_of((int)-got) : STR(""));
	connection_run(c, STR(""));
}

static void connection_ready_io(void *arg, int fd, unsigned ready)
{
	struct connection *c = arg;
	scoreboard_message(c->job ? c->job->id : 0);
	if (c->state == CONNECTION_OPENING) {
		int error = socket_error(fd);
		if (error == 0) connection_begin(c);
		else if (connection_failed(c, -error)) connection_open(c);
	} else if (ready & LOOP_READ) {
		connection_read(c);
	} else {
		connection_run(c, STR(""));
	}
	scoreboard_message(0);
}

static void connection_timer(void *arg)
{
	struct connection *c = arg;
	switch (c->state) {
	case CONNECTION_RESOLVING: host_late(c); return;
	case CONNECTION_OPENING:
		if (connection_failed(c, ETIMEDOUT)) connection_open(c);
		return;
	case CONNECTION_IDLE: connection_quit(c); return;
	case CONNECTION_OPEN: break;
	}
	if (c->wants_text) {
		job_rest(c->job, JOB_DEFERRED, STR("4.3.0"),
			 STR("the message was not handed over in time"));
		connection_abort(c, STR("the message was not handed over in time"));
		return;
	}
	smtp_client_lost(&c->smtp, SMTP_LOST_TIMEOUT, STR(""));
	connection_run(c, STR(""));
}

/* --- from outside ------------------------------------------------------------------- */

void connection_reuse(struct connection *c, struct job *job)
{
	link_remove(&c->idle);
	link_remove(&c->idle_all);
	c->state = CONNECTION_OPEN;
	c->job = job;
	job->on = c;
	targets_turn(c);
	job_attempt(job);
	connection_send(c);
	connection_run(c, STR(""));
}

void connection_text(struct connection *c)
{
	if (!c->wants_text) return;
	c->wants_text = false;
	c->moved = true; /* from now on it is the peer's time */
	connection_run(c, STR(""));
}
