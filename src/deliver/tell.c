/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/deliver.h"

#include "lib/base/units.h"

static void hop_write(struct buf *out, const struct job_hop *hop)
{
	bool v6 = hop->port && str_find(hop->host, ':') >= 0;
	if (hop->mx) buf_str(out, STR("mx:"));
	if (v6) buf_byte(out, '[');
	buf_str(out, hop->host);
	if (v6) buf_byte(out, ']');
	if (!hop->port) return;
	buf_byte(out, ':');
	buf_u64(out, hop->port);
}

static void tell_hop(const struct job *job, enum event_name name, const struct job_hop *hop)
{
	struct event_log *log = job->d->frame->log;
	char label[HOST_LABEL_MAX];
	struct buf host;
	buf_init_fixed(&host, label, sizeof label);
	hop_write(&host, hop);
	event_begin(log, name, 0, 0);
	event_str(log, FIELD_route, job->route);
	event_str(log, FIELD_host, buf_view(&host));
}

void tell_hop_down(const struct job *job, const struct job_hop *hop, const struct health_host *health,
		   struct str why)
{
	struct event_log *log = job->d->frame->log;
	struct loop *loop = job->d->frame->loop;
	char text[40];
	struct buf next;
	buf_init_fixed(&next, text, sizeof text);
	units_time_write(&next, loop_wall_ms(loop) + health->until_ms - loop_now_ms(loop));
	tell_hop(job, EVENT_host_down, hop);
	event_str(log, FIELD_reason, why);
	event_i64(log, FIELD_count, health->failures);
	event_str(log, FIELD_next, buf_view(&next));
	event_end(log);
}

void tell_hop_up(const struct job *job, const struct job_hop *hop)
{
	tell_hop(job, EVENT_host_up, hop);
	event_end(job->d->frame->log);
}

void tell_attempt(struct connection *c, const struct smtp_outcome *o)
{
	struct job *job = c->job;
	struct event_log *log = c->d->frame->log;
	char label[HOST_LABEL_MAX];
	if (c->told || !job) return;
	c->told = true;
	if (!o) rotation_reached(c);
	event_begin(log, EVENT_attempt, 0, job->id);
	/* The first of them; each has an event of its own when something happens to it.
	 */
	event_str(log, FIELD_to, job->mail.rcpts[0].address);
	event_str(log, FIELD_route, job->route);
	event_str(log, FIELD_host, host_label(&c->targets[job->attempt.target], label));
	event_str(log, FIELD_reason, o ? smtp_step_words(o->step)
				    : c->smtp.mails ? STR("used again") : STR("connected"));
	if (o && o->code) event_i64(log, FIELD_code, o->code);
	if (o) event_str(log, FIELD_dsn, str_of(o->enhanced));
	if (o) event_str(log, FIELD_reply, o->text);
	struct str tls = str_of(c->targets[job->attempt.target].tls);
	event_str(log, FIELD_tls, tls.len ? tls : STR("-"));
	char egress[EGRESS_LABEL_MAX];
	if (!ip_is_none(c->from)) event_str(log, FIELD_egress, egress_label(c, egress));
	event_i64(log, FIELD_delay, loop_wall_ms(c->d->frame->loop) - job->arrived_ms);
	event_end(log);
}

/* `more`: as many were answered, but are not told one by one. */
static void tell_answer(struct connection *c, uint32_t rcpt, uint32_t more)
{
	const struct smtp_outcome *o = &c->job->states[rcpt].left;
	struct event_log *log = c->d->frame->log;
	char label[HOST_LABEL_MAX];
	struct str tls = str_of(c->targets[c->target].tls);
	event_begin(log, EVENT_answer, 0, c->job->id);
	event_str(log, FIELD_to, c->job->mail.rcpts[rcpt].address);
	event_str(log, FIELD_route, c->job->route);
	event_str(log, FIELD_host, host_label(&c->targets[c->target], label));
	event_str(log, FIELD_step, smtp_step_words(o->step));
	if (o->code) event_i64(log, FIELD_code, o->code);
	event_str(log, FIELD_dsn, str_of(o->enhanced));
	event_str(log, FIELD_reply, o->text);
	event_str(log, FIELD_tls, tls.len ? tls : STR("-"));
	event_i64(log, FIELD_delay, loop_wall_ms(c->d->frame->loop) - c->job->arrived_ms);
	if (more) event_i64(log, FIELD_count, more);
	event_end(log);
}

static bool wants_telling(const struct smtp_attempt_rcpt *r, bool stopped)
{
	return r->left.state != SMTP_RCPT_OPEN &&
	       !(stopped && r->left.state == r->now.state);
}

void tell_answers(struct connection *c, bool stopped)
{
	const struct job *job = c->job;
	uint32_t left = 0, told = 0;
	for (uint32_t i = 0; i < job->mail.rcpt_count; i++)
		left += wants_telling(&job->states[i], stopped);
	for (uint32_t i = 0; left && told < DELIVER_ANSWERS_MAX; i++) {
		if (!wants_telling(&job->states[i], stopped)) continue;
		left--;
		tell_answer(c, i, ++told == DELIVER_ANSWERS_MAX ? left : 0);
	}
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

void tell_pooled(const struct destination *dest)
{
	struct channel *spool = dest->d->spool;
	if (spool)
		channel_send_pooled(spool, &(struct msg_pooled){
			.key = { dest->key, dest->key_len },
			.connections = (uint32_t)dest->connections });
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

void tell_egress_out(struct deliver *d, struct str egress, struct ip ip, struct str error)
{
	struct event_log *log = d->frame->log;
	char memory[64];
	struct buf address;
	buf_init_fixed(&address, memory, sizeof memory);
	ip_write(&address, ip);
	event_begin(log, EVENT_egress_out, 0, 0);
	event_str(log, FIELD_egress, egress);
	event_str(log, FIELD_own, buf_view(&address));
	event_str(log, FIELD_error, error);
	event_end(log);
}

static void place_write(struct buf *out, struct str name, const struct conf_origin *at)
{
	if (out->len) buf_str(out, STR(", "));
	buf_str(out, name);
	buf_byte(out, ' ');
	buf_str(out, at->file);
	buf_byte(out, ':');
	buf_u64(out, at->line);
}

void tell_own(const struct job *job, struct str host, const struct conf_listener *listener, struct str why)
{
	struct event_log *log = job->d->frame->log;
	const struct conf_route *route = conf_route_find(job->d->frame->conf, job->route);
	char memory[512];
	struct buf rule;
	buf_init_fixed(&rule, memory, sizeof memory);
	if (route) place_write(&rule, STR("route"), &route->origin);
	if (listener) place_write(&rule, STR("listener"), &listener->origin);
	event_begin(log, EVENT_next_hop_own, 0, job->id);
	event_str(log, FIELD_from, job->mail.sender);
	event_str(log, FIELD_to, job->mail.rcpts[0].address);
	event_str(log, FIELD_route, job->route);
	event_str(log, FIELD_host, host);
	event_str(log, FIELD_rule, buf_view(&rule));
	if (listener) event_str(log, FIELD_listener, listener->name);
	event_str(log, FIELD_reason, why);
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
