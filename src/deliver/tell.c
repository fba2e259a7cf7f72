/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/deliver.h"

void tell_attempt(struct connection *c, const struct smtp_outcome *o)
{
	struct job *job = c->job;
	struct event_log *log = c->d->frame->log;
	char label[HOST_LABEL_MAX];
	if (c->told || !job) return;
	c->told = true;
	event_begin(log, EVENT_attempt, 0, job->id);
	/* The first of them; each has an event of its own when something happens to it.
	 */
	event_str(log, FIELD_to, job->mail.rcpts[0].address);
	event_str(log, FIELD_route, job->route);
	event_str(log, FIELD_host, host_label(&c->targets[job->attempt.target], label));
	event_str(log, FIELD_reason, o ? smtp_step_words(o->step) : STR("connected"));
	if (o && o->code) event_i64(log, FIELD_code, o->code);
	if (o) event_str(log, FIELD_dsn, str_of(o->enhanced));
	if (o) event_str(log, FIELD_reply, o->text);
	struct str tls = str_of(c->targets[job->attempt.target].tls);
	event_str(log, FIELD_tls, tls.len ? tls : STR("-"));
	event_i64(log, FIELD_delay, loop_wall_ms(c->d->frame->loop) - job->arrived_ms);
	event_end(log);
}

void tell_login(struct connection *c, const struct smtp_outcome *o)
{
	struct event_log *log = c->d->frame->log;
	char label[HOST_LABEL_MAX];
	event_begin(log, EVENT_login_fail, 0, 0);
	event_str(log, FIELD_route, c->login.settings.route);
	event_str(log, FIELD_host, host_label(&c->targets[c->target], label));
	event_str(log, FIELD_user, c->login.settings.user);
	event_str(log, FIELD_dsn, str_of(o->enhanced));
	event_str(log, FIELD_reply, o->text);
	event_end(log);
}

void tell_error(struct deliver *d, struct str error, struct str path)
{
	struct event_log *log = d->frame->log;
	event_begin(log, EVENT_relay_error, 0, 0);
	event_str(log, FIELD_error, error);
	event_str(log, FIELD_path, path);
	event_end(log);
}

void tell_files_error(struct deliver *d, struct str route, struct str error)
{
	struct event_log *log = d->frame->log;
	event_begin(log, EVENT_certificate_error, 0, 0);
	event_str(log, FIELD_route, route);
	event_str(log, FIELD_error, error);
	event_end(log);
}

void tell_notice(struct deliver *d, struct str reason, struct str path)
{
	struct event_log *log = d->frame->log;
	event_begin(log, EVENT_config_notice, 0, 0);
	event_str(log, FIELD_reason, reason);
	event_str(log, FIELD_path, path);
	event_end(log);
}
