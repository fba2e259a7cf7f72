/* SPDX-License-Identifier: Apache-2.0 */
/* By which own address mail leaves (lib/route/egress decides): which egress a job takes, what
 * a warm-up has left, and addresses that the machine does not have. What was sent is counted
 * in memory that all deliver processes share; directory keeps it. */
#include <string.h>

#include "deliver/connection.h"
#include "lib/base/units.h"

static const struct conf_route *route_of(const struct job *job)
{
	const struct conf_route *route = NULL;
	if (job->to.kind != JOB_TO_LMTP) route = conf_route_find(job->d->frame->conf, job->route);
	return route && route->egress.count ? route : NULL;
}

const struct conf_egress *egress_of(const struct job *job)
{
	if (!job->egress.name[0]) return NULL;
	return conf_egress_find(job->d->frame->conf, str_of(job->egress.name));
}

struct str egress_label(const struct connection *c, char memory[EGRESS_LABEL_MAX])
{
	struct buf b;
	buf_init_fixed(&b, memory, EGRESS_LABEL_MAX);
	if (!c->job || ip_is_none(c->from)) return STR("");
	buf_str(&b, str_of(c->job->egress.name));
	buf_byte(&b, '[');
	ip_write(&b, c->from);
	buf_byte(&b, ']');
	return buf_view(&b);
}

/* --- addresses that are not here -------------------------------------------------------- */

static bool is_out(const void *arg, struct ip ip)
{
	const struct deliver *d = arg;
	int64_t now_ms = loop_now_ms(d->frame->loop);
	for (size_t i = 0; i < DELIVER_MISSING_MAX; i++)
		if (d->missing[i].until_ms > now_ms && ip_eq(d->missing[i].ip, ip)) return true;
	return false;
}

/* Whether it can connect to the target; NULL: to any. */
static bool is_fit(const struct deliver *d, const struct conf_egress *e, const struct target *t)
{
	for (size_t i = 0; i < e->addresses.count; i++) {
		struct ip ip = e->addresses.at[i];
		if ((!t || ip_is_v4(ip) == ip_is_v4(t->ip)) && !is_out(d, ip)) return true;
	}
	return false;
}

void egress_missing(struct connection *c, int error)
{
	struct deliver *d = c->d;
	d->missing[d->missing_at++ % DELIVER_MISSING_MAX] = (struct missing_address){
		.ip = c->from,
		.until_ms = loop_now_ms(d->frame->loop) + DELIVER_MISSING_MS,
	};
	tell_egress_out(d, str_of(c->job->egress.name), c->from, reason_of(error));
}

/* --- which egress ------------------------------------------------------------------------ */

static uint64_t quota_key(const struct deliver *d, struct str name)
{
	uint64_t key = hash_str(name, slots_read(&d->tally->seed));
	return key ? key : 1;
}

static bool may_send(struct job *job, const struct conf_egress *e, struct egress_day *day)
{
	struct deliver *d = job->d;
	*day = egress_day(&e->warm_up, loop_wall_ms(d->frame->loop));
	if (!day->limited) return true;
	if (!quota_take(&d->tally->quotas, quota_key(d, e->name), day->period, day->limit))
		return false;
	tally_changed(d->tally);
	job->egress.counted = true;
	job->egress.period = day->period;
	return true;
}

void egress_give_back(struct job *job)
{
	struct deliver *d = job->d;
	if (!job->egress.counted || job->begun) return;
	quota_give_back(&d->tally->quotas, quota_key(d, str_of(job->egress.name)),
			job->egress.period);
	tally_changed(d->tally);
	job->egress.counted = false;
}

static void nobody_may(struct job *job, int64_t until_ms)
{
	char memory[DELIVER_SENTENCE_MAX];
	struct buf words;
	buf_init_fixed(&words, memory, sizeof memory);
	if (until_ms) {
		buf_str(&words, STR("the addresses of the route have sent what their warm-up allows; "
				    "they may send more at "));
		units_time_write(&words, until_ms);
	} else {
		buf_str(&words, STR("this machine has none of the addresses by which the route's mail may leave"));
	}
	job_rest(job, JOB_DEFERRED, until_ms ? STR("4.4.5") : STR("4.3.5"), buf_view(&words));
}

bool egress_choose(struct job *job, const struct target *t)
{
	struct deliver *d = job->d;
	const struct conf_egress *order[EGRESS_POOL_MAX];
	const struct conf_route *route = route_of(job);
	int64_t until_ms = 0;
	egress_give_back(job);
	job->egress = (struct job_egress){ .hash = egress_hash(job->key, job->mail.sender) };
	size_t count = route ? egress_order(d->frame->conf, route, job->egress.hash, order) : 0;
	if (!count) return true;
	for (size_t i = 0; i < count; i++) {
		struct egress_day day;
		if (!is_fit(d, order[i], t)) continue;
		if (may_send(job, order[i], &day)) {
			(void)str_to_cstr(order[i]->name, job->egress.name, sizeof job->egress.name);
			job->egress.key = hash_str(order[i]->name, 1) | 1;
			return true;
		}
		if (!until_ms || day.until_ms < until_ms) until_ms = day.until_ms;
	}
	nobody_may(job, until_ms);
	return false;
}

/* --- an address for a target ------------------------------------------------------------- */

static bool refuse(struct smtp_outcome *cause, struct str dsn, struct str text)
{
	*cause = (struct smtp_outcome){ .state = SMTP_RCPT_TEMPORARY,
					.step = SMTP_STEP_CONNECT,
					.text = text };
	(void)str_to_cstr(dsn, cause->enhanced, sizeof cause->enhanced);
	return false;
}

static bool no_family(struct connection *c, const struct conf_egress *e, struct smtp_outcome *cause)
{
	char label[HOST_LABEL_MAX];
	struct buf words;
	const struct target *t = &c->targets[c->target];
	buf_init_fixed(&words, c->why, sizeof c->why);
	buf_str(&words, STR("egress "));
	buf_str(&words, e->name);
	buf_str(&words, ip_is_v4(t->ip) ? STR(" has no IPv4 address: ") : STR(" has no IPv6 address: "));
	buf_str(&words, host_label(t, label));
	buf_str(&words, STR(" is passed over"));
	return refuse(cause, STR("4.4.1"), buf_view(&words));
}

bool egress_take(struct connection *c, struct smtp_outcome *cause, bool *ours)
{
	struct job *job = c->job;
	const struct target *t = &c->targets[c->target];
	c->from = (struct ip){ 0 };
	if (!t->port) return true;
	/* What only this host's family is the reason of goes on with the next one; at the end
	 * no host has failed. */
	*ours = c->target + 1 == c->target_count;
	/* As often as there are egresses: each that has none of its addresses is left. */
	for (size_t i = 0; i <= EGRESS_POOL_MAX; i++) {
		const struct conf_route *route = route_of(job);
		const struct conf_egress *e = egress_of(job);
		/* The configuration has changed since the job chose. */
		bool stale = route ? !e || !egress_is_of(route, e->name) : e != NULL;
		if (!stale && !e) return true;
		enum egress_source source = EGRESS_ALL_OUT;
		if (!stale)
			source = egress_source(e, ip_is_v4(t->ip), job->egress.hash, is_out, c->d,
					       &c->from);
		if (source == EGRESS_FROM) return true;
		if (source == EGRESS_NO_FAMILY) return no_family(c, e, cause);
		if (!egress_choose(job, t)) break;
	}
	return refuse(cause, str_of(job->rest_dsn), str_of(job->rest_text));
}
