/* SPDX-License-Identifier: Apache-2.0 */
#include "services/http/reports.h"

#include <string.h>

static int64_t wall_ms(const struct reports *r) { return loop_wall_ms(r->frame->loop); }

static const struct conf_tlsrpt *settings(const struct reports *r)
{
	return &r->frame->conf->tlsrpt;
}

/* --- periods ------------------------------------------------------------------------------ */

static void period_begin(struct reports *r)
{
	int64_t every_ms = settings(r)->every_ms, now_ms = wall_ms(r);
	int64_t begin_ms = now_ms - now_ms % every_ms;
	results_init(&r->now, begin_ms, begin_ms + every_ms, r->seed);
}

/* What could not be sent of the last period in the time of this one is given up. */
static void give_up(struct reports *r)
{
	reports_send_stop(r);
	for (struct result_domain *d = r->due.first; d; d = d->next)
		if (!d->done)
			reports_tell_error(r, d->name, STR(""), STR("it could not be sent in time"));
	results_free(&r->due);
	r->has_due = false;
}

static void period_end(struct reports *r)
{
	if (r->has_due) give_up(r);
	if (r->now.lost)
		reports_tell_error(r, STR(""), STR(""),
				   STR("there were more domains and policies than can be counted"));
	r->due = r->now;
	r->has_due = r->due.count > 0;
	if (!r->has_due) results_free(&r->due);
	int64_t spread_ms = settings(r)->every_ms / REPORTS_SPREAD;
	r->go_ms = wall_ms(r) + (int64_t)(hash_u64((uint64_t)r->now.begin_ms, r->seed) %
					  (uint64_t)spread_ms);
	r->changed = true;
	period_begin(r);
}

static void tick(void *arg)
{
	struct reports *r = arg;
	int64_t now_ms = wall_ms(r);
	if (now_ms >= r->now.end_ms) period_end(r);
	if (r->has_due && now_ms >= r->go_ms && reports_send(r)) {
		results_free(&r->due);
		r->has_due = false;
		r->changed = true;
	}
	if (r->changed && loop_now_ms(r->frame->loop) >= r->keep_ms) reports_keep(r);
	loop_timer_set(r->timer, REPORTS_TICK_MS);
}

/* --- counting ----------------------------------------------------------------------------- */

static bool ip_get(struct str octets, struct ip *ip)
{
	*ip = (struct ip){ .octets = { 0 } };
	if (octets.len && octets.len != sizeof ip->octets) return false;
	if (octets.len) memcpy(ip->octets, octets.at, sizeof ip->octets);
	return true;
}

void reports_take(struct reports *r, const struct msg_tls_result *m)
{
	struct result one = { .domain = m->domain, .lines = m->lines, .mx = m->mx };
	if (!r->on || m->policy >= TRANSPORT_POLICIES || m->failure >= TRANSPORT_FAILURES ||
	    !ip_get(m->own, &one.own) || !ip_get(m->ip, &one.peer))
		return;
	one.policy = (enum transport_policy)m->policy;
	one.failure = (enum transport_failure)m->failure;
	r->changed |= results_add(&r->now, &one);
}

/* --- life --------------------------------------------------------------------------------- */

static void start(struct reports *r)
{
	period_begin(r);
	reports_load(r);
	/* What was kept is of a period that is over, or goes on. */
	r->on = true;
	r->keep_ms = loop_now_ms(r->frame->loop) + REPORTS_KEEP_MS;
	loop_timer_set(r->timer, REPORTS_TICK_MS);
}

static void stop(struct reports *r)
{
	loop_timer_cancel(r->timer);
	reports_send_stop(r);
	if (r->on && r->changed) reports_keep(r);
	results_free(&r->now);
	results_free(&r->due);
	r->on = r->has_due = false;
}

bool reports_init(struct reports *r)
{
	for (size_t i = 0; i < REPORTS_AT_ONCE; i++) {
		r->sendings[i].r = r;
		buf_init(&r->sendings[i].texts, DNS_TXT_BYTES);
		buf_init(&r->sendings[i].packed, TLSRPT_JSON_MAX);
	}
	results_init(&r->now, 0, 0, r->seed);
	results_init(&r->due, 0, 0, r->seed);
	r->last_letter = (uint64_t)wall_ms(r) << 16;
	r->timer = loop_timer_new(r->frame->loop, tick, r);
	if (!r->timer) return false;
	reports_reload(r);
	return true;
}

void reports_free(struct reports *r)
{
	if (!r->timer) return;
	stop(r);
	for (size_t i = 0; i < REPORTS_AT_ONCE; i++) {
		buf_free(&r->sendings[i].texts);
		buf_free(&r->sendings[i].packed);
	}
	loop_timer_free(r->timer);
	r->timer = NULL;
}

void reports_reload(struct reports *r)
{
	bool wanted = settings(r)->send == CONF_YES_YES;
	if (wanted && !r->on) start(r);
	if (!wanted && r->on) stop(r);
	/* A period of another length begins at once; this one is reported as it is. */
	if (r->on && r->now.end_ms - r->now.begin_ms != settings(r)->every_ms) {
		r->now.end_ms = wall_ms(r);
		period_end(r);
	}
}
