/* SPDX-License-Identifier: Apache-2.0 */
/* By which route a recipient goes where several match that differ in their cost: what the queue
 * knows of their hosts decides (lib/route/choose). */
#include "lib/route/choose.h"
#include "spool/spool.h"

struct case_of {
	struct spool *s;
	struct str address;
};

struct sched_dest *route_dest(const struct spool *s, const struct route *route)
{
	char memory[ROUTE_KEY_MAX + 8];
	struct buf key;
	buf_init_fixed(&key, memory, sizeof memory);
	route_key(&key, route);
	return sched_find(&s->sched, buf_view(&key));
}

static enum route_state state_of(void *arg, const struct route *route)
{
	const struct case_of *c = arg;
	struct spool *s = c->s;
	if (suspend_is(s, route, c->address) || dial_is_closed(s, route) || unreachable_is(s, route))
		return ROUTE_SHUT;
	const struct sched_dest *d = route_dest(s, route);
	bool down = d && sched_is_down(d, loop_wall_ms(s->frame->loop));
	return down ? ROUTE_DOWN : ROUTE_UP;
}

static struct route_ask ask_of(const struct job *job, const struct job_rcpt *rcpt)
{
	return (struct route_ask){ .address = rcpt->address, .exists = rcpt->existed,
		.sender = job->from, .user = job->user, .dearer = rcpt->dearer };
}

struct route job_route(const struct spool *s, const struct job *job, const struct job_rcpt *rcpt)
{
	struct route_ask ask = ask_of(job, rcpt);
	return route_find(s->frame->conf, &ask);
}

/* Once for each time that it is down. */
static void tell_over(struct spool *s, const struct job *job, const struct job_rcpt *rcpt,
                      const struct route *route)
{
	struct event_log *log = s->frame->log;
	struct route_ask ask = ask_of(job, rcpt);
	ask.dearer = 0;
	struct route cheapest = route_find(s->frame->conf, &ask);
	struct sched_dest *d = route_dest(s, &cheapest);
	if (!d || d->over_told) return;
	d->over_told = true;
	event_begin(log, EVENT_route_over, 0, 0);
	event_str(log, FIELD_route, route_name(route));
	event_str(log, FIELD_cheaper, route_name(&cheapest));
	event_str(log, FIELD_host, d->key);
	event_str(log, FIELD_reason, (struct str){ d->why, d->why_len });
	event_end(log);
}

struct route choose_route(struct spool *s, const struct job *job, struct job_rcpt *rcpt)
{
	struct case_of c = { s, rcpt->address };
	struct route_ask ask = ask_of(job, rcpt);
	struct route route = route_choose(s->frame->conf, &ask, state_of, &c);
	rcpt->dearer = route.dearer;
	if (route.dearer) tell_over(s, job, rcpt, &route);
	return route;
}

bool choose_has_next(const struct spool *s, const struct job *job, const struct job_rcpt *rcpt)
{
	struct route_ask ask = ask_of(job, rcpt);
	ask.dearer++;
	return conf_routes_have_costs(s->frame->conf) &&
	       route_find(s->frame->conf, &ask).dearer == ask.dearer;
}

bool choose_has_dearer(struct spool *s, const struct job *job, const struct job_rcpt *rcpt)
{
	struct case_of c = { s, rcpt->address };
	struct route_ask ask = ask_of(job, rcpt);
	struct route other;
	if (!choose_has_next(s, job, rcpt)) return false;
	return route_choose_dearer(s->frame->conf, &ask, rcpt->dearer, state_of, &c, &other);
}

bool choose_has_other(struct spool *s, const struct job *job, const struct job_rcpt *rcpt)
{
	struct case_of c = { s, rcpt->address };
	struct route_ask ask = ask_of(job, rcpt);
	if (!conf_routes_have_costs(s->frame->conf)) return false;
	struct route route = route_choose(s->frame->conf, &ask, state_of, &c);
	return state_of(&c, &route) == ROUTE_UP;
}

void choose_is_back(struct spool *s, struct sched_dest *d)
{
	struct event_log *log = s->frame->log;
	if (!d->over_told) return;
	d->over_told = false;
	event_begin(log, EVENT_route_back, 0, 0);
	event_str(log, FIELD_route, d->route);
	event_str(log, FIELD_host, d->key);
	event_end(log);
}
