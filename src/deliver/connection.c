/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's life, its sockets one after the other, and what wakes it. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deliver/connection.h"
#include "lib/ipc/scoreboard.h"
#include "lib/os/socket.h"

static void connection_ready_io(void *arg, int fd, unsigned ready);
static void connection_timer(void *arg);

struct str reason_of(int error) { return str_of(strerror(error)); }

/* --- life --------------------------------------------------------------------------- */

bool connection_new(struct destination *dest, struct job *job)
{
	struct deliver *d = dest->d;
	struct connection *c = malloc(sizeof *c);
	if (c) memset(c, 0, offsetof(struct connection, hosts));
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
	buf_init(&c->dane, DELIVER_DANE_MAX);
	buf_init(&c->sts_text, MTASTS_TEXT_MAX);
	list_add_tail(&d->connections, &c->all);
	pool_come(dest);
	host_find(c);
	return true;
}

void connection_close(struct connection *c)
{
	loop_timer_cancel(c->timer);
	encrypt_end(c);
	loop_io_free(c->io);
	c->io = NULL;
	if (c->machine) smtp_client_free(&c->smtp);
	c->machine = false;
	login_forget(c);
	if (c->fd >= 0) (void)close(c->fd);
	c->fd = -1;
}

void connection_free(struct connection *c)
{
	struct deliver *d = c->d;
	connection_close(c);
	if (c->turned) turned_tell_gone(d, (struct str){ c->dest->key, c->dest->key_len });
	host_forget(c);
	sts_stop(c);
	link_remove(&c->idle);
	link_remove(&c->idle_all);
	link_remove(&c->all);
	loop_timer_free(c->timer);
	buf_free(&c->out);
	buf_free(&c->dane);
	buf_free(&c->sts_text);
	if (c->job) c->job->on = NULL;
	pool_gone(c->dest);
	free(c);
	deliver_leave_if_idle(d);
}

void connection_quit(struct connection *c)
{
	wire_quit(c);
	connection_free(c);
}

void job_stop(struct connection *c, enum smtp_attempt_how how)
{
	/* Nothing is wrong with a host that is ours. */
	c->job->host_failed = how != SMTP_ATTEMPT_NO_SOCKET && !c->met_self;
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

enum smtp_attempt_action attempt_next(struct connection *c,
				      const struct smtp_attempt_end *end)
{
	enum smtp_attempt_action action = smtp_attempt_next(&c->job->attempt, end);
	bool left = action == SMTP_ATTEMPT_NEXT_ADDRESS ||
		    action == SMTP_ATTEMPT_NEXT_HOST || action == SMTP_ATTEMPT_STOP;
	if (c->targets[c->target].cut) return action;
	if (left) tell_answers(c, action == SMTP_ATTEMPT_STOP);
	if (left) rotation_left(c, end);
	return action;
}

/* Nobody was there in the time of a look: as if nothing had been. */
static void job_look_over(struct connection *c)
{
	struct job *job = c->job;
	job->looked = true;
	job_rest(job, JOB_UNTRIED, STR("4.4.1"), STR("the host did not answer at once"));
	job_end(job);
	connection_free(c);
}

static bool is_over(const struct job *job, enum smtp_attempt_action action)
{
	if (!job->looks || !job->cut) return false;
	return action == SMTP_ATTEMPT_STOP ||
	       loop_now_ms(job->d->frame->loop) >= job->looks_ms + DELIVER_LOOK_ALL_MS;
}

/* What the attempt says now that something ended without a machine, or with it. True:
 * connect to its target. */
bool connection_next(struct connection *c, const struct smtp_attempt_end *end)
{
	struct job *job = c->job;
	enum smtp_attempt_action action = attempt_next(c, end);
	if (is_over(job, action)) {
		job_look_over(c);
		return false;
	}
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

/* No connection came about; `ours`: for a reason that is no host's. */
static bool connection_unmade(struct connection *c, const struct smtp_outcome *cause, bool ours)
{
	struct smtp_attempt_end end = { .how = SMTP_ATTEMPT_NOT_CONNECTED,
					.lacking = cause->state == SMTP_RCPT_PERMANENT,
					.cause = cause };
	if (ours) end.how = SMTP_ATTEMPT_NO_SOCKET;
	connection_close(c);
	tell_attempt(c, cause);
	return connection_next(c, &end);
}

static bool connection_failed(struct connection *c, int error)
{
	char label[HOST_LABEL_MAX], text[SMTP_REPLY_TEXT_MAX];
	struct buf words;
	struct smtp_outcome cause = { .state = SMTP_RCPT_TEMPORARY,
				      .enhanced = "4.4.1",
				      .step = SMTP_STEP_CONNECT };
	buf_init_fixed(&words, text, sizeof text);
	buf_str(&words, STR("connect to "));
	buf_str(&words, host_label(&c->targets[c->target], label));
	buf_str(&words, STR(": "));
	buf_str(&words, reason_of(error));
	cause.text = buf_view(&words);
	return connection_unmade(c, &cause, is_ours(error));
}

/* 0: under way; or errno. */
static int connection_try(struct connection *c)
{
	const struct target *t = &c->targets[c->target];
	if (c->job->turned) c->fd = turned_connect(c);
	else c->fd = !t->port		   ? socket_unix_connect(t->name)
		: ip_is_none(c->from) ? socket_connect(t->ip, t->port)
				      : socket_connect_from(t->ip, t->port, c->from);
	if (c->fd < 0) {
		/* Nobody can connect to who has come to us. */
		int error = c->job->turned ? ECONNRESET : -c->fd;
		c->fd = -1;
		return error;
	}
	c->io = loop_io_new(c->d->frame->loop, c->fd, LOOP_WRITE, connection_ready_io, c);
	return c->io ? 0 : ENOMEM;
}

static void connection_reset(struct connection *c)
{
	c->state = CONNECTION_OPENING;
	c->target = c->job->attempt.target;
	c->targets[c->target].tls[0] = '\0';
	c->targets[c->target].cut = false;
	c->unasked = c->met_self = c->lacking = c->told = c->tls_told = c->sending = c->wants_text = c->more_text = false;
	c->broken = 0;
	buf_reset(&c->out);
}

static int64_t patience_ms(struct job *job)
{
	int64_t ms = job->d->frame->conf->timeout.connect_ms;
	int64_t most = job->looks ? DELIVER_LOOK_MS : job->hurry ? DELIVER_HURRY_MS : ms;
	if (job->looks && !job->looks_ms) job->looks_ms = loop_now_ms(job->d->frame->loop);
	return ms < most ? ms : most;
}

/* Connects to the attempt's target, and to the next one while that fails at once. */
void connection_open(struct connection *c)
{
	for (;;) {
		struct smtp_outcome cause;
		bool ours = false;
		connection_reset(c);
		bool dials = !c->job->turned;
		c->unasked = dials && !egress_take(c, &cause, &ours);
		if (dials && (c->unasked || !encrypt_allows(c, &cause, &ours))) {
			if (!connection_unmade(c, &cause, ours)) return;
			continue;
		}
		int error = connection_try(c);
		if (error == 0) {
			loop_timer_set(c->timer, patience_ms(c->job));
			return;
		}
		/* Not the host's fault: another address, or another egress. */
		if (error == EADDRNOTAVAIL && !ip_is_none(c->from)) egress_missing(c, error);
		else if (!connection_failed(c, error)) return;
	}
}

void connection_found(struct connection *c)
{
	struct job *job = c->job;
	if (c->target_count == 0 && job->cut) {
		job_look_over(c);
		return;
	}
	if (c->target_count == 0) {
		/* Not for ever, whatever was found: a status of the other class would lie. */
		if (!c->never && c->dsn[0] == '5') c->dsn[0] = '4';
		job_rest(job, c->never ? JOB_FAILED : JOB_DEFERRED, str_of(c->dsn),
			 str_of(c->why));
		job->host_failed = !c->never;
		job_end(job);
		connection_free(c);
		return;
	}
	if (!host_site_fits(c)) {
		job_rest(job, JOB_UNTRIED, STR("4.4.5"), STR("the site has limits"));
		job_end(job);
		connection_free(c);
		return;
	}
	job_attempt(job);
	connection_open(c);
}

/* The socket is open: the machine begins. */
static void connection_begin(struct connection *c)
{
	const struct conf *conf = c->d->frame->conf;
	struct secure_plan plan;
	encrypt_plan(c, &plan);
	const struct conf_egress *egress = egress_of(c->job);
	bool own = egress && egress->helo.len;
	(void)str_to_cstr(own ? egress->helo : conf->hostname, c->helo, sizeof c->helo);
	(void)str_to_cstr(loop_name(c), c->self, sizeof c->self);
	c->cfg = (struct smtp_client_settings){
		.helo = str_of(c->helo),
		.host = str_of(c->targets[c->target].name),
		.self = str_of(c->self),
		.tls = plan.tls,
		.rcpts_max = (uint32_t)conf->limit.recipients_per_transaction,
		.carried = c->turned && c->targets[c->target].tls[0],
		.lmtp = c->job->to.kind == JOB_TO_LMTP,
		.pipelining = true,
		.chunking = true,
	};
	bool login = login_begin(c, conf_route_find(conf, c->job->route));
	smtp_client_init(&c->smtp, &c->cfg, c->job->attempt.helo, &c->out);
	c->machine = true;
	c->state = CONNECTION_OPEN;
	/* Somebody is there: that is what a look was for. */
	c->job->hurry |= c->job->looks;
	c->job->looks = false;
	c->opened_ms = loop_now_ms(c->d->frame->loop);
	c->messages = 0;
	c->policy = encrypt_policy(c->d, c->job);
	c->egress = c->job->egress.key;
	c->may_clear = plan.may_clear;
	c->moved = true; /* so that the timer is set */
	if (!login) smtp_client_lost(&c->smtp, SMTP_LOST_LOCAL, STR("there is no secret"));
	connection_run(c, STR("")); /* which begins TLS where that comes first */
}

static void connection_read(struct connection *c)
{
	ssize_t got = wire_recv(c);
	if (got == -EAGAIN) {
		connection_watch(c);
		return;
	}
	if (got > 0) {
		connection_run(c, (struct str){ c->d->read_buffer, (size_t)got });
		return;
	}
	smtp_client_lost(&c->smtp, SMTP_LOST_CLOSED,
			 got < 0 ? wire_reason(c, (int)-got) : STR(""));
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
	} else if (c->state == CONNECTION_SECURING) {
		encrypt_step(c);
	} else if (ready & LOOP_READ || wire_recv_writes(c)) {
		connection_read(c);
	} else {
		connection_run(c, STR(""));
	}
	scoreboard_message(0);
}

/* Its time is over; with all that it may have it could have answered yet. */
static void look_cut(struct connection *c)
{
	bool cut = c->job->looks && c->d->frame->conf->timeout.connect_ms > DELIVER_LOOK_MS;
	c->targets[c->target].cut = cut;
	c->job->cut |= cut;
}

static void connection_timer(void *arg)
{
	struct connection *c = arg;
	switch (c->state) {
	case CONNECTION_RESOLVING:
		if (c->sts_query) sts_late(c);
		else host_late(c);
		return;
	case CONNECTION_OPENING:
		look_cut(c);
		if (connection_failed(c, ETIMEDOUT)) connection_open(c);
		return;
	case CONNECTION_IDLE: connection_quit(c); return;
	case CONNECTION_SECURING:
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
