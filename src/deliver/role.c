/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/deliver.h"

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/ipc/scoreboard.h"

enum { RESULTS_MAX = CHANNEL_FRAME_MAX / 2 }; /* 4096 of them and more */

static int64_t seconds(int64_t ms) { return (ms + 999) / 1000; }

static void role_settings(struct deliver *d)
{
	const struct conf_timeout *t = &d->frame->conf->timeout;
	d->timeouts = (struct smtp_client_timeouts){
		.banner_s = seconds(t->greeting_ms),
		.hello_s = seconds(t->command_ms),
		.tls_s = seconds(t->tls_ms),
		.mail_s = seconds(t->command_ms),
		.rcpt_s = seconds(t->command_ms),
		.data_s = seconds(t->command_ms),
		.body_s = seconds(t->data_ms),
		.end_s = seconds(t->final_ms),
		.quit_s = smtp_client_timeouts_default.quit_s,
	};
}

static int role_open(struct frame *f)
{
	struct deliver *d = scoreboard_tally() && encrypt_open() ? calloc(1, sizeof *d) : NULL;
	if (!d) return EX_OSERR;
	struct census *census = scoreboard_census();
	f->role = d;
	d->frame = f;
	d->seed = census ? census->seed : 0;
	d->tally = scoreboard_tally();
	d->own_count = own_addresses_get(d->own);
	map_init(&d->jobs, DELIVER_JOBS_MAX, d->seed);
	map_init(&d->questions, DELIVER_CONNECTIONS_MAX, d->seed);
	map_init(&d->policies, DELIVER_CONNECTIONS_MAX, d->seed);
	map_init(&d->destinations, DELIVER_CONNECTIONS_MAX + DELIVER_JOBS_MAX, d->seed);
	list_init(&d->connections);
	list_init(&d->idle);
	list_init(&d->due);
	list_init(&d->starved);
	list_init(&d->lines);
	list_init(&d->visits);
	list_init(&d->unshaken);
	buf_init(&d->results, RESULTS_MAX);
	d->turn = (struct loop_turn){ .fn = pool_turn, .arg = d };
	role_settings(d);
	token_reload(d);
	folder_open_all(d);
	return 0;
}

/* --- the end of everything ---------------------------------------------------------- */

void deliver_leave_if_idle(struct deliver *d)
{
	if (!d->draining || d->left || d->jobs.count || d->connection_count || d->visit_count) return;
	d->left = true;
	encrypt_close(d);
	token_close(d);
	frame_leave(d->frame);
}

/* Nobody waits for an answer. Connections are closed where they are: a text without its
 * final dot is no message. */
static void drop_all(struct deliver *d)
{
	visit_drop_all(d);
	turned_drop_all(d);
	for (struct link *it; (it = list_take(&d->connections));) {
		struct connection *c = CONTAINER(it, struct connection, all);
		if (c->job) job_free(c->job);
		connection_free(c);
	}
	for (;;) {
		size_t at = 0;
		struct job *job = map_next(&d->jobs, &at, NULL);
		if (!job) break;
		job_free(job);
	}
}

static void stop_job(struct job *job)
{
	job_rest(job, JOB_UNTRIED, STR("4.3.2"), STR("the service stops"));
}

static void on_drain_late(void *arg)
{
	struct deliver *d = arg;
	visit_drop_all(d);
	for (struct link *it; (it = list_take(&d->connections));) {
		struct connection *c = CONTAINER(it, struct connection, all);
		if (!c->job) {
			connection_free(c);
			continue;
		}
		stop_job(c->job);
		connection_abort(c, STR("the service stops"));
	}
	deliver_leave_if_idle(d); /* visits alone may have kept it */
}

/* What is not in the middle of a transaction goes at once. */
static void drain_connections(struct deliver *d)
{
	LIST_EACH(it, &d->connections)
	{
		struct connection *c = CONTAINER(it, struct connection, all);
		if (!c->job) {
			connection_quit(c);
		} else if (!c->sending) {
			stop_job(c->job);
			job_end(c->job);
			connection_free(c);
		}
	}
}

static void drain_waiting(struct deliver *d)
{
	struct job *job;
	do {
		size_t at = 0;
		while ((job = map_next(&d->jobs, &at, NULL)) && job->on) continue;
		if (job) stop_job(job);
		if (job) job_end(job);
	} while (job);
}

static void role_drain(struct frame *f, bool now)
{
	struct deliver *d = f->role;
	d->draining = true;
	if (now) {
		drop_all(d);
	} else {
		turned_drop_all(d);
		drain_waiting(d);
		drain_connections(d);
	}
	if ((d->connection_count || d->visit_count) && !d->drain_timer) {
		d->drain_timer = loop_timer_new(f->loop, on_drain_late, d);
		if (d->drain_timer) loop_timer_set(d->drain_timer, DELIVER_DRAIN_MS);
		else on_drain_late(d);
	}
	deliver_leave_if_idle(d);
}

/* --- peers -------------------------------------------------------------------------- */

static void spool_lost(struct deliver *d)
{
	d->spool = NULL;
	drop_all(d);
	window_free(d->window);
	d->window = NULL;
}

static void role_peer_up(struct frame *f, struct channel *ch)
{
	struct deliver *d = f->role;
	if (channel_peer(ch) == ROLE_SPOOL) {
		spool_lost(d);
		d->spool = ch;
	} else if (channel_peer(ch) == ROLE_DNS) {
		d->dns = ch;
		host_ask_again(d);
	} else if (channel_peer(ch) == ROLE_HTTP) {
		d->http = ch;
		sts_ask_again(d);
	}
}

static void role_peer_down(struct frame *f, struct channel *ch)
{
	struct deliver *d = f->role;
	if (ch == d->spool) spool_lost(d);
	else if (ch == d->dns) d->dns = NULL;
	else if (ch == d->http) d->http = NULL;
}

static void role_window(struct deliver *d, int fd)
{
	window_free(d->window);
	d->window = window_map(fd);
	if (!d->window)
		tell_error(d, STR("the window of the spool cannot be used"), STR(""));
}

static void role_body(struct deliver *d, const struct msg_body *m, int fd)
{
	struct job *job = map_get(&d->jobs, m->job);
	if (!job) {
		/* It ended meanwhile: all of its recipients were refused, say. */
		if (fd >= 0) (void)close(fd);
		return;
	}
	body_take(job, m, fd);
	if (job->on) connection_text(job->on);
}

static void role_message(struct frame *f, struct channel *ch, enum msg_type type,
			 struct str payload, int fd)
{
	struct deliver *d = f->role;
	union {
		struct msg_relay relay;
		struct msg_body body;
		struct msg_resolved resolved;
		struct msg_route_files files;
		struct msg_sts sts;
		struct msg_token token;
		struct msg_line line;
		struct msg_line_end line_end;
		struct msg_ask_hop hop;
	} m;
	(void)ch;
	if (type == MSG_spool_window) role_window(d, fd);
	else if (type == MSG_body && msg_body_get(payload, &m.body))
		role_body(d, &m.body, fd);
	else if (type == MSG_relay && msg_relay_get(payload, &m.relay))
		job_take(d, &m.relay);
	else if (type == MSG_route_files && msg_route_files_get(payload, &m.files))
		encrypt_files(d, &m.files, fd);
	else if (type == MSG_resolved && msg_resolved_get(payload, &m.resolved))
		host_resolved(d, &m.resolved);
	else if (type == MSG_sts && msg_sts_get(payload, &m.sts))
		sts_take(d, &m.sts);
	else if (type == MSG_ask_hop && msg_ask_hop_get(payload, &m.hop))
		rotation_tell(d, ch, &m.hop);
	else if (type == MSG_token && msg_token_get(payload, &m.token))
		token_take(d, &m.token);
	else if (type == MSG_line && msg_line_get(payload, &m.line))
		turned_take(d, &m.line, fd);
	else if (type == MSG_line_end && msg_line_end_get(payload, &m.line_end))
		turned_end(d, m.line_end.key);
}

static void role_reload(struct frame *f, struct conf *old)
{
	struct deliver *d = f->role;
	(void)old;
	role_settings(d);
	folder_check_all(d);
	encrypt_reload(d);
	token_reload(d);
	/* They lead where their destination was; it may be elsewhere by now. */
	while (!list_empty(&d->idle))
		connection_quit(CONTAINER(d->idle.next, struct connection, idle_all));
}

const struct role_ops deliver_role = {
	.role = ROLE_DELIVER,
	.open = role_open,
	.peer_up = role_peer_up,
	.peer_down = role_peer_down,
	.message = role_message,
	.reload = role_reload,
	.drain = role_drain,
};
